/* SPDX-License-Identifier: MIT */
/* Children that outlive who started them, and processes that come to a ring which has not started them. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/copy.h"
#include "harness/kernel.h"
#include "harness/rings.h"

CheckedSuite(orphans);

#define MS  1000000ull
#define OUT FDS({ 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(0) })

/* ---- Detached ---- */

/* Lives until the pipe is closed, and ends with 7. */
#define LIVES(pipe) WITNESS("eof", "0", "exit", "7"), FDS({ 0, .fd = (pipe)[0] }), .flags = USPAWN_DETACH

/* In a copy, which is to be killed: starts it, says its pid, and stays. */
static pid_t fork_server(struct way *way, const int pipe[2], int *said)
{
	int fds[2];
	pid_t server;

	cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
	server = fork();
	if (server == 0) {
		struct uspawn_child child;

		close(pipe[1]);
		if (uspawn(&child, USPAWN(request, .rung = way->rung, LIVES(pipe)), NULL) < 0 ||
		    child.state != USPAWN_RUNNING || uspawn_kill(&child, 0, 0) < 0 || uspawn_wait(&child, 0) != 0)
			_exit(1);
		if (waitpid(-1, NULL, __WALL | WNOHANG) != -1 || errno != ECHILD)
			_exit(2);
		if (write(fds[1], &child.pid, sizeof(child.pid)) != sizeof(child.pid))
			_exit(3);
		for (;;)
			pause();
	}
	close(fds[1]);
	*said = fds[0];
	return server;
}

EachWaitingRung(orphans, outlives_the_server)
{
	int pipe[2], said, status;
	siginfo_t info = { 0 };
	pid_t server, pid;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	cr_assert_eq(pipe2(pipe, O_CLOEXEC), 0);
	server = fork_server(way, pipe, &said);
	cr_assert_eq(read(said, &pid, sizeof(pid)), sizeof(pid), "the server has no child of its own");
	kill(server, SIGKILL);
	cr_assert_eq(waitpid(server, &status, 0), server);
	cr_assert_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG), 0, "it came to us");
	cr_assert_eq(info.si_pid, 0, "and runs");
	close(pipe[1]);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	close(pipe[0]);
	close(said);
}

/* Ours again, as we are a subreaper: all that is known of a child is known of it. */
EachWaitingRung(orphans, comes_back_to_a_subreaper)
{
	struct uspawn_output output = { .head = 100 };
	struct uspawn_child child;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	cr_assert_eq(uspawn_run(&child,
				USPAWN(request, .rung = way->rung, SH("echo hi; exit 3"), OUT,
				       .flags = USPAWN_DETACH | USPAWN_SETSID),
				USPAWN(args, .outputs = &output, .noutputs = 1)),
		     0);
	assert_exited(&child, 3);
	cr_assert(output.len == 3 && memcmp(output.data, "hi\n", 3) == 0);
	free(output.data);
}

EachWaitingRung(orphans, mask_and_descriptors_are_as_ever)
{
	REPORT r;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	report_open(&r);
	way_report(way, &r, USPAWN(request, .flags = USPAWN_DETACH, FDS({ 5, USPAWN_NULL })), NULL);
	cr_assert_str_eq(report_value(&r, "SigBlk"), "0000000000000000");
	cr_assert_str_eq(report_fds(&r), "0 1 2 5");
}

EachWaitingRung(orphans, what_does_not_run_leaves_nothing)
{
	struct uspawn_child child;

	cr_assert_eq(way_start(way, &child, USPAWN(request, .argv = LIST("/no/such"), .flags = USPAWN_DETACH), NULL),
		     -ENOENT);
	assert_failed(&child, ENOENT, USPAWN_STEP_EXEC, 0);
	cr_assert_eq(way_start(way, &child,
			       USPAWN(request, .argv = LIST("true"), .cwd = "/no/such", .flags = USPAWN_DETACH), NULL),
		     -ENOENT);
	assert_failed(&child, ENOENT, USPAWN_STEP_CWD, 0);
}

