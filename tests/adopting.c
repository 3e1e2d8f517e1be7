/* SPDX-License-Identifier: MIT */
/* Children by other hands: adopted, released, let go at once; and signals, which never reach a stranger. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/files.h"
#include "harness/kernel.h"
#include "harness/rings.h"
#include "harness/way.h"

CheckedSuite(adopting);

static pid_t fork_exit(int code)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(code);
	cr_assert(pid > 0);
	return pid;
}

/* Forks a process that exits when the descriptor returned is closed. */
static int fork_sleeper(pid_t *pid, int code)
{
	int fds[2];
	char c;

	cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
	*pid = fork();
	if (*pid == 0) {
		close(fds[1]);
		_exit(read(fds[0], &c, 1) == 0 ? code : 99);
	}
	close(fds[0]);
	return fds[1];
}

static int pidfd_of(pid_t pid)
{
	int pidfd = kernel_pidfd_open(pid);

	if (pidfd == -ENOSYS)
		cr_skip_test("pidfd_open needs Linux 5.3");
	cr_assert(pidfd >= 0);
	return pidfd;
}

CheckedTest(adopting, by_pid)
{
	struct uspawn_child child = { .data = &child };
	pid_t pid;
	int end = fork_sleeper(&pid, 3);

	cr_assert_eq(uspawn_adopt(&child, pid, -1, 0), 0);
	cr_assert(child.state == USPAWN_RUNNING && child.pid == pid && (child.pidfd > 2 || child.pidfd == -1));
	cr_assert_eq(child.data, &child);
	cr_assert_eq(uspawn_wait(&child, 0), 0);
	close(end);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	assert_exited(&child, 3);
}

CheckedTest(adopting, by_pidfd_that_stays_the_callers)
{
	struct uspawn_child child;
	pid_t pid = fork_exit(4);
	int pidfd = pidfd_of(pid);

	cr_assert_eq(uspawn_adopt(&child, 0, pidfd, 0), 0);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	assert_exited(&child, 4);
	cr_assert(file_is_open(pidfd));
	close(pidfd);
}

CheckedTest(adopting, by_pidfd_that_is_given)
{
	struct uspawn_child child;
	pid_t pid = fork_exit(5);
	int pidfd = pidfd_of(pid);

	cr_assert_eq(uspawn_adopt(&child, pid, pidfd, USPAWN_ADOPT_GIVE), 0);
	cr_assert_eq(child.pidfd, pidfd);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	assert_exited(&child, 5);
	cr_assert(!file_is_open(pidfd));
}

/* That it is watched no more is no news. */
EachRing(adopting, wait_after_the_end_of_one_whose_pidfd_stays)
{
	struct uspawn_child children[2];
	struct uspawn_event event;
	struct timespec begin, end;
	pid_t pids[2];
	int ends[2], pidfds[2], tries = 0;
	int64_t ns;

	for (int i = 0; i < 2; i++) {
		ends[i] = fork_sleeper(&pids[i], i);
		pidfds[i] = pidfd_of(pids[i]);
		cr_assert_eq(uspawn_adopt(&children[i], pids[i], pidfds[i], 0), 0);
		cr_assert_eq(uspawn_ring_add(ring, &children[i]), 0);
	}
	close(ends[1]);
	ring_assert_end(ring, &children[1]);
	do { /* the end of a ring that is refused interrupts, too */
		clock_gettime(CLOCK_MONOTONIC, &begin);
		cr_assert_eq(uspawn_ring_wait(ring, &event, 1, 50000000), 0);
		clock_gettime(CLOCK_MONOTONIC, &end);
		ns = (end.tv_sec - begin.tv_sec) * (int64_t)1000000000 + end.tv_nsec - begin.tv_nsec;
	} while (ns < 50000000 && tries++ < 3);
	cr_assert_geq(ns, 50000000);
	close(ends[0]);
	ring_assert_end(ring, &children[0]);
	close(pidfds[0]);
	close(pidfds[1]);
	uspawn_ring_free(ring);
}

