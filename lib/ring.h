/* SPDX-License-Identifier: MIT */
/* What a ring is made of; who may start now (admission.c); how it ends (shutdown.c); whom else it reaps (reaper.c). */
#ifndef USPAWN_RING_H
#define USPAWN_RING_H

#include "queue.h"
#include "slot.h"
#include "sys.h"
#include "watchlist.h"

struct uspawn_ring {
	volatile uint32_t *here; /* 1; in a forked copy of the process 0 */
	int pid;                 /* where the kernel does not write that 0; else 0 */
	int external;
	struct slot_pool slots;
	int64_t harvest_ns, slice_ns; /* while a slot holds descriptors: when to look again, and how long after that */
	struct watchlist list;        /* none on an external ring */

	uint32_t limit;      /* 0: none */
	struct queue queue;  /* beyond the limit */
	struct queue failed; /* those whose start failed when it was their turn: their END is to be told */
	int64_t retry_ns;    /* the first of the queue is not tried before; CARE_NEVER: it may be at any time */
	int64_t pause_ns;
	uint32_t nlive_then; /* fewer: something has ended since it was refused */

	struct uspawn_timed *ladder; /* of the shutdown */
	uint32_t nladder, nsent;     /* `nsent`: whose time has come */
	int ending;
	int64_t ending_ns;
	int64_t lacks_until_ns; /* after the last step; 0: it has not lacked any yet */
	int64_t again_ns;       /* when to try again those that lacked descriptors, or CARE_NEVER */

	int reaper;
	int turn;        /* the list's first */
	int64_t look_ns; /* when to look for strangers, or CARE_NEVER */
};

static inline int ring_is_forked(const struct uspawn_ring *ring)
{
	if (ring->pid && ring->pid != sys_getpid())
		*ring->here = 0;
	return !*ring->here;
}

/* Starts now; `queued` as start_beside(). */
int ring_start(struct uspawn_ring *ring, struct uspawn_child *child, const struct uspawn_plan *plan,
	       const struct uspawn_args *args, const int *queued);

/* ---- admission.c ---- */

/* Starts now, or later. */
int admission_start(struct uspawn_ring *ring, struct uspawn_child *child, const struct uspawn_plan *plan,
		    const struct uspawn_args *args);

/* Starts those whose turn it is. */
void admission_run(struct uspawn_ring *ring);

/* When the first of the queue may be tried, or CARE_NEVER: not before something ends. */
int64_t admission_due(const struct uspawn_ring *ring);

/* Up to n ENDs of those that could not be started. */
uint32_t admission_tell(struct uspawn_ring *ring, struct uspawn_event *events, uint32_t n);

/* None of the queue is started any more: they end with ECANCELED. */
void admission_cancel(struct uspawn_ring *ring);

/* The ring is about to go. */
void admission_done(struct uspawn_ring *ring);

/* ---- shutdown.c ---- */

/* Sends what is due of the shutdown's ladder. */
void shutdown_run(struct uspawn_ring *ring);

/* When the ring has something to do that is no child's, or CARE_NEVER. */
int64_t shutdown_due(const struct uspawn_ring *ring);

/* ---- reaper.c ---- */

/* Reaps up to n strangers. */
uint32_t reaper_tell(struct uspawn_ring *ring, struct uspawn_event *events, uint32_t n);

/* May there be more to reap? */
int reaper_has_children(const struct uspawn_ring *ring);

#endif
