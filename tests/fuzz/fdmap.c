/* SPDX-License-Identifier: MIT */
/* Moves of descriptors: whatever is asked for, every target ends with what its source was, and nothing else is lost. */
#include "bytes.h"
#include "fdmap.h"

enum { NUMBERS = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes b = { data, size };
	struct fdmap_move moves[NUMBERS];
	struct fdmap_step steps[FDMAP_STEPS(NUMBERS)];
	uint32_t scratch[2 * NUMBERS];
	int table[NUMBERS], wanted[NUMBERS], saved = -1;
	uint32_t entry_of[NUMBERS];
	size_t n = 0, nsteps;

	for (int to = 0; to < NUMBERS; to++) {
		uint8_t from = take(&b);

		table[to] = wanted[to] = to;
		if (from < 128) {
			moves[n++] = (struct fdmap_move){ from % NUMBERS, to, (uint32_t)to };
			wanted[to] = from % NUMBERS;
			entry_of[to] = (uint32_t)to;
		}
	}
	nsteps = fdmap_order(moves, n, scratch, steps);
	MUST(nsteps <= FDMAP_STEPS(n));
	for (size_t i = 0; i < nsteps; i++) {
		const struct fdmap_step *step = &steps[i];

		switch (step->kind) {
		case FDMAP_KEEP:
			MUST(step->from == step->to && wanted[step->to] == step->to);
			break;
		case FDMAP_MOVE:
			table[step->to] = table[step->from];
			MUST(step->index == entry_of[step->to]);
			break;
		case FDMAP_SAVE:
			MUST(saved == -1);
			saved = table[step->from];
			break;
		case FDMAP_RESTORE:
			MUST(saved != -1);
			table[step->to] = saved;
			saved = -1;
			break;
		}
	}
	MUST(saved == -1);
	for (int fd = 0; fd < NUMBERS; fd++)
		MUST(table[fd] == wanted[fd]);
	return 0;
}
