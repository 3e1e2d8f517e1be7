/* SPDX-License-Identifier: MIT */
/* Asynchronous starts on their way to exec: many at once, without their plan, in a forked copy; and waiting for all. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/copy.h"
#include "harness/files.h"
#include "harness/rings.h"

CheckedSuite(settling);

/* Starts that are held before their exec, by opening a FIFO that nobody writes to yet. */
struct held {
	struct scratch scratch;
	struct uspawn_ring *ring;
	struct uspawn_plan *plan;
	const char *fifo;
};

static void hold_open(struct held *h)
{
	if (way_missing(USPAWN_RUNG_ASYNC))
		cr_skip_test("%s", way_missing(USPAWN_RUNG_ASYNC));
	scratch_make(&h->scratch);
	h->fifo = scratch_path(&h->scratch, "fifo");
	cr_assert_eq(mkfifo(h->fifo, 0600), 0);
	cr_assert_eq(uspawn_ring_new(&h->ring, 0, 0), 0);
	cr_assert_eq(uspawn_plan_new(&h->plan,
				     USPAWN(request, WITNESS("eof", "0", "exit", "2"),
					    FDS({ 0, USPAWN_OPEN, .path = h->fifo }, { 5, .fd = USPAWN_ARG(0) },
						{ 6, .fd = USPAWN_ARG(1) })),
				     NULL),
		     0);
}

static void hold_close(struct held *h)
{
	uspawn_plan_free(h->plan);
	uspawn_ring_free(h->ring);
	scratch_remove(&h->scratch);
}

CheckedTest(settling, settle_waits_for_starts_under_way)
{
	struct held held;
	struct uspawn_child child;
	int fds[] = { 0, 1 }, writer;

	hold_open(&held);
	cr_assert_eq(uspawn_settle(0), 0);
	cr_assert_eq(uspawn_ring_start(held.ring, &child, held.plan, USPAWN(args, .fds = fds, .nfds = 2)), 0);
	cr_assert_eq(uspawn_settle(0), -ETIMEDOUT);
	cr_assert_eq(uspawn_settle(20000000), -ETIMEDOUT);
	writer = open(held.fifo, O_WRONLY | O_CLOEXEC);
	cr_assert_eq(uspawn_settle(INT64_MAX), 0);
	cr_assert_eq(uspawn_settle(-1), 0);
	cr_assert_eq(uspawn_settle(0), 0);
	close(writer);
	ring_assert_end(held.ring, &child);
	assert_exited(&child, 2);
	hold_close(&held);
}

static void *free_ring(void *ring)
{
	return uspawn_ring_free(ring);
}

/* The caller traces a child that has not left its memory: a stop is no end. */
CheckedTest(settling, ring_freed_while_its_caller_traces_a_start)
{
	const struct timespec long_enough = { .tv_nsec = 200000000 };
	struct held held;
	struct uspawn_child child;
	int fds[] = { 0, 1 }, writer;
	pthread_t thread;
	siginfo_t info;

	hold_open(&held);
	cr_assert_eq(uspawn_ring_start(held.ring, &child, held.plan, USPAWN(args, .fds = fds, .nfds = 2)), 0);
	if (ptrace(PTRACE_SEIZE, child.pid, 0, 0) == 0) {
		cr_assert_eq(ptrace(PTRACE_INTERRUPT, child.pid, 0, 0), 0);
		cr_assert_eq(waitid(P_PID, (id_t)child.pid, &info, WSTOPPED | WNOWAIT | __WALL), 0);
	}
	cr_assert_eq(pthread_create(&thread, NULL, free_ring, held.ring), 0);
	nanosleep(&long_enough, NULL); /* to look at it several times */
	cr_assert_eq(uspawn_settle(0), -ETIMEDOUT);
	cr_assert_eq(pthread_tryjoin_np(thread, NULL), EBUSY);
	ptrace(PTRACE_DETACH, child.pid, 0, 0);
	writer = open(held.fifo, O_WRONLY | O_CLOEXEC);
	pthread_join(thread, NULL);
	close(writer);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	assert_exited(&child, 2);
	held.ring = NULL;
	hold_close(&held);
}

static void settle_in_copy(void)
{
	copy_assert(uspawn_settle(-1) == 0);
}

