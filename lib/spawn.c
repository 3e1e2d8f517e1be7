/* SPDX-License-Identifier: MIT */
/* clang-format off */
/*
 * The entry points, and the table of contents:
 *
 *	request.c   what the caller said, accepted
 *	plan.c      compiled, once (path.c: candidates; env.c: changes; reserve.c: low descriptor numbers)
 *	start.c     one start: workspace.c where it works, fds.c its descriptors, program.c what the child is told,
 *	            ladder.c and clone.c the rungs, lifeline.c the fork rung's report, slot.c what an asynchronous start leaves behind
 *	stages.c    a start whose steps may not share the caller's memory: crossing.c, block.c, image.c; and relay.c
 *	child.c     between clone and exec
 *	wait.c      how one child ended (kill.c: made to)
 *	care.c      its pipes, its timed signals, its control group meanwhile
 *	ring.c      how many did (watchlist.c, harvest.c; uring.c, epoll.c)
 */
/* clang-format on */
#include "fds.h"
#include "plan.h"
#include "request.h"
#include "reserve.h"
#include "slot.h"
#include "start.h"
#include "workspace.h"

#include "handle.h"

uint32_t uspawn_version(void)
{
	return USPAWN_VERSION;
}

int uspawn_plan_new(struct uspawn_plan **ret, const struct uspawn_request *request, struct uspawn_failure *reterr)
{
	struct uspawn_request accepted;
	int r = request_accept(&accepted, request, reterr);

	return r < 0 ? r : plan_compile(ret, &accepted, NULL, reterr);
}

struct uspawn_plan *uspawn_plan_free(struct uspawn_plan *plan)
{
	plan_unref(plan);
	return NULL;
}

int uspawn(struct uspawn_child *child, const struct uspawn_request *request, const struct uspawn_args *args)
{
	struct uspawn_request accepted;
	struct uspawn_args brought;
	struct uspawn_failure failure;
	struct workspace *workspace = NULL;
	struct uspawn_plan *plan;
	uint64_t closed = 0;
	int r = request_accept(&accepted, request, &failure);

	if (r == 0)
		r = request_accept_args(&brought, args, &failure);
	if (r == 0 && !(workspace = workspace_take()))
		r = request_fail(&failure, ENOMEM, USPAWN_STEP_REQUEST, 0);
	if (r == 0) {
		closed = fds_closed(&brought); /* compiling a plan may open copies */
		r = plan_compile(&plan, &accepted, &workspace->plan, &failure);
	}
	if (r == 0 && (r = fds_check(plan, &brought, closed, &failure)) < 0)
		plan_unref(plan);
	if (r < 0) {
		handle_fail(child, &failure);
	} else {
		r = start_and_wait(workspace, child, plan, args);
		plan_unref(plan);
	}
	workspace_give(workspace);
	return r;
}

int uspawn_start(struct uspawn_child *child, const struct uspawn_plan *plan, const struct uspawn_args *args)
{
	struct workspace *workspace = workspace_take();
	int r = start_and_wait(workspace, child, plan, args);

	workspace_give(workspace);
	return r;
}

int uspawn_reserve_fds(void)
{
	return reserve_fill(RESERVE_END);
}

int uspawn_settle(int64_t timeout_ns)
{
	return slot_settle_all(timeout_ns);
}
