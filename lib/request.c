/* SPDX-License-Identifier: MIT */
/*
 * A field that is set without its flag is refused, not ignored: a forgotten flag would run the program with less than
 * was asked for. A contradiction is reported at the step it is about.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "actions.h"
#include "cgroup.h"
#include "confine.h"
#include "death.h"
#include "env.h"
#include "identity.h"
#include "namespaces.h"
#include "place.h"
#include "plan.h"
#include "request.h"
#include "rlimits.h"
#include "scheduling.h"
#include "terminal.h"
#include "timed.h"

#define SIZE_BOUND 4096

#define KNOWN_FLAGS                                                                                              \
	(USPAWN_SETPGROUP | USPAWN_SETSID | USPAWN_SETSIGMASK | USPAWN_SETUMASK | USPAWN_FCHDIR | USPAWN_FEXEC | \
	 USPAWN_INHERIT_FDS | USPAWN_SH_FALLBACK | USPAWN_PID_ONLY | USPAWN_SETCTTY | USPAWN_FOREGROUND |        \
	 USPAWN_NO_NEW_PRIVS | USPAWN_SETCGROUP | USPAWN_RESETIDS | USPAWN_SETSECUREBITS | USPAWN_PIVOT_ROOT |   \
	 USPAWN_KILL_ON_CLOSE | USPAWN_TREE | USPAWN_DETACH)

/* The kernel refuses to change these two: who asks for it asks for nothing. */
#define UNCHANGEABLE (1ull << (SIGKILL - 1) | 1ull << (SIGSTOP - 1))

int request_fail(struct uspawn_failure *reterr, int errnum, uint32_t step, uint32_t index)
{
	if (reterr)
		*reterr = (struct uspawn_failure){ .errnum = errnum, .step = step, .index = index };
	return -errnum;
}

static int refuse(struct uspawn_failure *reterr, uint32_t step)
{
	return request_fail(reterr, EINVAL, step, 0);
}

/* clone3's rule for structs that grow: a shorter one is followed by zeros, a longer one must be zero beyond ours. */
int request_copy(void *ret, size_t size, const void *from)
{
	uint32_t given;

	memcpy(&given, from, sizeof(given));
	if (given < sizeof(given))
		return EINVAL;
	if (given > SIZE_BOUND)
		return E2BIG;
	for (size_t i = size; i < given; i++)
		if (((const unsigned char *)from)[i])
			return E2BIG;
	memset(ret, 0, size);
	memcpy(ret, from, given < size ? given : size);
	return 0;
}

static int accept_program(const struct uspawn_request *r, struct uspawn_failure *reterr)
{
	int named = (r->path != NULL) + (r->file != NULL) + ((r->flags & USPAWN_FEXEC) != 0);

	if (named > 1 || (r->exec_fd && !(r->flags & USPAWN_FEXEC)) ||
	    (r->search && (r->path || r->flags & USPAWN_FEXEC)) ||
	    ((r->flags & USPAWN_SH_FALLBACK) && (r->flags & USPAWN_FEXEC)))
		return refuse(reterr, USPAWN_STEP_EXEC);
	if ((r->argv && !r->argv[0]) || (!named && !r->argv && !r->callback))
		return refuse(reterr, USPAWN_STEP_REQUEST);
	if (r->callback_data && !r->callback)
		return refuse(reterr, USPAWN_STEP_CALLBACK);
	return 0;
}

static int accept_attributes(const struct uspawn_request *r, struct uspawn_failure *reterr)
{
	if ((r->pgroup && !(r->flags & USPAWN_SETPGROUP)) || r->pgroup < 0 ||
	    ((r->flags & USPAWN_SETPGROUP) && (r->flags & USPAWN_SETSID)))
		return refuse(reterr, USPAWN_STEP_SETPGROUP);
	if (r->sigdefault & r->sigignore)
		return refuse(reterr, USPAWN_STEP_SIGNALS);
	if (r->sigmask && !(r->flags & USPAWN_SETSIGMASK))
		return refuse(reterr, USPAWN_STEP_SIGMASK);
	return 0;
}

/* In the parent most steps have no meaning without their result, and a child without its descriptors or program none.
 */
static int can_be_skipped(uint32_t step)
{
	if (step == USPAWN_STEP_CGROUP)
		return 1;
	return step >= USPAWN_STEP_SETSID && step <= USPAWN_STEP_SECCOMP && step % 10 == 0 && step != USPAWN_STEP_FD;
}

static int accept_best_effort(const struct uspawn_request *r, struct uspawn_failure *reterr)
{
	for (uint32_t i = 0; r->best_effort && r->best_effort[i]; i++) {
		if (!can_be_skipped(r->best_effort[i]))
			return request_fail(reterr, EINVAL, USPAWN_STEP_REQUEST, i);
		if (r->best_effort[i] == USPAWN_STEP_NAMESPACE && r->flags & USPAWN_PIVOT_ROOT)
			return refuse(reterr, USPAWN_STEP_ROOT); /* the caller's root would move */
	}
	return 0;
}

