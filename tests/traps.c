/* SPDX-License-Identifier: MIT */
/* What goes wrong where a child shares its parent's memory and descriptor table: each a test that it does not. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/copy.h"
#include "harness/files.h"
#include "harness/kernel.h"
#include "harness/rings.h"

CheckedSuite(traps);

/* All of 3 to 63: what is opened later sits above, and no child has any of it. */
EachRung(traps, low_numbers_reserved)
{
	REPORT r;
	int fd, n = uspawn_reserve_fds(), low, high, ends[2];

	cr_assert(n >= 0 && n <= 61);
	cr_assert_eq(uspawn_reserve_fds(), n, "again");
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	cr_assert_geq(fd, 64);
	close(fd);
	report_open(&r);
	file_allow(2001);
	low = file_new(3);
	high = file_new(2000);
	way_report(way, &r,
		   USPAWN(request,
			  FDS({ 3, .fd = low }, { 4, .fd = USPAWN_ARG(0) }, { 63, .fd = high }, { low, .fd = 0 })),
		   USPAWN(args, .fds = &high, .nfds = 1));
	report_assert_file(&r, 3, low);
	report_assert_file(&r, 4, high);
	report_assert_file(&r, 63, high);
	report_assert_file(&r, low, 0);
	way_report(way, &r, USPAWN(request), NULL);
	cr_assert_str_eq(report_fds(&r), "0 1 2");
	for (int i = 0; i < 30; i++) {
		way_report(way, &r,
			   USPAWN(request, FDS({ 5, USPAWN_READ_END, .fd = USPAWN_ARG(0) },
					       { 6, USPAWN_WRITE_END, .fd = USPAWN_ARG(1) })),
			   USPAWN(args, .fds = ends, .nfds = 2));
		cr_assert_str_eq(report_fds(&r), "0 1 2 5 6");
		close(ends[0]);
		close(ends[1]);
	}
	close(low);
	close(high);
}

/* A child that takes a copy of the caller's files at 64 and above is killed for it. */
static void traps_high_numbers_not_copied(struct way *way)
{
	REPORT r;
	int dir, program;

	cr_assert_geq(uspawn_reserve_fds(), 0);
	report_open(&r);
	dir = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	program = open(witness_path, O_RDONLY | O_CLOEXEC);
	kernel_refuse(CALL_CUT_AT_128, 0);
	for (int arg = 0; arg < 2; arg++) {
		way_report(way, &r,
			   USPAWN(request, .flags = USPAWN_FCHDIR | USPAWN_FEXEC, .cwd_fd = arg ? USPAWN_ARG(0) : dir,
				  .exec_fd = arg ? USPAWN_ARG(1) : program, FDS({ 5, .fd = USPAWN_ARG(2) })),
			   USPAWN(args, .fds = ((int[]){ dir, program, dir }), .nfds = 3));
		cr_assert_str_eq(report_value(&r, "cwd"), "/tmp");
		report_assert_file(&r, 5, dir);
	}
	close(dir);
	close(program);
}

WAY_TEST(traps, high_numbers_not_copied, async, USPAWN_RUNG_ASYNC)
WAY_TEST(traps, high_numbers_not_copied, vfork, USPAWN_RUNG_VFORK)
WAY_TEST(traps, high_numbers_not_copied, relay, USPAWN_RUNG_RELAY)

/* A host that closes what it does not know, and opens its own files there. */
static void close_everything_and_start(void)
{
	struct uspawn_ring *ring;
	struct uspawn_plan *plan;
	struct uspawn_child child;
	struct uspawn_event event;
	ino_t inodes[64];
	struct stat st;

	copy_assert(uspawn_reserve_fds() >= 0);
	file_close_range(3, 64);
	for (int fd = 3; fd < 64; fd++) {
		copy_assert(memfd_create("host", 0) == fd && fstat(fd, &st) == 0);
		inodes[fd] = st.st_ino;
	}
	copy_assert(fcntl(5, F_DUPFD_CLOEXEC, 800) == 800);
	copy_assert(uspawn_ring_new(&ring, 4, USPAWN_RING_EPOLL) == 0);
	copy_assert(uspawn_plan_new(
			    &plan,
			    USPAWN(request, WITNESS("exit", "3"), FDS({ 9, .fd = 800 }, { 10, .fd = USPAWN_ARG(0) })),
			    NULL) == 0);
	for (int i = 0; i < 20; i++) {
		copy_assert(uspawn_ring_start(ring, &child, plan, USPAWN(args, .fds = ((int[]){ 800 }), .nfds = 1)) ==
			    0);
		while (uspawn_ring_wait(ring, &event, 1, -1) == 0)
			; /* interrupted */
		copy_assert(child.exit.code == USPAWN_EXITED && child.exit.status == 3);
		copy_assert(uspawn_start(&child, plan, USPAWN(args, .fds = ((int[]){ 800 }), .nfds = 1)) == 0);
		copy_assert(uspawn_wait(&child, -1) == 1);
		copy_assert(child.exit.code == USPAWN_EXITED && child.exit.status == 3);
	}
	uspawn_plan_free(plan);
	uspawn_ring_free(ring);
	for (int fd = 3; fd < 64; fd++)
		copy_assert(fstat(fd, &st) == 0 && st.st_ino == inodes[fd]);
}

