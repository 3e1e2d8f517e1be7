/* SPDX-License-Identifier: MIT */
/* More children than may run at once, starts that fail for lack of something, and a clean end of service. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/copy.h"
#include "harness/files.h"
#include "harness/rings.h"

CheckedSuite(load);

#define MS  1000000ull
#define OUT FDS({ 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(0) })

static struct uspawn_plan *plan_of(const struct uspawn_request *request)
{
	struct uspawn_plan *plan;

	cr_assert_eq(uspawn_plan_new(&plan, request, NULL), 0);
	return plan;
}

static struct uspawn_child *next_end(struct uspawn_ring *ring)
{
	struct uspawn_event event = ring_next(ring);

	cr_assert_eq(event.type, USPAWN_EVENT_END);
	return event.child;
}

EachRing(load, no_more_than_the_limit)
{
	enum { MANY = 60, LIMIT = 4 };
	struct uspawn_child children[MANY] = { { 0 } };
	struct uspawn_plan *plan = plan_of(USPAWN(request, .path = witness_path));
	char code[8];

	cr_assert_eq(uspawn_ring_limit(ring, LIMIT), 0);
	for (int i = 0; i < MANY; i++) {
		sprintf(code, "%d", i);
		cr_assert_eq(uspawn_ring_start(ring, &children[i], plan, USPAWN(args, .argv = LIST("w", "exit", code))),
			     0);
		memset(code, 'x', sizeof(code)); /* it is copied */
	}
	plan = uspawn_plan_free(plan);
	for (int ended = 0; ended < MANY; ended++) {
		int running = 0;

		for (int i = 0; i < MANY; i++)
			running += children[i].state == USPAWN_RUNNING && children[i].pid > 0;
		cr_assert_leq(running, LIMIT);
		next_end(ring);
	}
	for (int i = 0; i < MANY; i++)
		assert_exited(&children[i], i);
	ring_assert_idle(ring);
	uspawn_ring_free(ring);
}

/* What fails while the events of others are taken is heard of by whoever polls, though nobody runs any more. */
EachRing(load, a_failure_is_heard_by_who_polls)
{
	enum { MANY = 5 };
	static const int taken[] = { 1 };
	struct uspawn_child children[1 + MANY] = { { 0 } };
	struct uspawn_plan *runs = plan_of(USPAWN(request, .argv = LIST("true")));
	struct uspawn_plan *fails = plan_of(USPAWN(request, .argv = LIST("true"),
						   .namespaces = USPAWN(namespaces, .set_tid = taken, .nset_tid = 1)));
	struct pollfd p = { .fd = uspawn_ring_fd(ring), .events = POLLIN };
	struct uspawn_event event;

	uspawn_ring_limit(ring, 1);
	for (int i = 0; i <= MANY; i++)
		cr_assert_eq(uspawn_ring_start(ring, &children[i], i ? fails : runs, NULL), 0);
	uspawn_plan_free(runs);
	uspawn_plan_free(fails);
	for (int ended = 0; ended <= MANY;) {
		cr_assert_eq(poll(&p, 1, 10000), 1, "it is told of everything, %d ended", ended);
		ended += uspawn_ring_wait(ring, &event, 1, 0) == 1 && event.type == USPAWN_EVENT_END;
	}
	assert_exited(&children[0], 0);
	for (int i = 1; i <= MANY; i++)
		cr_assert_neq(children[i].failure.errnum, 0);
	uspawn_ring_free(ring);
}

/* One at a time, so the order of ends is the order of starts. */
EachRing(load, in_order)
{
	enum { MANY = 30 };
	struct uspawn_child children[MANY];
	struct uspawn_plan *plan = plan_of(USPAWN(request, .argv = LIST("true")));

	uspawn_ring_limit(ring, 1);
	for (int i = 0; i < MANY; i++)
		cr_assert_eq(uspawn_ring_start(ring, &children[i], plan, NULL), 0);
	uspawn_plan_free(plan);
	for (int i = 0; i < MANY; i++)
		cr_assert_eq(next_end(ring), &children[i]);
	uspawn_ring_free(ring);
}

