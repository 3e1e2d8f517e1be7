/* SPDX-License-Identifier: MIT */
/* Each step that keeps a start from a fast rung, and why. */
#include "clone.h"
#include "rung.h"

enum uspawn_rung rung_first(const struct uspawn_plan *plan, enum uspawn_rung fastest)
{
	enum uspawn_rung cap = clone_cap();

	if (plan->callback)
		return USPAWN_RUNG_FORK; /* a caller's code may not run in shared memory */
	/*
	 * An asynchronous child's score would reach the parent: __set_oom_adj() excepts only processes in vfork. So
	 * would the end of its group's memory.
	 */
	if (fastest < USPAWN_RUNG_VFORK &&
	    (plan->flags & USPAWN_SETCGROUP || (plan->sched && plan->sched->set & USPAWN_OOM_SCORE)))
		fastest = USPAWN_RUNG_VFORK;
	if (cap > fastest)
		fastest = cap;
	return plan->rung > fastest ? plan->rung : fastest;
}
