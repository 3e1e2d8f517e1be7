/* SPDX-License-Identifier: MIT */
/*
 * "--memory-max": a control group of a child's own, which bounds the memory of all that the child starts. What is left
 * in it when the child has ended is killed, and the group removed.
 */
#ifndef CELL_H
#define CELL_H

#include <stdbool.h>
#include <stdint.h>

struct cells {
	int parent; /* the directory in which they are made; -1: none */
	uint64_t memory_max;
	uint32_t made;
};

/*
 * Finds where they can be made: below base, or, if that is NULL, below our own group or beside it. 0, or -errno after a
 * line about it. cells_close() is needed either way.
 */
int cells_open(struct cells *cells, uint64_t memory_max, const char *base);

/* Makes one. Returns its directory, or -errno. */
int cell_new(struct cells *cells);

/* Empties and removes it; the descriptor stays the caller's. *ret_full (may be NULL): somebody in it was killed because
 * its memory was full. */
void cell_end(int cell, bool *ret_full);

void cells_close(struct cells *cells);

#endif
