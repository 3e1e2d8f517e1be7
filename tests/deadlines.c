/* SPDX-License-Identifier: MIT */
/* Signals that are sent so long after the start, or after the last byte: on a ring, and by a blocking wait. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/kernel.h"
#include "harness/rings.h"

CheckedSuite(deadlines);

#define MS        1000000ull
#define S         (1000 * MS)
#define TERM      (1ull << (SIGTERM - 1)) /* ignored from birth: a trap is set only when a shell gets there */
#define OUT       FDS({ 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(0) })
#define ASK(type) (1u << USPAWN_EVENT_##type)
#define LADDER(...)                                            \
	.timed = (const struct uspawn_timed[]){ __VA_ARGS__ }, \
	.ntimed = sizeof((struct uspawn_timed[]){ __VA_ARGS__ }) / sizeof(struct uspawn_timed)

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

EachRing(deadlines, a_deadline_is_a_ladder_of_one)
{
	struct uspawn_child child;
	int64_t begin = now_ns();

	ring_begin(ring, &child, USPAWN(request, .argv = LIST("sleep", "100"), LADDER({ 50 * MS, SIGKILL, 0 })), NULL);
	cr_assert_eq(ring_next(ring).type, USPAWN_EVENT_END);
	assert_killed(&child, SIGKILL);
	cr_assert_eq(child.exit.timed, 1);
	cr_assert(now_ns() - begin >= 50 * (int64_t)MS, "never early");
	ring_begin(ring, &child, USPAWN(request, .argv = LIST("true"), LADDER({ 100 * S, SIGKILL, 0 })), NULL);
	cr_assert_eq(ring_next(ring).type, USPAWN_EVENT_END);
	assert_exited(&child, 0);
	cr_assert_eq(child.exit.timed, 0, "in time");
	ring_assert_idle(ring);
	uspawn_ring_free(ring);
}

/* What was due before the ring's descriptor was asked for is due to who polls it, too. */
EachRing(deadlines, who_polls_may_come_later)
{
	struct uspawn_child child;
	struct uspawn_event event;
	struct pollfd p = { .events = POLLIN };

	ring_begin(ring, &child, USPAWN(request, .argv = LIST("sleep", "100"), LADDER({ 50 * MS, SIGKILL, 0 })), NULL);
	p.fd = uspawn_ring_fd(ring);
	do
		cr_assert_eq(poll(&p, 1, 60000), 1, "it is told to come back");
	while (uspawn_ring_wait(ring, &event, 1, 0) == 0);
	cr_assert(event.type == USPAWN_EVENT_END && event.child == &child);
	assert_killed(&child, SIGKILL);
	uspawn_ring_free(ring);
}

EachRing(deadlines, a_ladder_tells_each_step)
{
	struct uspawn_child child;
	struct uspawn_event event;

	ring_begin(ring, &child,
		   USPAWN(request, .argv = LIST("sleep", "100"), .sigignore = TERM, .events = ASK(TIMED),
			  LADDER({ 40 * MS, 0, 0 }, { 60 * MS, SIGTERM, 0 }, { 90 * MS, SIGKILL, 0 })),
		   NULL);
	for (int i = 0; i < 3; i++) {
		event = ring_next(ring);
		cr_assert(event.type == USPAWN_EVENT_TIMED && event.index == i && event.child == &child);
	}
	cr_assert_eq(ring_next(ring).type, USPAWN_EVENT_END);
	assert_killed(&child, SIGKILL);
	cr_assert_eq(child.exit.timed, 3);
	uspawn_ring_free(ring);
}

