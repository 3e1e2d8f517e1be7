/* SPDX-License-Identifier: MIT */
/* Children that are killed before their exec, and who can wait for them then. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/copy.h"
#include "harness/kernel.h"
#include "harness/way.h"

CheckedSuite(standins);

static void needs_pidfds(void)
{
	int pidfd = kernel_pidfd_open(getpid());

	if (pidfd == -ENOSYS)
		cr_skip_test("pidfd_open needs Linux 5.3");
	close(pidfd);
}

static int starter;

/* The child of the thread that starts it; it waits for a writer of a FIFO. */
static void *kill_its_child(void *p)
{
	char path[64], text[32] = "";
	int file;

	(void)p;
	snprintf(path, sizeof(path), "/proc/self/task/%d/children", starter);
	file = open(path, O_RDONLY | O_CLOEXEC);
	while (!atoi(text))
		pread(file, text, sizeof(text) - 1, 0);
	close(file);
	kill(atoi(text), SIGKILL);
	return NULL;
}

/* Its start succeeds, as far as its report says. */
static void start_killed(struct uspawn_child *child, uint32_t rung, uint64_t flags)
{
	char directory[] = "/tmp/uspawn-XXXXXX", fifo[sizeof(directory) + 5];
	pthread_t thread;

	cr_assert(mkdtemp(directory));
	snprintf(fifo, sizeof(fifo), "%s/fifo", directory);
	cr_assert_eq(mkfifo(fifo, 0600), 0);
	starter = gettid();
	cr_assert_eq(pthread_create(&thread, NULL, kill_its_child, NULL), 0);
	cr_assert_eq(uspawn(child,
			    USPAWN(request, WITNESS("exit", "8"), .rung = rung, .flags = flags,
				   FDS({ 0, USPAWN_OPEN, .path = fifo, .oflag = O_RDONLY })),
			    NULL),
		     0);
	pthread_join(thread, NULL);
	unlink(fifo);
	rmdir(directory);
}

static void no_children(void)
{
	cr_assert(waitpid(-1, NULL, WNOHANG | __WALL) == -1 && errno == ECHILD);
}

CheckedTest(standins, waited_for_by_pid)
{
	for (uint32_t rung = USPAWN_RUNG_VFORK; rung <= USPAWN_RUNG_FORK; rung++) {
		struct uspawn_child child;
		int status;

		start_killed(&child, rung, USPAWN_PID_ONLY);
		cr_assert_eq(waitpid(child.pid, &status, 0), child.pid);
		cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
}

CheckedTest(standins, released)
{
	needs_pidfds();
	for (uint32_t rung = USPAWN_RUNG_VFORK; rung <= USPAWN_RUNG_FORK; rung++) {
		struct uspawn_child child;
		siginfo_t info;
		int pidfd;

		start_killed(&child, rung, 0);
		pidfd = uspawn_release(&child);
		cr_assert(pidfd > 2 && child.state == USPAWN_UNSET);
		cr_assert_neq(fcntl(pidfd, F_GETFD) & FD_CLOEXEC, 0);
		if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0 && errno == EINVAL)
			cr_skip_test("waitid(P_PIDFD) needs Linux 5.4");
		cr_assert(info.si_code == CLD_KILLED && info.si_status == SIGKILL);
		close(pidfd);
		no_children();
	}
}

CheckedTest(standins, let_go)
{
	for (uint32_t rung = USPAWN_RUNG_VFORK; rung <= USPAWN_RUNG_RELAY; rung++) {
		struct uspawn_child child;

		if (way_missing(rung))
			continue;
		start_killed(&child, rung, 0);
		uspawn_done(&child);
		cr_assert_eq(child.state, USPAWN_UNSET);
		no_children();
	}
}

/* A start that has failed on a ring that watches nobody: whatever made the child, letting go leaves no zombie. */
CheckedTest(standins, let_go_after_a_failure)
{
	for (uint32_t rung = USPAWN_RUNG_ASYNC; rung <= USPAWN_RUNG_FORK; rung++)
		for (int harvested = 0; harvested < 2; harvested++) {
			struct uspawn_ring *ring;
			struct uspawn_plan *plan;
			struct uspawn_child child;
			siginfo_t info;

			if (way_missing(rung))
				continue;
			cr_assert_eq(uspawn_ring_new(&ring, 1, USPAWN_RING_EXTERNAL), 0);
			cr_assert_eq(
				uspawn_plan_new(&plan, USPAWN(request, .argv = LIST("/no/such"), .rung = rung), NULL),
				0);
			cr_assert_eq(uspawn_ring_start(ring, &child, plan, NULL), 0);
			cr_assert_eq(waitid(P_PID, (id_t)child.pid, &info, WEXITED | WNOWAIT | __WALL), 0);
			if (harvested)
				uspawn_ring_free(ring);
			uspawn_done(&child);
			cr_assert_eq(child.state, USPAWN_UNSET);
			no_children();
			uspawn_plan_free(plan);
			if (!harvested)
				uspawn_ring_free(ring);
		}
}

/* It has failed, and is a child until it is waited for. */
CheckedTest(standins, released_after_a_failure)
{
	struct uspawn_ring *ring;
	struct uspawn_plan *plan;
	struct uspawn_child child;
	siginfo_t info;
	int pidfd;

	needs_pidfds();
	cr_assert_eq(uspawn_ring_new(&ring, 1, USPAWN_RING_EXTERNAL), 0);
	cr_assert_eq(uspawn_plan_new(&plan, USPAWN(request, .argv = LIST("/no/such"), .rung = USPAWN_RUNG_CLONE), NULL),
		     0);
	cr_assert_eq(uspawn_ring_start(ring, &child, plan, NULL), 0);
	pidfd = uspawn_release(&child);
	cr_assert(pidfd > 2 && child.state == USPAWN_UNSET);
	if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0 && errno == EINVAL)
		cr_skip_test("waitid(P_PIDFD) needs Linux 5.4");
	cr_assert(info.si_code == CLD_EXITED && info.si_status == 127);
	close(pidfd);
	uspawn_plan_free(plan);
	uspawn_ring_free(ring);
}