/* What is given away must be there: known when it is queued, as when it is started. */
EachRing(load, more_is_given_than_there_is)
{
	struct uspawn_child runs, given;
	struct uspawn_plan *sleeper = plan_of(USPAWN(request, .argv = LIST("sleep", "100")));
	struct uspawn_plan *plan = plan_of(
		USPAWN(request, WITNESS("exit", "0"), FDS({ 0, .fd = USPAWN_ARG(0) }, { 1, .fd = USPAWN_ARG(1) })));
	int file = file_new(64);

	uspawn_ring_limit(ring, 1);
	for (int queued = 0; queued < 2; queued++) {
		cr_assert_eq(uspawn_ring_start(ring, &given, plan, USPAWN(args, .give = 3)), -EINVAL);
		assert_failed(&given, EINVAL, USPAWN_STEP_REQUEST, 0);
		cr_assert_eq(uspawn_ring_start(ring, &given, plan, USPAWN(args, .fds = &file, .nfds = 1, .give = 3)),
			     -EINVAL);
		assert_failed(&given, EINVAL, USPAWN_STEP_REQUEST, 0);
		if (!queued)
			cr_assert_eq(uspawn_ring_start(ring, &runs, sleeper, NULL), 0);
	}
	cr_assert_geq(fcntl(file, F_GETFD), 0);
	close(file);
	uspawn_kill(&runs, SIGKILL, 0);
	cr_assert_eq(next_end(ring), &runs);
	uspawn_plan_free(plan);
	uspawn_plan_free(sleeper);
	uspawn_ring_free(ring);
}

EachRing(load, descriptors_wait_too)
{
	struct uspawn_child first, second;
	struct uspawn_plan *plan = plan_of(
		USPAWN(request, WITNESS("copy", "0", "1", "copy", "3", "1"),
		       FDS({ 0, USPAWN_READ_END, .fd = USPAWN_ARG(0) }, { 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(1) },
			   { 3, USPAWN_FD, .fd = USPAWN_ARG(2) })));
	struct uspawn_output outputs[2][2] = { [0][1] = { .head = 100 }, [1][1] = { .head = 100 } };
	int fds[2][3] = { { -1, -1, file_new(64) }, { -1, -1, file_new(64) } };

	uspawn_ring_limit(ring, 1);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(pwrite(fds[i][2], "file", 4, 0), 4);
		cr_assert_eq(uspawn_ring_start(ring, i ? &second : &first, plan,
					       USPAWN(args, .fds = fds[i], .nfds = 3, .give = 4, .outputs = outputs[i],
						      .noutputs = 2)),
			     0);
		cr_assert(fds[i][0] > 2 && fds[i][1] == -1 && fds[i][2] == -1);
		cr_assert_eq(fcntl(fds[i][0], F_GETFD), FD_CLOEXEC);
	}
	uspawn_plan_free(plan);
	cr_assert_eq(second.pid, 0);
	cr_assert_eq(uspawn_kill(&second, SIGKILL, 0), -ESRCH);
	cr_assert_eq(uspawn_wait(&second, 0), -EBUSY);
	for (int i = 1; i >= 0; i--) {
		cr_assert_eq(write(fds[i][0], "pipe ", 5), 5);
		close(fds[i][0]);
	}
	cr_assert_eq(next_end(ring), &first);
	cr_assert_eq(next_end(ring), &second);
	for (int i = 0; i < 2; i++) {
		cr_assert(outputs[i][1].len == 9 && memcmp(outputs[i][1].data, "pipe file", 9) == 0);
		free(outputs[i][1].data);
	}
	uspawn_ring_free(ring);
}

EachRing(load, what_fails_in_its_turn_ends)
{
	struct uspawn_child first, second, third;
	struct uspawn_plan *sleeps = plan_of(USPAWN(request, .argv = LIST("sleep", "0.05"))),
			   *fails = plan_of(USPAWN(request, .argv = LIST("/no/such")));
	int closed = -1;

	uspawn_ring_limit(ring, 1);
	cr_assert_eq(uspawn_ring_start(ring, &first, sleeps, NULL), 0);
	cr_assert_eq(uspawn_ring_start(ring, &second, fails, NULL), 0);
	cr_assert_eq(uspawn_ring_start(ring, &third, sleeps, USPAWN(args, .fds = &closed, .nfds = 1)), 0);
	uspawn_plan_free(fails);
	uspawn_plan_free(sleeps);
	cr_assert_eq(next_end(ring), &first);
	cr_assert_eq(next_end(ring), &second);
	assert_failed(&second, ENOENT, USPAWN_STEP_EXEC, 0);
	cr_assert_eq(next_end(ring), &third);
	assert_exited(&third, 0);
	uspawn_ring_free(ring);
}