/* In the past: at once. Without a kill: the child decides. */
EachRing(deadlines, in_the_past)
{
	struct uspawn_child child;
	int end = -1;

	ring_begin(ring, &child, USPAWN(request, .argv = LIST("sleep", "100"), LADDER({ 0, SIGKILL, 0 })), NULL);
	cr_assert_eq(ring_next(ring).type, USPAWN_EVENT_END);
	assert_killed(&child, SIGKILL);
	ring_begin(ring, &child,
		   USPAWN(request, WITNESS("eof", "0", "exit", "7"), .sigignore = TERM, .events = ASK(TIMED),
			  FDS({ 0, USPAWN_READ_END, .fd = USPAWN_ARG(0) }), LADDER({ 0, SIGTERM, 0 })),
		   USPAWN(args, .fds = &end, .nfds = 1));
	cr_assert_eq(ring_next(ring).type, USPAWN_EVENT_TIMED);
	close(end);
	cr_assert_eq(ring_next(ring).type, USPAWN_EVENT_END);
	assert_exited(&child, 7);
	cr_assert_eq(child.exit.timed, 1);
	uspawn_ring_free(ring);
}

/* It leads no group: what is for one is not sent, and is not told or counted. */
EachRing(deadlines, who_meets_nobody)
{
	struct uspawn_child child;
	struct uspawn_event event;
	int end = -1;

	ring_begin(ring, &child,
		   USPAWN(request, WITNESS("eof", "0", "exit", "7"), .events = ASK(TIMED),
			  FDS({ 0, USPAWN_READ_END, .fd = USPAWN_ARG(0) }),
			  LADDER({ 10 * MS, SIGTERM, USPAWN_TIMED_GROUP }, { 10 * MS, SIGKILL, USPAWN_TIMED_GROUP },
				 { 20 * MS, 0, 0 })),
		   USPAWN(args, .fds = &end, .nfds = 1));
	event = ring_next(ring);
	cr_assert(event.type == USPAWN_EVENT_TIMED && event.index == 2, "event %u %d", event.type, event.index);
	close(end);
	cr_assert_eq(ring_next(ring).type, USPAWN_EVENT_END);
	assert_exited(&child, 7);
	cr_assert_eq(child.exit.timed, 1);
	uspawn_ring_free(ring);
}

/* What is written to it comes back by its output, where the ring hears it. */
#define ECHOES FDS({ 0, USPAWN_READ_END, .fd = USPAWN_ARG(0) }, { 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(1) })

static int hear(void *data, const char *bytes, size_t len)
{
	(void)bytes, (void)len;
	*(int64_t *)data = now_ns();
	return 0;
}

/* Never early, and each byte puts it off: unless the whole machine stands still for so long, which shows nothing. */
EachRing(deadlines, idle_since_the_last_byte)
{
	int64_t begin, last, heard;
	int nevents;

	signal(SIGPIPE, SIG_IGN);
	do {
		struct uspawn_child child;
		struct uspawn_event event;
		struct uspawn_output outputs[2] = { [1] = { .callback = hear, .callback_data = &heard } };
		int ends[2] = { -1, -1 };

		begin = last = heard = now_ns();
		ring_begin(ring, &child,
			   USPAWN(request, .argv = LIST("cat"), ECHOES,
				  LADDER({ 500 * MS, SIGTERM, USPAWN_TIMED_IDLE },
					 { 100 * S, SIGKILL, USPAWN_TIMED_IDLE })),
			   USPAWN(args, .fds = ends, .nfds = 2, .outputs = outputs, .noutputs = 2));
		do {
			last = now_ns();
			cr_assert(write(ends[0], "x", 1) == 1 || errno == EPIPE);
			nevents = uspawn_ring_wait(ring, &event, 1, 5 * MS);
		} while (nevents == 0 && last - begin < 1000 * (int64_t)MS);
		if (nevents == 0)
			event = ring_next(ring);
		cr_assert_eq(event.type, USPAWN_EVENT_END);
		cr_assert(now_ns() - heard >= 500 * (int64_t)MS, "never early");
		assert_killed(&child, SIGTERM);
		close(ends[0]);
	} while (nevents || heard < last);
	uspawn_ring_free(ring);
}

