/* SPDX-License-Identifier: MIT */
/*
 * The end of a ring's service: nothing new, nobody in the queue, a ladder for those that run, and after its last step
 * no more waiting for pipes that others hold. It is climbed by the ordinary waits; nothing here blocks.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "handle.h"
#include "ring.h"

#define SIGNO_MAX 64

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
	admission_cancel(ring);
	shutdown_run(ring);
	watchlist_wake(&ring->list);
	return 0;
}

/* -EAGAIN: members were met. */
static int meets_tree(struct uspawn_child *child, int signo)
{
	int r = uspawn_kill(child, signo, USPAWN_KILL_TREE);

	return r == 0 || r == -EAGAIN;
}

static void send_to_all(struct uspawn_ring *ring, const struct uspawn_timed *step)
{
	for (uint32_t i = 0; i < ring->list.table.nentries; i++) {
		struct entry *entry = &ring->list.table.entries[i];

		if (entry->state != ENTRY_LIVE)
			continue;
		if (step->flags & USPAWN_TIMED_TREE && meets_tree(entry->child, step->signo))
			continue;
		if (!(step->flags & USPAWN_TIMED_GROUP) ||
		    uspawn_kill(entry->child, step->signo, USPAWN_KILL_GROUP) < 0)
			uspawn_kill(entry->child, step->signo, 0);
	}
}

int64_t shutdown_due(const struct uspawn_ring *ring)
{
	if (!ring->ending || ring->nsent == ring->nladder)
		return CARE_NEVER;
	return ring->ending_ns + (int64_t)ring->ladder[ring->nsent].after_ns;
}

void shutdown_run(struct uspawn_ring *ring)
{
	if (!ring->ending || ring->list.cut_off_ended)
		return;
	while (shutdown_due(ring) != CARE_NEVER && shutdown_due(ring) <= sys_now_ns())
		send_to_all(ring, &ring->ladder[ring->nsent++]);
	if (ring->nsent == ring->nladder)
		watchlist_cut_off_ended(&ring->list);
}
