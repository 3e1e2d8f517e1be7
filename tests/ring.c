/* SPDX-License-Identifier: MIT */
/* A ring: exactly one END for each start that returned 0, on each kind of ring. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <unistd.h>

#include "harness/files.h"
#include "harness/rings.h"

CheckedSuite(ring);

EachRing(ring, one_end)
{
	struct uspawn_child child = { .data = &child };

	ring_assert_idle(ring);
	ring_witness(ring, &child, LIST("w", "exit", "9"));
	cr_assert(child.state == USPAWN_RUNNING && child.pid > 0 && child.pidfd > 2);
	ring_assert_end(ring, &child);
	assert_exited(&child, 9);
	cr_assert_eq(child.data, &child);
	ring_assert_idle(ring);
	ring_witness(ring, &child, LIST("w", "kill", "15"));
	ring_assert_end(ring, &child);
	assert_killed(&child, SIGTERM);
	ring_assert_idle(ring);
	uspawn_ring_free(ring);
}

EachRing(ring, five_hundred_children)
{
	enum { MANY = 500 };
	struct uspawn_child *children = calloc(MANY, sizeof(*children));
	struct uspawn_plan *plan;
	struct uspawn_event events[7];
	char codes[MANY][8];
	int ends[MANY] = { 0 }, total = 0, n;

	cr_assert_eq(uspawn_plan_new(&plan, USPAWN(request, .path = witness_path), NULL), 0);
	for (int i = 0; i < MANY; i++) {
		sprintf(codes[i], "%d", i % 256);
		children[i].data = &ends[i];
		cr_assert_eq(
			uspawn_ring_start(ring, &children[i], plan, USPAWN(args, .argv = LIST("w", "exit", codes[i]))),
			0);
	}
	uspawn_plan_free(plan);
	while ((n = uspawn_ring_wait(ring, events, 7, -1)) >= 0) {
		cr_assert(n <= 7);
		for (total += n; n > 0; n--)
			++*(int *)events[n - 1].child->data;
	}
	cr_assert_eq(n, -ECHILD);
	cr_assert_eq(total, MANY);
	for (int i = 0; i < MANY; i++) {
		cr_assert_eq(ends[i], 1, "child %d ended %d times", i, ends[i]);
		assert_exited(&children[i], i % 256);
	}
	uspawn_ring_free(ring);
	free(children);
}

EachRing(ring, mixed_with_failures)
{
	enum { MANY = 90 };
	struct uspawn_child children[MANY];
	struct uspawn_event events[MANY];
	int total = 0, n;

	for (int i = 0; i < MANY; i++) {
		struct uspawn_plan *plan;
		const struct uspawn_request *requests[] = {
			USPAWN(request, WITNESS("exit", "3")),
			USPAWN(request, .argv = LIST("/no/such")),
			USPAWN(request, WITNESS("exit", "0"), .cwd = "/dev/null"),
		};

		cr_assert_eq(uspawn_plan_new(&plan, requests[i % 3], NULL), 0);
		cr_assert_eq(uspawn_ring_start(ring, &children[i], plan, NULL), 0);
		uspawn_plan_free(plan);
	}
	while ((n = uspawn_ring_wait(ring, events, MANY, -1)) >= 0)
		total += n;
	cr_assert_eq(total, MANY);
	for (int i = 0; i < MANY; i += 3) {
		assert_exited(&children[i], 3);
		assert_failed(&children[i + 1], ENOENT, USPAWN_STEP_EXEC, 0);
		assert_failed(&children[i + 2], ENOTDIR, USPAWN_STEP_CWD, 0);
	}
	uspawn_ring_free(ring);
}

/* Who ends first is told first. */
EachRing(ring, order_of_ends)
{
	struct uspawn_child first, second, third;
	int a = ring_sleeper(ring, &first, "1"), b = ring_sleeper(ring, &second, "2"),
	    c = ring_sleeper(ring, &third, "3");

	close(c);
	ring_assert_end(ring, &third);
	close(a);
	ring_assert_end(ring, &first);
	close(b);
	ring_assert_end(ring, &second);
	assert_exited(&first, 1);
	assert_exited(&second, 2);
	assert_exited(&third, 3);
	uspawn_ring_free(ring);
}

EachRing(ring, time_is_up)
{
	struct uspawn_child child;
	struct uspawn_event event;
	int end = ring_sleeper(ring, &child, "0");

	cr_assert_eq(uspawn_ring_wait(ring, &event, 1, 0), 0);
	cr_assert_eq(uspawn_ring_wait(ring, &event, 1, 20000000), 0);
	cr_assert_eq(child.state, USPAWN_RUNNING);
	cr_assert_eq(uspawn_wait(&child, 0), -EBUSY);
	cr_assert_eq(uspawn_release(&child), -EBUSY);
	cr_assert_eq(uspawn_ring_add(ring, &child), -EBUSY);
	close(end);
	ring_assert_end(ring, &child);
	uspawn_ring_free(ring);
}

