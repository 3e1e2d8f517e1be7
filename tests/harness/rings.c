/* SPDX-License-Identifier: MIT */
/* What the tests of rings have in common. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel.h"
#include "rings.h"

struct uspawn_ring *ring_enter(uint32_t flags)
{
	struct uspawn_ring *ring;
	const char *cap = getenv("USPAWN_RUNG");
	int r;

	if (!(flags & USPAWN_RING_EPOLL)) {
		if (cap && strcmp(cap, "fork") == 0)
			cr_skip_test("USPAWN_RUNG=fork keeps rings off io_uring");
		r = kernel_io_uring();
		if (r < 0)
			cr_skip_test("io_uring_setup: %s", strerror(-r));
	}
	cr_assert_eq(uspawn_ring_new(&ring, 8, flags), 0);
	return ring;
}

void ring_begin(struct uspawn_ring *ring, struct uspawn_child *child, const struct uspawn_request *request,
		const struct uspawn_args *args)
{
	struct uspawn_plan *plan;

	cr_assert_eq(uspawn_plan_new(&plan, request, NULL), 0);
	cr_assert_eq(uspawn_ring_start(ring, child, plan, args), 0);
	uspawn_plan_free(plan);
}

struct uspawn_event ring_next(struct uspawn_ring *ring)
{
	struct uspawn_event event;
	int n;

	do
		n = uspawn_ring_wait(ring, &event, 1, -1);
	while (n == 0); /* interrupted */
	cr_assert_eq(n, 1);
	return event;
}

void ring_witness(struct uspawn_ring *ring, struct uspawn_child *child, char *const *argv)
{
	ring_begin(ring, child, USPAWN(request, .path = witness_path, .argv = argv), NULL);
}

int ring_sleeper(struct uspawn_ring *ring, struct uspawn_child *child, char *code)
{
	int end = -1;

	ring_begin(ring, child,
		   USPAWN(request, WITNESS("eof", "0", "exit", code), FDS({ 0, USPAWN_READ_END, .fd = USPAWN_ARG(0) })),
		   USPAWN(args, .fds = &end, .nfds = 1));
	return end;
}

void ring_assert_end(struct uspawn_ring *ring, struct uspawn_child *child)
{
	struct uspawn_event event = ring_next(ring);

	cr_assert_eq(event.child, child);
	cr_assert_eq(event.type, USPAWN_EVENT_END);
	cr_assert(event.index == 0 && event.data == 0 && event.len == 0);
	cr_assert_eq(child->state, USPAWN_ENDED);
	cr_assert_eq(child->pidfd, -1);
}

void ring_assert_idle(struct uspawn_ring *ring)
{
	struct uspawn_event event;

	cr_assert_eq(uspawn_ring_wait(ring, &event, 1, 0), 0);
	cr_assert_eq(uspawn_ring_wait(ring, &event, 1, -1), -ECHILD);
}
