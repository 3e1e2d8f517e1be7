/* SPDX-License-Identifier: MIT */
/* Waiting by the caller's own loop: poll on the pidfd, or the caller's own io_uring. The ring only starts. */
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "harness/copy.h"
#include "harness/files.h"
#include "harness/kernel.h"
#include "harness/rings.h"

CheckedSuite(external);

static void wait_readable(const struct uspawn_child *child)
{
	struct pollfd ready = { .fd = child->pidfd, .events = POLLIN };

	cr_assert_eq(poll(&ready, 1, 30000), 1, "the pidfd does not become readable");
}

CheckedTest(external, pidfd_says_the_end)
{
	struct uspawn_ring *ring;
	struct uspawn_child child;
	int end;

	cr_assert_eq(uspawn_ring_new(&ring, 4, USPAWN_RING_EXTERNAL), 0);
	end = ring_sleeper(ring, &child, "4");
	cr_assert_eq(uspawn_wait(&child, 0), 0);
	close(end);
	wait_readable(&child);
	cr_assert_eq(uspawn_wait(&child, 0), 1);
	assert_exited(&child, 4);
	uspawn_ring_free(ring);
}

CheckedTest(external, pidfd_says_the_failure)
{
	struct uspawn_ring *ring;

	cr_assert_eq(uspawn_ring_new(&ring, 4, USPAWN_RING_EXTERNAL), 0);
	for (uint32_t rung = USPAWN_RUNG_ASYNC; rung <= USPAWN_RUNG_FORK; rung++) {
		struct uspawn_child child;
		struct uspawn_plan *plan;

		cr_assert_eq(uspawn_plan_new(&plan, USPAWN(request, .rung = rung, .argv = LIST("/no/such")), NULL), 0);
		cr_assert_eq(uspawn_ring_start(ring, &child, plan, NULL), 0);
		uspawn_plan_free(plan);
		wait_readable(&child);
		cr_assert_eq(uspawn_wait(&child, 0), 1);
		assert_failed(&child, ENOENT, USPAWN_STEP_EXEC, 0);
	}
	uspawn_ring_free(ring);
}

CheckedTest(external, ring_freed_before_the_end)
{
	struct uspawn_ring *ring;
	struct uspawn_child child;
	int end;

	cr_assert_eq(uspawn_ring_new(&ring, 4, USPAWN_RING_EXTERNAL), 0);
	end = ring_sleeper(ring, &child, "2");
	uspawn_ring_free(ring);
	cr_assert_eq(uspawn_wait(&child, 0), 0);
	close(end);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	assert_exited(&child, 2);
}

static void own_ring(struct io_uring *own)
{
	int r = io_uring_queue_init(8, own, 0);

	if (r < 0)
		cr_skip_test("io_uring_setup: %s", strerror(-r));
}

/* Prepares, and waits for what comes of it. */
static int wait_once(struct io_uring *own, struct uspawn_child *child)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(own);
	struct io_uring_cqe *cqe;
	int res;

	io_uring_sqe_set_data64(sqe, 0x1234567890abcdef);
	uspawn_prep_wait(sqe, child);
	cr_assert_eq(io_uring_submit(own), 1);
	do
		res = io_uring_wait_cqe(own, &cqe);
	while (res == -EINTR); /* by a tracer, for one */
	cr_assert_eq(res, 0);
	cr_assert_eq(cqe->user_data, 0x1234567890abcdef);
	res = cqe->res;
	io_uring_cqe_seen(own, cqe);
	return res;
}

/* Until the library says that it ended. Returns how often that took. */
static int wait_by(struct io_uring *own, struct uspawn_child *child)
{
	int rounds = 0;

	do {
		wait_once(own, child);
		rounds++;
	} while (uspawn_wait(child, 0) == 0);
	return rounds;
}

CheckedTest(external, callers_io_uring)
{
	struct io_uring own;
	struct uspawn_ring *ring;
	struct uspawn_child child;
	int end;

	own_ring(&own);
	cr_assert_eq(uspawn_ring_new(&ring, 4, USPAWN_RING_EXTERNAL), 0);
	end = ring_sleeper(ring, &child, "11");
	cr_assert_eq(uspawn_wait(&child, 0), 0);
	close(end);
	cr_assert_lt(wait_by(&own, &child), 1000);
	assert_exited(&child, 11);
	cr_assert_eq(uspawn(&child, USPAWN(request, WITNESS("kill", "9")), NULL), 0);
	cr_assert_lt(wait_by(&own, &child), 1000);
	assert_killed(&child, 9);
	uspawn_ring_free(ring);
	io_uring_queue_exit(&own);
}