static volatile sig_atomic_t alarms;

static void count_alarm(int signo)
{
	(void)signo;
	alarms++;
}

EachRing(ring, signal_handler_ends_the_wait)
{
	struct sigaction act = { .sa_handler = count_alarm };
	struct itimerval often = { { 0, 5000 }, { 0, 5000 } }, off = { { 0, 0 }, { 0, 0 } };
	struct uspawn_child child;
	struct uspawn_event event;
	int end = ring_sleeper(ring, &child, "0");

	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < 10; i++)
		cr_assert_eq(uspawn_ring_wait(ring, &event, 1, -1), 0);
	setitimer(ITIMER_REAL, &off, NULL);
	cr_assert(alarms > 0);
	close(end);
	ring_assert_end(ring, &child);
	uspawn_ring_free(ring);
}

/* How many alarms one wait takes: one, but where the first came just before it. */
static int alarms_of_a_wait(struct uspawn_ring *ring, const struct uspawn_request *request, int64_t timeout_ns)
{
	struct itimerval often = { { 0, 300000 }, { 0, 300000 } }, off = { { 0, 0 }, { 0, 0 } };
	struct uspawn_child child;
	struct uspawn_event event;

	ring_begin(ring, &child, request, NULL);
	alarms = 0;
	setitimer(ITIMER_REAL, &often, NULL);
	cr_assert_eq(uspawn_ring_wait(ring, &event, 1, timeout_ns), 0);
	setitimer(ITIMER_REAL, &off, NULL);
	cr_assert_eq(uspawn_kill(&child, SIGKILL, 0), 0);
	while (uspawn_ring_wait(ring, &event, 1, -1) == 0)
		;
	assert_killed(&child, SIGKILL);
	return alarms;
}

/* Also one that begins to watch, and one that would have something to do before its time is up. */
EachRing(ring, one_signal_ends_the_wait)
{
	static const struct uspawn_timed late = { 600000000000, SIGTERM, 0 };
	const struct uspawn_request *requests[] = {
		USPAWN(request, .argv = LIST("sleep", "1000")),
		USPAWN(request, .argv = LIST("sleep", "1000"), .timed = &late, .ntimed = 1),
	};
	static const int64_t timeouts[] = { -1, 1000000000000, INT64_MAX };
	struct sigaction act = { .sa_handler = count_alarm };

	sigaction(SIGALRM, &act, NULL);
	for (int i = 0; i < 6; i++) {
		int tries = 0;

		while (alarms_of_a_wait(ring, requests[i % 2], timeouts[i / 2]) != 1)
			cr_assert(++tries < 5, "%d", i);
	}
	uspawn_ring_free(ring);
}

static int readable(int ep)
{
	struct epoll_event event;
	int r;

	do
		r = epoll_wait(ep, &event, 1, 0);
	while (r < 0 && errno == EINTR);
	return r;
}

static void wait_readable(int ep)
{
	struct epoll_event event;
	int r;

	do
		r = epoll_wait(ep, &event, 1, 30000);
	while (r < 0 && errno == EINTR);
	cr_assert_eq(r, 1, "the ring's descriptor does not wake epoll");
}

EachRing(ring, descriptor_in_a_foreign_epoll)
{
	struct epoll_event watch = { .events = EPOLLIN };
	struct uspawn_child child, failing, late;
	struct uspawn_plan *plan;
	int ep = epoll_create1(EPOLL_CLOEXEC), end = ring_sleeper(ring, &child, "4");

	cr_assert_eq(uspawn_settle(-1), 0); /* else it may call for what the start still holds */
	cr_assert_eq(uspawn_ring_wait(ring, &(struct uspawn_event){ 0 }, 1, 0), 0);
	cr_assert_eq(epoll_ctl(ep, EPOLL_CTL_ADD, uspawn_ring_fd(ring), &watch), 0);
	cr_assert_eq(uspawn_ring_wait(ring, &(struct uspawn_event){ 0 }, 1, 0), 0);
	cr_assert_eq(readable(ep), 0);
	close(end);
	wait_readable(ep);
	cr_assert_eq(readable(ep), 1, "level-triggered");
	ring_assert_end(ring, &child);
	ring_assert_idle(ring);
	cr_assert_eq(readable(ep), 0, "nothing left to do");

	cr_assert_eq(uspawn_plan_new(&plan, USPAWN(request, .argv = LIST("/no/such")), NULL), 0);
	cr_assert_eq(uspawn_ring_start(ring, &failing, plan, NULL), 0);
	uspawn_plan_free(plan);
	wait_readable(ep);
	ring_assert_end(ring, &failing);
	assert_failed(&failing, ENOENT, USPAWN_STEP_EXEC, 0);

	/* Where only some of what is ready was fetched, it stays readable. */
	ring_witness(ring, &child, LIST("w", "exit", "1"));
	ring_witness(ring, &late, LIST("w", "exit", "1"));
	for (int got = 0; got < 2; got++) {
		struct uspawn_event event;

		wait_readable(ep);
		while (uspawn_ring_wait(ring, &event, 1, 0) == 0)
			wait_readable(ep);
	}
	ring_assert_idle(ring);
	close(ep);
	uspawn_ring_free(ring);
}

