/* SPDX-License-Identifier: MIT */
/* A start in two stages: in shared memory up to the exec of the relay, then in memory of its own. */
#ifndef USPAWN_STAGES_H
#define USPAWN_STAGES_H

#include "clone.h"
#include "fds.h"

/* No relay can do it for this request, or now: a slower rung may. Nothing is remembered. */
#define STAGES_CANNOT 1

/*
 * birth->start has the child's signal mask; room is as program_size() says, or more. 0: when the program runs or *ret
 * says why not. -errno: no process was made.
 */
int stages_attempt(struct birth *birth, const struct uspawn_plan *plan, const struct uspawn_args *args,
		   const struct fds *fds, void *room, struct child_report *ret);

#endif
