/* SPDX-License-Identifier: MIT */
/*
 * The kernel says "No such file or directory" of a program, of its interpreter and of a working directory alike. The
 * failed step and the caller's entry tell them apart, so that nobody looks in the wrong place.
 */
#include "failure.h"
#include "commands.h"
#include "redirect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Is there a file by that name, where the child would have looked? Only asked after the kernel said ENOENT. */
static bool program_exists(const struct uspawn_request *request, const char *name)
{
	const char *list = request->search ? request->search : getenv("PATH");
	int dir = request->cwd ? open(request->cwd, O_PATH | O_DIRECTORY | O_CLOEXEC) : AT_FDCWD;
	bool there = false;
	char path[4096];
	size_t len;

	if (strchr(name, '/'))
		there = !faccessat(dir, name, F_OK, 0);
	for (; list && !there && !strchr(name, '/'); list = list[len] ? list + len + 1 : NULL) {
		len = strcspn(list, ":");
		snprintf(path, sizeof(path), "%.*s/%s", len ? (int)len : 1, len ? list : ".", name);
		there = !faccessat(dir, path, F_OK, 0);
	}
	if (dir >= 0)
		close(dir);
	return there;
}

static void report_exec(int error, const struct uspawn_request *request, char *const *argv)
{
	const char *name = request->path ? request->path : request->file ? request->file : argv[0], *why = "";

	if (request->flags & USPAWN_FEXEC) {
		name = "the file of --exec-fd";
		if (error == ENOENT)
			why = " (a script must find it, too: --fd N=N)";
	} else if (error == ENOENT && !*name)
		why = " (the name is empty)";
	else if (error == ENOENT && program_exists(request, name))
		why = " (it is there, but not the interpreter that it names)";
	else if (error == ENOENT && !strchr(name, '/'))
		why = request->search ? " (searched in --path)" : " (searched in PATH)";
	else if (error == ENOEXEC)
		why = " (a script without #! can be run by: sh FILE)";
	else if (error == E2BIG)
		why = " (one argument or variable may have 131071 bytes; all together: getconf ARG_MAX)";
	complain("exec: %s: %s%s", name, strerror(error), why);
}

/* About an entry of --stdin, --stdout, --stderr or --fd. */
static void report_descriptor(const struct uspawn_failure *f, const char *option, const struct uspawn_fd *fd)
{
	const char *step = uspawn_strstep(f->step), *error = strerror(f->errnum);

	if (fd->path)
		complain("%s: %s: %s: %s", step, option, fd->path, error);
	else if (f->step == USPAWN_STEP_SOURCE)
		complain("%s: %s: descriptor %d: %s", step, option, fd->fd, error);
	else
		complain("%s: %s: descriptor %d: %s (limit: ulimit -n)", step, option, fd->target, error);
}

int failure_report(const struct uspawn_failure *f, const struct uspawn_request *request, char *const *argv,
		   const struct redirects *redirects)
{
	const char *step = uspawn_strstep(f->step), *error = strerror(f->errnum);
	bool descriptor = f->step == USPAWN_STEP_SOURCE || f->step == USPAWN_STEP_FD || f->step == USPAWN_STEP_OPEN;

	if (f->step == USPAWN_STEP_EXEC)
		report_exec(f->errnum, request, argv);
	else if (f->step == USPAWN_STEP_CWD)
		complain("%s: %s: %s", step, request->cwd, error);
	else if (f->step == USPAWN_STEP_SETPGROUP)
		complain("%s: %d: %s", step, request->pgroup, error);
	else if (f->step == USPAWN_STEP_CLONE)
		complain("%s: no process could be made: %s (limits: ulimit -u, pids.max)", step, error);
	else if (descriptor && redirects && f->index < redirects->n)
		report_descriptor(f, redirects->said[f->index], &redirects->fds[f->index]);
	else
		complain("%s: %s", step, error);
	return failure_exit_code(f);
}

int failure_exit_code(const struct uspawn_failure *f)
{
	if (f->step != USPAWN_STEP_EXEC)
		return EXIT_OWN_ERROR;
	return f->errnum == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
}