/* Nobody waited for longer than that: what the child wrote meanwhile counts from when it is heard. */
EachRing(deadlines, idle_beside_a_busy_caller)
{
	struct uspawn_child child;
	struct uspawn_event event;
	int64_t heard;
	int end = -1;
	char c;

	ring_begin(ring, &child,
		   USPAWN(request, SH("echo a; echo b >&3; exec sleep 100"), .events = ASK(TIMED),
			  FDS({ 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(1) }, { 3, USPAWN_WRITE_END, .fd = USPAWN_ARG(0) }),
			  LADDER({ 200 * MS, SIGTERM, USPAWN_TIMED_IDLE })),
		   USPAWN(args, .fds = &end, .nfds = 1));
	cr_assert_eq(read(end, &c, 1), 1, "the first line is in its pipe by now");
	poll(NULL, 0, 250);
	heard = now_ns();
	cr_assert_eq(uspawn_ring_wait(ring, &event, 1, 0), 0);
	cr_assert_eq(ring_next(ring).type, USPAWN_EVENT_TIMED);
	cr_assert(now_ns() - heard >= 200 * (int64_t)MS);
	cr_assert_eq(ring_next(ring).type, USPAWN_EVENT_END);
	assert_killed(&child, SIGTERM);
	close(end);
	uspawn_ring_free(ring);
}

/* However many have been heard at once, and however few events are asked for. */
EachRing(deadlines, many_beside_a_busy_caller)
{
	enum { MANY = 8 };
	struct uspawn_child children[MANY];
	struct uspawn_event event;
	int64_t heard;
	int ends[MANY][2];
	char c;

	for (int i = 0; i < MANY; i++) {
		ends[i][0] = ends[i][1] = -1;
		ring_begin(ring, &children[i],
			   USPAWN(request, SH("read x; echo a; echo b >&3; exec sleep 100"), .events = ASK(TIMED),
				  FDS({ 0, USPAWN_READ_END, .fd = USPAWN_ARG(0) },
				      { 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(2) },
				      { 3, USPAWN_WRITE_END, .fd = USPAWN_ARG(1) }),
				  LADDER({ 700 * MS, SIGTERM, USPAWN_TIMED_IDLE })),
			   USPAWN(args, .fds = ends[i], .nfds = 2));
	}
	cr_assert_eq(uspawn_ring_wait(ring, &event, 1, MS), 0, "nobody has written yet");
	for (int i = 0; i < MANY; i++)
		close(ends[i][0]);
	for (int i = 0; i < MANY; i++)
		cr_assert_eq(read(ends[i][1], &c, 1), 1, "its line is in its pipe by now");
	poll(NULL, 0, 750);
	heard = now_ns();
	for (int i = 0; i < 2 * MANY; i++) {
		event = ring_next(ring);
		cr_assert(now_ns() - heard >= 700 * (int64_t)MS, "it was not idle");
		if (event.type == USPAWN_EVENT_END)
			assert_killed(event.child, SIGTERM);
	}
	for (int i = 0; i < MANY; i++)
		close(ends[i][1]);
	uspawn_ring_free(ring);
}

/* Once a step of it was sent the others follow, whatever the child writes then. */
EachRing(deadlines, idle_stands)
{
	struct uspawn_child child;
	int end = -1;

	ring_begin(ring, &child,
		   USPAWN(request, SH("read x; while :; do echo; done"), .sigignore = TERM, .events = ASK(TIMED),
			  FDS({ 0, USPAWN_READ_END, .fd = USPAWN_ARG(0) }, { 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(1) }),
			  LADDER({ 20 * MS, SIGTERM, USPAWN_TIMED_IDLE }, { 150 * MS, SIGKILL, USPAWN_TIMED_IDLE })),
		   USPAWN(args, .fds = &end, .nfds = 1));
	cr_assert_eq(ring_next(ring).type, USPAWN_EVENT_TIMED);
	close(end);
	while (ring_next(ring).type == USPAWN_EVENT_TIMED)
		;
	assert_killed(&child, SIGKILL);
	uspawn_ring_free(ring);
}

