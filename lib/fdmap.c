/* SPDX-License-Identifier: MIT */
/*
 * The moves form a graph: a move waits for those that still read the number it overwrites. Each number is overwritten
 * by one move at most, so what is left when nothing is free to go is a set of rings, each of which one saved copy
 * opens. No fresh number can sit on a target by then: the targets left are all in use.
 */
#include "fdmap.h"

enum { DONE = UINT32_MAX };

/* The move that overwrites `number`, or n. */
static size_t writer(const struct fdmap_move *moves, size_t n, int number)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (moves[middle].to < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < n && moves[low].to == number ? low : n;
}

static int stays(const struct fdmap_move *move)
{
	return move->from == move->to;
}

static size_t emit(struct fdmap_step *ret, enum fdmap_kind kind, const struct fdmap_move *move)
{
	*ret = (struct fdmap_step){ kind, move->from, move->to, move->index };
	return 1;
}

/* Follows one ring of moves, all still to do, from i round to its reader. */
static size_t order_ring(const struct fdmap_move *moves, size_t n, uint32_t *readers, size_t i, struct fdmap_step *ret)
{
	const struct fdmap_move *first = &moves[i];
	size_t nsteps = 0;

	/* Saved is what the first move overwrites, in the name of the move that will want it. */
	ret[nsteps++] = (struct fdmap_step){ FDMAP_SAVE, first->to, first->to, first->index };
	for (;;) {
		const struct fdmap_move *move = &moves[i];

		readers[i] = DONE;
		if (move->from == first->to)
			return nsteps + emit(&ret[nsteps], FDMAP_RESTORE, move);
		nsteps += emit(&ret[nsteps], FDMAP_MOVE, move);
		i = writer(moves, n, move->from);
	}
}

size_t fdmap_order(const struct fdmap_move *moves, size_t n, uint32_t *scratch, struct fdmap_step *ret)
{
	uint32_t *readers = scratch, *ready = scratch + n;
	size_t nsteps = 0, nready = 0;

	for (size_t i = 0; i < n; i++)
		readers[i] = 0;
	for (size_t i = 0; i < n; i++) {
		size_t j = writer(moves, n, moves[i].from);

		if (j < n && j != i && !stays(&moves[j]))
			readers[j]++;
	}
	for (size_t i = 0; i < n; i++)
		if (!readers[i] || stays(&moves[i]))
			ready[nready++] = (uint32_t)i;
	while (nready) {
		size_t i = ready[--nready], j;

		readers[i] = DONE;
		nsteps += emit(&ret[nsteps], stays(&moves[i]) ? FDMAP_KEEP : FDMAP_MOVE, &moves[i]);
		j = writer(moves, n, moves[i].from);
		if (j < n && readers[j] != DONE && --readers[j] == 0)
			ready[nready++] = (uint32_t)j;
	}
	for (size_t i = 0; i < n; i++)
		if (readers[i] != DONE)
			nsteps += order_ring(moves, n, readers, i, &ret[nsteps]);
	return nsteps;
}
