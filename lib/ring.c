/* SPDX-License-Identifier: MIT */
/* Many children: starts in slots of the ring's own, and their ends on its watch list. An external ring only starts. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "care.h"
#include "handle.h"
#include "poller.h"
#include "reserve.h"
#include "ring.h"
#include "standin.h"
#include "start.h"
#include "sys.h"
#include "wait.h"

#define KNOWN_FLAGS  ((uint32_t)(USPAWN_RING_EXTERNAL | USPAWN_RING_EPOLL | USPAWN_RING_REAPER))
#define RESERVED_FDS 16

#define SLICE_FIRST_NS 1000000
#define SLICE_LAST_NS  32000000

/* ---- Making and ending ---- */

int uspawn_ring_new(struct uspawn_ring **ret, uint32_t children, uint32_t flags)
{
	int saved = errno, r;
	struct uspawn_ring *ring;
	void *page = NULL;

	if (flags & ~KNOWN_FLAGS || (flags & USPAWN_RING_EXTERNAL && flags != USPAWN_RING_EXTERNAL))
		return -EINVAL;
	ring = calloc(1, sizeof(*ring));
	r = ring ? sys_mmap(4096, MAP_PRIVATE, -1, &page) : -ENOMEM;
	if (r < 0)
		goto fail;
	if (sys_madvise(page, 4096, MADV_WIPEONFORK) < 0) /* before 4.14 */
		ring->pid = sys_getpid();
	ring->here = page;
	*ring->here = 1;
	ring->external = (flags & USPAWN_RING_EXTERNAL) != 0;
	slot_pool_init(&ring->slots, ring->external);
	queue_init(&ring->queue);
	queue_init(&ring->failed);
	ring->retry_ns = CARE_NEVER;
	ring->reaper = (flags & USPAWN_RING_REAPER) != 0;
	ring->look_ns = ring->reaper ? 0 : CARE_NEVER;
	r = ring->external ? 0 : watchlist_init(&ring->list, page, children, flags);
	if (r < 0)
		goto fail;
	if (reserve_fill(RESERVED_FDS) >= 0)
		reserve_grow_table();
	errno = saved;
	*ret = ring;
	return 0;
fail:
	if (page)
		sys_munmap(page, 4096);
	free(ring);
	errno = saved;
	return r;
}

struct uspawn_ring *uspawn_ring_free(struct uspawn_ring *ring)
{
	if (!ring)
		return NULL;
	admission_done(ring);
	slot_pool_done(&ring->slots, ring_is_forked(ring));
	if (!ring->external)
		watchlist_done(&ring->list);
	sys_munmap((void *)ring->here, 4096);
	free(ring->ladder);
	free(ring);
	return NULL;
}

/*
 * When the ring itself has something to do. Who polls it without a timer would be called at once, and again, for what a
 * slot holds: that waits for whatever comes then.
 */
static int64_t due(const struct uspawn_ring *ring, int waits)
{
	int64_t ladder = shutdown_due(ring), retry = admission_due(ring), first = ladder < retry ? ladder : retry;

	if (ring->slots.nholding && ring->harvest_ns < first && (waits || !ring->list.has_no_clock))
		first = ring->harvest_ns;
	return first < ring->look_ns ? first : ring->look_ns;
}

/*
 * Nothing says that a child has left its slot. Until we look, the end of a pipe that it was given is open here, too,
 * and who waits for the end of file may be what this ring waits for.
 */
static void harvest(struct uspawn_ring *ring)
{
	int64_t now = ring->slots.nholding ? sys_now_ns() : 0;
	int is_due = now && now >= ring->harvest_ns;

	slot_harvest(&ring->slots, is_due);
	if (is_due) {
		ring->slice_ns = ring->slice_ns < SLICE_LAST_NS ? ring->slice_ns * 2 : SLICE_LAST_NS;
		ring->harvest_ns = now + ring->slice_ns;
	}
}

