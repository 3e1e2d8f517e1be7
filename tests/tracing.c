/* SPDX-License-Identifier: MIT */
/*
 * A child that is traced. By the caller: its stops are the caller's to take, and nothing that only looks does. By
 * another process: the dead child is held, its pidfd readable and its status not to be had, and waiting is no spinning.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/kernel.h"
#include "harness/rings.h"

CheckedSuite(tracing);

#define STDIN   FDS({ 0, USPAWN_READ_END, .fd = USPAWN_ARG(0) })
#define HELD_MS 400

/* ---- By the caller ---- */

static void seize_or_skip(pid_t pid)
{
	int error;

	if (ptrace(PTRACE_SEIZE, pid, 0, 0) == 0)
		return;
	error = errno;
	kill(pid, SIGKILL);
	cr_skip_test("ptrace: %s", strerror(error));
}

/* The stop is there, and stays there. */
static void await_stop(pid_t pid)
{
	siginfo_t info;

	cr_assert_eq(waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOWAIT | __WALL), 0);
	cr_assert_eq(info.si_status, SIGUSR1);
}

static void assert_stop_is_left(pid_t pid)
{
	int status = 0;

	cr_assert_eq(waitpid(pid, &status, __WALL | WNOHANG), pid, "somebody has taken it");
	cr_assert(WIFSTOPPED(status) && WSTOPSIG(status) == SIGUSR1);
	cr_assert_eq(ptrace(PTRACE_CONT, pid, 0, 0), 0);
}

static void look(struct way *way, struct uspawn_child *child, int64_t timeout_ns)
{
	struct uspawn_event event;

	if (way->ring)
		cr_assert_eq(uspawn_ring_wait(way->ring, &event, 1, timeout_ns), 0);
	else
		cr_assert_eq(uspawn_wait(child, timeout_ns), 0);
}

static void assert_looks_leave_stops(struct way *way, struct uspawn_request *request)
{
	struct uspawn_child child;
	int end = -1;

	request->path = witness_path;
	request->argv = LIST("witness", "eof", "0", "kill", "10", "kill", "10", "exit", "3");
	cr_assert_eq(way_start(way, &child, request, USPAWN(args, .fds = &end, .nfds = 1)), 0);
	seize_or_skip(child.pid);
	close(end);
	for (int i = 0; i < 2; i++) {
		await_stop(child.pid);
		look(way, &child, i * 20000000);
		assert_stop_is_left(child.pid);
	}
	way_end(way, &child);
	assert_exited(&child, 3);
}

EachRung(tracing, looks_leave_stops)
{
	assert_looks_leave_stops(way, USPAWN(request, STDIN));
}

/* The same where something is done for it meanwhile. */
EachRung(tracing, looks_leave_stops_of_a_cared)
{
	struct uspawn_timed late = { .after_ns = 1000000000000, .signo = SIGKILL };

	assert_looks_leave_stops(way, USPAWN(request, STDIN, .timed = &late, .ntimed = 1));
}

/* An entry without a child: it is reaped by the ring, when it ends. */
EachRing(tracing, ring_leaves_stops_of_who_was_let_go)
{
	struct pollfd ready = { .events = POLLIN };
	struct uspawn_child child;
	struct uspawn_event event;
	int end = -1;
	pid_t pid;

	ring_begin(ring, &child, USPAWN(request, WITNESS("eof", "0", "kill", "10", "exit", "3"), STDIN),
		   USPAWN(args, .fds = &end, .nfds = 1));
	pid = child.pid;
	seize_or_skip(pid);
	uspawn_done(&child);
	close(end);
	await_stop(pid);
	cr_assert_eq(uspawn_ring_wait(ring, &event, 1, 0), 0);
	assert_stop_is_left(pid);
	ready.fd = uspawn_ring_fd(ring);
	while (kill(pid, 0) == 0) {
		poll(&ready, 1, 1000);
		uspawn_ring_wait(ring, &event, 1, 0);
	}
	uspawn_ring_free(ring);
}

