/* SPDX-License-Identifier: MIT */
/* Starts while other threads go on: no lock shared with them, no descriptor, no thread data. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/copy.h"
#include "harness/files.h"
#include "harness/kernel.h"
#include "harness/rings.h"
#include "harness/rounds.h"

CheckedSuite(concurrency);

static atomic_int stop;

static void *take_locks(void *p)
{
	while (!atomic_load(&stop)) {
		struct sigaction act = { .sa_handler = SIG_DFL };

		sigaction(SIGABRT, &act, NULL);
		free(malloc(100));
		free(malloc(1 << 20));
	}
	return p;
}

EachRung(concurrency, c9_other_threads_hold_libcs_locks)
{
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, take_locks, NULL), 0);
	for (int i = 0; i < rounds(300); i++) {
		struct uspawn_child child;

		cr_assert_eq(way_run(way, &child,
				     USPAWN(request, WITNESS("exit", "0"), .sigdefault = ~0ull, .setenv = LIST("A=1")),
				     NULL),
			     0);
		assert_exited(&child, 0);
	}
	atomic_store(&stop, 1);
	pthread_join(thread, NULL);
}

static void *spawn_on(void *p)
{
	while (!atomic_load(&stop)) {
		struct uspawn_child child;

		cr_assert_eq(uspawn(&child, USPAWN(request, WITNESS("exit", "0")), NULL), 0);
		cr_assert_eq(uspawn_wait(&child, -1), 1);
	}
	return p;
}

/* With the low numbers reserved the written file sits where a start that cuts its table never duplicates it. */
EachRung(concurrency, c15_run_what_was_just_written)
{
	SCRATCH s;
	pthread_t thread;
	int busy = 0, many = rounds(500);

	scratch_make(&s);
	cr_assert_geq(uspawn_reserve_fds(), 0);
	cr_assert_eq(pthread_create(&thread, NULL, spawn_on, NULL), 0);
	for (int i = 0; i < many; i++) {
		struct uspawn_child child;
		const char *path = scratch_exit(&s, "tool", 3);
		int r = way_run(way, &child, USPAWN(request, .argv = LIST((char *)path)), NULL);

		if (r == 0) {
			assert_exited(&child, 3);
			continue;
		}
		cr_assert_eq(r, -ETXTBSY);
		assert_failed(&child, ETXTBSY, USPAWN_STEP_EXEC, 0);
		busy++;
	}
	atomic_store(&stop, 1);
	pthread_join(thread, NULL);
	if (way_missing(USPAWN_RUNG_VFORK) == NULL)
		cr_assert_eq(busy, 0, "%d of %d found their file busy", busy, many);
}

static volatile sig_atomic_t raised;

static void note(int signo)
{
	raised = signo;
}

EachRung(concurrency, c29_thread_data_is_the_callers)
{
	struct uspawn_child child;
	int tid = kernel_gettid();

	errno = 77;
	for (int i = 0; i < 50; i++) {
		cr_assert_eq(way_run(way, &child, USPAWN(request, .argv = LIST("/no/such")), NULL), -ENOENT);
		cr_assert_eq(way_run(way, &child, USPAWN(request, WITNESS("exit", "0")), NULL), 0);
		cr_assert_eq(errno, 77);
	}
	cr_assert_eq(pthread_kill(pthread_self(), 0), 0);
	signal(SIGUSR1, note);
	cr_assert_eq(raise(SIGUSR1), 0);
	cr_assert_eq(raised, SIGUSR1);
	signal(SIGUSR1, SIG_DFL);
	cr_assert_eq(gettid(), tid);
	cr_assert_eq(kernel_gettid(), tid);
}

enum { SLEEPERS = 60 };

static void *start_sleepers(void *p)
{
	int *ends = p;

	for (int i = 0; i < SLEEPERS; i++) {
		struct uspawn_child child;

		cr_assert_eq(uspawn(&child,
				    USPAWN(request, WITNESS("eof", "0"), .flags = i % 2 ? USPAWN_INHERIT_FDS : 0,
					   FDS({ 0, USPAWN_READ_END, .fd = USPAWN_ARG(0) })),
				    USPAWN(args, .fds = &ends[i], .nfds = 1)),
			     0);
		uspawn_done(&child);
	}
	return NULL;
}

