/* SPDX-License-Identifier: MIT */
/* How a child ended, and that it is said once, correctly, and to no one else's harm. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/files.h"
#include "harness/kernel.h"
#include "harness/way.h"

CheckedSuite(reaping);

static const struct uspawn_fd stdin_pipe[] = { { 0, USPAWN_READ_END, .fd = USPAWN_ARG(0) } };

/* A witness that exits with the code once the descriptor that is returned is closed. */
static int start_sleeper(struct way *way, struct uspawn_child *child, char *code)
{
	int end = -1;

	cr_assert_eq(way_start(way, child,
			       USPAWN(request, WITNESS("eof", "0", "exit", code), .fds = stdin_pipe, .nfds = 1),
			       USPAWN(args, .fds = &end, .nfds = 1)),
		     0);
	return end;
}

/* Someone else has the status: where the kernel keeps a record it is still known, else that is said. */
static void assert_exited_or_unknown(const struct uspawn_child *child, int code)
{
	if (kernel_is(6, 15))
		assert_exited(child, code);
	else if (child->exit.code != USPAWN_UNKNOWN)
		assert_exited(child, code);
}

EachRung(reaping, c39_kind_and_number_are_apart)
{
	struct uspawn_child child;

	for (int i = 0; i < 4; i++) {
		static char *const words[] = { "0", "11", "255", "256" };
		static const int codes[] = { 0, 11, 255, 0 };

		cr_assert_eq(way_run(way, &child, USPAWN(request, WITNESS("exit", words[i])), NULL), 0);
		assert_exited(&child, codes[i]);
	}
	cr_assert_eq(way_run(way, &child, USPAWN(request, WITNESS("kill", "11")), NULL), 0);
	assert_killed(&child, SIGSEGV);
	cr_assert_eq(way_run(way, &child, USPAWN(request, WITNESS("kill", "9")), NULL), 0);
	assert_killed(&child, SIGKILL);
	cr_assert_eq(child.exit.code, USPAWN_KILLED);
}

EachRung(reaping, usage)
{
	struct uspawn_child child;

	cr_assert_eq(way_run(way, &child, USPAWN(request, WITNESS("spin", "60")), NULL), 0);
	cr_assert_geq(child.exit.utime_us + child.exit.stime_us, 40000);
	cr_assert_gt(child.exit.maxrss_kib, 0);
	cr_assert_gt(child.exit.minflt, 0);
	cr_assert_eq(child.exit.timed, 0);
}

static void ignore_children(struct way *way, int flags, void (*handler)(int))
{
	struct sigaction act = { .sa_handler = handler, .sa_flags = flags }, old;
	struct uspawn_child child;

	sigaction(SIGCHLD, &act, &old);
	for (int i = 0; i < 30; i++) {
		cr_assert_eq(way_run(way, &child, USPAWN(request, WITNESS("exit", "3")), NULL), 0);
		assert_exited_or_unknown(&child, 3);
		cr_assert_eq(way_run(way, &child, USPAWN(request, .argv = LIST("/no/such")), NULL), -ENOENT);
	}
	sigaction(SIGCHLD, &old, NULL);
}

EachRung(reaping, c16_ignored_sigchld)
{
	ignore_children(way, 0, SIG_IGN);
	ignore_children(way, SA_NOCLDWAIT, SIG_DFL);
}

static void reap_everything(int signo)
{
	int saved = errno;

	(void)signo;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	errno = saved;
}

EachRung(reaping, c23_host_that_reaps_everything)
{
	ignore_children(way, SA_RESTART, reap_everything);
}

EachRung(reaping, c23_stolen_status)
{
	struct uspawn_child child;
	int end = start_sleeper(way, &child, "3"), status;

	close(end);
	cr_assert_eq(waitpid(child.pid, &status, 0), child.pid);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 3);
	way_end(way, &child);
	assert_exited_or_unknown(&child, 3);
	cr_assert_eq(uspawn_kill(&child, SIGTERM, 0), -ESRCH);
}

EachRung(reaping, c24_children_of_the_host)
{
	struct uspawn_child child;
	siginfo_t info;
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(4);
	cr_assert_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	cr_assert_eq(way_run(way, &child, USPAWN(request, WITNESS("exit", "5")), NULL), 0);
	assert_exited(&child, 5);
	cr_assert_eq(waitpid(pid, &status, WNOHANG), pid);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 4);
}

static volatile sig_atomic_t alarms;

static void count_alarm(int signo)
{
	(void)signo;
	alarms++;
}

