/* SPDX-License-Identifier: MIT */
/*
 * posix_spawn and its family, as one request each. What a request cannot say exactly as glibc does it is handed to
 * libc; that is rare, and beyond_request() is the whole list.
 */
#include <errno.h>
#include <pthread.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <uspawn.h>

#include "actions.h"
#include "attributes.h"
#include "call.h"
#include "export.h"
#include "next.h"
#include "record.h"
#include "shell.h"

/* Libc's own signals; it lets nobody block them. */
#define LIBC_SIGNALS (3ull << (32 - 1))

#define SCHED_FLAGS (POSIX_SPAWN_SETSCHEDPARAM | POSIX_SPAWN_SETSCHEDULER)

static char *const no_strings[] = { NULL };
static char *const empty_argv[] = { "", NULL }; /* what the kernel makes of none */

static uint64_t signal_bits(const sigset_t *set)
{
	uint64_t bits;

	memcpy(&bits, set, sizeof(bits));
	return bits;
}

/* Entries that glibc skips, ends at, or writes in another way than we do. */
static int is_odd_search(const char *file)
{
	const char *path = getenv("PATH");

	if (strchr(file, '/'))
		return 0;
	for (const char *entry = path; entry; entry = *entry ? entry + 1 : NULL) {
		size_t length = strcspn(entry, ":");

		if (length == 0 || length > NAME_MAX)
			return 1;
		entry += length;
	}
	return 0;
}

static int beyond_request(const struct call *call)
{
	const struct attributes *attr = attributes_of(call->attr);
	const struct uspawn_action *actions;
	uint32_t n;

	if (actions_read(call->actions, &actions, &n) == ACTIONS_LIBCS)
		return 1;
	if (!call->program || (call->search && is_odd_search(call->program)))
		return 1;
	if (call->falls_back && call->search && !strchr(call->program, '/'))
		return 1; /* libc's shell gets the name as it is, and looks for it in the directory */
	if (!attr)
		return 0;
	if (attr->flags & ~ATTRIBUTES_KNOWN)
		return 1;
	if (!(attr->flags & POSIX_SPAWN_SETPGROUP))
		return 0;
	/* A session's leader that changes its group; two attributes that both can fail, and libc's order counts. */
	return attr->flags & POSIX_SPAWN_SETSID || attr->pgroup < 0 || (attr->pgroup && attr->flags & SCHED_FLAGS);
}

static void set_attributes(struct uspawn_request *request, struct uspawn_sched *sched, const struct attributes *attr)
{
	if (attr->flags & POSIX_SPAWN_SETPGROUP) {
		request->flags |= USPAWN_SETPGROUP;
		request->pgroup = attr->pgroup;
	}
	if (attr->flags & POSIX_SPAWN_SETSID)
		request->flags |= USPAWN_SETSID;
	if (attr->flags & POSIX_SPAWN_SETSIGMASK) {
		request->flags |= USPAWN_SETSIGMASK;
		request->sigmask = signal_bits(&attr->sigmask) & ~LIBC_SIGNALS;
	}
	if (attr->flags & POSIX_SPAWN_SETSIGDEF)
		request->sigdefault = signal_bits(&attr->sigdefault);
	if (attr->flags & POSIX_SPAWN_RESETIDS)
		request->flags |= USPAWN_RESETIDS;
	if (attr->flags & POSIX_SPAWN_SETCGROUP) {
		request->flags |= USPAWN_SETCGROUP;
		request->cgroup_fd = attr->cgroup;
	}
	if (attr->flags & SCHED_FLAGS) {
		request->sched = sched;
		sched->priority = (uint32_t)attr->param.priority;
		sched->set = USPAWN_PRIORITY;
		if (attr->flags & POSIX_SPAWN_SETSCHEDULER) {
			sched->set = USPAWN_POLICY;
			sched->policy = (uint32_t)attr->policy;
		}
	}
}

/* dash has a handler for SIGCHLD, and blocks nothing when it starts a program, whatever it was given. */
static void set_signals_of_shell(struct uspawn_request *request)
{
	request->flags |= USPAWN_SETSIGMASK;
	request->sigmask = 0;
	request->sigdefault |= 1ull << (SIGCHLD - 1);
}