CheckedTest(traps, reserved_numbers_taken_by_the_host)
{
	copy_run(close_everything_and_start);
}

/* The library's number for that file: one beside `mine`. */
static int pinned_number(int mine)
{
	struct stat st, file;

	copy_assert(fstat(mine, &file) == 0);
	for (int fd = 3; fd < 64; fd++)
		if (fd != mine && fstat(fd, &st) == 0 && st.st_dev == file.st_dev && st.st_ino == file.st_ino)
			return fd;
	return -1;
}

static ino_t take_from_the_library(int number)
{
	int file = memfd_create("host", MFD_CLOEXEC);
	struct stat st;

	copy_assert(number >= 3 && file >= 0 && dup3(file, number, O_CLOEXEC) == number);
	copy_assert(fstat(number, &st) == 0 && close(file) == 0);
	return st.st_ino;
}

static void take_what_is_in_use(void)
{
	struct uspawn_ring *ring;
	struct uspawn_plan *plans[2];
	struct uspawn_child child;
	struct uspawn_event event;
	struct pollfd ended;
	struct stat st;
	int file = memfd_create("source", MFD_CLOEXEC), number;
	ino_t inode = 0;

	copy_assert(uspawn_reserve_fds() >= 0 && uspawn_ring_new(&ring, 4, USPAWN_RING_EPOLL) == 0);
	copy_assert(uspawn_plan_new(&plans[0], USPAWN(request, WITNESS("exit", "3"), FDS({ 9, .fd = USPAWN_ARG(0) })),
				    NULL) == 0);
	copy_assert(pinned_number(file) == -1);
	copy_assert(uspawn_ring_start(ring, &child, plans[0], USPAWN(args, .fds = &file, .nfds = 1)) == 0);
	ended = (struct pollfd){ .fd = child.pidfd, .events = POLLIN };
	copy_assert(poll(&ended, 1, -1) == 1);
	number = pinned_number(file);
	if (child.rung == USPAWN_RUNG_ASYNC)
		inode = take_from_the_library(number);
	while (uspawn_ring_wait(ring, &event, 1, -1) == 0)
		; /* interrupted */
	if (child.rung == USPAWN_RUNG_ASYNC)
		copy_assert(fstat(number, &st) == 0 && st.st_ino == inode);

	copy_assert(uspawn_plan_new(&plans[1], USPAWN(request, WITNESS("exit", "3"), FDS({ 9, .fd = file })), NULL) ==
		    0);
	inode = take_from_the_library(number = pinned_number(file));
	uspawn_plan_free(plans[1]);
	copy_assert(fstat(number, &st) == 0 && st.st_ino == inode);
	uspawn_plan_free(plans[0]);
	uspawn_ring_free(ring);
}

/* While a child's or a plan's file is there. */
CheckedTest(traps, reserved_numbers_taken_in_use)
{
	copy_run(take_what_is_in_use);
}

/* Where its files are put from then on. */
static void close_and_reserve(int low, int end)
{
	int n = uspawn_reserve_fds(), file;

	copy_assert(n > 0);
	file_close_range(low, end);
	copy_assert(uspawn_reserve_fds() >= n);
	file = memfd_create("host", MFD_CLOEXEC);
	copy_assert(file >= 64);
	for (int fd = 3; fd < 64; fd++)
		copy_assert(file_is_open(fd));
	close(file);
}

