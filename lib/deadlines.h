/* SPDX-License-Identifier: MIT */
/* Which care is due first: a binary heap, in which each knows its place. */
#ifndef USPAWN_DEADLINES_H
#define USPAWN_DEADLINES_H

#include "care.h"

struct deadlines {
	struct care **heap;
	uint32_t n, size;
};

/* So that up to n cares can be set without fail. -ENOMEM. */
int deadlines_reserve(struct deadlines *deadlines, uint32_t n);

/* CARE_NEVER: off the heap. */
void deadlines_set(struct deadlines *deadlines, struct care *care, int64_t due_ns);

/* NULL: none. */
struct care *deadlines_first(const struct deadlines *deadlines);

#endif
