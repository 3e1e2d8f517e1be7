/* SPDX-License-Identifier: MIT */
/*
 * The kernel says "No such file or directory", or "Permission denied", of a program, of its interpreter and of a
 * working directory alike. The failed step and the caller's entry tell them apart, so that nobody looks in the wrong
 * place.
 */
#include "failure.h"
#include "commands.h"
#include "redirect.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

struct lookup {
	const char *name, *list;
	bool runs; /* a script that may itself be run is looked for, not any file */
};

static bool is_it(const struct lookup *l, const char *path)
{
	char begin[2];
	bool script;
	int fd;

	if (!l->runs)
		return !access(path, F_OK);
	if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	script = fd >= 0 && read(fd, begin, 2) == 2 && !memcmp(begin, "#!", 2);
	if (fd >= 0)
		close(fd);
	return script;
}

/* In a child that is where the program would have been: 0 if there is such a file by that name, else an errno. */
static int look_up(void *data)
{
	const struct lookup *l = data;
	size_t size = strlen(l->name) + 1, len;
	char path[2 * PATH_MAX];

	if (strchr(l->name, '/'))
		return is_it(l, l->name) ? 0 : ENOENT;
	for (const char *dir = l->list;; dir += len + 1) {
		len = strcspn(dir, ":");
		if (len + 1 + size <= sizeof(path)) {
			memcpy(path, dir, len);
			path[len] = '/';
			memcpy(path + len + (len > 0), l->name, size); /* an empty one is where it is */
			if (is_it(l, path))
				return 0;
			if (l->runs && !access(path, F_OK)) /* that one has said so, or may have */
				return ENOENT;
		}
		if (!dir[len])
			return ENOENT;
	}
}

/*
 * Only asked after the kernel has refused. A root, a directory, namespaces and who looks change what a name means, so a
 * second child goes where the first was. Where it cannot, nothing is known: false.
 */
static bool program_exists(const struct uspawn_request *request, const char *name, bool runs)
{
	const char *path = getenv("PATH");
	struct lookup lookup = { name, request->search ? request->search : path ? path : "/bin:/usr/bin", runs };
	struct uspawn_request look = {
		.size = sizeof(look),
		.flags = request->flags & (USPAWN_FCHDIR | USPAWN_PIVOT_ROOT),
		.root = request->root,
		.cwd = request->cwd,
		.cwd_fd = request->cwd_fd,
		.namespaces = request->namespaces,
		.identity = request->identity,
		.best_effort = request->best_effort,
		.callback = look_up,
		.callback_data = &lookup,
	};
	struct uspawn_child child = { 0 };

	return uspawn_run(&child, &look, NULL) == 0 && child.exit.code == USPAWN_EXITED && child.exit.status == 0;
}

static const char *blame_interpreter(const struct uspawn_request *request, const char *name)
{
	if (request->flags & USPAWN_FEXEC || !program_exists(request, name, true))
		return "";
	return " (it may be run, but not the interpreter that it names)";
}

static const char *why_no_exec(int error, const struct uspawn_request *request, const char *name)
{
	switch (error) {
	case ENOENT:
		if (request->flags & USPAWN_FEXEC)
			return " (a script must find it, too: --fd N=N; or the interpreter that it names is not there)";
		if (!*name)
			return " (the name is empty)";
		if (program_exists(request, name, false))
			return " (it is there, but not the interpreter that it names)";
		if (strchr(name, '/'))
			return "";
		return request->search ? " (searched in --path)" : " (searched in PATH)";
	case ENOEXEC:
		return " (a script without #! can be run by: sh FILE; or it is for another machine)";
	case EACCES:
		if (request->confine && request->confine->flags & USPAWN_LANDLOCK)
			return " (a --landlock-rule must allow execute, of its libraries' loader too)";
		return blame_interpreter(request, name);
	case ENOTDIR:
		return blame_interpreter(request, name);
	case ELOOP:
		return *blame_interpreter(request, name)
			       ? " (the interpreter that it names is itself, or leads on and on)"
			       : "";
	case EAGAIN: /* the change of the ids has passed over the limit */
		return " (its user has more processes than RLIMIT_NPROC allows: ulimit -u)";
	case E2BIG:
		return " (one argument or variable may have 131071 bytes; all together: getconf ARG_MAX)";
	default:
		return "";
	}
}