/* More completions at once than the queue holds that it was made for. */
EachRing(ring, descriptor_while_a_thousand_ends_wait)
{
	enum { MANY = 1000 };
	static struct uspawn_child children[MANY];
	struct pollfd p = { .events = POLLIN };
	struct uspawn_event events[64];
	int ended = 0;

	file_allow(MANY + 100);
	for (int i = 0; i < MANY; i++) {
		cr_assert_eq(uspawn(&children[i], USPAWN(request, WITNESS("exit", "0")), NULL), 0);
		p.fd = children[i].pidfd;
		while (poll(&p, 1, -1) != 1)
			;
	}
	p.fd = uspawn_ring_fd(ring);
	for (int i = 0; i < MANY; i++)
		cr_assert_eq(uspawn_ring_add(ring, &children[i]), 0);
	while (ended < MANY && poll(&p, 1, 10000) == 1)
		ended += uspawn_ring_wait(ring, events, 64, 0);
	cr_assert_eq(ended, MANY);
	ring_assert_idle(ring);
	uspawn_ring_free(ring);
}

EachRing(ring, start_refused_gives_no_event)
{
	struct uspawn_child child;
	struct uspawn_plan *plan;
	int closed = file_free_number(64);

	cr_assert_eq(uspawn_plan_new(
			     &plan,
			     USPAWN(request, WITNESS("exit", "0"), FDS({ 1, USPAWN_NULL }, { 0, .fd = USPAWN_ARG(0) })),
			     NULL),
		     0);
	cr_assert_eq(uspawn_ring_start(ring, &child, plan, USPAWN(args, .fds = &closed, .nfds = 1)), -EBADF);
	assert_failed(&child, EBADF, USPAWN_STEP_SOURCE, 1);
	cr_assert_eq(uspawn_ring_start(ring, &child, plan, NULL), -EINVAL);
	assert_failed(&child, EINVAL, USPAWN_STEP_REQUEST, child.failure.index);
	cr_assert_eq(uspawn_wait(&child, 0), 1);
	uspawn_plan_free(plan);
	ring_assert_idle(ring);
	uspawn_ring_free(ring);
}

/* Whatever the rung, a ring start does not reap inside the call: the end comes as an event. */
CheckedTest(ring, slower_rungs_report_failures_as_events)
{
	for (uint32_t rung = USPAWN_RUNG_VFORK; rung <= USPAWN_RUNG_FORK; rung++) {
		struct uspawn_ring *ring = ring_enter(rung == USPAWN_RUNG_CLONE ? USPAWN_RING_EPOLL : 0);
		struct uspawn_child failing, child;
		struct uspawn_plan *plan;

		cr_assert_eq(uspawn_plan_new(&plan, USPAWN(request, .rung = rung, .argv = LIST("/no/such")), NULL), 0);
		cr_assert_eq(uspawn_ring_start(ring, &failing, plan, NULL), 0);
		uspawn_plan_free(plan);
		cr_assert_eq(failing.state, USPAWN_RUNNING);
		ring_assert_end(ring, &failing);
		assert_failed(&failing, ENOENT, USPAWN_STEP_EXEC, 0);
		cr_assert_eq(uspawn_plan_new(&plan, USPAWN(request, .rung = rung, WITNESS("exit", "8")), NULL), 0);
		cr_assert_eq(uspawn_ring_start(ring, &child, plan, NULL), 0);
		uspawn_plan_free(plan);
		cr_assert(child.rung >= rung);
		ring_assert_end(ring, &child);
		assert_exited(&child, 8);
		ring_assert_idle(ring);
		uspawn_ring_free(ring);
	}
}