static void assert_reaper_leaves_stops(struct uspawn_ring *ring)
{
	struct uspawn_event event;
	int fds[2];
	pid_t pid;
	char c;

	cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		close(fds[1]);
		_exit(read(fds[0], &c, 1) == 0 && raise(SIGUSR1) == 0 ? 3 : 1);
	}
	seize_or_skip(pid);
	close(fds[0]);
	close(fds[1]);
	await_stop(pid);
	cr_assert_eq(uspawn_ring_wait(ring, &event, 1, 0), 0);
	assert_stop_is_left(pid);
	event = ring_next(ring);
	cr_assert(event.type == USPAWN_EVENT_STRANGER && event.index == pid);
	cr_assert(event.data == USPAWN_EXITED && event.len == 3);
	uspawn_ring_free(ring);
}

CheckedTest(tracing, reaper_leaves_stops_uring)
{
	assert_reaper_leaves_stops(ring_enter(USPAWN_RING_REAPER));
}

CheckedTest(tracing, reaper_leaves_stops_epoll)
{
	assert_reaper_leaves_stops(ring_enter(USPAWN_RING_REAPER | USPAWN_RING_EPOLL));
}

/* ---- By another process ---- */

/* Holds it, when it has died, for HELD_MS, so that whoever waits meanwhile need not be stopped to be measured. */
static void hold(pid_t child, int ready, int keeps_alive)
{
	siginfo_t info;
	char c = ptrace(PTRACE_SEIZE, child, 0, 0) == 0 ? 'y' : 'n';

	close(keeps_alive);
	if (write(ready, &c, 1) != 1 || c == 'n')
		_exit(1);
	waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT | __WALL);
	if (write(ready, &c, 1) != 1)
		_exit(1);
	poll(NULL, 0, HELD_MS);
	_exit(0);
}

/* Returns when `child`, which lives until `end` is closed, has died and is held; or skips. */
static pid_t kill_and_hold(pid_t child, int end)
{
	int fds[2];
	pid_t tracer;
	char c;

	cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
	tracer = fork();
	if (tracer == 0)
		hold(child, fds[1], end);
	close(fds[1]);
	cr_assert_eq(read(fds[0], &c, 1), 1);
	close(end);
	if (c == 'n') {
		waitpid(tracer, NULL, 0);
		cr_skip_test("tracing is forbidden here, or the test is traced itself");
	}
	cr_assert_eq(read(fds[0], &c, 1), 1);
	close(fds[0]);
	return tracer;
}

static int64_t processor_ms(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
	       (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}

/* Waits for one that has died and is held. */
static void assert_waits_asleep(struct uspawn_child *child, int end)
{
	pid_t tracer = kill_and_hold(child->pid, end);
	int64_t before = processor_ms();

	cr_assert_eq(uspawn_wait(child, -1), 1);
	cr_assert_lt(processor_ms() - before, HELD_MS / 4, "it spins");
	assert_exited(child, 6);
	waitpid(tracer, NULL, 0);
}

EachWaitingRung(tracing, held_by_another)
{
	struct uspawn_child child;
	int end = -1;

	cr_assert_eq(way_start(way, &child, USPAWN(request, WITNESS("eof", "0", "exit", "6"), STDIN),
			       USPAWN(args, .fds = &end, .nfds = 1)),
		     0);
	assert_waits_asleep(&child, end);
}

/* A wait by a pidfd that does not block comes back with nothing, and the pidfd is readable all the time. */
EachWaitingRung(tracing, held_by_another_with_a_pidfd_that_does_not_block)
{
	struct uspawn_child child;
	int end = -1;

	cr_assert_eq(way_start(way, &child, USPAWN(request, WITNESS("eof", "0", "exit", "6"), STDIN),
			       USPAWN(args, .fds = &end, .nfds = 1)),
		     0);
	if (child.pidfd >= 0)
		cr_assert_eq(fcntl(child.pidfd, F_SETFL, O_NONBLOCK), 0);
	assert_waits_asleep(&child, end);
}

CheckedTest(tracing, held_by_another_and_adopted)
{
	struct uspawn_child child = { 0 };
	int fds[2], pidfd;
	pid_t pid;
	char c;

	cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		close(fds[1]);
		_exit(read(fds[0], &c, 1) == 0 ? 6 : 1);
	}
	close(fds[0]);
	pidfd = kernel_pidfd_open(pid);
	if (pidfd < 0)
		cr_skip_test("pidfd_open: %s", strerror(-pidfd));
	cr_assert_eq(fcntl(pidfd, F_SETFL, O_NONBLOCK), 0);
	cr_assert_eq(uspawn_adopt(&child, pid, pidfd, USPAWN_ADOPT_GIVE), 0);
	assert_waits_asleep(&child, fds[1]);
}