/* If one of the sleepers had a copy of the pipe, its end-of-file would not come while they live. */
EachRung(concurrency, c31_no_other_child_holds_a_pipe)
{
	int ends[SLEEPERS];
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, start_sleepers, ends), 0);
	for (int i = 0; i < rounds(200); i++) {
		struct uspawn_child child;
		char buf[16];
		int out = -1;

		cr_assert_eq(way_run(way, &child,
				     USPAWN(request, WITNESS("write", "1", "text"),
					    FDS({ 1, USPAWN_WRITE_END, .fd = USPAWN_ARG(0) })),
				     USPAWN(args, .fds = &out, .nfds = 1)),
			     0);
		cr_assert_eq(read(out, buf, sizeof(buf)), 4);
		cr_assert_eq(read(out, buf, sizeof(buf)), 0);
		close(out);
	}
	pthread_join(thread, NULL);
	for (int i = 0; i < SLEEPERS; i++)
		close(ends[i]);
	for (int i = 0; i < SLEEPERS; i++)
		cr_assert_gt(wait(NULL), 0);
}

static struct uspawn_plan *shared_plan;

static void *start_from_plan(void *p)
{
	struct uspawn_ring *ring;

	cr_assert_eq(uspawn_ring_new(&ring, 8, 0), 0);
	for (int i = 0; i < rounds(100); i++) {
		struct uspawn_child child, beside;
		struct uspawn_event event;

		cr_assert_eq(uspawn_ring_start(ring, &beside, shared_plan, NULL), 0);
		cr_assert_eq(uspawn_start(&child, shared_plan, NULL), 0);
		cr_assert_eq(uspawn_wait(&child, -1), 1);
		while (uspawn_ring_wait(ring, &event, 1, -1) == 0)
			; /* interrupted */
		assert_exited(&child, 9);
		assert_exited(&beside, 9);
	}
	uspawn_ring_free(ring);
	return p;
}

CheckedTest(concurrency, one_plan_in_four_threads)
{
	pthread_t threads[4];

	cr_assert_eq(uspawn_plan_new(&shared_plan,
				     USPAWN(request, WITNESS("exit", "9"), FDS({ 5, .fd = 0 }, { 1, USPAWN_NULL })),
				     NULL),
		     0);
	for (int i = 0; i < 4; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, start_from_plan, NULL), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	uspawn_plan_free(shared_plan);
}

static void *wait_for_end(void *child)
{
	cr_assert_eq(uspawn_wait(child, -1), 1);
	assert_exited(child, 0);
	return NULL;
}

/* A signal never reaches a descriptor that was closed with the end and opened as something else. */
CheckedTest(concurrency, kill_while_others_wait)
{
	for (int i = 0; i < 100; i++) {
		struct uspawn_child child;
		pthread_t threads[2];
		int r;

		cr_assert_eq(uspawn(&child, USPAWN(request, WITNESS("exit", "0")), NULL), 0);
		for (int t = 0; t < 2; t++)
			cr_assert_eq(pthread_create(&threads[t], NULL, wait_for_end, &child), 0);
		do
			r = uspawn_kill(&child, 0, 0);
		while (r == 0);
		cr_assert_eq(r, -ESRCH);
		for (int t = 0; t < 2; t++)
			pthread_join(threads[t], NULL);
	}
}

static const struct itimerval soon = { .it_value = { 0, 200 } };
static volatile int started_by_handler;

static void start_one(int signo)
{
	char *argv[] = { "witness", "exit", "0", NULL };
	struct uspawn_child child;
	struct uspawn_fd fds[40]; /* so many that sorting them by libc would allocate */

	(void)signo;
	for (int i = 0; i < 40; i++)
		fds[i] = (struct uspawn_fd){ 3 + i, .fd = 2 };
	copy_assert(uspawn(&child, USPAWN(request, .path = witness_path, .argv = argv, .fds = fds, .nfds = 40), NULL) ==
		    0);
	copy_assert(uspawn_wait(&child, -1) == 1);
	started_by_handler++;
	setitimer(ITIMER_REAL, &soon, NULL); /* what it interrupts goes on first */
}

static void allocate_meanwhile(void)
{
	const struct sigaction act = { .sa_handler = start_one };
	void *blocks[64] = { NULL };
	int many = rounds(500);

	copy_assert(sigaction(SIGALRM, &act, NULL) == 0 && setitimer(ITIMER_REAL, &soon, NULL) == 0);
	for (unsigned x = 1; started_by_handler < many; x = x * 1103515245 + 12345) {
		free(blocks[x >> 16 & 63]);
		blocks[x >> 16 & 63] = malloc((x >> 8) % 5000 + 1);
	}
}

/* Where malloc() has been interrupted, nothing of a start may call it. */
CheckedTest(concurrency, in_a_signal_handler)
{
	copy_run(allocate_meanwhile);
}