static void close_everything_and_reserve(void)
{
	struct uspawn_child child;
	int dir;

	close_and_reserve(3, 0);
	close_and_reserve(3, 0);
	close_and_reserve(3, 30);
	close_and_reserve(30, 64);
	/* What is held again is used again. */
	dir = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < 100; i++) {
		copy_assert(uspawn(&child,
				   USPAWN(request, WITNESS("exit", "3"), .flags = USPAWN_FCHDIR, .cwd_fd = dir,
					  FDS({ 9, .fd = dir })),
				   NULL) == 0);
		copy_assert(uspawn_wait(&child, -1) == 1 && child.exit.status == 3);
		copy_assert(pinned_number(dir) == -1);
	}
	for (int fd = 3; fd < 64; fd++)
		copy_assert(file_is_open(fd));
}

CheckedTest(traps, reserved_again_after_all_was_closed)
{
	file_allow(256);
	copy_run(close_everything_and_reserve);
}

/* A ring's own descriptors are closed under it, and the host's next files get their numbers. */
static uint32_t ring_flags;

static void close_everything_under_a_ring(void)
{
	struct uspawn_ring *ring;
	struct uspawn_plan *plan;
	struct uspawn_child child;
	struct uspawn_event event;
	ino_t inodes[16];
	struct stat st;

	copy_assert(uspawn_ring_new(&ring, 4, ring_flags) == 0 && uspawn_ring_fd(ring) >= 0);
	copy_assert(uspawn_plan_new(&plan, USPAWN(request, WITNESS("exit", "3")), NULL) == 0);
	file_close_range(3, 0);
	for (int i = 0; i < 16; i++) {
		copy_assert(memfd_create("host", 0) == 3 + i && fstat(3 + i, &st) == 0);
		inodes[i] = st.st_ino;
	}
	copy_assert(uspawn_ring_start(ring, &child, plan, NULL) == 0);
	while (uspawn_ring_wait(ring, &event, 1, -1) == 0)
		; /* interrupted */
	copy_assert(child.exit.code == USPAWN_EXITED && child.exit.status == 3);
	uspawn_ring_free(ring);
	uspawn_plan_free(plan);
	for (int i = 0; i < 16; i++)
		copy_assert(fstat(3 + i, &st) == 0 && st.st_ino == inodes[i] && st.st_size == 0);
}

/* The host's next files are sets of its own, with news that are not ours to take. */
static void take_nothing_of_the_hosts_sets(void)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT };
	struct uspawn_ring *ring;
	struct uspawn_plan *plan;
	struct uspawn_child child;
	struct uspawn_event end;
	int ends[2];

	copy_assert(uspawn_ring_new(&ring, 4, USPAWN_RING_EPOLL) == 0 && uspawn_ring_fd(ring) >= 0);
	copy_assert(uspawn_plan_new(&plan, USPAWN(request, WITNESS("exit", "3")), NULL) == 0);
	copy_assert(pipe(ends) == 0 && dup2(ends[0], 0) == 0 && write(ends[1], "x", 1) == 1);
	file_close_range(3, 0);
	for (int i = 0; i < 16; i++)
		copy_assert(epoll_create1(EPOLL_CLOEXEC) == 3 + i && epoll_ctl(3 + i, EPOLL_CTL_ADD, 0, &event) == 0);
	copy_assert(uspawn_ring_start(ring, &child, plan, NULL) == 0);
	while (uspawn_ring_wait(ring, &end, 1, -1) == 0)
		; /* interrupted */
	copy_assert(child.exit.code == USPAWN_EXITED && child.exit.status == 3);
	uspawn_ring_free(ring);
	uspawn_plan_free(plan);
	for (int i = 0; i < 16; i++)
		copy_assert(epoll_wait(3 + i, &event, 1, 0) == 1);
}

CheckedTest(traps, ring_closed_by_a_host_with_sets)
{
	copy_run(take_nothing_of_the_hosts_sets);
}

CheckedTest(traps, ring_closed_by_the_host_uring)
{
	copy_run(close_everything_under_a_ring);
}

CheckedTest(traps, ring_closed_by_the_host_epoll)
{
	ring_flags = USPAWN_RING_EPOLL;
	copy_run(close_everything_under_a_ring);
}

