/* SPDX-License-Identifier: MIT */
/*
 * Two ladders, one from the start and one from the last byte, each climbed in order. The idle clock stands once an idle
 * signal was sent, so that a child that says something on SIGTERM still meets the SIGKILL after it.
 */
#include <errno.h>

#include "request.h"
#include "sys.h"
#include "timed.h"

#define TIMED_MAX    64
#define SIGNO_MAX    64
#define TRY_AGAIN_NS 5000000
#define EVENTS                                                                                                   \
	(1u << USPAWN_EVENT_END | 1u << USPAWN_EVENT_EXIT | 1u << USPAWN_EVENT_OUTPUT | 1u << USPAWN_EVENT_EOF | \
	 1u << USPAWN_EVENT_TIMED | 1u << USPAWN_EVENT_TREE_EMPTY)

/* One before the one above it is a mistake: a SIGKILL that comes before the SIGTERM. A ladder need not end in a kill.
 */
int timed_accept(const struct uspawn_request *request, struct uspawn_failure *reterr)
{
	uint64_t last[2] = { 0, 0 };
	int pid_only = (request->flags & USPAWN_PID_ONLY) != 0;

	if ((request->timed != NULL) != (request->ntimed != 0) || request->ntimed > TIMED_MAX ||
	    request->events & ~EVENTS || (pid_only && (request->ntimed || request->events || request->drain_ns)))
		return request_fail(reterr, EINVAL, USPAWN_STEP_REQUEST, 0);
	if (request->flags & USPAWN_TREE && (pid_only || !(request->flags & USPAWN_SETCGROUP)))
		return request_fail(reterr, EINVAL, USPAWN_STEP_CGROUP, 0);
	for (uint32_t i = 0; i < request->ntimed; i++) {
		const struct uspawn_timed *timed = &request->timed[i];
		int idle = (timed->flags & USPAWN_TIMED_IDLE) != 0;

		if (timed->flags & ~(uint32_t)(USPAWN_TIMED_IDLE | USPAWN_TIMED_GROUP | USPAWN_TIMED_TREE) ||
		    (timed->flags & USPAWN_TIMED_TREE && !(request->flags & USPAWN_TREE)) || timed->signo < 0 ||
		    timed->signo > SIGNO_MAX || timed->after_ns < last[idle])
			return request_fail(reterr, EINVAL, USPAWN_STEP_REQUEST, i);
		last[idle] = timed->after_ns;
	}
	return 0;
}

/* After the exit only what may reach others counts. */
static int is_left(const struct care *care, uint32_t i)
{
	return !(care->passed & 1ull << i) &&
	       (!care->exited || care->timed[i].flags & (USPAWN_TIMED_GROUP | USPAWN_TIMED_TREE));
}

static int64_t due_of(const struct care *care, uint32_t i)
{
	const struct uspawn_timed *timed = &care->timed[i];
	int64_t from = timed->flags & USPAWN_TIMED_IDLE ? care->heard_ns : care->start_ns, due;

	due = timed->after_ns > (uint64_t)(CARE_NEVER - from) ? CARE_NEVER : from + (int64_t)timed->after_ns;
	return care->lacking & 1ull << i && due < care->lacking_ns ? care->lacking_ns : due;
}

int64_t timed_due(const struct care *care)
{
	int64_t due = CARE_NEVER;

	for (uint32_t i = 0; i < care->ntimed; i++)
		if (is_left(care, i) && due_of(care, i) < due)
			due = due_of(care, i);
	return due;
}

/* A tree that was allowed to fail may not be there: then to the child. */
static int send_signal(struct care *care, const struct uspawn_timed *timed)
{
	return uspawn_kill(care->child, timed->signo,
			   timed->flags & USPAWN_TIMED_TREE && care->has_tree ? USPAWN_KILL_TREE
			   : timed->flags & USPAWN_TIMED_GROUP                ? USPAWN_KILL_GROUP
									      : 0);
}

void timed_expire(struct care *care, int64_t now_ns, int settled)
{
	for (uint32_t i = 0; i < care->ntimed; i++) {
		const struct uspawn_timed *timed = &care->timed[i];
		int idle = (timed->flags & USPAWN_TIMED_IDLE) != 0, r;

		if (!is_left(care, i) || due_of(care, i) > now_ns || (idle && !settled))
			continue;
		r = timed->signo ? send_signal(care, timed) : 0;
		if (sys_is_lack(r)) { /* of a tree's files: nobody was met; the next ones may need less */
			care->lacking |= 1ull << i;
			care->lacking_ns = sys_now_ns() + TRY_AGAIN_NS;
			continue;
		}
		care->passed |= 1ull << i;
		if (r == 0 || r == -EAGAIN)
			care->sent |= 1ull << i;
		if (idle)
			care->idle_stands = 1;
	}
}