/* No child runs in the memory of a forked copy, whatever it says there. */
CheckedTest(settling, settle_in_a_forked_copy)
{
	struct held held;
	struct uspawn_child child;
	int fds[] = { 0, 1 }, writer;

	hold_open(&held);
	cr_assert_eq(uspawn_ring_start(held.ring, &child, held.plan, USPAWN(args, .fds = fds, .nfds = 2)), 0);
	copy_run(settle_in_copy);
	writer = open(held.fifo, O_WRONLY | O_CLOEXEC);
	close(writer);
	ring_assert_end(held.ring, &child);
	hold_close(&held);
}

/* More than there are reserved numbers, each with two sources, which the caller closes at once. */
CheckedTest(settling, two_hundred_starts_under_way)
{
	enum { MANY = 200 };
	static struct uspawn_child children[MANY];
	struct uspawn_event event;
	struct held held;
	int writer, n, total = 0;

	hold_open(&held);
	for (int i = 0; i < MANY; i++) {
		int fds[] = { file_new(3), file_new(200) };

		cr_assert_eq(uspawn_ring_start(held.ring, &children[i], held.plan,
					       USPAWN(args, .fds = fds, .nfds = 2, .give = 2)),
			     0);
		cr_assert_eq(children[i].rung, USPAWN_RUNG_ASYNC);
		cr_assert_eq(fds[1], -1);
		close(fds[0]);
	}
	held.plan = uspawn_plan_free(held.plan);
	writer = open(held.fifo, O_WRONLY | O_CLOEXEC);
	cr_assert_eq(uspawn_settle(-1), 0);
	close(writer);
	while ((n = uspawn_ring_wait(held.ring, &event, 1, -1)) >= 0)
		total += n;
	cr_assert_eq(total, MANY);
	for (int i = 0; i < MANY; i++)
		assert_exited(&children[i], 2);
	hold_close(&held);
}

/* The plan is freed while children still read it. */
CheckedTest(settling, plan_freed_under_way)
{
	struct held held;
	struct uspawn_child child;
	int fds[] = { 0, 1 }, writer;

	hold_open(&held);
	cr_assert_eq(uspawn_ring_start(held.ring, &child, held.plan, USPAWN(args, .fds = fds, .nfds = 2)), 0);
	held.plan = uspawn_plan_free(held.plan);
	for (int i = 0; i < 100; i++) {
		struct uspawn_plan *other;

		cr_assert_eq(uspawn_plan_new(&other,
					     USPAWN(request, .path = "/no/such", .argv = LIST("another", "plan")),
					     NULL),
			     0);
		uspawn_plan_free(other);
	}
	writer = open(held.fifo, O_WRONLY | O_CLOEXEC);
	close(writer);
	ring_assert_end(held.ring, &child);
	assert_exited(&child, 2);
	hold_close(&held);
}

static void become_alone(void)
{
	struct uspawn_ring *ring;
	struct uspawn_plan *plan;
	struct uspawn_child children[8];
	int fd;

	if (unshare(0x80) < 0) /* CLONE_NEWTIME */
		copy_skip(strerror(errno));
	copy_assert(uspawn_ring_new(&ring, 8, USPAWN_RING_EPOLL) == 0);
	copy_assert(uspawn_plan_new(&plan, USPAWN(request, WITNESS("exit", "0")), NULL) == 0);
	fd = open("/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
	for (int i = 0; i < 8; i++)
		copy_assert(uspawn_ring_start(ring, &children[i], plan, NULL) == 0);
	copy_assert(uspawn_settle(-1) == 0);
	/* The kernel counts a child as a user of the memory for some microseconds more. */
	for (int tries = 0; setns(fd, 0x80) < 0; tries++) {
		copy_assert(errno == EUSERS && tries < 1000);
		usleep(1000);
	}
	uspawn_ring_free(ring);
	for (int i = 0; i < 8; i++)
		copy_assert(uspawn_wait(&children[i], -1) == 1 && children[i].exit.code == USPAWN_EXITED);
	uspawn_plan_free(plan);
}

CheckedTest(settling, memory_is_the_callers_alone_once_settled)
{
	copy_run(become_alone);
}