EachRing(load, let_go_in_the_queue)
{
	struct uspawn_child children[4];
	struct uspawn_plan *plan = plan_of(USPAWN(request, .argv = LIST("sleep", "0.02")));

	uspawn_ring_limit(ring, 1);
	for (int i = 0; i < 4; i++)
		cr_assert_eq(uspawn_ring_start(ring, &children[i], plan, NULL), 0);
	uspawn_plan_free(plan);
	cr_assert_eq(uspawn_release(&children[3]), -EBUSY);
	uspawn_done(&children[3]);
	uspawn_done(&children[1]);
	cr_assert_eq(children[1].state, USPAWN_UNSET);
	cr_assert_eq(next_end(ring), &children[0]);
	cr_assert_eq(next_end(ring), &children[2]);
	ring_assert_idle(ring);
	uspawn_ring_free(ring);
}

EachRing(load, a_ring_that_is_freed)
{
	struct uspawn_child first, second;
	struct uspawn_plan *plan = plan_of(USPAWN(request, .argv = LIST("true")));

	uspawn_ring_limit(ring, 1);
	cr_assert_eq(uspawn_ring_start(ring, &first, plan, NULL), 0);
	cr_assert_eq(uspawn_ring_start(ring, &second, plan, NULL), 0);
	uspawn_plan_free(plan);
	uspawn_ring_free(ring);
	cr_assert_eq(uspawn_wait(&first, -1), 1);
	cr_assert_eq(uspawn_wait(&second, -1), 1);
	assert_failed(&second, ECANCELED, USPAWN_STEP_REQUEST, 0);
}

EachRing(load, the_limit_is_raised)
{
	struct uspawn_child children[3];
	struct uspawn_event event;
	struct uspawn_plan *plan = plan_of(USPAWN(request, .argv = LIST("sleep", "100")));
	struct pollfd p = { .fd = uspawn_ring_fd(ring), .events = POLLIN };

	uspawn_ring_limit(ring, 1);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(uspawn_ring_start(ring, &children[i], plan, NULL), 0);
	uspawn_plan_free(plan);
	while (uspawn_ring_wait(ring, &event, 1, 0) > 0)
		;
	uspawn_ring_limit(ring, 0);
	cr_assert_eq(poll(&p, 1, 5000), 1, "it has something to do");
	cr_assert_eq(uspawn_ring_wait(ring, &event, 1, 0), 0);
	for (int i = 0; i < 3; i++) {
		cr_assert_gt(children[i].pid, 0);
		cr_assert_eq(uspawn_kill(&children[i], SIGKILL, 0), 0);
	}
	for (int i = 0; i < 3; i++)
		next_end(ring);
	uspawn_ring_free(ring);
}

/* Those that wait come first, also once nothing keeps them. */
EachRing(load, nobody_overtakes_once_there_is_no_limit)
{
	struct uspawn_child children[3];
	struct uspawn_plan *plan = plan_of(USPAWN(request, .argv = LIST("sleep", "100")));

	uspawn_ring_limit(ring, 1);
	for (int i = 0; i < 3; i++) {
		if (i == 2)
			uspawn_ring_limit(ring, 0);
		cr_assert_eq(uspawn_ring_start(ring, &children[i], plan, NULL), 0);
		cr_assert_eq(children[i].pid > 0, i != 1);
	}
	cr_assert_gt(children[1].pid, 0, "it was started before the third");
	uspawn_plan_free(plan);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(uspawn_kill(&children[i], SIGKILL, 0), 0);
	for (int i = 0; i < 3; i++)
		next_end(ring);
	uspawn_ring_free(ring);
}

/* Takes what is told, until nothing is, by the descriptor alone. */
static void quiet(struct uspawn_ring *ring, struct pollfd *p)
{
	struct uspawn_event event;

	while (poll(p, 1, 0) == 1)
		cr_assert_eq(uspawn_ring_wait(ring, &event, 1, 0), 0);
}

/* The end of that one is the next that is told. */
static void await_by_poll(struct uspawn_ring *ring, struct pollfd *p, struct uspawn_child *child)
{
	struct uspawn_event event;
	int n;

	do {
		cr_assert_eq(poll(p, 1, 20000), 1, "it is told to come back");
		n = uspawn_ring_wait(ring, &event, 1, 0);
	} while (n == 0);
	cr_assert(n == 1 && event.type == USPAWN_EVENT_END && event.child == child);
}