/* The pid alone: nothing is left to forget. */
EachWaitingRung(orphans, c42_let_go_at_once)
{
	struct uspawn_child child;
	int status;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	cr_assert_eq(uspawn(&child,
			    USPAWN(request, .rung = way->rung, WITNESS("exit", "4"),
				   .flags = USPAWN_DETACH | USPAWN_PID_ONLY),
			    NULL),
		     0);
	cr_assert(child.state == USPAWN_UNSET && child.pidfd == -1);
	cr_assert_eq(waitpid(child.pid, &status, 0), child.pid);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 4);
}

static uint32_t ring_flags;

/* Somebody else reaps it: the status is known where the kernel keeps it, and if that was at once. */
static void watch_in_copy(void)
{
	struct uspawn_event event;
	struct uspawn_child child;
	struct uspawn_plan *plan;
	struct uspawn_ring *ring;
	int n;

	prctl(PR_SET_CHILD_SUBREAPER, 0);
	copy_assert(uspawn_ring_new(&ring, 0, ring_flags) == 0);
	copy_assert(uspawn_plan_new(&plan, USPAWN(request, WITNESS("exit", "6"), .flags = USPAWN_DETACH), NULL) == 0);
	copy_assert(uspawn_ring_start(ring, &child, plan, NULL) == 0);
	while ((n = uspawn_ring_wait(ring, &event, 1, -1)) == 0)
		; /* interrupted */
	copy_assert(n == 1 && event.type == USPAWN_EVENT_END && event.child == &child);
	copy_assert(child.exit.code == USPAWN_UNKNOWN || (child.exit.code == USPAWN_EXITED && child.exit.status == 6));
	uspawn_plan_free(plan);
	uspawn_ring_free(ring);
}

static void detached_on_a_ring(uint32_t flags)
{
	int status;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	ring_flags = flags;
	copy_run(watch_in_copy);
	cr_assert_gt(waitpid(-1, &status, 0), 0);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 6);
	cr_assert_eq(waitpid(-1, &status, __WALL), -1);
}

CheckedTest(orphans, on_a_ring_uring)
{
	detached_on_a_ring(0);
}

CheckedTest(orphans, on_a_ring_epoll)
{
	detached_on_a_ring(USPAWN_RING_EPOLL);
}

/* Whoever inherited it is slow to reap it: that holds up nobody who only looks. */
static void look_in_copy(void)
{
	struct uspawn_event event;
	struct uspawn_child child, alone;
	struct uspawn_plan *plan;
	struct uspawn_ring *ring;
	struct pollfd p = { .events = POLLIN };
	int n;

	prctl(PR_SET_CHILD_SUBREAPER, 0);
	copy_assert(uspawn_ring_new(&ring, 0, ring_flags) == 0);
	copy_assert(uspawn_plan_new(&plan, USPAWN(request, WITNESS("exit", "6"), .flags = USPAWN_DETACH), NULL) == 0);
	copy_assert(uspawn_start(&alone, plan, NULL) == 0);
	p.fd = alone.pidfd;
	copy_assert(poll(&p, 1, -1) == 1);
	copy_assert(uspawn_wait(&alone, 0) == 0);
	copy_assert(uspawn_wait(&alone, -1) == 1 && alone.exit.code == USPAWN_UNKNOWN);
	copy_assert(uspawn_ring_start(ring, &child, plan, NULL) == 0);
	p.fd = child.pidfd;
	copy_assert(poll(&p, 1, -1) == 1);
	n = uspawn_ring_wait(ring, &event, 1, 0);
	while (n == 0) /* but on a machine so slow that it was long enough */
		n = uspawn_ring_wait(ring, &event, 1, -1);
	copy_assert(n == 1 && event.child == &child && child.exit.code == USPAWN_UNKNOWN);
	uspawn_plan_free(plan);
	uspawn_ring_free(ring);
}

