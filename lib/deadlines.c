/* SPDX-License-Identifier: MIT */
/* Places count from 1; a care at place 0 is not there. */
#include <errno.h>
#include <stdlib.h>

#include "deadlines.h"

int deadlines_reserve(struct deadlines *deadlines, uint32_t n)
{
	uint32_t size = n < 64 ? 64 : n * 2;
	int saved = errno;
	struct care **heap;

	if (n <= deadlines->size)
		return 0;
	heap = realloc(deadlines->heap, size * sizeof(struct care *));
	errno = saved;
	if (!heap)
		return -ENOMEM;
	deadlines->heap = heap;
	deadlines->size = size;
	return 0;
}

static struct care *at(const struct deadlines *deadlines, uint32_t place)
{
	return deadlines->heap[place - 1];
}

static void put(struct deadlines *deadlines, struct care *care, uint32_t place)
{
	deadlines->heap[place - 1] = care;
	care->heap_at = place;
}

/* To where it belongs, from the place that is free. */
static void settle(struct deadlines *deadlines, struct care *care, uint32_t place)
{
	while (place > 1 && care->due_ns < at(deadlines, place / 2)->due_ns) {
		put(deadlines, at(deadlines, place / 2), place);
		place /= 2;
	}
	for (;;) {
		uint32_t child = place * 2;

		if (child < deadlines->n && at(deadlines, child + 1)->due_ns < at(deadlines, child)->due_ns)
			child++;
		if (child > deadlines->n || at(deadlines, child)->due_ns >= care->due_ns)
			break;
		put(deadlines, at(deadlines, child), place);
		place = child;
	}
	put(deadlines, care, place);
}

void deadlines_set(struct deadlines *deadlines, struct care *care, int64_t due_ns)
{
	uint32_t place = care->heap_at;
	struct care *last;

	care->due_ns = due_ns;
	if (due_ns != CARE_NEVER) {
		settle(deadlines, care, place ? place : ++deadlines->n);
		return;
	}
	care->heap_at = 0;
	if (!place)
		return;
	last = at(deadlines, deadlines->n--);
	if (last != care)
		settle(deadlines, last, place);
}

struct care *deadlines_first(const struct deadlines *deadlines)
{
	return deadlines->n ? deadlines->heap[0] : NULL;
}