static void *kill_on_and_on(void *child)
{
	while (!atomic_load(&stop))
		uspawn_kill(child, 0, 0);
	return NULL;
}

/* Who kills may know one child after the other in the same place; whoever is inside holds up the END, no longer. */
static void start_again_and_again(struct uspawn_ring *ring)
{
	static struct uspawn_child child;
	struct uspawn_plan *plan;
	pthread_t thread;

	cr_assert_eq(uspawn_plan_new(&plan, USPAWN(request, WITNESS("exit", "0")), NULL), 0);
	atomic_store(&stop, 0);
	cr_assert_eq(pthread_create(&thread, NULL, kill_on_and_on, &child), 0);
	for (int i = 0; i < rounds(300); i++) {
		cr_assert_eq(ring ? uspawn_ring_start(ring, &child, plan, NULL) : uspawn_start(&child, plan, NULL), 0);
		if (ring)
			ring_assert_end(ring, &child);
		else
			cr_assert_eq(uspawn_wait(&child, -1), 1);
		assert_exited(&child, 0);
		if (i % 10)
			continue;
		cr_assert_eq(uspawn_start(&child, plan, NULL), 0);
		uspawn_done(&child);
		cr_assert_gt(waitpid(-1, NULL, 0), 0);
	}
	atomic_store(&stop, 1);
	pthread_join(thread, NULL);
	uspawn_plan_free(plan);
	uspawn_ring_free(ring);
}

EachRing(concurrency, started_again_while_another_kills)
{
	start_again_and_again(ring);
}

CheckedTest(concurrency, started_again_without_a_ring_while_another_kills)
{
	start_again_and_again(NULL);
}

static struct uspawn_child handed_on[2000];
static atomic_int nhanded_on;
static int to_hand_on;

static void *start_for_another(void *p)
{
	struct uspawn_ring *ring;
	struct uspawn_plan *plan;

	(void)p;
	cr_assert_eq(uspawn_ring_new(&ring, 0, USPAWN_RING_EXTERNAL), 0);
	cr_assert_eq(uspawn_plan_new(&plan, USPAWN(request, WITNESS("exit", "3"), FDS({ 0, USPAWN_NULL })), NULL), 0);
	while (nhanded_on < to_hand_on) {
		cr_assert_eq(uspawn_ring_start(ring, &handed_on[nhanded_on], plan, NULL), 0);
		atomic_fetch_add(&nhanded_on, 1);
	}
	uspawn_plan_free(plan);
	uspawn_ring_free(ring);
	return NULL;
}

/* What the start has left behind stays with its ring, whose thread goes on. */
EachRing(concurrency, started_by_one_thread_and_watched_by_another)
{
	pthread_t thread;
	int added = 0, ended = 0;

	to_hand_on = rounds(2000);
	cr_assert_eq(pthread_create(&thread, NULL, start_for_another, NULL), 0);
	while (ended < to_hand_on) {
		struct uspawn_event events[16];
		int n;

		while (added < atomic_load(&nhanded_on) && added < ended + 100)
			cr_assert_eq(uspawn_ring_add(ring, &handed_on[added++]), 0);
		n = uspawn_ring_wait(ring, events, 16, 1000000);
		for (int i = 0; i < n; i++)
			assert_exited(events[i].child, 3);
		ended += n > 0 ? n : 0;
	}
	pthread_join(thread, NULL);
	uspawn_ring_free(ring);
}

static const char *output_path;

static void say_goodbye(void)
{
	struct uspawn_child child;
	FILE *file = fopen(output_path, "a");

	fputs("goodbye\n", file);
	fclose(file);
	if (uspawn(&child, USPAWN(request, WITNESS("exit", "0")), NULL) < 0 || uspawn_wait(&child, -1) != 1)
		_exit(90);
}

/* Ends the usual way, with text in a buffer and a handler that starts a child itself. */
static void exit_after_failures(void)
{
	FILE *file = fopen(output_path, "a");

	fputs("text\n", file);
	atexit(say_goodbye);
	for (uint32_t rung = USPAWN_RUNG_VFORK; rung <= USPAWN_RUNG_FORK; rung++) {
		struct uspawn_child child;

		copy_assert(uspawn(&child, USPAWN(request, .argv = LIST("/no/such"), .rung = rung), NULL) == -ENOENT);
	}
	exit(0);
}

CheckedTest(concurrency, c54_exit_handlers_run_once)
{
	SCRATCH s;
	char text[64] = "";
	FILE *file;

	scratch_make(&s);
	output_path = scratch_file(&s, "output", 0644, "");
	copy_run(exit_after_failures);
	file = fopen(output_path, "r");
	cr_assert_gt(fread(text, 1, sizeof(text) - 1, file), 0);
	fclose(file);
	cr_assert_str_eq(text, "goodbye\ntext\n");
}