/* PIDFD_NONBLOCK: a wait by it answers EAGAIN, which is no end. */
CheckedTest(adopting, c2_pidfd_that_does_not_block)
{
	struct uspawn_child child;
	struct uspawn_ring *ring;
	struct uspawn_event event;
	pid_t pid;
	int end = fork_sleeper(&pid, 6), pidfd = pidfd_of(pid), n;

	cr_assert_eq(fcntl(pidfd, F_SETFL, O_NONBLOCK), 0);
	cr_assert_eq(uspawn_adopt(&child, 0, pidfd, USPAWN_ADOPT_GIVE), 0);
	cr_assert_eq(uspawn_wait(&child, 0), 0);
	cr_assert_eq(uspawn_wait(&child, 20000000), 0);
	cr_assert_eq(uspawn_ring_new(&ring, 1, 0), 0);
	cr_assert_eq(uspawn_ring_add(ring, &child), 0);
	cr_assert_eq(uspawn_ring_wait(ring, &event, 1, 20000000), 0);
	close(end);
	do
		n = uspawn_ring_wait(ring, &event, 1, -1);
	while (n == 0); /* interrupted */
	cr_assert_eq(n, 1);
	assert_exited(&child, 6);
	uspawn_ring_free(ring);
	end = fork_sleeper(&pid, 7);
	pidfd = pidfd_of(pid);
	fcntl(pidfd, F_SETFL, O_NONBLOCK);
	cr_assert_eq(uspawn_adopt(&child, 0, pidfd, USPAWN_ADOPT_GIVE), 0);
	close(end);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	assert_exited(&child, 7);
}

/* The kernel sends signals by one all the same. */
static void adopt_directory_of_proc(void)
{
	struct uspawn_child child;
	char path[32];
	pid_t pid;
	int end = fork_sleeper(&pid, 3), directory;

	snprintf(path, sizeof(path), "/proc/%d", pid);
	directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert_geq(directory, 0);
	cr_assert_eq(uspawn_adopt(&child, 0, directory, 0), -EBADF);
	cr_assert_eq(uspawn_adopt(&child, pid, directory, 0), -EBADF);
	close(directory);
	close(end);
	cr_assert_eq(waitpid(pid, NULL, 0), pid);
}

CheckedTest(adopting, directory_of_proc_is_no_pidfd)
{
	adopt_directory_of_proc();
}

CheckedTest(adopting, c41_directory_of_proc_is_no_pidfd)
{
	kernel_refuse(CALL_WAITID_PIDFD, ENOSYS);
	adopt_directory_of_proc();
}

/* It says when that thread ends. Since Linux 6.9. */
CheckedTest(adopting, c2_pidfd_of_a_thread)
{
	struct uspawn_child child;
	int pidfd = kernel_pidfd_open_thread(getpid());

	if (pidfd < 0)
		cr_skip_test("pidfds of threads");
	cr_assert_eq(uspawn_adopt(&child, 0, pidfd, USPAWN_ADOPT_GIVE), -EINVAL);
	cr_assert_eq(child.state, USPAWN_UNSET);
	close(pidfd);
}

/* Only a number is left to signal by, and another has reaped it. */
CheckedTest(adopting, c23_number_that_is_a_strangers_by_now)
{
	struct uspawn_child child;
	siginfo_t info;
	pid_t pid;
	int end = fork_sleeper(&pid, 3), pidfd = pidfd_of(pid), stranger;

	kernel_refuse(CALL_PIDFD_SEND_SIGNAL, ENOSYS);
	cr_assert_eq(uspawn_adopt(&child, pid, pidfd, USPAWN_ADOPT_GIVE), 0);
	cr_assert_eq(uspawn_kill(&child, 0, 0), 0);
	close(end);
	cr_assert_eq(waitpid(pid, NULL, 0), pid);
	stranger = kernel_fork_as(pid);
	if (stranger == 0) {
		setpgid(0, 0);
		for (;;)
			pause();
	}
	if (stranger < 0) {
		uspawn_done(&child);
		cr_skip_test("cannot choose a process number");
	}
	while (getpgid(pid) != pid)
		sched_yield();
	cr_assert_eq(uspawn_kill(&child, SIGKILL, 0), -ESRCH);
	cr_assert_eq(uspawn_kill(&child, SIGKILL, USPAWN_KILL_GROUP), -ESRCH);
	uspawn_done(&child);
	cr_assert_eq(kill(pid, SIGTERM), 0);
	cr_assert_eq(waitid(P_PID, (id_t)pid, &info, WEXITED), 0);
	cr_assert_eq(info.si_status, SIGTERM);
}

/* A grandchild: its end is seen, its status is its own parent's. */
/* Without a pidfd a child of ours is waited for by its pid. */
CheckedTest(adopting, c41_by_pid_without_pidfd_open)
{
	struct uspawn_child child;
	pid_t pid;
	int end = fork_sleeper(&pid, 3);

	kernel_refuse(CALL_PIDFD_OPEN, ENOSYS);
	cr_assert_eq(uspawn_adopt(&child, pid, -1, 0), 0);
	cr_assert_eq(child.pidfd, -1);
	cr_assert_eq(uspawn_wait(&child, 0), 0);
	cr_assert_eq(uspawn_wait(&child, 5000000), 0);
	close(end);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	assert_exited(&child, 3);
	cr_assert_eq(uspawn_adopt(&child, getppid(), -1, 0), -ENOSYS);
	cr_assert_eq(child.state, USPAWN_UNSET);
}