static void detached_and_not_reaped(uint32_t flags)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	ring_flags = flags;
	copy_run(look_in_copy);
	for (int i = 0; i < 2; i++)
		cr_assert_gt(waitpid(-1, NULL, 0), 0);
}

CheckedTest(orphans, not_reaped_uring)
{
	detached_and_not_reaped(0);
}

CheckedTest(orphans, not_reaped_epoll)
{
	detached_and_not_reaped(USPAWN_RING_EPOLL);
}

EachRing(orphans, what_does_not_run_has_no_end)
{
	struct uspawn_child child;
	struct uspawn_plan *plan;

	cr_assert_eq(uspawn_plan_new(&plan, USPAWN(request, .argv = LIST("/no/such"), .flags = USPAWN_DETACH), NULL),
		     0);
	cr_assert_eq(uspawn_ring_start(ring, &child, plan, NULL), -ENOENT);
	assert_failed(&child, ENOENT, USPAWN_STEP_EXEC, 0);
	uspawn_plan_free(plan);
	ring_assert_idle(ring);
	uspawn_ring_free(ring);
}

/* Without vfork the go-between is a copy. */
CheckedTest(orphans, without_shared_memory)
{
	struct uspawn_child child;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	kernel_refuse(CALL_CLONE3 | CALL_CLONE_VM, EPERM);
	cr_assert_eq(uspawn(&child, USPAWN(request, WITNESS("exit", "9"), .flags = USPAWN_DETACH), NULL), 0);
	cr_assert_eq(child.rung, USPAWN_RUNG_FORK);
	cr_assert_geq(child.pidfd, 0);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	assert_exited(&child, 9);
}

/* The switch: it has descriptors of its own, too, and what it knows the child by comes over, by no new call. */
static void start_by_a_plain_fork(void)
{
	struct uspawn_child child;
	int pipe[2];

	setenv("USPAWN_RUNG", "fork", 1);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	copy_assert(pipe2(pipe, O_CLOEXEC) == 0);
	kernel_refuse(CALL_CLONE3 | CALL_CLONE_VM | CALL_CLONE_FILES | CALL_PIDFD_OPEN, 0);
	for (int only = 0; only < 2; only++) {
		copy_assert(uspawn(&child,
				   USPAWN(request, WITNESS("eof", "0", "exit", "7"), FDS({ 0, .fd = pipe[0] }),
					  .flags = USPAWN_DETACH | (only ? USPAWN_PID_ONLY : 0)),
				   NULL) == 0);
		copy_assert(child.rung == USPAWN_RUNG_FORK);
		copy_assert((child.pidfd >= 0) == !only);
		if (only) {
			copy_assert(kill(child.pid, SIGKILL) == 0 && waitpid(child.pid, NULL, 0) == child.pid);
			continue;
		}
		copy_assert(uspawn_kill(&child, SIGKILL, 0) == 0);
		copy_assert(uspawn_wait(&child, -1) == 1);
		copy_assert(child.exit.code == USPAWN_KILLED);
	}
	copy_assert(uspawn(&child, USPAWN(request, .argv = LIST("/no/such"), .flags = USPAWN_DETACH), NULL) == -ENOENT);
	copy_assert(child.failure.step == USPAWN_STEP_EXEC);
	copy_assert(waitpid(-1, NULL, WNOHANG | __WALL) == -1 && errno == ECHILD);
}

CheckedTest(orphans, by_a_plain_fork)
{
	copy_run(start_by_a_plain_fork);
}

/* The go-between shares memory, the child is a copy of it. */
CheckedTest(orphans, forked_by_who_shares_memory)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	kernel_refuse(CALL_MEMFD, EPERM);
	for (int i = 0; i < 100; i++) {
		struct uspawn_child child;

		cr_assert_eq(uspawn(&child,
				    USPAWN(request, WITNESS("exit", "9"), .caps = "cap_kill=i", .flags = USPAWN_DETACH),
				    NULL),
			     0);
		cr_assert_eq(child.rung, USPAWN_RUNG_FORK);
		cr_assert_eq(uspawn_wait(&child, -1), 1);
		assert_exited(&child, 9);
	}
}