EachRing(deadlines, c46_the_whole_group)
{
	struct uspawn_output output = { .head = 100 };
	struct uspawn_child child;
	struct uspawn_plan *plan;
	int64_t begin = now_ns();

	cr_assert_eq(uspawn_plan_new(&plan,
				     USPAWN(request, SH("sleep 30 & wait"), OUT, .flags = USPAWN_SETPGROUP,
					    LADDER({ 100 * MS, SIGTERM, USPAWN_TIMED_GROUP },
						   { 10 * S, SIGKILL, USPAWN_TIMED_GROUP })),
				     NULL),
		     0);
	cr_assert_eq(uspawn_ring_start(ring, &child, plan, USPAWN(args, .outputs = &output, .noutputs = 1)), 0);
	uspawn_plan_free(plan);
	cr_assert_eq(ring_next(ring).type, USPAWN_EVENT_END);
	assert_killed(&child, SIGTERM);
	cr_assert(!output.cut_off && now_ns() - begin < 9 * (int64_t)S, "nobody holds the pipe");
	uspawn_ring_free(ring);
}

/* Before Linux 6.9 by number, while the leader is not reaped. */
EachRing(deadlines, c46_the_whole_group_by_number)
{
	struct uspawn_output output = { .head = 100 };
	struct uspawn_child child;

	kernel_refuse(CALL_PIDFD_GROUP, EINVAL);
	ring_begin(ring, &child,
		   USPAWN(request, SH("sleep 30 & wait"), OUT, .flags = USPAWN_SETPGROUP,
			  LADDER({ 100 * MS, SIGTERM, USPAWN_TIMED_GROUP })),
		   USPAWN(args, .outputs = &output, .noutputs = 1));
	cr_assert_eq(ring_next(ring).type, USPAWN_EVENT_END);
	assert_killed(&child, SIGTERM);
	cr_assert(!output.cut_off, "nobody holds the pipe");
	uspawn_ring_free(ring);
}

/* Memory is then freed when the kernel gets there. */
EachWaitingRung(deadlines, released_where_that_cannot_be)
{
	struct uspawn_child child;

	kernel_refuse(CALL_MRELEASE, ENOSYS);
	cr_assert_eq(way_start(way, &child, USPAWN(request, .argv = LIST("sleep", "100")), NULL), 0);
	cr_assert_eq(uspawn_kill(&child, SIGKILL, USPAWN_KILL_RELEASE), 0);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	assert_killed(&child, SIGKILL);
}

/* The shell ends at once; what it has left behind is met all the same, since the group outlives its leader. */
EachRing(deadlines, c46_the_group_after_its_leader)
{
	struct uspawn_child child;
	struct uspawn_event event;

	ring_begin(ring, &child,
		   USPAWN(request, SH("sleep 30 &"), OUT, .flags = USPAWN_SETPGROUP, .events = ASK(EXIT),
			  LADDER({ 10 * S, SIGTERM, USPAWN_TIMED_GROUP })),
		   NULL);
	cr_assert_eq(ring_next(ring).type, USPAWN_EVENT_EXIT);
	cr_assert_eq(uspawn_kill(&child, SIGTERM, 0), -ESRCH);
	if (uspawn_kill(&child, 0, USPAWN_KILL_GROUP) == -ESRCH) {
		uspawn_done(&child);
		uspawn_ring_free(ring);
		cr_skip_test("a group is signalled by its pidfd since Linux 6.9");
	}
	cr_assert_eq(uspawn_ring_wait(ring, &event, 1, 10 * MS), 0);
	cr_assert_eq(uspawn_kill(&child, SIGKILL, USPAWN_KILL_GROUP), 0);
	cr_assert_eq(ring_next(ring).type, USPAWN_EVENT_END);
	assert_exited(&child, 0);
	cr_assert_eq(uspawn_kill(&child, SIGKILL, USPAWN_KILL_GROUP), -ESRCH);
	uspawn_ring_free(ring);
}