/* Its pidfds are among them; its children run on. */
static void close_everything_over_children(void)
{
	struct uspawn_ring *ring;
	struct uspawn_child alone, watched, let_go;
	struct uspawn_event event;
	int ends[2];
	ino_t inodes[16];
	struct stat st;

	copy_assert(uspawn_ring_new(&ring, 4, ring_flags) == 0 && pipe(ends) == 0);
	copy_assert(dup2(ends[0], 1) == 1 && dup2(ends[1], 0) == 0);
	file_close_range(ends[0], ends[1] + 1);
	for (int i = 0; i < 3; i++) {
		struct uspawn_child *child = i == 0 ? &alone : i == 1 ? &watched : &let_go;

		copy_assert(uspawn(child, USPAWN(request, WITNESS("eof", "0", "exit", "3"), FDS({ 0, .fd = 1 })),
				   NULL) == 0);
	}
	copy_assert(uspawn_ring_add(ring, &watched) == 0);
	file_close_range(3, 0);
	for (int i = 0; i < 16; i++) {
		copy_assert(memfd_create("host", 0) == 3 + i && fstat(3 + i, &st) == 0);
		inodes[i] = st.st_ino;
	}
	uspawn_done(&let_go);
	copy_assert(uspawn_kill(&alone, 0, 0) == 0);
	copy_assert(uspawn_wait(&alone, 0) == 0 && uspawn_wait(&alone, 1000000) == 0);
	copy_assert(uspawn_ring_wait(ring, &event, 1, 20000000) == 0);
	close(0);
	copy_assert(uspawn_wait(&alone, -1) == 1);
	copy_assert(alone.exit.code == USPAWN_EXITED && alone.exit.status == 3);
	while (uspawn_ring_wait(ring, &event, 1, -1) == 0)
		; /* interrupted */
	copy_assert(watched.exit.code == USPAWN_EXITED && watched.exit.status == 3);
	uspawn_ring_free(ring);
	for (int i = 0; i < 16; i++)
		copy_assert(fstat(3 + i, &st) == 0 && st.st_ino == inodes[i]);
}

CheckedTest(traps, children_of_a_host_that_closes_everything_uring)
{
	copy_run(close_everything_over_children);
}

CheckedTest(traps, children_of_a_host_that_closes_everything_epoll)
{
	ring_flags = USPAWN_RING_EPOLL;
	copy_run(close_everything_over_children);
}

static int are_told_apart(const struct uspawn_child *a, const struct uspawn_child *b)
{
	struct stat of_a, of_b;

	return fstat(a->pidfd, &of_a) == 0 && fstat(b->pidfd, &of_b) == 0 && of_a.st_ino != of_b.st_ino;
}

/* The numbers of its pidfds are then those of other children. */
static void close_everything_between_starts(void)
{
	enum { OTHERS = 32 };
	struct uspawn_child alone, killed, watched, let_go, others[OTHERS];
	struct uspawn_child *first[] = { &alone, &killed, &watched, &let_go };
	struct uspawn_ring *ring;
	struct uspawn_event event;
	int ends[2], met = 0;

	copy_assert(uspawn_ring_new(&ring, 4, ring_flags) == 0 && pipe(ends) == 0);
	copy_assert(dup2(ends[0], 1) == 1 && dup2(ends[1], 0) == 0);
	file_close_range(ends[0], ends[1] + 1);
	for (int i = 0; i < 4; i++)
		copy_assert(uspawn(first[i], USPAWN(request, WITNESS("eof", "0", "exit", "3"), FDS({ 0, .fd = 1 })),
				   NULL) == 0);
	if (!are_told_apart(&alone, &watched))
		copy_skip("all pidfds are one file before Linux 6.9");
	copy_assert(uspawn_ring_add(ring, &watched) == 0);
	file_close_range(3, 0);
	for (int i = 0; i < OTHERS; i++) {
		copy_assert(uspawn(&others[i], USPAWN(request, WITNESS("exit", "5")), NULL) == 0);
		for (int k = 0; k < 4; k++)
			met += others[i].pidfd == first[k]->pidfd;
	}
	copy_assert(met == 4);
	uspawn_done(&let_go);
	copy_assert(uspawn_kill(&alone, 0, 0) == 0 && uspawn_kill(&killed, SIGKILL, 0) == 0);
	copy_assert(uspawn_wait(&alone, 0) == 0 && uspawn_wait(&alone, 1000000) == 0);
	copy_assert(uspawn_ring_wait(ring, &event, 1, 20000000) == 0);
	copy_assert(uspawn_wait(&killed, -1) == 1);
	copy_assert(killed.exit.code == USPAWN_KILLED && killed.exit.status == SIGKILL);
	close(0);
	copy_assert(uspawn_wait(&alone, -1) == 1);
	copy_assert(alone.exit.code == USPAWN_EXITED && alone.exit.status == 3);
	while (uspawn_ring_wait(ring, &event, 1, -1) == 0)
		; /* interrupted */
	copy_assert(watched.exit.code == USPAWN_EXITED && watched.exit.status == 3);
	uspawn_ring_free(ring);
	for (int i = 0; i < OTHERS; i++) {
		copy_assert(uspawn_wait(&others[i], -1) == 1);
		copy_assert(others[i].exit.code == USPAWN_EXITED && others[i].exit.status == 5);
	}
}

