/* SPDX-License-Identifier: MIT */
/* One start: descriptors, program, the ladder, and what came of it. */
#ifndef USPAWN_START_H
#define USPAWN_START_H

#include "plan.h"
#include "slot.h"
#include "workspace.h"

/*
 * Returns when the child runs or has failed to, and is written either way. `workspace` is the caller's; NULL, if there
 * was none, is -ENOMEM.
 */
int start_and_wait(struct workspace *workspace, struct uspawn_child *child, const struct uspawn_plan *plan,
		   const struct uspawn_args *args);

/*
 * Returns at once where that can be done, and the child stays where it is until its slot has settled. Else when the
 * child runs or has failed to; but one that failed after it had become a process stays one, to be collected by whoever
 * watches it, and 0 is returned. `queued`: the args are the queue's, new pipes are among what they give, and these are
 * the descriptors of its outputs, by the number of their argument; else NULL.
 */
int start_beside(struct uspawn_child *child, const struct uspawn_plan *plan, const struct uspawn_args *args,
		 struct slot_pool *slots, const int *queued);

#endif