/* The heap: many deadlines in any order, each met in its turn. */
EachRing(deadlines, in_order)
{
	enum { MANY = 40 };
	struct uspawn_child children[MANY];
	int64_t earliest[MANY], latest[MANY], last = 0; /* when each may be due */

	for (int i = 0; i < MANY; i++) {
		uint64_t after = 200 * MS + (uint64_t)(i * 17 % MANY) * 5 * MS;

		earliest[i] = now_ns() + (int64_t)after;
		ring_begin(ring, &children[i],
			   USPAWN(request, .argv = LIST("sleep", "100"), .events = ASK(TIMED),
				  LADDER({ after, SIGKILL, 0 })),
			   NULL);
		latest[i] = now_ns() + (int64_t)after;
	}
	uspawn_kill(&children[7], SIGKILL, 0);
	uspawn_done(&children[7]);
	for (int i = 0; i < 2 * (MANY - 1); i++) {
		struct uspawn_event event = ring_next(ring);

		if (event.type == USPAWN_EVENT_END)
			continue;
		cr_assert_eq(event.type, USPAWN_EVENT_TIMED);
		cr_assert(latest[event.child - children] >= last);
		if (last < earliest[event.child - children])
			last = earliest[event.child - children];
	}
	while (uspawn_ring_wait(ring, &(struct uspawn_event){ 0 }, 1, 0) > 0)
		;
	uspawn_ring_free(ring);
}

EachWaitingRung(deadlines, by_a_blocking_wait)
{
	struct uspawn_child child;

	cr_assert_eq(
		way_start(way, &child, USPAWN(request, .argv = LIST("sleep", "100"), LADDER({ S, SIGTERM, 0 })), NULL),
		0);
	cr_assert_eq(uspawn_wait(&child, 0), 0);
	cr_assert_eq(uspawn_wait(&child, 5 * MS), 0);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	assert_killed(&child, SIGTERM);
	cr_assert_eq(child.exit.timed, 1);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
}

/* ---- A callback that takes longer than there is ---- */

struct slow {
	struct uspawn_child child;
	struct uspawn_output outputs[3];
	int ends[2];
};

/* The child ends meanwhile, by itself and in time: nobody has sent it anything. */
static int end_it(void *data, const char *bytes, size_t len)
{
	struct slow *slow = data;
	siginfo_t info;

	(void)bytes, (void)len;
	close(slow->ends[0]);
	cr_assert_eq(waitid(P_PID, (id_t)slow->child.pid, &info, WEXITED | WNOWAIT | __WALL), 0);
	return 0;
}

static void slow_init(struct slow *slow)
{
	*slow = (struct slow){ .outputs[2] = { .callback = end_it, .callback_data = slow }, .ends = { -1, -1 } };
}

#define SLOW_REQUEST                                                                                          \
	USPAWN(request, SH("read x; echo a; echo b >&3; read x; exit 7"), LADDER({ 900 * MS, SIGTERM, 0 }),   \
	       FDS({ 0, USPAWN_READ_END, .fd = USPAWN_ARG(0) }, { 3, USPAWN_WRITE_END, .fd = USPAWN_ARG(1) }, \
		   { 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(2) }))
#define SLOW_ARGS(slow) USPAWN(args, .fds = (slow).ends, .nfds = 2, .outputs = (slow).outputs, .noutputs = 3)

static void wait_until_late(const struct slow *slow)
{
	char c;

	cr_assert_eq(write(slow->ends[0], "\n", 1), 1);
	cr_assert_eq(read(slow->ends[1], &c, 1), 1, "its line is in its pipe by now");
	close(slow->ends[1]);
	poll(NULL, 0, 950);
}

EachWaitingRung(deadlines, over_during_a_callback)
{
	struct slow slow;

	slow_init(&slow);
	cr_assert_eq(way_start(way, &slow.child, SLOW_REQUEST, SLOW_ARGS(slow)), 0);
	cr_assert_eq(uspawn_wait(&slow.child, MS), 0);
	wait_until_late(&slow);
	cr_assert_eq(uspawn_wait(&slow.child, -1), 1);
	assert_exited(&slow.child, 7);
	cr_assert_eq(slow.child.exit.timed, 0);
}