/* The first child of that one, but for `not`; 0: it has none. -1: this kernel does not say. */
static pid_t child_of(pid_t parent, pid_t not )
{
	char path[64];
	FILE *list;
	pid_t pid = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", parent, parent);
	list = fopen(path, "re");
	if (!list)
		return -1;
	do
		if (fscanf(list, "%d", &pid) != 1)
			pid = 0;
	while (pid && pid == not );
	fclose(list);
	return pid;
}

/* Kills who is to hand the child over, once there is one, which waits for a FIFO before its exec. */
static void kill_the_go_between(pid_t us)
{
	pid_t go_between = 0;

	while (go_between <= 0 || child_of(go_between, 0) <= 0) {
		go_between = child_of(us, getpid());
		usleep(1000);
	}
	kill(go_between, SIGKILL);
	_exit(0);
}

/* The child stood on the stack of the start: it must not go on when that has returned. */
CheckedTest(orphans, go_between_that_is_killed)
{
	const char *missing = way_missing(USPAWN_RUNG_VFORK);
	char path[] = "/tmp/uspawn-XXXXXX", fifo[sizeof(path) + 5];
	struct uspawn_child child;
	pid_t us = getpid(), killer;
	int end, status, killed = 0;

	if (missing)
		cr_skip_test("%s", missing);
	if (child_of(us, 0) < 0)
		cr_skip_test("lists of children below /proc");
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	cr_assert_not_null(mkdtemp(path));
	snprintf(fifo, sizeof(fifo), "%s/fifo", path);
	cr_assert_eq(mkfifo(fifo, 0600), 0);
	killer = fork();
	if (killer == 0)
		kill_the_go_between(us);
	cr_assert_eq(uspawn(&child,
			    USPAWN(request, .rung = USPAWN_RUNG_VFORK, WITNESS("exit", "5"), .flags = USPAWN_DETACH,
				   FDS({ 0, USPAWN_OPEN, .path = fifo })),
			    NULL),
		     -EAGAIN);
	assert_failed(&child, EAGAIN, USPAWN_STEP_CLONE, 0);
	end = open(fifo, O_RDWR | O_CLOEXEC); /* whoever still waits goes on */
	for (pid_t pid; (pid = waitpid(-1, &status, __WALL)) > 0;)
		killed += pid != killer && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	cr_assert_eq(killed, 1);
	close(end);
	unlink(fifo);
	rmdir(path);
}

/* By its number, then: it runs until whoever inherits it has reaped it. */
CheckedTest(orphans, without_pidfds)
{
	int pipe[2], said[2], status;
	pid_t server, pid;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	kernel_refuse(CALL_CLONE3 | CALL_CLONE_PIDFD | CALL_PIDFD_OPEN, ENOSYS);
	cr_assert(pipe2(pipe, O_CLOEXEC) == 0 && pipe2(said, O_CLOEXEC) == 0);
	server = fork();
	if (server == 0) {
		struct uspawn_child child;

		close(pipe[1]);
		if (uspawn(&child, USPAWN(request, LIVES(pipe)), NULL) < 0 || child.pidfd != -1 ||
		    uspawn_wait(&child, 0) != 0)
			_exit(1);
		if (write(said[1], &child.pid, sizeof(child.pid)) != sizeof(child.pid))
			_exit(2);
		_exit(uspawn_wait(&child, -1) == 1 && child.exit.code == USPAWN_UNKNOWN ? 0 : 3);
	}
	close(said[1]);
	cr_assert_eq(read(said[0], &pid, sizeof(pid)), sizeof(pid), "it runs");
	close(pipe[1]);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	cr_assert_eq(waitpid(server, &status, 0), server);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "wait status %#x", (unsigned)status);
	close(pipe[0]);
	close(said[0]);
}