/* The alarm ends the child, so that the wait has seen hundreds of them. */
static void *close_after_alarms(void *end)
{
	struct timespec nap = { .tv_nsec = 1000000 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	while (alarms < 100)
		nanosleep(&nap, NULL);
	close(*(int *)end);
	return NULL;
}

CheckedTest(reaping, c38_signals_do_not_cut_a_wait_short)
{
	struct sigaction act = { .sa_handler = count_alarm };
	struct itimerval often = { { 0, 1000 }, { 0, 1000 } }, off = { { 0, 0 }, { 0, 0 } };
	struct way way = { .rung = USPAWN_RUNG_FORK };
	struct uspawn_child child;
	pthread_t thread;
	int end = start_sleeper(&way, &child, "3");

	sigaction(SIGALRM, &act, NULL);
	cr_assert_eq(pthread_create(&thread, NULL, close_after_alarms, &end), 0);
	setitimer(ITIMER_REAL, &often, NULL);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	setitimer(ITIMER_REAL, &off, NULL);
	pthread_join(thread, NULL);
	assert_exited(&child, 3);
}

EachRung(reaping, c38_asked_again)
{
	struct uspawn_child child;

	cr_assert_eq(way_run(way, &child, USPAWN(request, WITNESS("exit", "3")), NULL), 0);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(uspawn_wait(&child, i - 1), 1);
		assert_exited(&child, 3);
	}
	cr_assert_gt(child.pid, 0);
}

static void *wait_for_it(void *child)
{
	cr_assert_eq(uspawn_wait(child, -1), 1);
	assert_exited(child, 3);
	return NULL;
}

CheckedTest(reaping, c38_several_threads_wait)
{
	struct way way = { .rung = USPAWN_RUNG_FORK };

	for (int round = 0; round < 50; round++) {
		struct uspawn_child child;
		pthread_t threads[3];
		int end = start_sleeper(&way, &child, "3");

		for (int i = 0; i < 3; i++)
			cr_assert_eq(pthread_create(&threads[i], NULL, wait_for_it, &child), 0);
		close(end);
		for (int i = 0; i < 3; i++)
			pthread_join(threads[i], NULL);
		cr_assert_eq(child.pidfd, -1);
	}
}

EachRung(reaping, c40_stopped_is_not_ended)
{
	struct uspawn_child child;
	struct uspawn_event event;
	siginfo_t info;

	cr_assert_eq(way_start(way, &child, USPAWN(request, WITNESS("kill", "19", "exit", "3")), NULL), 0);
	cr_assert_eq(waitid(P_PID, (id_t)child.pid, &info, WSTOPPED | __WALL), 0);
	if (way->ring) {
		cr_assert_eq(uspawn_ring_wait(way->ring, &event, 1, 0), 0);
		cr_assert_eq(uspawn_ring_wait(way->ring, &event, 1, 30000000), 0);
	} else {
		cr_assert_eq(uspawn_wait(&child, 0), 0);
		cr_assert_eq(uspawn_wait(&child, 30000000), 0);
	}
	cr_assert_eq(uspawn_kill(&child, SIGCONT, 0), 0);
	way_end(way, &child);
	assert_exited(&child, 3);
}

/* Letting go reaps nothing where no ring watches: whoever waits for the pid does. */
CheckedTest(reaping, c42_let_go)
{
	enum { MANY = 300 };
	pid_t pids[MANY];

	for (int i = 0; i < MANY; i++) {
		struct uspawn_child child;

		cr_assert_eq(uspawn(&child, USPAWN(request, WITNESS("exit", "0")), NULL), 0);
		pids[i] = child.pid;
		uspawn_done(&child);
		cr_assert_eq(child.state, USPAWN_UNSET);
		uspawn_done(&child);
		cr_assert_eq(uspawn_wait(&child, 0), -ECHILD);
	}
	for (int i = 0; i < MANY; i++)
		cr_assert_eq(waitpid(pids[i], NULL, 0), pids[i]);
}

EachRung(reaping, wait_with_a_time_limit)
{
	struct uspawn_child child;
	int end = start_sleeper(way, &child, "1");

	if (!way->ring) {
		cr_assert_eq(uspawn_wait(&child, 0), 0);
		cr_assert_eq(uspawn_wait(&child, 20000000), 0);
		cr_assert_eq(uspawn_wait(&child, 1), 0);
		close(end);
		cr_assert_eq(uspawn_wait(&child, INT64_MAX), 1);
	} else {
		struct uspawn_event event;

		cr_assert_eq(uspawn_ring_wait(way->ring, &event, 1, 1), 0);
		close(end);
		while (uspawn_ring_wait(way->ring, &event, 1, INT64_MAX) == 0)
			; /* interrupted */
	}
	assert_exited(&child, 1);
}

EachWaitingRung(reaping, moved_like_any_bytes)
{
	struct uspawn_child child, moved;
	int end = start_sleeper(way, &child, "2");

	moved = child;
	memset(&child, 0xff, sizeof(child));
	close(end);
	cr_assert_eq(uspawn_wait(&moved, -1), 1);
	assert_exited(&moved, 2);
}