EachRing(deadlines, over_during_a_callback_of_a_ring)
{
	struct uspawn_event event;
	struct slow slow;

	slow_init(&slow);
	ring_begin(ring, &slow.child, SLOW_REQUEST, SLOW_ARGS(slow));
	cr_assert_eq(uspawn_ring_wait(ring, &event, 1, MS), 0);
	wait_until_late(&slow);
	ring_assert_end(ring, &slow.child);
	assert_exited(&slow.child, 7);
	cr_assert_eq(slow.child.exit.timed, 0);
	uspawn_ring_free(ring);
}

/* As beside a ring: what was written before anybody waited counts from when it is heard. */
EachWaitingRung(deadlines, idle_before_anybody_waits)
{
	struct uspawn_child child;
	int64_t heard;
	int end = -1;
	char c;

	cr_assert_eq(way_start(way, &child,
			       USPAWN(request, SH("echo a; echo b >&3; exec sleep 100"),
				      FDS({ 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(1) },
					  { 3, USPAWN_WRITE_END, .fd = USPAWN_ARG(0) }),
				      LADDER({ 200 * MS, SIGTERM, USPAWN_TIMED_IDLE })),
			       USPAWN(args, .fds = &end, .nfds = 1)),
		     0);
	cr_assert_eq(read(end, &c, 1), 1, "the first line is in its pipe by now");
	close(end);
	poll(NULL, 0, 250);
	heard = now_ns();
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	assert_killed(&child, SIGTERM);
	cr_assert(now_ns() - heard >= 200 * (int64_t)MS);
}

CheckedTest(deadlines, bad_input)
{
	static const struct {
		struct uspawn_timed timed[3];
		uint32_t n, index;
	} cases[] = {
		{ { { 2, SIGTERM, 0 }, { 1, SIGKILL, 0 } }, 2, 1 },
		{ { { 2, SIGTERM, 0 }, { 5, SIGTERM, USPAWN_TIMED_IDLE }, { 1, SIGKILL, 0 } }, 3, 2 },
		{ { { 2, SIGTERM, USPAWN_TIMED_IDLE }, { 1, SIGTERM, USPAWN_TIMED_IDLE } }, 2, 1 },
		{ { { 2, -1, 0 } }, 1, 0 },
		{ { { 2, 65, 0 } }, 1, 0 },
		{ { { 2, SIGTERM, 1 } }, 1, 0 },
		{ { { 2, SIGTERM, USPAWN_SETSID } }, 1, 0 },
	};
	struct uspawn_timed many[65] = { { 0, SIGTERM, 0 } };
	struct uspawn_failure failure;
	struct uspawn_plan *plan;
	struct uspawn_child child;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		cr_assert_eq(uspawn_plan_new(&plan,
					     USPAWN(request, .argv = LIST("true"), .timed = cases[i].timed,
						    .ntimed = cases[i].n),
					     &failure),
			     -EINVAL, "case %zu", i);
		cr_assert(failure.step == USPAWN_STEP_REQUEST && failure.index == cases[i].index, "case %zu", i);
	}
	cr_assert_eq(uspawn(&child, USPAWN(request, .argv = LIST("true"), .timed = many, .ntimed = 65), NULL), -EINVAL);
	cr_assert_eq(uspawn(&child, USPAWN(request, .argv = LIST("true"), .ntimed = 1), NULL), -EINVAL);
	cr_assert_eq(uspawn(&child, USPAWN(request, .argv = LIST("true"), .events = 1u << 2), NULL), -EINVAL);
	cr_assert_eq(uspawn(&child,
			    USPAWN(request, .argv = LIST("true"), .timed = many, .ntimed = 1, .flags = USPAWN_PID_ONLY),
			    NULL),
		     -EINVAL);
}