CheckedTest(traps, children_behind_the_numbers_of_others_uring)
{
	copy_run(close_everything_between_starts);
}

CheckedTest(traps, children_behind_the_numbers_of_others_epoll)
{
	ring_flags = USPAWN_RING_EPOLL;
	copy_run(close_everything_between_starts);
}

/* The caller's pidfd of one child is closed, and its number another's, when the first is let go. */
EachRing(traps, let_go_behind_the_number_of_another)
{
	struct uspawn_child first, second;
	struct uspawn_event event;
	struct stat before, now;
	int ends[2], pid, pidfd;

	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	cr_assert_eq(uspawn(&first, USPAWN(request, WITNESS("eof", "0", "exit", "3"), FDS({ 0, .fd = ends[0] })), NULL),
		     0);
	pid = first.pid;
	pidfd = uspawn_release(&first);
	cr_assert_eq(uspawn_adopt(&first, pid, pidfd, 0), 0);
	cr_assert_eq(uspawn_ring_add(ring, &first), 0);
	cr_assert_eq(uspawn_ring_wait(ring, &event, 1, 0), 0);
	cr_assert_eq(fstat(pidfd, &before), 0);
	close(pidfd);
	ring_witness(ring, &second, LIST("w", "exit", "5"));
	if (fstat(second.pidfd, &now) == 0 && now.st_ino == before.st_ino)
		cr_skip_test("all pidfds are one file before Linux 6.9");
	uspawn_done(&first);
	ring_assert_end(ring, &second);
	assert_exited(&second, 5);
	close(ends[0]);
	close(ends[1]);
	while (kill(pid, 0) == 0) { /* the ring reaps it, by its number */
		cr_assert_leq(uspawn_ring_wait(ring, &event, 1, 0), 0);
		poll(NULL, 0, 1);
	}
	uspawn_ring_free(ring);
}

/* The same of a pidfd that is the library's: whoever had it is looked at all the same. */
EachRing(traps, let_go_behind_the_number_of_a_younger_one)
{
	struct uspawn_child first, second;
	struct uspawn_event event;
	struct stat before, now;
	int pid;

	ring_begin(ring, &first, USPAWN(request, .argv = LIST("sleep", "100")), NULL);
	cr_assert_eq(uspawn_ring_wait(ring, &event, 1, 0), 0);
	pid = first.pid;
	cr_assert_eq(fstat(first.pidfd, &before), 0);
	close(first.pidfd);
	ring_begin(ring, &second, USPAWN(request, .argv = LIST("sleep", "100")), NULL);
	cr_assert(second.pidfd == first.pidfd && fstat(second.pidfd, &now) == 0);
	if (now.st_ino == before.st_ino)
		cr_skip_test("all pidfds are one file before Linux 6.9");
	uspawn_done(&first);
	cr_assert_eq(kill(pid, SIGKILL), 0);
	while (kill(pid, 0) == 0)
		cr_assert_eq(uspawn_ring_wait(ring, &event, 1, 1000000), 0);
	cr_assert_eq(uspawn_kill(&second, SIGKILL, 0), 0);
	ring_assert_end(ring, &second);
	assert_killed(&second, SIGKILL);
	uspawn_ring_free(ring);
}

static struct uspawn_ring *parents_ring;

static void free_among_files_of_that_kind(void)
{
	struct uspawn_ring *rings[3] = { parents_ring };
	uint64_t count;
	int fds[90];

	for (uint32_t i = 1; i < 3; i++)
		copy_assert(uspawn_ring_new(&rings[i], 4, i % 2 * USPAWN_RING_EPOLL) == 0 &&
			    uspawn_ring_fd(rings[i]) >= 0);
	file_close_range(3, 0);
	for (int i = 0; i < 90; i++) {
		fds[i] = i % 3 == 0   ? eventfd(0, EFD_NONBLOCK)
			 : i % 3 == 1 ? epoll_create1(0)
				      : timerfd_create(CLOCK_MONOTONIC, 0);
		copy_assert(fds[i] == 3 + i);
	}
	for (int i = 0; i < 3; i++)
		uspawn_ring_free(rings[i]);
	for (int i = 0; i < 90; i++)
		copy_assert(fcntl(fds[i], F_GETFD) >= 0 && (i % 3 || read(fds[i], &count, sizeof(count)) == -1));
}