/* no_value: the option before the program that may have been meant to have it as its value; NULL: none. */
static void report_exec(int error, const struct uspawn_request *request, char *const *argv, const char *no_value)
{
	const char *name = request->path ? request->path : request->file ? request->file : argv[0];

	if (request->flags & USPAWN_FEXEC)
		name = "the file of --exec-fd";
	else if (no_value) {
		complain("exec: %s: %s (for a value write --%s=%s)", name, strerror(error), no_value, name);
		return;
	}
	complain("exec: %s: %s%s", name, strerror(error), why_no_exec(error, request, name));
}

/* About an entry of --stdin, --stdout, --stderr or --fd. From the limit on, a number of the child's is a "bad" one. */
static void report_descriptor(const struct uspawn_failure *f, const char *option, const struct uspawn_fd *fd)
{
	const char *step = uspawn_strstep(f->step), *error = strerror(f->errnum), *why = "";
	const char *path = fd->source == USPAWN_NULL ? "/dev/null" : fd->path;
	bool source = f->step == USPAWN_STEP_SOURCE, beyond = false;
	struct rlimit limit;

	if (f->errnum == EBADF && !source && !getrlimit(RLIMIT_NOFILE, &limit))
		beyond = (rlim_t)fd->target >= limit.rlim_cur;
	if (beyond || f->errnum == EMFILE)
		why = " (limit: ulimit -n)";
	if (path && !beyond)
		complain("%s: --%s: %s: %s%s", step, option, path, error, why);
	else
		complain("%s: --%s: descriptor %d: %s%s", step, option, source ? fd->fd : fd->target, error, why);
}

/* What people did not know, or could do. */
static const char *hint(const struct uspawn_failure *f, const struct uspawn_request *request)
{
	static const struct {
		uint16_t step;
		int errnum;
		const char *text;
	} hints[] = {
		{ USPAWN_STEP_CGROUP, EACCES, "cgroup.procs must be writable, of it and of the group above both" },
		{ USPAWN_STEP_CGROUP, EBUSY, "it is frozen, or gives its controllers to groups below it" },
		{ USPAWN_STEP_CGROUP, EINVAL, "it is no directory of cgroup v2" },
		{ USPAWN_STEP_CLONE, EAGAIN, "limits: ulimit -u, pids.max" },
		{ USPAWN_STEP_CLONE, EMFILE, "limit: ulimit -n" },
		{ USPAWN_STEP_CLONE, ENOMEM,
		  "limit: memory.max; or the first process of this PID namespace has ended" },
		{ USPAWN_STEP_CLONE, EOPNOTSUPP, "Linux 7.1 or newer" },
		{ USPAWN_STEP_CLONE, EINVAL, "no number for a process: /proc/sys/kernel/pid_max" },
		{ USPAWN_STEP_CLONE, EEXIST, "there is a process of that number" },
		{ USPAWN_STEP_CLONE, EPERM, "needs CAP_SYS_ADMIN, or begins with --user" },
		{ USPAWN_STEP_SETCTTY, ENOTTY, "no terminal: --ctty=N names another descriptor" },
		{ USPAWN_STEP_SETCTTY, EPERM, "it is that of another session" },
		{ USPAWN_STEP_FOREGROUND, ENOTTY, "not its controlling terminal: --ctty makes it one" },
		{ USPAWN_STEP_RLIMIT, EPERM, "a hard limit is raised with CAP_SYS_RESOURCE only" },
		{ USPAWN_STEP_NICE, EACCES, "lower than it is with CAP_SYS_NICE only, or as far as --limit-nice" },
		{ USPAWN_STEP_SCHEDULER, EPERM, "needs CAP_SYS_NICE, or a limit: --rtprio" },
		{ USPAWN_STEP_AFFINITY, EINVAL, "none of them may be used here: taskset -cp $$" },
		{ USPAWN_STEP_MEMPOLICY, EINVAL, "none of them may be used here: numactl --show" },
		{ USPAWN_STEP_IOPRIO, EPERM, "realtime needs CAP_SYS_NICE" },
		{ USPAWN_STEP_OOM_SCORE, EACCES, "lower than it was with CAP_SYS_RESOURCE only" },
		{ USPAWN_STEP_NAMESPACE, EPERM,
		  "needs CAP_SYS_ADMIN, and CAP_SYS_TIME for offsets, or begins with --user" },
		{ USPAWN_STEP_NAMESPACE, EINVAL, "no namespace, or none of that type" },
		{ USPAWN_STEP_NAMESPACE, ENOSPC, "limits: /proc/sys/user" },
		{ USPAWN_STEP_IDMAP, EPERM, "without privilege only one's own: --map-user, --map-root-user" },
		{ USPAWN_STEP_IDMAP, EACCES, "a fork (--pid, --rung=fork) needs CAP_DAC_OVERRIDE" },
		{ USPAWN_STEP_LABEL, EINVAL, "the security module does not know it, or there is none" },
		{ USPAWN_STEP_ROOT, EPERM, "needs CAP_SYS_CHROOT, which --map-root-user gives" },
		{ USPAWN_STEP_SECUREBITS, EPERM, "needs CAP_SETPCAP, and bits that are not locked" },
		{ USPAWN_STEP_BOUNDING, EPERM, "needs CAP_SETPCAP" },
		{ USPAWN_STEP_GROUPS, EPERM,
		  "needs CAP_SETGID, and is denied by --setgroups deny; as they are: --keep-groups" },
		{ USPAWN_STEP_GID, EPERM, "needs CAP_SETGID" },
		{ USPAWN_STEP_GID, EINVAL, "no such number in the maps of its user namespace" },
		{ USPAWN_STEP_UID, EPERM, "needs CAP_SETUID" },
		{ USPAWN_STEP_UID, EINVAL, "no such number in the maps of its user namespace" },
		{ USPAWN_STEP_CAPS, EPERM, "none can be had that is not permitted now" },
		{ USPAWN_STEP_AMBIENT, EPERM, "only of those that are permitted and inheritable" },
		{ USPAWN_STEP_LANDLOCK, EPERM, "needs --no-new-privs, or CAP_SYS_ADMIN" },
		{ USPAWN_STEP_SECCOMP, EACCES, "needs --no-new-privs, or CAP_SYS_ADMIN" },
		{ USPAWN_STEP_SECCOMP, EINVAL, "the kernel does not take the filter" },
	};

	if (f->step == USPAWN_STEP_SCHEDULER && f->errnum == EPERM &&
	    (request->sched->policy & ~(uint32_t)SCHED_RESET_ON_FORK) == SCHED_DEADLINE)
		return "needs CAP_SYS_NICE, and every processor: no taskset, no cpuset";
	for (size_t i = 0; i < sizeof(hints) / sizeof(*hints); i++)
		if (hints[i].step == f->step && hints[i].errnum == f->errnum)
			return hints[i].text;
	return NULL;
}