CheckedTest(orphans, bad_input)
{
	struct uspawn_child child;

	cr_assert_eq(uspawn(&child, USPAWN(request, .argv = LIST("true"), .flags = USPAWN_DETACH, .pdeathsig = SIGKILL),
			    NULL),
		     -EINVAL);
	assert_failed(&child, EINVAL, USPAWN_STEP_PDEATHSIG, 0);
	cr_assert_eq(uspawn(&child,
			    USPAWN(request, .argv = LIST("true"), .flags = USPAWN_DETACH | USPAWN_KILL_ON_CLOSE), NULL),
		     -EINVAL);
	assert_failed(&child, EINVAL, USPAWN_STEP_CLONE, 0);
}

/* ---- A ring that reaps what the process inherits ---- */

#define EachReaper(name)                                                        \
	static void orphans_##name(struct uspawn_ring *ring);                   \
	RING_TEST(orphans, name, uring, USPAWN_RING_REAPER)                     \
	RING_TEST(orphans, name, epoll, USPAWN_RING_REAPER | USPAWN_RING_EPOLL) \
	static void orphans_##name(struct uspawn_ring *ring)

/* A child that ends with 5 and leaves `many` behind, which live until the pipe is closed and end with 3. */
static int leave_behind(struct uspawn_ring *ring, struct uspawn_child *child, int many)
{
	char count[2] = { (char)('0' + many), '\0' };
	int end = -1;

	ring_begin(ring, child,
		   USPAWN(request, .path = "/bin/sh",
			  .argv = LIST("sh", "-c",
				       "i=0; while [ $i -lt $0 ]; do (read x <&3; exit 3) & i=$((i+1)); done; exit 5",
				       count),
			  FDS({ 3, USPAWN_READ_END, .fd = USPAWN_ARG(0) })),
		   USPAWN(args, .fds = &end, .nfds = 1));
	return end;
}

static void assert_stranger(const struct uspawn_event *event)
{
	cr_assert_eq(event->type, USPAWN_EVENT_STRANGER);
	cr_assert(event->child == NULL && event->index > 1);
	cr_assert(event->data == USPAWN_EXITED && event->len == 3);
}

EachReaper(strangers_are_reaped_and_told)
{
	struct uspawn_child child;
	struct uspawn_event event;
	int end;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	end = leave_behind(ring, &child, 3);
	ring_assert_end(ring, &child);
	assert_exited(&child, 5);
	cr_assert_eq(uspawn_ring_wait(ring, &event, 1, 5 * MS), 0, "there are children to wait for");
	close(end);
	for (int i = 0; i < 3; i++) {
		event = ring_next(ring);
		assert_stranger(&event);
	}
	ring_assert_idle(ring);
	uspawn_ring_free(ring);
}

/* Among children of the ring's own, and others that it was given: each is told once, as what it is. */
EachReaper(nobody_is_mistaken)
{
	enum { MANY = 20 };
	struct uspawn_child children[MANY], adopted, gone;
	int end, strangers = 0, ends = 0, n;
	struct uspawn_event events[8];
	pid_t pid;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	end = leave_behind(ring, &children[0], 5);
	for (int i = 1; i < MANY; i++)
		ring_witness(ring, &children[i], LIST("w", "exit", "5"));
	pid = fork();
	if (pid == 0)
		_exit(5);
	cr_assert_eq(uspawn_adopt(&adopted, pid, -1, 0), 0);
	cr_assert_eq(uspawn_ring_add(ring, &adopted), 0);
	ring_witness(ring, &gone, LIST("w", "exit", "5"));
	uspawn_done(&gone);
	while ((n = uspawn_ring_wait(ring, events, 8, -1)) >= 0)
		for (int i = 0; i < n; i++) {
			if (events[i].type == USPAWN_EVENT_END) {
				assert_exited(events[i].child, 5);
				ends++;
				if (events[i].child == &children[0])
					close(end);
			} else {
				assert_stranger(&events[i]);
				strangers++;
			}
		}
	cr_assert_eq(n, -ECHILD);
	cr_assert(ends == MANY + 1 && strangers == 5, "%d ends, %d strangers", ends, strangers);
	uspawn_ring_free(ring);
}