/* What the kernel answers to clone3(2), as glibc hands it on. */
static int cgroup_error(const struct uspawn_child *child, int error)
{
	return error == EINVAL && child->failure.step == USPAWN_STEP_CGROUP ? EBADF : error;
}

static int start(struct uspawn_child *child, const struct call *call)
{
	const struct attributes *attr = attributes_of(call->attr);
	struct uspawn_request request = { .size = sizeof(request) };
	struct uspawn_sched sched = { .size = sizeof(sched) };

	if (attr && attr->flags & POSIX_SPAWN_SETCGROUP && attr->cgroup < 0)
		return EINVAL;
	request.flags = USPAWN_INHERIT_FDS | (call->wants_pidfd ? 0 : USPAWN_PID_ONLY) |
			(call->falls_back ? USPAWN_SH_FALLBACK : 0);
	request.argv = call->argv && call->argv[0] ? call->argv : empty_argv;
	request.envp = call->envp ? call->envp : no_strings;
	request.setenv = call->setenv;
	*(call->search ? &request.file : &request.path) = call->program;
	request.search = call->search ? call->path : NULL;
	if (attr)
		set_attributes(&request, &sched, attr);
	if (call->without_shell)
		set_signals_of_shell(&request);
	actions_read(call->actions, &request.actions, &request.nactions);
	return cgroup_error(child, -uspawn(child, &request, NULL));
}

typedef int spawn_fn(int *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *, char *const[],
		     char *const[]);

/* By whoever comes after us. */
static int start_next(int *ret, const struct call *call)
{
	static struct next plain NEXT_AT_LOAD = { .name = "posix_spawn" };
	static struct next search NEXT_AT_LOAD = { .name = "posix_spawnp" };
	static struct next pidfd_plain = { .name = "pidfd_spawn" }, pidfd_search = { .name = "pidfd_spawnp" };
	static struct next set_cgroup NEXT_AT_LOAD = { .name = "posix_spawnattr_setcgroup_np" };
#ifdef POSIX_OLD_VERSION
	static struct next old_plain NEXT_AT_LOAD = { .name = "posix_spawn", .version = POSIX_OLD_VERSION };
	static struct next old_search NEXT_AT_LOAD = { .name = "posix_spawnp", .version = POSIX_OLD_VERSION };
#else
#define old_plain  plain
#define old_search search
#endif
	const struct attributes *attr = attributes_of(call->attr);
	const posix_spawnattr_t *known = call->attr;
	posix_spawnattr_t without_cgroup;
	spawn_fn *next;

	if (call->wants_pidfd)
		next = next_find(call->search ? &pidfd_search : &pidfd_plain);
	else if (call->falls_back)
		next = next_find(call->search ? &old_search : &old_plain);
	else
		next = next_find(call->search ? &search : &plain);
	if (!next)
		return ENOSYS;
	if (actions_beyond_libc(call->actions) || (attr && attr->flags & SCHED_FLAGS && !next_is_glibc()))
		return ENOTSUP;
	if (attr && !next_find(&set_cgroup)) {
		if (attr->flags & POSIX_SPAWN_SETCGROUP)
			return ENOTSUP;
		/* musl calls what is there. */
		memcpy(&without_cgroup, call->attr, sizeof(without_cgroup));
		memset((char *)&without_cgroup + offsetof(struct attributes, cgroup), 0, sizeof(attr->cgroup));
		known = &without_cgroup;
	}
	return next(ret, call->program, call->actions, known, call->argv ? call->argv : no_strings, call->envp);
}

/* A kernel that has no pidfds at all: as glibc, which finds out before. */
static int take_back(struct uspawn_child *child)
{
	uspawn_kill(child, SIGKILL, 0);
	uspawn_wait(child, -1);
	return ENOSYS;
}