/* The host has closed it: looked at now and then, and not as fast as a loop can. */
CheckedTest(external, callers_io_uring_without_a_pidfd)
{
	struct io_uring own;
	struct uspawn_child child;
	int end = -1;

	own_ring(&own);
	cr_assert_eq(uspawn(&child,
			    USPAWN(request, WITNESS("eof", "0", "exit", "3"),
				   FDS({ 0, USPAWN_READ_END, .fd = USPAWN_ARG(0) })),
			    USPAWN(args, .fds = &end, .nfds = 1)),
		     0);
	close(child.pidfd);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(wait_once(&own, &child), -ETIME);
		cr_assert_eq(uspawn_wait(&child, 0), 0);
	}
	close(end);
	wait_by(&own, &child);
	assert_exited(&child, 3);
	io_uring_queue_exit(&own);
}

CheckedTest(external, callers_timeout_is_no_end)
{
	struct __kernel_timespec soon = { .tv_nsec = 5000000 };
	struct io_uring own;
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	struct uspawn_child child;
	int end = -1;

	own_ring(&own);
	cr_assert_eq(uspawn(&child,
			    USPAWN(request, WITNESS("eof", "0", "exit", "3"),
				   FDS({ 0, USPAWN_READ_END, .fd = USPAWN_ARG(0) })),
			    USPAWN(args, .fds = &end, .nfds = 1)),
		     0);
	sqe = io_uring_get_sqe(&own);
	uspawn_prep_wait(sqe, &child);
	sqe->flags |= IOSQE_IO_LINK;
	io_uring_prep_link_timeout(io_uring_get_sqe(&own), &soon, 0);
	cr_assert_eq(io_uring_submit(&own), 2);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(io_uring_wait_cqe(&own, &cqe), 0);
		io_uring_cqe_seen(&own, cqe);
	}
	cr_assert_eq(uspawn_wait(&child, 0), 0);
	close(end);
	cr_assert_lt(wait_by(&own, &child), 1000);
	assert_exited(&child, 3);
	io_uring_queue_exit(&own);
}

CheckedTest(external, nothing_to_wait_for)
{
	struct uspawn_child unset = { .pid = 0 };
	struct io_uring_sqe sqe = { .opcode = 0 };

	uspawn_prep_wait(&sqe, &unset);
	cr_assert_eq(sqe.fd, -1);
}

/* ---- A host that has closed a ring of ours, and has its own io_uring there ---- */

static void use_where_the_hosts_is(void)
{
	enum { RINGS = 8, BUFFERS = 4 };
	struct uspawn_ring *ring;
	struct uspawn_child child;
	struct uspawn_output output = { .head = 100 };
	struct uspawn_event event;
	struct io_uring hosts[RINGS];
	struct uspawn_plan *plan;
	int bell, n;

	copy_assert(uspawn_ring_new(&ring, 1, 0) == 0);
	copy_assert(uspawn_plan_new(&plan,
				    USPAWN(request, SH("echo out"), FDS({ 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(0) })),
				    NULL) == 0);
	file_close_range(3, 0);
	for (int i = 0; i < RINGS; i++)
		if (io_uring_queue_init(4, &hosts[i], 0) < 0)
			copy_skip("no io_uring here");
	bell = eventfd(0, EFD_CLOEXEC);
	copy_assert(uspawn_ring_start(ring, &child, plan, USPAWN(args, .outputs = &output, .noutputs = 1)) == 0);
	copy_assert(uspawn_ring_fd(ring) >= 0);
	for (int i = 0; i < RINGS; i++) {
		struct io_uring_buf_reg reg = { .ring_entries = BUFFERS };

		copy_assert(posix_memalign((void **)&reg.ring_addr, 4096, 4096) == 0);
		copy_assert(io_uring_register_eventfd(&hosts[i], bell) == 0);
		copy_assert(io_uring_register_buf_ring(&hosts[i], &reg, 0) == 0);
	}
	while ((n = uspawn_ring_wait(ring, &event, 1, -1)) == 0)
		; /* the end of the ring that was closed may interrupt it */
	copy_assert(n == 1 && event.type == USPAWN_EVENT_END);
	copy_assert(output.len == 4 && child.exit.code == USPAWN_EXITED);
	uspawn_ring_free(ring);
	uspawn_plan_free(plan);
}

CheckedTest(external, hosts_io_uring_is_left_alone)
{
	copy_run(use_where_the_hosts_is);
}