CheckedTest(adopting, process_that_is_no_child)
{
	struct uspawn_child child;
	int fds[2], hold[2];
	pid_t middle, pid;
	char c;

	close(pidfd_of(getpid()));
	cr_assert(pipe2(fds, O_CLOEXEC) == 0 && pipe2(hold, O_CLOEXEC) == 0);
	middle = fork();
	if (middle == 0) {
		pid = fork();
		close(hold[1]);
		if (pid == 0)
			_exit(read(hold[0], &c, 1) == 0 ? 6 : 99);
		if (write(fds[1], &pid, sizeof(pid)) != sizeof(pid) || waitpid(pid, NULL, 0) != pid)
			_exit(1);
		_exit(0);
	}
	close(hold[0]);
	cr_assert_eq(read(fds[0], &pid, sizeof(pid)), sizeof(pid));
	cr_assert_eq(uspawn_adopt(&child, pid, -1, 0), 0);
	cr_assert_eq(uspawn_wait(&child, 0), 0);
	cr_assert_eq(uspawn_wait(&child, 10000000), 0);
	close(hold[1]);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	if (child.exit.code != USPAWN_UNKNOWN)
		assert_exited(&child, 6);
	cr_assert_eq(waitpid(middle, NULL, 0), middle);
	close(fds[0]);
	close(fds[1]);
}

CheckedTest(adopting, nothing_to_adopt)
{
	struct uspawn_child child;
	pid_t gone = fork_exit(0);
	int closed = file_free_number(64);

	close(pidfd_of(getpid()));
	waitpid(gone, NULL, 0);
	cr_assert_eq(uspawn_adopt(&child, gone, -1, 0), -ESRCH);
	cr_assert_eq(child.state, USPAWN_UNSET);
	cr_assert_eq(uspawn_adopt(&child, 0, -1, 0), -EINVAL);
	cr_assert_eq(uspawn_adopt(&child, -5, -1, 0), -EINVAL);
	cr_assert_eq(uspawn_adopt(&child, getpid(), -1, USPAWN_ADOPT_GIVE), -EINVAL);
	cr_assert_eq(uspawn_adopt(&child, getpid(), -1, USPAWN_SETSID), -EINVAL);
	cr_assert_eq(uspawn_adopt(&child, 0, closed, 0), -EBADF);
	cr_assert_eq(uspawn_adopt(&child, 0, 0, 0), -EBADF, "what is no pidfd");
	cr_assert_eq(child.state, USPAWN_UNSET);
	cr_assert_eq(uspawn_wait(&child, -1), -ECHILD);
}

CheckedTest(adopting, released_and_adopted_again)
{
	struct uspawn_child child;
	int pidfd;

	cr_assert_eq(uspawn(&child, USPAWN(request, WITNESS("exit", "7")), NULL), 0);
	pidfd = uspawn_release(&child);
	cr_assert(pidfd > 2 && file_is_open(pidfd));
	cr_assert_eq(child.state, USPAWN_UNSET);
	cr_assert_eq(uspawn_release(&child), -ECHILD);
	cr_assert_eq(uspawn_adopt(&child, 0, pidfd, USPAWN_ADOPT_GIVE), 0);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	assert_exited(&child, 7);
	cr_assert_eq(uspawn_release(&child), -ECHILD);
}

CheckedTest(adopting, pid_only)
{
	for (uint32_t rung = USPAWN_RUNG_VFORK; rung <= USPAWN_RUNG_FORK; rung++) {
		struct uspawn_child child;
		int status;

		cr_assert_eq(uspawn(&child,
				    USPAWN(request, WITNESS("exit", "8"), .rung = rung, .flags = USPAWN_PID_ONLY),
				    NULL),
			     0);
		cr_assert(child.pid > 0 && child.pidfd == -1);
		cr_assert_eq(uspawn_wait(&child, 0), -ECHILD);
		cr_assert_eq(waitpid(child.pid, &status, 0), child.pid);
		cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 8);
		cr_assert_eq(uspawn(&child,
				    USPAWN(request, .argv = LIST("/no/such"), .rung = rung, .flags = USPAWN_PID_ONLY),
				    NULL),
			     -ENOENT);
		assert_failed(&child, ENOENT, USPAWN_STEP_EXEC, 0);
	}
}

CheckedTest(adopting, pid_only_is_nothing_for_a_ring)
{
	struct uspawn_ring *ring;
	struct uspawn_child child;
	struct uspawn_plan *plan;

	cr_assert_eq(uspawn_ring_new(&ring, 1, 0), 0);
	cr_assert_eq(uspawn_plan_new(&plan, USPAWN(request, WITNESS("exit", "0"), .flags = USPAWN_PID_ONLY), NULL), 0);
	cr_assert_eq(uspawn_ring_start(ring, &child, plan, NULL), -EINVAL);
	uspawn_plan_free(plan);
	uspawn_ring_free(ring);
	cr_assert_eq(uspawn_run(&child, USPAWN(request, WITNESS("exit", "0"), .flags = USPAWN_PID_ONLY), NULL),
		     -EINVAL);
	assert_failed(&child, EINVAL, USPAWN_STEP_REQUEST, 0);
}

