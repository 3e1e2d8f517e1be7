/* SPDX-License-Identifier: MIT */
/*
 * Ways to learn of ends, for children that someone else started. A child's pidfd, if it has one, is given to the
 * reaper, which closes it. What a reaper does for a child before it can wait for it counts as part of the start.
 */
#ifndef BENCH_REAPER_H
#define BENCH_REAPER_H

#include "bench.h"

struct reaper {
	int wants_pidfd;
	int (*open)(void **ret, const struct setting *setting);
	int (*add)(void *self, uint32_t slot, pid_t pid, int pidfd);
	int (*wait)(void *self, uint32_t *ended);
	uint64_t (*notified_ns)(void *self);
	void (*close)(void *self);
};

extern const struct reaper *const reapers[NREAPERS]; /* by enum reaper_kind; OWN: NULL */

#endif