EachRing(load, a_place_that_is_given_up_calls_who_polls)
{
	struct pollfd p = { .fd = uspawn_ring_fd(ring), .events = POLLIN };
	struct uspawn_child stays, next;
	int end;

	uspawn_ring_limit(ring, 1);
	end = ring_sleeper(ring, &stays, "0");
	ring_witness(ring, &next, LIST("w", "exit", "5"));
	quiet(ring, &p);
	cr_assert_eq(next.pid, 0);
	uspawn_done(&stays);
	await_by_poll(ring, &p, &next);
	assert_exited(&next, 5);
	close(end);
	cr_assert_gt(waitpid(-1, NULL, __WALL), 0);
	uspawn_ring_free(ring);
}

/* ---- For lack of something ---- */

EachRing(load, what_is_tried_again_calls_who_polls)
{
	struct pollfd p = { .fd = uspawn_ring_fd(ring), .events = POLLIN };
	struct uspawn_child stays, next;
	struct uspawn_event event;
	struct rlimit limit, low;
	int end, lowest;

	uspawn_ring_limit(ring, 2);
	end = ring_sleeper(ring, &stays, "0");
	cr_assert_eq(uspawn_settle(-1), 0);
	cr_assert_eq(uspawn_ring_wait(ring, &event, 1, 0), 0); /* numbers that it held are free now, and not later */
	lowest = dup(end);
	close(lowest);
	getrlimit(RLIMIT_NOFILE, &limit);
	low = (struct rlimit){ (rlim_t)lowest, limit.rlim_max }; /* no number is left */
	setrlimit(RLIMIT_NOFILE, &low);
	ring_witness(ring, &next, LIST("w", "exit", "5"));
	cr_assert_eq(next.pid, 0, "it waits");
	setrlimit(RLIMIT_NOFILE, &limit);
	await_by_poll(ring, &p, &next);
	assert_exited(&next, 5);
	close(end);
	ring_assert_end(ring, &stays);
	uspawn_ring_free(ring);
}

static uint32_t ring_flags;

static void starved(void)
{
	enum { MANY = 40 };
	static struct uspawn_child children[MANY];
	struct uspawn_output outputs[MANY];
	struct rlimit limit;
	struct uspawn_event event;
	struct uspawn_ring *ring;
	struct uspawn_plan *plan;
	int ended = 0, n;

	memset(outputs, 0, sizeof(outputs));
	copy_assert(uspawn_ring_new(&ring, 0, ring_flags) == 0);
	copy_assert(uspawn_plan_new(&plan, USPAWN(request, .argv = LIST("echo", "hello"), OUT), NULL) == 0);
	copy_assert(uspawn_ring_limit(ring, 1000) == 0);
	limit.rlim_cur = limit.rlim_max = (rlim_t)file_free_number(3) + 10;
	setrlimit(RLIMIT_NOFILE, &limit);
	for (int i = 0; i < MANY; i++) {
		outputs[i].head = 100;
		copy_assert(uspawn_ring_start(ring, &children[i], plan,
					      USPAWN(args, .outputs = &outputs[i], .noutputs = 1)) == 0);
	}
	while ((n = uspawn_ring_wait(ring, &event, 1, -1)) >= 0)
		ended += n;
	copy_assert(n == -ECHILD && ended == MANY);
	for (int i = 0; i < MANY; i++) {
		copy_assert(children[i].exit.code == USPAWN_EXITED && children[i].exit.status == 0);
		copy_assert(outputs[i].len == 6);
		free(outputs[i].data);
	}
	uspawn_ring_free(ring);
	uspawn_plan_free(plan);
}

CheckedTest(load, few_descriptors_uring)
{
	copy_run(starved);
}

CheckedTest(load, few_descriptors_epoll)
{
	ring_flags = USPAWN_RING_EPOLL;
	copy_run(starved);
}