static struct uspawn_child *waited_for;

static void let_go_in_copy(void)
{
	uspawn_done(waited_for);
	copy_assert(waited_for->state == USPAWN_UNSET && waited_for->pidfd == -1);
}

static atomic_int waiters_tid;

static void *wait_without_end(void *child)
{
	atomic_store(&waiters_tid, kernel_gettid());
	uspawn_wait(child, -1);
	return NULL;
}

/* Of the threads that were inside a call for it, the copy has none. */
CheckedTest(concurrency, let_go_in_a_copy_while_another_waits)
{
	struct uspawn_child child;
	pthread_t thread;
	int ends[2];

	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	cr_assert_eq(uspawn(&child, USPAWN(request, WITNESS("eof", "0", "exit", "4"), FDS({ 0, .fd = ends[0] })), NULL),
		     0);
	cr_assert_eq(pthread_create(&thread, NULL, wait_without_end, &child), 0);
	while (!kernel_is_waiting(atomic_load(&waiters_tid)))
		sched_yield();
	waited_for = &child;
	copy_run(let_go_in_copy);
	close(ends[1]);
	pthread_join(thread, NULL);
	assert_exited(&child, 4);
	close(ends[0]);
}

/* Also where two threads of the copy's own wait, of which one finds the other at it. */
static void wait_in_copy(void)
{
	pthread_t thread;

	alarm(60); /* should it never end */
	copy_assert(uspawn_wait(waited_for, 0) == 0 && uspawn_wait(waited_for, 1000000) == 0);
	copy_assert(pthread_create(&thread, NULL, wait_without_end, waited_for) == 0);
	copy_assert(kill(waited_for->pid, SIGKILL) == 0);
	copy_assert(uspawn_wait(waited_for, -1) == 1 && waited_for->state == USPAWN_ENDED);
	copy_assert(pthread_join(thread, NULL) == 0);
	if (waited_for->exit.code != USPAWN_UNKNOWN)
		copy_assert(waited_for->exit.code == USPAWN_KILLED && waited_for->exit.status == SIGKILL);
	copy_assert(waited_for->pidfd == -1 && uspawn_wait(waited_for, 0) == 1);
}

/* The one that was taking the status has not been forked along: nobody is at it here. */
EachWaitingRung(concurrency, waited_for_in_a_copy_while_another_waits)
{
	struct uspawn_child child;
	pthread_t thread;
	int end = -1;

	cr_assert_eq(way_start(way, &child,
			       USPAWN(request, WITNESS("eof", "0"), FDS({ 0, USPAWN_READ_END, .fd = USPAWN_ARG(0) })),
			       USPAWN(args, .fds = &end, .nfds = 1)),
		     0);
	cr_assert_eq(pthread_create(&thread, NULL, wait_without_end, &child), 0);
	while (!kernel_is_waiting(atomic_load(&waiters_tid)))
		sched_yield();
	waited_for = &child;
	copy_run(wait_in_copy);
	pthread_join(thread, NULL);
	assert_killed(&child, SIGKILL);
	close(end);
}

static void *spawn_for_ever(void *p)
{
	for (;;) {
		struct uspawn_child child;

		if (uspawn(&child, USPAWN(request, WITNESS("exit", "0")), NULL) == 0)
			uspawn_wait(&child, -1);
	}
	return p;
}

static void exit_while_spawning(void)
{
	struct uspawn_ring *ring;
	struct uspawn_plan *plan;
	struct uspawn_child children[20];
	pthread_t thread;

	copy_assert(pthread_create(&thread, NULL, spawn_for_ever, NULL) == 0);
	copy_assert(uspawn_ring_new(&ring, 20, 0) == 0);
	copy_assert(uspawn_plan_new(&plan, USPAWN(request, WITNESS("exit", "0")), NULL) == 0);
	for (int i = 0; i < 20; i++)
		copy_assert(uspawn_ring_start(ring, &children[i], plan, NULL) == 0);
	exit(0);
}

/* What it leaves behind comes to us: each has run to its end, none is stuck before its exec. */
CheckedTest(concurrency, c54_exit_while_others_spawn)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (int i = 0; i < 10; i++) {
		int status;

		copy_run(exit_while_spawning);
		while (waitpid(-1, &status, __WALL) > 0)
			cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "wait status %#x", (unsigned)status);
		cr_assert_eq(errno, ECHILD);
	}
}
