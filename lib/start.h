/* SPDX-License-Identifier: MIT */
/* One start: descriptors, program, the ladder, and what came of it. */
#ifndef USPAWN_START_H
#define USPAWN_START_H

#include "plan.h"
#include "slot.h"

/*
 * Returns when the child runs or has failed to. `kept`: a child that failed after it had become a process stays one,
 * to be collected by whoever watches it, and 0 is returned. The child is written either way.
 */
int start_and_wait(struct uspawn_child *child, const struct uspawn_plan *plan, const struct uspawn_args *args,
		   int kept);

/*
 * Returns at once where that can be done, else as start_and_wait() with `kept`. The child stays where it is until its
 * slot has settled. `queued`: the args are the queue's, and new pipes are among what they give.
 */
int start_beside(struct uspawn_child *child, const struct uspawn_plan *plan, const struct uspawn_args *args,
		 struct slot_pool *slots, int queued);

#endif
