/* SPDX-License-Identifier: MIT */
/* Write what one child is told: a plan, this start's arguments and this start's descriptors as a flat program. */
#ifndef USPAWN_PROGRAM_H
#define USPAWN_PROGRAM_H

#include "child.h"
#include "fds.h"

struct crossing;

/*
 * How many bytes it takes at most. `copies`: the child may read it after the call has returned, so it holds the
 * arguments' strings too.
 */
size_t program_size(const struct uspawn_plan *plan, const struct uspawn_args *args, int copies);

/*
 * Fills `ret` but for its report, mask, the three switches of its rung, and what is born, which is there. `room` is as
 * large as measured and aligned for pointers. `lifeline` is a descriptor that must stay open until exec, or -1.
 * `crossing` is NULL, or how it gets to a relay.
 */
void program_write(struct child_start *ret, void *room, const struct uspawn_plan *plan, const struct uspawn_args *args,
		   const struct fds *fds, int lifeline, struct crossing *crossing, int copies);

#endif
