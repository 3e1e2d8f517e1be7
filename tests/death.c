/* SPDX-License-Identifier: MIT */
/* A signal for the child when its parent dies: never too early, never too late, never for a thread. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/files.h"
#include "harness/rings.h"

CheckedSuite(death);

EachRung(death, c37_value_in_the_program)
{
	REPORT r;

	report_open(&r);
	way_report(way, &r, USPAWN(request, .pdeathsig = SIGTERM), NULL);
	cr_assert_eq(report_number(&r, "pdeathsig"), SIGTERM);
	way_report(way, &r, USPAWN(request), NULL);
	cr_assert_eq(report_number(&r, "pdeathsig"), 0);
}

struct thread_start {
	struct way *way;
	struct report *report;
};

static void *start_from_thread(void *p)
{
	struct thread_start *t = p;
	struct uspawn_child child;
	struct uspawn_request request = { .size = sizeof(request),
					  .path = witness_path,
					  .argv = t->report->argv,
					  .rung = t->way->rung,
					  .pdeathsig = SIGKILL };

	cr_assert_eq(uspawn(&child, &request, NULL), -EOPNOTSUPP);
	assert_failed(&child, EOPNOTSUPP, USPAWN_STEP_PDEATHSIG, 0);
	request.best_effort = (uint16_t[]){ USPAWN_STEP_PDEATHSIG, USPAWN_STEP_CWD, 0 };
	request.cwd = "/no/such";
	cr_assert_eq(uspawn(&child, &request, NULL), 0);
	cr_assert(child.failure.errnum == EOPNOTSUPP && child.failure.step == USPAWN_STEP_PDEATHSIG);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	assert_exited(&child, 0);
	return t;
}

/* The kernel's signal follows the thread that cloned: from any but the first it would come when that one ends. */
EachWaitingRung(death, c37_not_for_a_thread)
{
	REPORT r;
	struct thread_start t = { way, &r };
	pthread_t thread;
	void *ret;

	report_open(&r);
	cr_assert_eq(pthread_create(&thread, NULL, start_from_thread, &t), 0);
	cr_assert_eq(pthread_join(thread, &ret), 0);
	cr_assert_eq(ret, &t);
	report_read(&r);
	cr_assert_eq(report_number(&r, "pdeathsig"), 0);
}

/* A parent to be killed: starts by the way, says so, and stays. */
static pid_t fork_parent(struct way *way, const struct uspawn_request *request, int *ready)
{
	int fds[2];
	pid_t pid;

	cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		struct uspawn_child child;
		struct uspawn_request forced = *request;
		struct uspawn_plan *plan;
		struct uspawn_ring *ring;

		forced.rung = way->rung;
		if (way->ring) {
			if (uspawn_ring_new(&ring, 1, 0) < 0 || uspawn_plan_new(&plan, &forced, NULL) < 0 ||
			    uspawn_ring_start(ring, &child, plan, NULL) < 0)
				_exit(1);
		} else if (uspawn(&child, &forced, NULL) < 0) {
			_exit(1);
		}
		if (write(fds[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(fds[1]);
	*ready = fds[0];
	return pid;
}

/* All that it has left comes to this process, a subreaper. 0: it is gone already. */
static void assert_none_survives(pid_t parent, int only_the_child_has)
{
	struct pollfd end = { .fd = only_the_child_has, .events = POLLIN };
	int status;

	if (parent)
		kill(parent, SIGKILL);
	cr_assert_eq(poll(&end, 1, 20000), 1, "the child goes on");
	close(only_the_child_has);
	while (waitpid(-1, &status, __WALL) > 0)
		cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "%#x", (unsigned)status);
}

EachRung(death, c37_parent_dies_later)
{
	int in[2], out[2], ready, end;
	pid_t parent;
	char c;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	cr_assert(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
	parent = fork_parent(way,
			     USPAWN(request, WITNESS("write", "1", "x", "eof", "0"), .pdeathsig = SIGKILL,
				    FDS({ 0, .fd = in[0] }, { 1, .fd = out[1] })),
			     &ready);
	close(out[1]);
	cr_assert_eq(read(ready, &c, 1), 1);
	cr_assert_eq(read(out[0], &c, 1), 1, "it runs");
	end = fcntl(out[0], F_DUPFD_CLOEXEC, 3);
	assert_none_survives(parent, end);
	close(out[0]);
	close(in[0]);
	close(in[1]);
	close(ready);
}

/* Its parent has been killed before the signal is armed: the first open says that it is there, the second holds it up.
 */
EachRung(death, c37_parent_dies_before_it_is_armed)
{
	SCRATCH s;
	int in[2], out[2], ready, first, second, status;
	char there[128], hold[128];
	pid_t parent;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	scratch_make(&s);
	strcpy(there, scratch_path(&s, "there"));
	strcpy(hold, scratch_path(&s, "hold"));
	cr_assert(mkfifo(there, 0600) == 0 && mkfifo(hold, 0600) == 0);
	cr_assert(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
	parent = fork_parent(way,
			     USPAWN(request, WITNESS("eof", "0"), .pdeathsig = SIGKILL,
				    FDS({ 0, .fd = in[0] }, { 1, .fd = out[1] },
					{ 9, USPAWN_OPEN, .path = there, .oflag = O_RDONLY },
					{ 10, USPAWN_OPEN, .path = hold, .oflag = O_RDONLY })),
			     &ready);
	close(out[1]);
	first = open(there, O_WRONLY | O_CLOEXEC);
	cr_assert_geq(first, 0);
	kill(parent, SIGKILL);
	cr_assert_eq(waitpid(parent, &status, 0), parent);
	second = open(hold, O_WRONLY | O_CLOEXEC);
	cr_assert_geq(second, 0);
	assert_none_survives(0, out[0]);
	close(first);
	close(second);
	close(in[0]);
	close(in[1]);
	close(ready);
}

/* At any moment of the start. */
EachRung(death, c37_parent_is_killed_at_once)
{
	unsigned seed = 1;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (int round = 0; round < 200; round++) {
		int in[2], out[2], ready;
		pid_t parent;

		cr_assert(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
		parent = fork_parent(way,
				     USPAWN(request, WITNESS("eof", "0"), .pdeathsig = SIGKILL,
					    FDS({ 0, .fd = in[0] }, { 1, .fd = out[1] })),
				     &ready);
		close(out[1]);
		for (volatile int spin = rand_r(&seed) % 400000; spin > 0; spin--)
			;
		assert_none_survives(parent, out[0]);
		close(in[0]);
		close(in[1]);
		close(ready);
	}
}