EachReaper(a_foreign_loop_is_woken)
{
	struct pollfd p = { .fd = uspawn_ring_fd(ring), .events = POLLIN };
	struct uspawn_child child;
	struct uspawn_event event;
	int end, n;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	end = leave_behind(ring, &child, 1);
	ring_assert_end(ring, &child);
	cr_assert_eq(uspawn_ring_wait(ring, &event, 1, 0), 0);
	close(end);
	do {
		cr_assert_eq(poll(&p, 1, 60000), 1);
		n = uspawn_ring_wait(ring, &event, 1, 0);
	} while (n == 0);
	assert_stranger(&event);
	ring_assert_idle(ring);
	uspawn_ring_free(ring);
}

/* One that has ended behind a child of the ring's own is not left until the next look. */
EachReaper(a_foreign_loop_is_woken_for_the_next)
{
	struct pollfd p = { .fd = uspawn_ring_fd(ring), .events = POLLIN };
	struct uspawn_child child;
	struct uspawn_event event;
	siginfo_t info;
	pid_t pid;
	int n;

	ring_witness(ring, &child, LIST("w", "exit", "5"));
	pid = fork();
	if (pid == 0)
		_exit(3);
	cr_assert_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	cr_assert_eq(waitid(P_PID, (id_t)child.pid, &info, WEXITED | WNOWAIT), 0);
	while ((n = uspawn_ring_wait(ring, &event, 1, 0)) == 0)
		; /* its pidfd says so a moment later */
	cr_assert(n == 1 && event.child == &child);
	cr_assert_eq(poll(&p, 1, 500), 1, "half of what lies between two looks");
	cr_assert_eq(uspawn_ring_wait(ring, &event, 1, 0), 1);
	assert_stranger(&event);
	ring_assert_idle(ring);
	uspawn_ring_free(ring);
}

/* A ring that is none leaves them alone. */
EachRing(orphans, are_left_alone_without)
{
	struct uspawn_child child;
	int end, status;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	end = leave_behind(ring, &child, 1);
	ring_assert_end(ring, &child);
	close(end);
	ring_assert_idle(ring);
	cr_assert_gt(waitpid(-1, &status, 0), 0);
	uspawn_ring_free(ring);
}

/* One that was adopted by its pidfd alone is its ring's, whoever says its number: before Linux 6.13 only /proc does. */
CheckedTest(orphans, adopted_by_pidfd_is_no_stranger)
{
	kernel_refuse(CALL_PIDFD_INFO, ENOTTY);
	for (int i = 0; i < 4; i++) {
		struct uspawn_ring *ring;
		struct uspawn_child child;
		struct uspawn_event event;
		siginfo_t info;
		pid_t pid;
		int pidfd;

		cr_assert_eq(uspawn_ring_new(&ring, 0, USPAWN_RING_REAPER | (i & 1 ? USPAWN_RING_EPOLL : 0)), 0);
		if (i & 2) /* whose turn it is */
			uspawn_ring_wait(ring, &event, 1, 0);
		pid = fork();
		if (pid == 0)
			_exit(5);
		cr_assert_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
		pidfd = kernel_pidfd_open(pid);
		cr_assert(pidfd >= 0);
		cr_assert_eq(uspawn_adopt(&child, 0, pidfd, USPAWN_ADOPT_GIVE), 0);
		cr_assert_eq(child.pid, pid);
		cr_assert_eq(uspawn_ring_add(ring, &child), 0);
		ring_assert_end(ring, &child);
		assert_exited(&child, 5);
		uspawn_ring_free(ring);
	}
}

CheckedTest(orphans, no_external_reaper)
{
	struct uspawn_ring *ring;

	cr_assert_eq(uspawn_ring_new(&ring, 0, USPAWN_RING_REAPER | USPAWN_RING_EXTERNAL), -EINVAL);
}