EachRung(adopting, kill)
{
	struct uspawn_child child;
	int end = -1;

	cr_assert_eq(way_start(way, &child,
			       USPAWN(request, WITNESS("eof", "0"), FDS({ 0, USPAWN_READ_END, .fd = USPAWN_ARG(0) })),
			       USPAWN(args, .fds = &end, .nfds = 1)),
		     0);
	cr_assert_eq(uspawn_kill(&child, 0, 0), 0);
	cr_assert_eq(uspawn_kill(&child, SIGTERM, USPAWN_SETSID), -EINVAL);
	cr_assert_eq(uspawn_kill(&child, 1000, 0), -EINVAL);
	cr_assert_eq(uspawn_kill(&child, SIGTERM, USPAWN_KILL_GROUP), -ESRCH, "it leads no group");
	cr_assert_eq(uspawn_kill(&child, SIGTERM, 0), 0);
	way_end(way, &child);
	assert_killed(&child, SIGTERM);
	cr_assert_eq(uspawn_kill(&child, SIGTERM, 0), -ESRCH);
	cr_assert_eq(uspawn_kill(&child, SIGTERM, USPAWN_KILL_GROUP), -ESRCH);
	close(end);
}

/* The shell and the one it started both hold the pipe: it ends when both are gone. */
EachRung(adopting, kill_the_group)
{
	static const uint64_t kinds[] = { USPAWN_SETPGROUP, USPAWN_SETSID };

	for (int i = 0; i < 2; i++) {
		struct uspawn_child child;
		int out = -1;
		char c;

		cr_assert_eq(way_start(way, &child,
				       USPAWN(request, .argv = LIST("/bin/sh", "-c", "sleep 300 & echo; wait"),
					      .flags = kinds[i], FDS({ 1, USPAWN_WRITE_END, .fd = USPAWN_ARG(0) })),
				       USPAWN(args, .fds = &out, .nfds = 1)),
			     0);
		cr_assert_eq(read(out, &c, 1), 1);
		cr_assert_eq(uspawn_kill(&child, SIGKILL, USPAWN_KILL_GROUP), 0);
		way_end(way, &child);
		assert_killed(&child, SIGKILL);
		cr_assert_eq(read(out, &c, 1), 0, "one of the group lives");
		close(out);
	}
}

/* Killed before or after its exec, by the caller who does not know which. */
CheckedTest(adopting, kill_a_start_under_way)
{
	struct uspawn_ring *ring;
	struct uspawn_plan *plan;
	struct uspawn_child child;
	struct uspawn_event event;

	cr_assert_eq(uspawn_ring_new(&ring, 1, 0), 0);
	cr_assert_eq(uspawn_plan_new(&plan, USPAWN(request, .argv = LIST("/bin/sleep", "300"), .flags = USPAWN_SETSID),
				     NULL),
		     0);
	for (int i = 0; i < 300; i++) {
		cr_assert_eq(uspawn_ring_start(ring, &child, plan, NULL), 0);
		cr_assert_eq(uspawn_kill(&child, SIGKILL, i % 2 ? USPAWN_KILL_GROUP : 0), 0);
		while (uspawn_ring_wait(ring, &event, 1, -1) == 0)
			; /* interrupted */
		assert_killed(&child, SIGKILL);
	}
	uspawn_plan_free(plan);
	uspawn_ring_free(ring);
}

static int be_traced(void *unused)
{
	(void)unused;
	return ptrace(PTRACE_TRACEME, 0, 0, 0) < 0 ? errno : 0;
}

/* A debugger's start: its stops are the caller's to see. */
CheckedTest(adopting, pid_only_of_one_that_the_caller_traces)
{
	struct uspawn_child child;
	int status, r = uspawn(&child,
			       USPAWN(request, WITNESS("exit", "8"), .flags = USPAWN_PID_ONLY, .callback = be_traced),
			       NULL);

	if (r == -EPERM || r == -ENOSYS)
		cr_skip_test("ptrace");
	cr_assert_eq(r, 0);
	cr_assert_eq(waitpid(child.pid, &status, __WALL), child.pid);
	cr_assert(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
	cr_assert_eq(ptrace(PTRACE_CONT, child.pid, 0, 0), 0);
	cr_assert_eq(waitpid(child.pid, &status, __WALL), child.pid);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 8);
}