/* What is left to do must bring back who polls. */
static void call_back(struct uspawn_ring *ring)
{
	ring->list.also_due_ns = due(ring, 0);
	watchlist_set_clock(&ring->list);
}

int uspawn_ring_fd(const struct uspawn_ring *caller)
{
	struct uspawn_ring *ring = (struct uspawn_ring *)caller; /* whose poller may change: to him it is the same */
	int fd;

	if (ring_is_forked(ring))
		return -EPERM;
	if (ring->external)
		return -EINVAL;
	fd = watchlist_fd(&ring->list);
	if (fd >= 0) /* for what was due before anybody polled it */
		call_back(ring);
	return fd;
}

/* ---- Children ---- */

int ring_start(struct uspawn_ring *ring, struct uspawn_child *child, const struct uspawn_plan *plan,
	       const struct uspawn_args *args, const int *queued)
{
	struct uspawn_failure failure = { .errnum = ENOMEM, .step = USPAWN_STEP_REQUEST };
	int r = ring->external ? 0 : watchlist_make_room(&ring->list, care_is_needed(plan));

	if (r < 0) {
		handle_fail(child, &failure);
		return r;
	}
	slot_harvest(&ring->slots, 0);
	r = start_beside(child, plan, args, &ring->slots, queued);
	if (r < 0 || ring->external)
		return r;
	watchlist_add(&ring->list, child);
	if (ring->slots.nholding) {
		ring->slice_ns = SLICE_FIRST_NS;
		ring->harvest_ns = sys_now_ns() + ring->slice_ns;
	}
	return 0;
}

int uspawn_ring_start(struct uspawn_ring *ring, struct uspawn_child *child, const struct uspawn_plan *plan,
		      const struct uspawn_args *args)
{
	struct uspawn_failure failure = { .step = USPAWN_STEP_REQUEST };
	int r;

	if (ring_is_forked(ring))
		failure.errnum = EPERM;
	else if (plan->flags & USPAWN_PID_ONLY || (ring->external && care_is_needed(plan)))
		failure.errnum = EINVAL;
	else if (ring->ending)
		failure.errnum = ESHUTDOWN;
	if (failure.errnum) {
		handle_fail(child, &failure);
		return -failure.errnum;
	}
	if (!ring->limit) { /* any more: those that were queued come first */
		admission_run(ring);
		if (!ring->queue.n)
			return ring_start(ring, child, plan, args, NULL);
	}
	r = admission_start(ring, child, plan, args);
	call_back(ring);
	return r;
}

int uspawn_ring_add(struct uspawn_ring *ring, struct uspawn_child *child)
{
	int r;

	if (ring_is_forked(ring))
		return -EPERM;
	if (ring->external)
		return -EINVAL;
	if (handle_end_is_to_come(child))
		return -EBUSY;
	if (handle_state(child) != USPAWN_RUNNING)
		return -ECHILD;
	if (handle_of(child)->flags & HANDLE_WATCHED)
		return -EBUSY;
	if (ring->ending)
		return -ESHUTDOWN;
	r = watchlist_make_room(&ring->list, handle_of(child)->care != NULL);
	wait_check_pidfd(child);
	if (r == 0)
		watchlist_add(&ring->list, child);
	return r;
}

/* Its place may be what another waits for. */
static void let_go(struct uspawn_child *child)
{
	struct watchlist *list = handle_of(child)->list;
	struct uspawn_ring *ring = (struct uspawn_ring *)((char *)list - offsetof(struct uspawn_ring, list));

	watchlist_let_go(child);
	if (!ring_is_forked(ring))
		call_back(ring);
}

/* Nobody waits for a program that never ran; and who waits for the pid may have no exit signal to go by. */
static int is_passed_over(const struct uspawn_child *child)
{
	return handle_state(child) == USPAWN_RUNNING && !(handle_of(child)->flags & HANDLE_WATCHED) &&
	       child->rung != USPAWN_RUNG_ANY &&
	       (slot_has_failed(child) || standin_is_needed(child->pidfd, child->pid));
}

