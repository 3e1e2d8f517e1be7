/* SPDX-License-Identifier: MIT */
/* What measuring itself takes: the same steps with nothing between them. The fastest of many is the price. */
#include "run.h"

enum { ROUNDS = 50, LOOKS = 200 };

void own_cost_measure(struct own_cost *ret)
{
	static struct sample samples[LOOKS];
	volatile struct sample *to = samples; /* written, though nobody reads it */

	ret->clock_ns = ret->sample_ns = 1e9;
	for (int round = 0; round < ROUNDS; round++) {
		uint64_t t0 = now_ns(), t1, t2;

		for (int i = 0; i < LOOKS; i++)
			to->ns[0] = now_ns();
		t1 = now_ns();
		for (int i = 0; i < LOOKS; i++) {
			uint64_t begin = now_ns(), returned = now_ns();

			to[i].ns[LATE] = 0;
			to[i].ns[RETURN] = returned - begin;
			to[i].ns[CYCLE] = now_ns() - begin;
		}
		t2 = now_ns();
		if ((double)(t1 - t0) / LOOKS < ret->clock_ns)
			ret->clock_ns = (double)(t1 - t0) / LOOKS;
		if ((double)(t2 - t1) / LOOKS < ret->sample_ns)
			ret->sample_ns = (double)(t2 - t1) / LOOKS;
	}
}