/* Its number may be another file by then. */
EachRing(load, output_descriptors_wait_too)
{
	struct uspawn_output output = { .flags = USPAWN_OUTPUT_FD };
	struct uspawn_child stays, next;
	struct uspawn_plan *plan = plan_of(USPAWN(request, .argv = LIST("echo", "mine"), OUT));
	int end, mine[2], other;
	char bytes[16] = "";

	uspawn_ring_limit(ring, 1);
	end = ring_sleeper(ring, &stays, "0");
	cr_assert_eq(pipe2(mine, O_CLOEXEC), 0);
	output.fd = mine[1];
	cr_assert_eq(uspawn_ring_start(ring, &next, plan, USPAWN(args, .outputs = &output, .noutputs = 1)), -EINVAL,
		     "a write to it may block");
	assert_failed(&next, EINVAL, USPAWN_STEP_SOURCE, 0);
	fcntl(mine[1], F_SETFL, O_NONBLOCK);
	cr_assert_eq(uspawn_ring_start(ring, &next, plan, USPAWN(args, .outputs = &output, .noutputs = 1)), 0);
	close(mine[1]);
	other = memfd_create("other", MFD_CLOEXEC);
	cr_assert_eq(other, mine[1]);
	close(end);
	ring_assert_end(ring, &stays);
	ring_assert_end(ring, &next);
	assert_exited(&next, 0);
	cr_assert_eq(lseek(other, 0, SEEK_END), 0, "a stranger's file");
	cr_assert_eq(read(mine[0], bytes, sizeof(bytes)), 5);
	cr_assert_str_eq(bytes, "mine\n");
	cr_assert_eq(read(mine[0], bytes, sizeof(bytes)), 0, "the copy is closed");
	end = ring_sleeper(ring, &stays, "0");
	output.fd = other;
	cr_assert_eq(uspawn_ring_start(ring, &next, plan, USPAWN(args, .outputs = &output, .noutputs = 1)), 0);
	uspawn_done(&next);
	close(end);
	ring_assert_end(ring, &stays);
	close(other);
	close(mine[0]);
	uspawn_plan_free(plan);
	uspawn_ring_free(ring);
}

/* What is given stays at its number, whatever that is: a copy might not be had. */
EachRing(load, given_descriptors_need_no_other)
{
	struct uspawn_child stays, next;
	struct uspawn_plan *plan = plan_of(USPAWN(request, .argv = LIST("cat"), FDS({ 0, .fd = USPAWN_ARG(0) })));
	struct rlimit limit, low;
	int end, lowest, given = memfd_create("given", 0), r;

	uspawn_ring_limit(ring, 1);
	end = ring_sleeper(ring, &stays, "0");
	lowest = dup(end);
	close(lowest);
	getrlimit(RLIMIT_NOFILE, &limit);
	low = (struct rlimit){ (rlim_t)lowest, limit.rlim_max }; /* no number is left */
	setrlimit(RLIMIT_NOFILE, &low);
	r = given;
	cr_assert_eq(uspawn_ring_start(ring, &next, plan, USPAWN(args, .fds = &r, .nfds = 1, .give = 1)), 0);
	setrlimit(RLIMIT_NOFILE, &limit);
	cr_assert_eq(r, -1);
	cr_assert_eq(fcntl(given, F_GETFD), FD_CLOEXEC, "nobody else's meanwhile");
	close(end);
	ring_assert_end(ring, &stays);
	ring_assert_end(ring, &next);
	assert_exited(&next, 0);
	cr_assert_eq(fcntl(given, F_GETFD), -1);
	uspawn_plan_free(plan);
	uspawn_ring_free(ring);
}

/* What cannot wait says why, as what cannot start does. */
EachRing(load, no_pipe_for_what_waits)
{
	struct uspawn_child stays, next;
	struct uspawn_plan *plan = plan_of(USPAWN(
		request, .argv = LIST("true"), FDS({ 0, USPAWN_NULL }, { 1, USPAWN_WRITE_END, .fd = USPAWN_ARG(0) })));
	struct rlimit limit, low;
	int end, lowest, out = -1;

	uspawn_ring_limit(ring, 1);
	end = ring_sleeper(ring, &stays, "0");
	lowest = dup(end);
	close(lowest);
	getrlimit(RLIMIT_NOFILE, &limit);
	low = (struct rlimit){ (rlim_t)lowest, limit.rlim_max }; /* no number is left */
	setrlimit(RLIMIT_NOFILE, &low);
	cr_assert_eq(uspawn_ring_start(ring, &next, plan, USPAWN(args, .fds = &out, .nfds = 1)), -EMFILE);
	setrlimit(RLIMIT_NOFILE, &limit);
	assert_failed(&next, EMFILE, USPAWN_STEP_PIPE, 1);
	cr_assert_eq(out, -1);
	close(end);
	ring_assert_end(ring, &stays);
	uspawn_plan_free(plan);
	uspawn_ring_free(ring);
}