/* Of one inode with some of the ring's, in the process that made it and in a forked one. */
EachRing(traps, ring_closed_by_a_host_with_files_of_that_kind)
{
	cr_assert_geq(uspawn_ring_fd(ring), 0);
	parents_ring = ring;
	copy_run(free_among_files_of_that_kind);
	uspawn_ring_free(ring);
}

/* A tracer in another process holds the dead child: its pidfd is readable, and there is nothing to wait for. */
static void trace(pid_t child, int ready, int go)
{
	siginfo_t info;
	char c = ptrace(PTRACE_SEIZE, child, 0, 0) == 0 ? 'y' : 'n';

	if (write(ready, &c, 1) != 1 || waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT | __WALL) < 0 ||
	    write(ready, &c, 1) != 1 || read(go, &c, 1) != 0)
		_exit(1);
	_exit(0);
}

/* `keeps_alive` is what the tracer must not have a copy of. */
static pid_t start_tracer(pid_t child, int keeps_alive, int *ready, int *go)
{
	int out[2], in[2];
	pid_t tracer;
	char c;

	cr_assert(pipe2(out, O_CLOEXEC) == 0 && pipe2(in, O_CLOEXEC) == 0);
	tracer = fork();
	if (tracer == 0) {
		close(in[1]);
		close(keeps_alive);
		trace(child, out[1], in[0]);
	}
	close(out[1]);
	close(in[0]);
	*ready = out[0];
	*go = in[1];
	cr_assert_eq(read(*ready, &c, 1), 1);
	return c == 'y' ? tracer : (close(*ready), close(*go), waitpid(tracer, NULL, 0), 0);
}

static double processor_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

EachRing(traps, c40_dead_child_held_by_a_tracer)
{
	struct uspawn_child child;
	struct uspawn_event event;
	int end = ring_sleeper(ring, &child, "6"), ready, go;
	pid_t tracer = start_tracer(child.pid, end, &ready, &go);
	double before;
	char c;

	close(end);
	if (!tracer) {
		ring_assert_end(ring, &child);
		uspawn_ring_free(ring);
		cr_skip_test("tracing is forbidden here, or the test is traced itself");
	}
	cr_assert_eq(read(ready, &c, 1), 1);
	before = processor_seconds();
	cr_assert_eq(uspawn_ring_wait(ring, &event, 1, 400000000), 0, "held, not ended");
	cr_assert_lt(processor_seconds() - before, 0.2, "it spins");
	close(go);
	ring_assert_end(ring, &child);
	assert_exited(&child, 6);
	waitpid(tracer, NULL, 0);
	close(ready);
	uspawn_ring_free(ring);
}

/* As many ends as completions have no room for come before the first wait: the poll for the held one ends, too. */
EachRing(traps, c40_dead_child_held_by_a_tracer_among_many)
{
	enum { MANY = 1500 };
	static struct uspawn_child children[MANY];
	struct uspawn_child held;
	struct uspawn_event event;
	struct uspawn_plan *plan;
	siginfo_t info;
	int end = ring_sleeper(ring, &held, "6"), ready, go;
	pid_t tracer = start_tracer(held.pid, end, &ready, &go);
	char c;

	file_allow(MANY + 100);
	close(end);
	if (!tracer) {
		ring_assert_end(ring, &held);
		uspawn_ring_free(ring);
		cr_skip_test("tracing is forbidden here, or the test is traced itself");
	}
	cr_assert_eq(read(ready, &c, 1), 1);
	cr_assert_eq(uspawn_plan_new(&plan, USPAWN(request, WITNESS("exit", "0")), NULL), 0);
	for (int i = 0; i < MANY; i++)
		cr_assert_eq(uspawn_ring_start(ring, &children[i], plan, NULL), 0);
	for (int i = 0; i < MANY; i++)
		cr_assert_eq(waitid(P_PID, (id_t)children[i].pid, &info, WEXITED | WNOWAIT | __WALL), 0);
	for (int i = 0; i < MANY; i++)
		cr_assert_neq(ring_next(ring).child, &held);
	cr_assert_eq(uspawn_ring_wait(ring, &event, 1, 1000000), 0, "held, not ended");
	close(go);
	ring_assert_end(ring, &held);
	assert_exited(&held, 6);
	waitpid(tracer, NULL, 0);
	close(ready);
	uspawn_plan_free(plan);
	uspawn_ring_free(ring);
}

