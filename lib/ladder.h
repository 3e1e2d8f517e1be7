/* SPDX-License-Identifier: MIT */
/* The ladder: a child by the fastest rung that makes one. */
#ifndef USPAWN_LADDER_H
#define USPAWN_LADDER_H

#include "clone.h"
#include "fds.h"

struct care;

/* One start under way. */
struct start {
	const struct uspawn_plan *plan;
	struct uspawn_args args;
	struct fds fds;
	struct child_start child;
	struct child_report report;
	struct care *care; /* NULL: none is needed */
	void *room, *more_room;
	size_t more_size;
	void *stack; /* the child's */
	size_t stack_size;
	uint32_t is_astray;    /* the child, maybe: stack and room are left to it */
	enum uspawn_rung rung; /* which one made the child */
	struct birth birth;
	struct uspawn_failure failure;
	struct uspawn_failure noted; /* what failed before there was a child, and was allowed to */
};

/*
 * From `rung` on; its result is in rung, birth and *retreport. On failure there is no child, and failure says why.
 */
int ladder_climb(struct start *start, enum uspawn_rung rung, struct child_report *retreport);

/* The same where signals are blocked already; what the caller's mask was; and birth's `settled`. */
int ladder_climb_blocked(struct start *start, enum uspawn_rung rung, uint64_t callers_mask, volatile uint32_t *settled,
			 struct child_report *retreport);

/* The cgroup cannot be had: the end of the start, or 0 if its child may do without. */
int ladder_skip_cgroup(struct start *start, int error);

#endif
