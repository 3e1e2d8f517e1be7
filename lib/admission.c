/* SPDX-License-Identifier: MIT */
/*
 * A start that fails for lack of what running children hold (processes, descriptors, memory) is tried again when one of
 * them has ended, or after a pause; without any running it is a failure like any other. Nobody overtakes.
 */
#include <errno.h>

#include "handle.h"
#include "ring.h"
#include "wait.h"

#define PAUSE_MIN_NS 1000000
#define PAUSE_MAX_NS 256000000

int uspawn_try_later(int error)
{
	error = error < 0 ? -error : error;
	return error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE;
}

static uint32_t count_running(const struct uspawn_ring *ring)
{
	return ring->list.nlive - ring->list.ndrained;
}

static int is_full(const struct uspawn_ring *ring)
{
	return ring->limit && count_running(ring) >= ring->limit;
}

static void pause_starts(struct uspawn_ring *ring)
{
	ring->pause_ns = ring->pause_ns ? ring->pause_ns * 2 : PAUSE_MIN_NS;
	if (ring->pause_ns > PAUSE_MAX_NS)
		ring->pause_ns = PAUSE_MAX_NS;
	ring->retry_ns = sys_now_ns() + ring->pause_ns;
	ring->nlive_then = ring->list.nlive;
}

int admission_start(struct uspawn_ring *ring, struct uspawn_child *child, const struct uspawn_plan *plan,
		    const struct uspawn_args *args)
{
	struct uspawn_failure failure;
	int r = 0, refused = 0;

	if (!ring->queue.n && !is_full(ring)) {
		r = ring_start(ring, child, plan, args, NULL);
		if (r == 0 || !ring->limit || !uspawn_try_later(r) || !count_running(ring))
			return r;
		refused = 1;
	}
	r = queue_add(&ring->queue, child, plan, args, &failure);
	if (r < 0) {
		/* Why it could not be started says more than why it could not wait. */
		if (!refused)
			handle_fail(child, &failure);
		return refused ? -child->failure.errnum : r;
	}
	if (refused)
		pause_starts(ring);
	return 0;
}

static void failed_later(struct uspawn_ring *ring, struct queued *queued)
{
	/* Told with the next events; its descriptors are closed by then. */
	handle_of(queued->child)->flags |= HANDLE_WATCHED;
	queue_append(&ring->failed, queued);
}

static int is_paused(struct uspawn_ring *ring)
{
	if (ring->retry_ns == CARE_NEVER)
		return 0;
	if (ring->list.nlive >= ring->nlive_then && sys_now_ns() < ring->retry_ns)
		return 1;
	ring->retry_ns = CARE_NEVER;
	return 0;
}

int64_t admission_due(const struct uspawn_ring *ring)
{
	if (ring->failed.n)
		return 0;
	if (!ring->queue.n || is_full(ring))
		return CARE_NEVER;
	return ring->retry_ns == CARE_NEVER ? 0 : ring->retry_ns;
}

void admission_run(struct uspawn_ring *ring)
{
	while (ring->queue.n && !is_full(ring) && !is_paused(ring)) {
		struct queued *queued = queue_take(&ring->queue);
		struct uspawn_child *child = queued->child;
		int r;

		wait_shut(child);
		queue_check(queued);
		r = ring_start(ring, child, queued->plan, &queued->args, queued->fds);
		if (r == 0) {
			ring->pause_ns = 0;
			queued->args.give = 0;
			queue_free(queued);
		} else if (uspawn_try_later(r) && count_running(ring)) {
			handle_begin(child, 0, -1, USPAWN_RUNG_ANY, HANDLE_WATCHED);
			queue_put_back(&ring->queue, queued);
			pause_starts(ring);
		} else {
			failed_later(ring, queued);
		}
	}
}

void admission_cancel(struct uspawn_ring *ring)
{
	const struct uspawn_failure canceled = { .errnum = ECANCELED, .step = USPAWN_STEP_REQUEST };

	while (ring->queue.n) {
		struct queued *queued = queue_take(&ring->queue);

		wait_shut(queued->child);
		handle_fail(queued->child, &canceled);
		failed_later(ring, queued);
	}
}

uint32_t admission_tell(struct uspawn_ring *ring, struct uspawn_event *events, uint32_t n)
{
	uint32_t nevents = 0;

	while (ring->failed.n && nevents < n) {
		struct queued *queued = queue_take(&ring->failed);

		handle_of(queued->child)->flags &= ~(uint32_t)HANDLE_WATCHED;
		events[nevents++] = (struct uspawn_event){ .child = queued->child, .type = USPAWN_EVENT_END };
		queue_free(queued);
	}
	return nevents;
}

void admission_done(struct uspawn_ring *ring)
{
	struct uspawn_event event;

	admission_cancel(ring);
	while (admission_tell(ring, &event, 1))
		;
}

int uspawn_ring_limit(struct uspawn_ring *ring, uint32_t running)
{
	if (ring_is_forked(ring))
		return -EPERM;
	if (ring->external)
		return -EINVAL;
	ring->limit = running;
	watchlist_wake(&ring->list);
	return 0;
}