/* The caller is the tracer: stops and traps are no ends. */
CheckedTest(traps, c40_child_traced_by_the_caller)
{
	struct uspawn_child child;
	siginfo_t info;
	int end = -1;

	cr_assert_eq(uspawn(&child,
			    USPAWN(request, WITNESS("eof", "0", "kill", "10", "exit", "3"),
				   FDS({ 0, USPAWN_READ_END, .fd = USPAWN_ARG(0) })),
			    USPAWN(args, .fds = &end, .nfds = 1)),
		     0);
	if (ptrace(PTRACE_SEIZE, child.pid, 0, 0) < 0) {
		uspawn_kill(&child, SIGKILL, 0);
		uspawn_wait(&child, -1);
		close(end);
		cr_skip_test("ptrace: %s", strerror(errno));
	}
	close(end);
	cr_assert_eq(waitid(P_PID, (id_t)child.pid, &info, WSTOPPED | WNOWAIT | __WALL), 0);
	cr_assert_eq(uspawn_wait(&child, 0), 0);
	cr_assert_eq(uspawn_wait(&child, 20000000), 0);
	cr_assert_eq(ptrace(PTRACE_CONT, child.pid, 0, 0), 0);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	assert_exited(&child, 3);
}

/* When a waiting start returns, the child has let go of what it was not given: end-of-file is settled. */
EachWaitingRung(traps, nothing_is_held_when_a_start_returns)
{
	for (int i = 0; i < 100; i++) {
		struct uspawn_child child;
		struct pollfd reader;
		int fds[2], end = -1;

		cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
		cr_assert_eq(way_start(way, &child,
				       USPAWN(request, WITNESS("eof", "0"),
					      FDS({ 0, USPAWN_READ_END, .fd = USPAWN_ARG(0) }, { 7, .fd = 1 })),
				       USPAWN(args, .fds = &end, .nfds = 1)),
			     0);
		close(fds[1]);
		reader = (struct pollfd){ .fd = fds[0], .events = POLLIN };
		cr_assert_eq(poll(&reader, 1, 0), 1, "round %d: another end of the pipe is open", i);
		cr_assert_eq(reader.revents, POLLHUP);
		close(fds[0]);
		close(end);
		way_end(way, &child);
	}
}

static void *start_from_fifo(void *fifo)
{
	static struct uspawn_child child;

	cr_assert_eq(uspawn(&child,
			    USPAWN(request, WITNESS("eof", "0", "exit", "4"), FDS({ 0, USPAWN_OPEN, .path = fifo })),
			    NULL),
		     0);
	return &child;
}

/* A start that blocks in the child (here in an open) holds up its own caller and nobody else. */
CheckedTest(traps, c13_slow_start_beside_others)
{
	SCRATCH s;
	char fifo[128];
	struct uspawn_child child, *slow;
	pthread_t thread;
	void *ret;
	int writer;

	scratch_make(&s);
	strcpy(fifo, scratch_path(&s, "fifo"));
	cr_assert_eq(mkfifo(fifo, 0600), 0);
	cr_assert_eq(pthread_create(&thread, NULL, start_from_fifo, fifo), 0);
	for (int i = 0; i < 100; i++) {
		cr_assert_eq(uspawn(&child, USPAWN(request, WITNESS("exit", "3")), NULL), 0);
		cr_assert_eq(uspawn_wait(&child, -1), 1);
		assert_exited(&child, 3);
	}
	cr_assert_eq(pthread_tryjoin_np(thread, &ret), EBUSY, "nobody has opened the other end");
	writer = open(fifo, O_WRONLY | O_CLOEXEC);
	cr_assert_eq(pthread_join(thread, &ret), 0);
	slow = ret;
	cr_assert_eq(uspawn_wait(slow, 0), 0);
	close(writer);
	cr_assert_eq(uspawn_wait(slow, -1), 1);
	assert_exited(slow, 4);
}

/* Runs in the child before its exec: leaves a process behind that has a copy of all it has, its end of the pipe too. */
static int leave_a_stranger(void *shared)
{
	pid_t pid = fork();

	if (pid == 0)
		alarm(30); /* should nobody kill it */
	while (pid == 0)
		pause();
	*(pid_t *)shared = pid;
	return pid < 0 ? EAGAIN : 0;
}