/* What the header lays out for 0.2. */
static int accept_later(const struct uspawn_request *r, struct uspawn_failure *reterr)
{
	if (r->flags & USPAWN_KILL_ON_CLOSE && r->flags & (USPAWN_PID_ONLY | USPAWN_DETACH))
		return refuse(reterr, USPAWN_STEP_CLONE);
	if (r->reserved)
		return refuse(reterr, USPAWN_STEP_REQUEST);
	return 0;
}

/* Made by the start, with an end for the caller. */
static int is_made(const struct uspawn_fd *fd)
{
	return fd->source == USPAWN_READ_END || fd->source == USPAWN_WRITE_END || fd->source == USPAWN_PTY;
}

/* One end is the child's, the other the library's. */
static int stream_source(const struct uspawn_fd *fd)
{
	return fd->source == USPAWN_CAPTURE || fd->source == USPAWN_FEED;
}

static int accept_fd(const struct uspawn_fd *fd)
{
	int open = fd->source == USPAWN_OPEN;

	if (fd->target < 0 || fd->source > USPAWN_FEED || fd->reserved)
		return EINVAL;
	if ((fd->path != NULL) != open || (!open && (fd->oflag || fd->mode)) || fd->mode > 07777)
		return EINVAL;
	if ((fd->rows || fd->cols) && fd->source != USPAWN_PTY)
		return EINVAL;
	if (fd->flags & ~(uint32_t)USPAWN_NONBLOCK || (fd->flags && !is_made(fd)))
		return EINVAL;
	if ((is_made(fd) || stream_source(fd)) && !plan_is_arg(fd->fd))
		return EINVAL;
	if (fd->source != USPAWN_FD && !is_made(fd) && !stream_source(fd) && fd->fd)
		return EINVAL;
	return plan_is_arg(fd->fd) && plan_arg_number(fd->fd) >= PLAN_ARGS ? EINVAL : 0;
}

static int accept_fds(const struct uspawn_request *r, struct uspawn_failure *reterr)
{
	if ((r->fds != NULL) != (r->nfds != 0))
		return refuse(reterr, USPAWN_STEP_FD);
	for (uint32_t i = 0; i < r->nfds; i++)
		if (accept_fd(&r->fds[i]) || (stream_source(&r->fds[i]) && r->flags & USPAWN_PID_ONLY))
			return request_fail(reterr, EINVAL, USPAWN_STEP_FD, i);
	return 0;
}

static int accept_env(char *const *changes, struct uspawn_failure *reterr)
{
	size_t at;

	if (env_check(changes, &at) < 0)
		return request_fail(reterr, EINVAL, USPAWN_STEP_REQUEST, (uint32_t)at);
	return 0;
}

int request_accept(struct uspawn_request *ret, const struct uspawn_request *request, struct uspawn_failure *reterr)
{
	int errnum = request ? request_copy(ret, sizeof(*ret), request) : EINVAL, r;

	if (!errnum && (ret->rung > USPAWN_RUNG_FORK || ret->flags & ~(uint64_t)KNOWN_FLAGS))
		errnum = EINVAL;
	if (errnum)
		return request_fail(reterr, errnum, USPAWN_STEP_REQUEST, 0);
	ret->sigdefault &= ~UNCHANGEABLE;
	ret->sigignore &= ~UNCHANGEABLE;
	if ((r = accept_program(ret, reterr)) < 0 || (r = accept_attributes(ret, reterr)) < 0 ||
	    (r = rlimits_accept(ret, reterr)) < 0 || (r = actions_accept(ret, reterr)) < 0 ||
	    (r = accept_best_effort(ret, reterr)) < 0 || (r = scheduling_accept(ret, reterr)) < 0 ||
	    (r = terminal_accept(ret, reterr)) < 0 || (r = cgroup_accept(ret, reterr)) < 0 ||
	    (r = place_accept(ret, reterr)) < 0 || (r = death_accept(ret, reterr)) < 0 ||
	    (r = confine_accept(ret, reterr)) < 0 || (r = identity_accept(ret, reterr)) < 0 ||
	    (r = namespaces_accept(ret, reterr)) < 0 || (r = timed_accept(ret, reterr)) < 0 ||
	    (r = accept_later(ret, reterr)) < 0 || (r = accept_fds(ret, reterr)) < 0)
		return r;
	return accept_env(ret->setenv, reterr);
}

int request_accept_args(struct uspawn_args *ret, const struct uspawn_args *args, struct uspawn_failure *reterr)
{
	int errnum;

	if (!args) {
		memset(ret, 0, sizeof(*ret));
		return 0;
	}
	errnum = request_copy(ret, sizeof(*ret), args);
	if (!errnum && ((ret->nfds && !ret->fds) || (ret->noutputs && !ret->outputs) || (ret->ninput && !ret->input) ||
			(ret->argv && !ret->argv[0])))
		errnum = EINVAL;
	if (errnum)
		return request_fail(reterr, errnum, USPAWN_STEP_REQUEST, 0);
	return accept_env(ret->setenv, reterr);
}