static int hand_out(int *ret, struct uspawn_child *child, const struct call *call)
{
	int pidfd, state;

	if (!call->wants_pidfd) {
		if (ret)
			*ret = child->pid;
		return 0;
	}
	pidfd = uspawn_release(child);
	if (pidfd < 0)
		return child->state == USPAWN_RUNNING ? take_back(child) : -pidfd;
	if (ret) {
		*ret = pidfd;
		return 0;
	}
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state); /* a start is no cancellation point */
	close(pidfd);
	pthread_setcancelstate(state, NULL);
	return 0;
}

__attribute__((constructor)) static void look_up(void)
{
	next_replaces_exec();
	next_look_up();
}

/* No child was made, for lack of what libc's start may do without: a number for its report, or a copy's memory. */
static int lacks_more_than_libc(const struct uspawn_child *child, int error)
{
	return (error == EMFILE || error == ENFILE || error == ENOMEM) && child->failure.errnum == error &&
	       child->failure.step <= USPAWN_STEP_CLONE;
}

static int spawn(int *ret, const struct call *call)
{
	struct uspawn_child child;
	struct record record;
	uint32_t rung = 0;
	int r, pid = 0;

	if (!call->program && call->search)
		return EFAULT; /* libc's child would crash */
	if (next_replaces_spawn())
		return start_next(ret, call);
	record_begin(&record, call);
	if (beyond_request(call)) {
		r = start_next(ret, call);
		pid = r == 0 && ret && !call->wants_pidfd ? *ret : 0;
	} else {
		r = shell_elide(&child, call, start);
		record.elided = r == 0;
		if (r)
			r = start(&child, call);
		pid = child.pid; /* a child that is handed out is forgotten */
		rung = child.rung;
		if (r == 0) {
			r = hand_out(ret, &child, call);
		} else if (lacks_more_than_libc(&child, r)) {
			r = start_next(ret, call);
			pid = r == 0 && ret && !call->wants_pidfd ? *ret : 0;
			rung = 0;
		}
	}
	record_end(&record, r, r ? 0 : pid, rung);
	return r;
}

EXPORT int posix_spawn(pid_t *ret, const char *path, const posix_spawn_file_actions_t *actions,
		       const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
	return spawn(ret, &(struct call){ as_given(path), actions, attr, as_given(argv), envp });
}

EXPORT int posix_spawnp(pid_t *ret, const char *file, const posix_spawn_file_actions_t *actions,
			const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
	return spawn(ret, &(struct call){ as_given(file), actions, attr, as_given(argv), envp, .search = 1 });
}

EXPORT int pidfd_spawn(int *ret, const char *path, const posix_spawn_file_actions_t *actions,
		       const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
	return spawn(ret, &(struct call){ as_given(path), actions, attr, as_given(argv), envp, .wants_pidfd = 1 });
}

EXPORT int pidfd_spawnp(int *ret, const char *file, const posix_spawn_file_actions_t *actions,
			const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
	return spawn(ret, &(struct call){ as_given(file), actions, attr, as_given(argv), envp, .search = 1,
					  .wants_pidfd = 1 });
}

#ifdef POSIX_OLD_VERSION

/* What a program that was linked before glibc 2.15 gets: a script without #! is run by the shell. */
EXPORT int posix_spawn_old(pid_t *ret, const char *path, const posix_spawn_file_actions_t *actions,
			   const posix_spawnattr_t *attr, char *const argv[], char *const envp[]);
EXPORT int posix_spawnp_old(pid_t *ret, const char *file, const posix_spawn_file_actions_t *actions,
			    const posix_spawnattr_t *attr, char *const argv[], char *const envp[]);
__asm__(".symver posix_spawn_old, posix_spawn@" POSIX_OLD_VERSION);
__asm__(".symver posix_spawnp_old, posix_spawnp@" POSIX_OLD_VERSION);

int posix_spawn_old(pid_t *ret, const char *path, const posix_spawn_file_actions_t *actions,
		    const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
	return spawn(ret, &(struct call){ as_given(path), actions, attr, as_given(argv), envp, .falls_back = 1 });
}

int posix_spawnp_old(pid_t *ret, const char *file, const posix_spawn_file_actions_t *actions,
		     const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
	return spawn(ret, &(struct call){ as_given(file), actions, attr, as_given(argv), envp, .search = 1,
					  .falls_back = 1 });
}

#endif
