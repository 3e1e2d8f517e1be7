/* SPDX-License-Identifier: MIT */
/* Real limits, at every count around what a start needs; injected ones are in faults/. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/copy.h"
#include "harness/kernel.h"
#include "harness/rings.h"

CheckedSuite(shortage);

enum { FEW = 3, MANY = 100 };

/* From 3 on: a child needs 0 to 2 to be numbers that it may have. */
static int start_with(struct way *way, struct uspawn_child *child, int *end, rlim_t numbers)
{
	const struct uspawn_request *request = USPAWN(
		request, .rung = way->rung, WITNESS("exit", "5"),
		FDS({ 0, USPAWN_NULL }, { 1, USPAWN_WRITE_END, .fd = USPAWN_ARG(0) }));
	const struct uspawn_args *args = USPAWN(args, .fds = end, .nfds = 1);
	struct rlimit limit, low;
	struct uspawn_plan *plan;
	int r;

	getrlimit(RLIMIT_NOFILE, &limit);
	low = (struct rlimit){ numbers, limit.rlim_max };
	cr_assert_eq(uspawn_plan_new(&plan, request, NULL), 0);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
	r = way->ring ? uspawn_ring_start(way->ring, child, plan, args) : uspawn_start(child, plan, args);
	if (r == 0)
		way_end(way, child); /* its limit is read when it gets there */
	setrlimit(RLIMIT_NOFILE, &limit);
	uspawn_plan_free(plan);
	return r;
}

EachRung(shortage, each_number_of_descriptors)
{
	int nstarted = 0, nfailed = 0;

	for (rlim_t numbers = FEW; numbers < MANY; numbers++) {
		struct uspawn_child child;
		int end = -1, r = start_with(way, &child, &end, numbers);

		if (r == 0)
			close(end);
		else
			cr_assert_eq(end, -1);
		if (child.exit.code == USPAWN_FAILED) {
			cr_assert_eq(child.exit.status, EMFILE, "with %d numbers: %s at %s", (int)numbers,
				     strerror(child.exit.status), uspawn_strstep(child.failure.step));
			nfailed++;
		} else {
			assert_exited(&child, 5);
			nstarted++;
		}
		if (!way->ring) /* which is in nobody's stock */
			cr_assert_null(stock_difference(), "with %d numbers: %s", (int)numbers, stock_difference());
	}
	cr_assert(nstarted && nfailed, "%d started, %d failed", nstarted, nfailed);
}

static void make_rings(uint32_t flags)
{
	struct rlimit limit, low;
	int nmade = 0, nfailed = 0;

	getrlimit(RLIMIT_NOFILE, &limit);
	for (rlim_t numbers = FEW; numbers < MANY; numbers++) {
		struct uspawn_ring *ring = NULL;
		struct uspawn_child child;
		int r, fd = -1;

		low = (struct rlimit){ numbers, limit.rlim_max };
		cr_assert_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
		r = uspawn_ring_new(&ring, 1, flags);
		if (r == 0)
			fd = uspawn_ring_fd(ring);
		setrlimit(RLIMIT_NOFILE, &limit);
		nfailed += r < 0;
		nmade += r == 0;
		cr_assert(r == 0 || r == -EMFILE, "with %d numbers: %s", (int)numbers, strerror(-r));
		if (r < 0)
			continue;
		cr_assert(fd >= 0 || fd == -EMFILE);
		ring_witness(ring, &child, LIST("witness", "exit", "5"));
		ring_assert_end(ring, &child);
		assert_exited(&child, 5);
		uspawn_ring_free(ring);
		cr_assert_null(stock_difference(), "with %d numbers: %s", (int)numbers, stock_difference());
	}
	cr_assert(nmade && nfailed);
}

CheckedTest(shortage, rings_with_each_number_of_descriptors)
{
	make_rings(0);
	make_rings(USPAWN_RING_EPOLL);
}

/* ---- In copies ---- */

static uint32_t rung;

static int start(struct uspawn_child *child)
{
	int r = uspawn(child, USPAWN(request, .argv = LIST("/bin/true"), .rung = rung), NULL);

	if (r == 0)
		copy_assert(uspawn_wait(child, -1) == 1);
	return r;
}

static void by_a_user_who_may_lock_nothing(void)
{
	const struct rlimit none = { 0, 0 };
	struct uspawn_ring *ring;
	struct uspawn_child child;
	struct uspawn_event event;
	struct uspawn_plan *plan;

	copy_assert(setrlimit(RLIMIT_MEMLOCK, &none) == 0);
	if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setgid(54321) < 0 || setuid(54321) < 0))
		copy_skip("cannot become another user");
	copy_assert(uspawn_ring_new(&ring, 1, 0) == 0);
	copy_assert(uspawn_plan_new(&plan, USPAWN(request, .argv = LIST("/bin/true")), NULL) == 0);
	copy_assert(uspawn_ring_start(ring, &child, plan, NULL) == 0);
	while (uspawn_ring_wait(ring, &event, 1, -1) == 0)
		; /* interrupted */
	copy_assert(child.exit.code == USPAWN_EXITED && child.exit.status == 0);
	uspawn_plan_free(plan);
	uspawn_ring_free(ring);
}

CheckedTest(shortage, no_locked_memory)
{
	copy_run(by_a_user_who_may_lock_nothing);
}

static void write_pid_max(void)
{
	int file = open("/proc/sys/kernel/pid_max", O_WRONLY | O_CLOEXEC);

	if (file < 0 || write(file, "301", 3) != 3)
		copy_skip("pid_max cannot be written");
	close(file);
}

/* As the first process of a namespace of PIDs that has 300 of them. */
static void fill_pids(void)
{
	struct uspawn_child child;
	pid_t pid, last = -1;

	write_pid_max();
	copy_assert(start(&child) == 0);
	while ((pid = fork()) >= 0) {
		if (pid == 0) {
			pause();
			_exit(1);
		}
		last = pid;
	}
	copy_assert(errno == EAGAIN && last > 0);
	copy_assert(start(&child) == -EAGAIN);
	copy_assert(child.failure.step == USPAWN_STEP_CLONE && child.exit.code == USPAWN_FAILED && child.pidfd == -1);
	kill(last, SIGKILL);
	copy_assert(waitpid(last, NULL, 0) == last);
	copy_assert(start(&child) == 0);
	copy_assert(child.exit.code == USPAWN_EXITED && child.exit.status == 0);
	copy_assert(child.rung == rung);
}

static void enter_full_namespace(void)
{
	int status = -1;
	pid_t pid;

	if (unshare(CLONE_NEWPID) < 0)
		copy_skip("no namespaces of PIDs");
	pid = fork();
	if (pid == 0) {
		fill_pids();
		copy_end(); /* and all others with it */
	}
	copy_assert(pid > 0 && waitpid(pid, &status, 0) == pid);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

EachWaitingRung(shortage, no_pid_left)
{
	if (!kernel_is(6, 14))
		cr_skip_test("pid_max is the whole system's before Linux 6.14");
	rung = way->rung;
	copy_run(enter_full_namespace);
}