static void start_beside_a_stranger(void)
{
	static const struct {
		const char *path;
		int result;
	} starts[] = { { witness_path, 0 }, { "/no/such", -ENOENT } };
	pid_t *stranger = mmap(NULL, sizeof(*stranger), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	cr_assert(stranger != MAP_FAILED);
	for (int i = 0; i < 2; i++) {
		struct uspawn_child child;
		int r = uspawn(&child,
			       USPAWN(request, .path = starts[i].path, .argv = LIST("witness", "exit", "3"),
				      .callback = leave_a_stranger, .callback_data = stranger),
			       NULL);

		cr_assert_eq(kill(*stranger, SIGKILL), 0, "it held the pipe all the time");
		cr_assert_eq(r, starts[i].result);
		cr_assert_eq(uspawn_wait(&child, -1), 1);
		if (r == 0)
			assert_exited(&child, 3);
	}
	munmap(stranger, sizeof(*stranger));
}

/* No end-of-file says that the child has exec'd, or failed to: its lock does. */
CheckedTest(traps, stranger_holds_the_pipe_of_a_forked_start)
{
	start_beside_a_stranger();
}

/* Or, without locks, what /proc says of it. */
CheckedTest(traps, stranger_holds_the_pipe_of_a_forked_start_without_robust_futexes)
{
	kernel_refuse(CALL_ROBUST_LIST, ENOSYS);
	start_beside_a_stranger();
}

/* As a daemon's: then it takes its time, and the other number is another file. */
static int close_everything(void *data)
{
	file_close_range(3, 0);
	for (int fd = 0; *(int *)data && fd < 3; fd++)
		fcntl(0, F_DUPFD_CLOEXEC, 3);
	usleep(20000);
	return 0;
}

static void close_the_pipe(uint64_t flags)
{
	for (int opens = 0; opens < 2; opens++) {
		struct uspawn_child child;

		cr_assert_eq(uspawn(&child,
				    USPAWN(request, .argv = LIST("/no/such"), .flags = flags,
					   .callback = close_everything, .callback_data = &opens),
				    NULL),
			     -ENOENT);
		assert_failed(&child, ENOENT, USPAWN_STEP_EXEC, 0);
		cr_assert_eq(uspawn(&child,
				    USPAWN(request, WITNESS("exit", "3"), .flags = flags, .callback = close_everything,
					   .callback_data = &opens),
				    NULL),
			     0);
		cr_assert_eq(uspawn_wait(&child, -1), 1);
		assert_exited(&child, 3);
		cr_assert_eq(
			uspawn(&child,
			       USPAWN(request, .flags = flags, .callback = close_everything, .callback_data = &opens),
			       NULL),
			0, "without a program");
		cr_assert_eq(uspawn_wait(&child, -1), 1);
		assert_exited(&child, 0);
	}
}

CheckedTest(traps, forked_child_closes_the_pipe)
{
	close_the_pipe(0);
	close_the_pipe(USPAWN_SETSID | USPAWN_INHERIT_FDS);
}

CheckedTest(traps, forked_child_closes_the_pipe_without_robust_futexes)
{
	kernel_refuse(CALL_ROBUST_LIST, ENOSYS);
	close_the_pipe(0);
	close_the_pipe(USPAWN_SETSID | USPAWN_INHERIT_FDS);
}

/* What the child needs besides its descriptors is held at a low number of the library's: none that is a target. */
EachRung(traps, held_number_is_no_target)
{
	REPORT r;
	struct uspawn_fd fds[32];
	int high, n = 0;

	cr_assert_geq(uspawn_reserve_fds(), 0);
	report_open(&r);
	high = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	high = fcntl(high, F_DUPFD_CLOEXEC, 500);
	for (int target = 3; n < 32; target++)
		fds[n++] = (struct uspawn_fd){ target, .fd = 0 };
	way_report(way, &r, USPAWN(request, .flags = USPAWN_FCHDIR, .cwd_fd = high, .fds = fds, .nfds = 32), NULL);
	cr_assert_str_eq(report_value(&r, "cwd"), "/tmp");
	way_report(way, &r, USPAWN(request, .flags = USPAWN_FCHDIR, .cwd_fd = USPAWN_ARG(0), .fds = fds, .nfds = 32),
		   USPAWN(args, .fds = &high, .nfds = 1));
	cr_assert_str_eq(report_value(&r, "cwd"), "/tmp");
	file_close_range(64, 601);
}