/* Nobody reads what it writes any more. */
static void drop_care(struct uspawn_child *child)
{
	struct care *care = handle_of(child)->care;

	if (care) {
		care->child = child;
		care_free(care);
	}
}

void uspawn_done(struct uspawn_child *child)
{
	struct handle *handle = handle_of(child);

	if (handle_state(child) != USPAWN_UNSET && handle->queued) {
		queue_remove(handle->queued);
		wait_shut(child);
		handle_clear(child);
		return;
	}
	if (handle_state(child) == USPAWN_UNSET || (handle_state(child) == USPAWN_ENDED && !handle->care))
		return;
	wait_check_pidfd(child);
	if (is_passed_over(child)) {
		drop_care(child); /* which counts as one who is inside, and for whom the end of a wait waits */
		wait_until(child, -1);
	}
	slot_forget(child);
	wait_bar(child);
	if (handle->flags & HANDLE_WATCHED)
		let_go(child);
	else
		drop_care(child);
	wait_leave(child);
	wait_closed(child);
	handle_clear(child);
}

/* ---- Waiting ---- */

/* Is there nobody whose end could come? */
static int is_empty(const struct uspawn_ring *ring)
{
	return !ring->list.nlive && !ring->queue.n && !ring->failed.n && !reaper_has_children(ring);
}

static int list_wait(struct uspawn_ring *ring, struct uspawn_event *events, uint32_t n, int64_t timeout_ns,
		     int *retidle)
{
	int nevents = watchlist_wait(&ring->list, events, n, timeout_ns, retidle);

	if (nevents > 0)
		admission_run(ring); /* the caller may be long with its events */
	return nevents;
}

static int wait_once(struct uspawn_ring *ring, struct uspawn_event *events, uint32_t n, int64_t timeout_ns,
		     int *retidle)
{
	int nevents = 0, none;

	shutdown_run(ring);
	admission_run(ring);
	/* A flood of what the list does not tell must not keep those on it from their time. */
	if ((ring->reaper || ring->failed.n) && (ring->turn ^= 1))
		nevents = list_wait(ring, events, n, 0, &none);
	if (!nevents) {
		nevents = (int)admission_tell(ring, events, n);
		nevents += (int)reaper_tell(ring, events + nevents, n - (uint32_t)nevents);
	}
	if (!nevents) {
		ring->list.also_due_ns = due(ring, timeout_ns != 0);
		nevents = list_wait(ring, events, n, timeout_ns, retidle);
	}
	if (nevents > 0 && ring->reaper)
		ring->look_ns = 0; /* a stranger may have stood behind those */
	if (nevents > 0)           /* more of this, or of what has just failed */
		call_back(ring);
	return nevents;
}

int uspawn_ring_wait(struct uspawn_ring *ring, struct uspawn_event *events, uint32_t n, int64_t timeout_ns)
{
	int64_t deadline = timeout_ns > 0 && timeout_ns < INT64_MAX / 2 ? sys_now_ns() + timeout_ns : INT64_MAX;

	if (ring_is_forked(ring))
		return -EPERM;
	if (ring->external || !n)
		return -EINVAL;
	for (int64_t left = timeout_ns;;) {
		int idle = 0, nevents;

		harvest(ring);
		if (is_empty(ring))
			left = 0; /* only to reap those that were let go, and to take what is left to say */
		nevents = wait_once(ring, events, n, left, &idle);
		if (nevents)
			return nevents;
		if (idle)
			return timeout_ns && is_empty(ring) ? -ECHILD : 0;
		if (timeout_ns > 0 && deadline != INT64_MAX && (left = deadline - sys_now_ns()) < 0)
			left = 0;
	}
}

void uspawn_prep_wait(struct io_uring_sqe *sqe, const struct uspawn_child *child)
{
	uring_prep_poll(sqe, handle_state(child) != USPAWN_UNSET && handle_has_pidfd(child) ? child->pidfd : -1);
}