/* What a step is about, where it is not the only one of its kind: a path, or the number of a group. NULL: nothing. */
static const char *subject(const struct uspawn_failure *f, const struct uspawn_request *request, char number[12])
{
	switch (f->step) {
	case USPAWN_STEP_CWD:
		return request->cwd;
	case USPAWN_STEP_ROOT:
		return f->errnum == EPERM ? NULL : request->root;
	case USPAWN_STEP_SETPGROUP:
		snprintf(number, 12, "%d", request->pgroup);
		return number;
	default:
		return NULL;
	}
}

/* "STEP: --OPTION: SUBJECT: ERROR (HINT)" */
static void report_step(const struct uspawn_failure *f, const struct uspawn_request *request, const char *option)
{
	const char *text = hint(f, request);
	char number[12];
	const char *about = subject(f, request, number);

	complain("%s: %s%s%s%s%s%s%s%s%s", uspawn_strstep(f->step), option ? "--" : "", option ? option : "",
		 option ? ": " : "", about ? about : "", about ? ": " : "", strerror(f->errnum), text ? " (" : "",
		 text ? text : "", text ? ")" : "");
}

int failure_report(const struct uspawn_failure *f, const struct uspawn_request *request, char *const *argv,
		   const struct redirects *redirects, const char *const *said)
{
	bool descriptor = f->step == USPAWN_STEP_SOURCE || f->step == USPAWN_STEP_FD || f->step == USPAWN_STEP_OPEN;

	if (f->step == USPAWN_STEP_EXEC)
		report_exec(f->errnum, request, argv, said ? said[USPAWN_STEP_EXEC / 10] : NULL);
	else if (descriptor && redirects && f->index < redirects->n)
		report_descriptor(f, redirects->said[f->index], &redirects->fds[f->index]);
	else
		report_step(f, request, said ? said[f->step / 10] : NULL);
	return failure_exit_code(f);
}

int failure_exit_code(const struct uspawn_failure *f)
{
	if (f->step != USPAWN_STEP_EXEC || f->errnum == EBADF) /* there is no file: --exec-fd of what is not open */
		return EXIT_OWN_ERROR;
	return f->errnum == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
}
