/* SPDX-License-Identifier: MIT */
/*
 * The end of a ring's service: nothing new, nobody in the queue, a ladder for those that run, and after its last step
 * no more waiting for pipes that others hold. It is climbed by the ordinary waits; nothing here blocks.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "handle.h"
#include "ring.h"

#define SIGNO_MAX    64
#define TRY_AGAIN_NS 5000000
#define GIVE_UP_NS   1000000000

static int accept_ladder(const struct uspawn_timed *ladder, uint32_t n)
{
	if ((ladder != NULL) != (n != 0))
		return -EINVAL;
	for (uint32_t i = 0; i < n; i++)
		if (ladder[i].flags & ~(uint32_t)(USPAWN_TIMED_GROUP | USPAWN_TIMED_TREE) || ladder[i].signo < 0 ||
		    ladder[i].signo > SIGNO_MAX || (i && ladder[i].after_ns < ladder[i - 1].after_ns) ||
		    ladder[i].after_ns > INT64_MAX / 2)
			return -EINVAL;
	return 0;
}

int uspawn_ring_end(struct uspawn_ring *ring, const struct uspawn_timed *ladder, uint32_t n)
{
	int saved = errno, r = accept_ladder(ladder, n);

	if (ring_is_forked(ring))
		return -EPERM;
	if (ring->external || r < 0)
		return -EINVAL;
	if (ring->ending)
		return -EALREADY;
	if (n) {
		ring->ladder = malloc(n * sizeof(*ladder));
		errno = saved;
		if (!ring->ladder)
			return -ENOMEM;
		memcpy(ring->ladder, ladder, n * sizeof(*ladder));
	}
	ring->nladder = n;
	ring->ending = 1;
	ring->ending_ns = sys_now_ns();
	ring->again_ns = CARE_NEVER;
	admission_cancel(ring);
	shutdown_run(ring);
	watchlist_wake(&ring->list);
	return 0;
}

/* Is it done with? Not if its tree's files could not be opened, which passes. */
static int send_step(struct uspawn_child *child, const struct uspawn_timed *step)
{
	if (step->flags & USPAWN_TIMED_TREE) {
		int r = uspawn_kill(child, step->signo, USPAWN_KILL_TREE);

		if (r == 0 || r == -EAGAIN) /* members were met */
			return 1;
		if (sys_is_lack(r)) {
			if (step->signo == SIGKILL) /* that one at least */
				uspawn_kill(child, SIGKILL, 0);
			return 0;
		}
	}
	if (!(step->flags & USPAWN_TIMED_GROUP) || uspawn_kill(child, step->signo, USPAWN_KILL_GROUP) < 0)
		uspawn_kill(child, step->signo, 0);
	return 1;
}

/* Each step in its turn; but a SIGKILL, which needs fewer descriptors, is not kept back by what comes before it. */
static void climb(struct uspawn_ring *ring, struct entry *entry)
{
	int lacks = 0;

	for (uint32_t i = entry->nsent; i < ring->nsent; i++) {
		if (lacks && ring->ladder[i].signo != SIGKILL)
			continue;
		if (!send_step(entry->child, &ring->ladder[i])) {
			lacks = 1;
		} else if (!lacks || ring->ladder[i].flags & USPAWN_TIMED_TREE) { /* else the tree has not had it */
			lacks = 0;
			entry->nsent = i + 1;
		}
	}
	if (lacks)
		ring->again_ns = sys_now_ns() + TRY_AGAIN_NS;
}

static int64_t next_step_due(const struct uspawn_ring *ring)
{
	return ring->nsent == ring->nladder ? CARE_NEVER
					    : ring->ending_ns + (int64_t)ring->ladder[ring->nsent].after_ns;
}

int64_t shutdown_due(const struct uspawn_ring *ring)
{
	int64_t due_ns;

	if (!ring->ending)
		return CARE_NEVER;
	due_ns = next_step_due(ring);
	return ring->again_ns < due_ns ? ring->again_ns : due_ns;
}

void shutdown_run(struct uspawn_ring *ring)
{
	int64_t now_ns;

	if (!ring->ending || ring->list.cut_off_ended)
		return;
	if (shutdown_due(ring) != CARE_NEVER && shutdown_due(ring) <= (now_ns = sys_now_ns())) {
		while (next_step_due(ring) <= now_ns)
			ring->nsent++;
		ring->again_ns = CARE_NEVER;
		for (uint32_t i = 0; i < ring->list.table.nentries; i++)
			if (ring->list.table.entries[i].state == ENTRY_LIVE)
				climb(ring, &ring->list.table.entries[i]);
	}
	if (ring->nsent < ring->nladder)
		return;
	/* What it lacks may be what those hold that wait for a pipe. */
	if (ring->again_ns != CARE_NEVER && !ring->lacks_until_ns)
		ring->lacks_until_ns = ring->again_ns + GIVE_UP_NS;
	if (ring->again_ns != CARE_NEVER && ring->again_ns < ring->lacks_until_ns)
		return;
	ring->again_ns = CARE_NEVER;
	watchlist_cut_off_ended(&ring->list);
}