CheckedTest(standins, released_where_no_other_can_be_made)
{
	struct uspawn_child child;

	if (way_missing(USPAWN_RUNG_CLONE))
		cr_skip_test("%s", way_missing(USPAWN_RUNG_CLONE));
	start_killed(&child, USPAWN_RUNG_CLONE, 0);
	kernel_refuse(CALL_CLONE, EAGAIN);
	cr_assert_eq(uspawn_release(&child), -EAGAIN);
	assert_killed(&child, SIGKILL);
	cr_assert_eq(child.pidfd, -1);
	no_children();
}

static volatile sig_atomic_t *handled;

static void note_signal(int signo)
{
	*handled = signo;
}

static void signal_who_is_trapped(int signo)
{
	(void)signo;
	kill(getpid(), SIGUSR1);
}

/* The one that ends in its place is stopped by a filter on its way, and is sent a signal there. */
CheckedTest(standins, callers_handlers)
{
	struct uspawn_child child;
	int status;

	handled = mmap(NULL, sizeof(*handled), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	signal(SIGUSR1, note_signal);
	signal(SIGSYS, signal_who_is_trapped);
	kernel_refuse(CALL_SET_DUMPABLE, 0);
	start_killed(&child, USPAWN_RUNG_CLONE, USPAWN_PID_ONLY);
	cr_assert_eq(waitpid(child.pid, &status, 0), child.pid);
	cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	cr_assert_eq(*handled, 0);
	signal(SIGSYS, SIG_DFL);
	signal(SIGUSR1, SIG_DFL);
	munmap((void *)handled, sizeof(*handled));
}

static uid_t nobody; /* a user whom nothing else runs as, not even another run of this */

/* Kills the other child of its parent. `stays`: as another process of that user, until it is killed itself. */
static pid_t fork_killer(int stays)
{
	char path[64], text[64];
	pid_t pid = fork(), parent = getppid();
	int file, child = 0;

	if (pid)
		return pid;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", parent, parent);
	file = open(path, O_RDONLY | O_CLOEXEC);
	while (!child && getppid() == parent) {
		ssize_t n = pread(file, text, sizeof(text) - 1, 0);

		text[n < 0 ? 0 : n] = '\0';
		for (char *at = text; *at && !child; at += strspn(at, " ")) {
			child = (int)strtol(at, &at, 10);
			child = child == getpid() ? 0 : child;
		}
	}
	if ((stays && setresuid(nobody, nobody, nobody) < 0) || kill(child, SIGKILL) < 0)
		_exit(1);
	if (stays)
		pause();
	_exit(0);
}

static const char *waited_for; /* a FIFO that nobody writes to */

/* Root has no such limit; the killer is root. */
static void killed_at_the_process_limit(uint32_t rung, int stays)
{
	const struct uspawn_request *request = USPAWN(request, .argv = LIST("/bin/true"), .rung = rung,
						      .flags = USPAWN_PID_ONLY,
						      FDS({ 0, USPAWN_OPEN, .path = waited_for, .oflag = O_RDONLY }));
	pid_t killer = fork_killer(stays);
	struct uspawn_child child;
	struct rlimit limit;
	int status, r;

	getrlimit(RLIMIT_NPROC, &limit);
	limit.rlim_cur = 2;
	copy_assert(setresuid(nobody, nobody, 0) == 0 && setrlimit(RLIMIT_NPROC, &limit) == 0);
	r = uspawn(&child, request, NULL);
	copy_assert(setresuid(0, 0, 0) == 0);
	if (stays)
		kill(killer, SIGTERM);
	copy_assert(waitpid(killer, &status, 0) == killer && status == (stays ? SIGTERM : 0));
	if (stays) { /* there is nobody who could say how it ended */
		copy_assert(r == -EAGAIN && child.failure.step == USPAWN_STEP_CLONE);
	} else {
		copy_assert(r == 0 && waitpid(child.pid, &status, 0) == child.pid);
		copy_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
	copy_assert(waitpid(-1, NULL, WNOHANG | __WALL) == -1 && errno == ECHILD);
}

static void each_at_the_process_limit(void)
{
	nobody = 100000000 + (uid_t)getpid();
	for (uint32_t rung = USPAWN_RUNG_VFORK; rung <= USPAWN_RUNG_CLONE; rung++) {
		if (way_missing(rung))
			continue;
		killed_at_the_process_limit(rung, 0);
		killed_at_the_process_limit(rung, 1);
	}
}

CheckedTest(standins, process_limit)
{
	char directory[] = "/tmp/uspawn-XXXXXX", fifo[sizeof(directory) + 5];

	if (geteuid())
		cr_skip_test("needs root, to become somebody else");
	cr_assert(mkdtemp(directory) && chmod(directory, 0755) == 0);
	snprintf(fifo, sizeof(fifo), "%s/fifo", directory);
	cr_assert(mkfifo(fifo, 0600) == 0 && chmod(fifo, 0644) == 0);
	waited_for = fifo;
	copy_run(each_at_the_process_limit);
	unlink(fifo);
	rmdir(directory);
}