CheckedTest(load, try_later)
{
	cr_assert(uspawn_try_later(-EAGAIN) && uspawn_try_later(EMFILE) && uspawn_try_later(-ENOMEM) &&
		  uspawn_try_later(-ENFILE));
	cr_assert(!uspawn_try_later(0) && !uspawn_try_later(-ENOENT) && !uspawn_try_later(-EINVAL));
}

/* ---- The end ---- */

EachRing(load, end_of_service)
{
	static const struct uspawn_timed ladder[] = { { 0, SIGTERM, USPAWN_TIMED_GROUP }, { 500 * MS, SIGKILL, 0 } };
	struct uspawn_child soft, hard, queued, late, stranger;
	struct uspawn_output outputs[2] = { { .head = 100 }, { .head = 100 } };
	struct uspawn_plan *plan = plan_of(USPAWN(request, .path = "/bin/sh", OUT, .flags = USPAWN_SETPGROUP));
	struct uspawn_event event;
	int n, ended = 0;

	uspawn_ring_limit(ring, 2);
	cr_assert_eq(uspawn_ring_start(ring, &soft, plan,
				       USPAWN(args, .argv = LIST("sh", "-c", "echo; sleep 100 & wait"),
					      .outputs = &outputs[0], .noutputs = 1)),
		     0);
	cr_assert_eq(
		uspawn_ring_start(
			ring, &hard, plan,
			USPAWN(args,
			       .argv = LIST("sh", "-c",
					    "trap '' TERM; setsid sleep 20 & echo $!; while :; do sleep 0.01; done"),
			       .outputs = &outputs[1], .noutputs = 1)),
		0);
	cr_assert_eq(uspawn_ring_start(ring, &queued, plan, USPAWN(args, .argv = LIST("sh", "-c", "exit 1"))), 0);
	while (!outputs[0].total || !outputs[1].total)
		cr_assert_eq(uspawn_ring_wait(ring, &event, 1, MS), 0);
	cr_assert_eq(uspawn_ring_end(ring, ladder, 2), 0);
	cr_assert_eq(uspawn_ring_end(ring, ladder, 2), -EALREADY);
	cr_assert_eq(uspawn_ring_start(ring, &late, plan, USPAWN(args, .argv = LIST("sh", "-c", "exit 1"))),
		     -ESHUTDOWN);
	assert_failed(&late, ESHUTDOWN, USPAWN_STEP_REQUEST, 0);
	cr_assert_eq(uspawn(&stranger, USPAWN(request, WITNESS("exit", "0")), NULL), 0);
	cr_assert_eq(uspawn_ring_add(ring, &stranger), -ESHUTDOWN);
	cr_assert_eq(uspawn_wait(&stranger, -1), 1);
	while ((n = uspawn_ring_wait(ring, &event, 1, -1)) >= 0)
		ended += n;
	cr_assert(n == -ECHILD && ended == 3);
	assert_killed(&soft, SIGTERM);
	assert_killed(&hard, SIGKILL);
	assert_failed(&queued, ECANCELED, USPAWN_STEP_REQUEST, 0);
	cr_assert(!outputs[0].cut_off && outputs[1].cut_off, "what another session holds is not waited for");
	outputs[1].data[outputs[1].len - 1] = '\0';
	kill(atoi(outputs[1].data), SIGKILL);
	free(outputs[0].data);
	free(outputs[1].data);
	uspawn_plan_free(plan);
	uspawn_ring_free(ring);
}

EachRing(load, end_of_an_idle_ring)
{
	const struct uspawn_timed wrong[] = { { 5, SIGTERM, 0 }, { 1, SIGKILL, 0 } };

	cr_assert_eq(uspawn_ring_end(ring, wrong, 2), -EINVAL);
	cr_assert_eq(uspawn_ring_end(ring, NULL, 1), -EINVAL);
	cr_assert_eq(uspawn_ring_end(ring, NULL, 0), 0);
	ring_assert_idle(ring);
	uspawn_ring_free(ring);
}
