/* SPDX-License-Identifier: MIT */
/*
 * Order descriptor moves so that each source is read before it is overwritten. Pure: knows neither plans nor system
 * calls.
 */
#ifndef USPAWN_FDMAP_H
#define USPAWN_FDMAP_H

#include <stddef.h>
#include <stdint.h>

struct fdmap_move {
	int from, to;
	uint32_t index; /* the caller's entry, handed through */
};

enum fdmap_kind {
	FDMAP_KEEP,    /* from == to: only its close-on-exec flag is in the way */
	FDMAP_MOVE,    /* dup from to to */
	FDMAP_SAVE,    /* dup from to a fresh number; at most one is saved at a time */
	FDMAP_RESTORE, /* dup the saved one to to */
};

struct fdmap_step {
	enum fdmap_kind kind;
	int from, to;
	uint32_t index;
};

/* How many steps n moves may take. */
#define FDMAP_STEPS(n) ((n) + (n) / 2)

/*
 * `moves` are sorted by `to`, each `to` once. `scratch` holds 2 n words, `ret` FDMAP_STEPS(n) steps. Returns how many
 * there are.
 */
size_t fdmap_order(const struct fdmap_move *moves, size_t n, uint32_t *scratch, struct fdmap_step *ret);

#endif
