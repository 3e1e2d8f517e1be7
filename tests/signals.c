/* SPDX-License-Identifier: MIT */
/* Masks, dispositions and handlers: the child has what was asked for or what the caller had, and never runs a handler.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/copy.h"
#include "harness/rounds.h"
#include "harness/way.h"

CheckedSuite(signals);

#define BIT(signo)   (1ull << ((signo)-1))
#define NOT_MASKABLE (BIT(SIGKILL) | BIT(SIGSTOP))

static uint64_t block(int signo)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signo);
	cr_assert_eq(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	return BIT(signo);
}

static void unblock(int signo)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signo);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

EachRung(signals, c25_mask_is_the_callers)
{
	REPORT r;
	uint64_t mask = block(SIGTERM) | block(SIGRTMIN);

	report_open(&r);
	way_report(way, &r, USPAWN(request), NULL);
	unblock(SIGTERM);
	unblock(SIGRTMIN);
	cr_assert_eq(report_hex(&r, "SigBlk"), mask);
}

EachRung(signals, c25_mask_asked_for)
{
	REPORT r;
	struct uspawn_child child;
	int end = -1;

	report_open(&r);
	block(SIGTERM);
	way_report(way, &r, USPAWN(request, .flags = USPAWN_SETSIGMASK), NULL);
	cr_assert_eq(report_hex(&r, "SigBlk"), 0);
	way_report(way, &r, USPAWN(request, .flags = USPAWN_SETSIGMASK, .sigmask = BIT(SIGUSR1) | BIT(64)), NULL);
	cr_assert_eq(report_hex(&r, "SigBlk"), BIT(SIGUSR1) | BIT(64));
	way_report(way, &r, USPAWN(request, .flags = USPAWN_SETSIGMASK, .sigmask = ~0ull), NULL);
	cr_assert_eq(report_hex(&r, "SigBlk"), ~NOT_MASKABLE);
	cr_assert_eq(way_start(way, &child,
			       USPAWN(request, WITNESS("eof", "0"), .flags = USPAWN_SETSIGMASK,
				      FDS({ 0, USPAWN_READ_END, .fd = USPAWN_ARG(0) })),
			       USPAWN(args, .fds = &end, .nfds = 1)),
		     0);
	cr_assert_eq(uspawn_kill(&child, SIGTERM, 0), 0);
	way_end(way, &child);
	unblock(SIGTERM);
	assert_killed(&child, SIGTERM);
	close(end);
}

static void nothing(int signo)
{
	(void)signo;
}

EachRung(signals, c26_ignored_ones)
{
	REPORT r;
	struct uspawn_child child;

	report_open(&r);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGRTMIN + 1, SIG_IGN);
	way_report(way, &r, USPAWN(request), NULL);
	cr_assert((report_hex(&r, "SigIgn") & BIT(SIGPIPE)) && (report_hex(&r, "SigIgn") & BIT(SIGRTMIN + 1)));
	cr_assert_eq(way_run(way, &child, USPAWN(request, WITNESS("kill", "13", "exit", "5")), NULL), 0);
	assert_exited(&child, 5);
	way_report(way, &r, USPAWN(request, .sigdefault = BIT(SIGPIPE)), NULL);
	cr_assert(!(report_hex(&r, "SigIgn") & BIT(SIGPIPE)) && (report_hex(&r, "SigIgn") & BIT(SIGRTMIN + 1)));
	cr_assert_eq(way_run(way, &child,
			     USPAWN(request, WITNESS("kill", "13", "exit", "5"), .sigdefault = BIT(SIGPIPE)), NULL),
		     0);
	assert_killed(&child, SIGPIPE);
	way_report(way, &r, USPAWN(request, .sigdefault = ~0ull, .sigignore = BIT(SIGKILL) | BIT(SIGSTOP)), NULL);
	cr_assert_eq(report_hex(&r, "SigIgn"), 0);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGRTMIN + 1, SIG_DFL);
}

EachRung(signals, ignored_as_asked)
{
	REPORT r;
	uint64_t before;

	report_open(&r);
	way_report(way, &r, USPAWN(request), NULL);
	before = report_hex(&r, "SigIgn");
	way_report(way, &r, USPAWN(request, .sigignore = BIT(SIGUSR1) | BIT(SIGTERM) | BIT(64)), NULL);
	cr_assert_eq(report_hex(&r, "SigIgn"), before | BIT(SIGUSR1) | BIT(SIGTERM) | BIT(64));
	way_report(way, &r, USPAWN(request, .sigignore = ~0ull), NULL);
	cr_assert_eq(report_hex(&r, "SigIgn"), ~NOT_MASKABLE, "what cannot be ignored is no error");
}

EachRung(signals, handlers_do_not_survive)
{
	REPORT r;

	report_open(&r);
	signal(SIGUSR1, nothing);
	signal(SIGRTMIN, nothing);
	way_report(way, &r, USPAWN(request), NULL);
	cr_assert_eq(report_hex(&r, "SigCgt"), 0);
	cr_assert(!(report_hex(&r, "SigIgn") & BIT(SIGUSR1)));
	signal(SIGUSR1, SIG_DFL);
	signal(SIGRTMIN, SIG_DFL);
}

static struct sigaction actions[65];

/* libc hides two of its own: they stay zero here. */
static void list_actions(struct sigaction *ret)
{
	memset(ret, 0, 65 * sizeof(*ret));
	for (int signo = 1; signo <= 64; signo++)
		sigaction(signo, NULL, &ret[signo]);
}

EachRung(signals, callers_dispositions_stay)
{
	struct uspawn_child child;
	struct sigaction after[65];

	signal(SIGUSR1, nothing);
	signal(SIGUSR2, SIG_IGN);
	list_actions(actions);
	cr_assert_eq(way_run(way, &child, USPAWN(request, WITNESS("exit", "0"), .sigdefault = ~0ull), NULL), 0);
	cr_assert_eq(way_run(way, &child, USPAWN(request, WITNESS("exit", "0"), .sigignore = ~0ull), NULL), 0);
	cr_assert_eq(way_run(way, &child, USPAWN(request, .argv = LIST("/no/such"), .sigignore = ~0ull), NULL),
		     -ENOENT);
	list_actions(after);
	for (int signo = 1; signo <= 64; signo++)
		cr_assert_eq(actions[signo].sa_handler, after[signo].sa_handler, "signal %d", signo);
	signal(SIGUSR1, SIG_DFL);
	signal(SIGUSR2, SIG_DFL);
}

static struct {
	pid_t parent;
	int in_parent, elsewhere;
} * storm;
static uint32_t storm_rung;

static void count(int signo)
{
	(void)signo;
	if (getpid() == storm->parent)
		storm->in_parent++;
	else
		storm->elsewhere++;
}

static void run_one(struct uspawn_ring *ring, const struct uspawn_request *request)
{
	struct uspawn_child child;
	struct uspawn_event event;
	struct uspawn_plan *plan;

	if (request->rung == USPAWN_RUNG_ASYNC) {
		copy_assert(uspawn_plan_new(&plan, request, NULL) == 0);
		copy_assert(uspawn_ring_start(ring, &child, plan, NULL) == 0);
		uspawn_plan_free(plan);
		while (uspawn_ring_wait(ring, &event, 1, -1) == 0)
			; /* a handler ran */
	} else {
		copy_assert(uspawn(&child, request, NULL) == 0);
		copy_assert(uspawn_wait(&child, -1) == 1);
	}
	copy_assert(child.exit.code == USPAWN_EXITED && child.exit.status == 0);
}

/*
 * The whole group gets the signal, again and again, children on their way to exec included. Its default is to do
 * nothing, so a child that has it pending when its mask is set runs the caller's handler or goes on.
 */
static void spawn_in_a_storm(void)
{
	struct sigaction act = { .sa_handler = count, .sa_flags = SA_RESTART };
	struct uspawn_ring *ring;
	pid_t stormer;

	setpgid(0, 0);
	storm->parent = getpid();
	sigaction(SIGWINCH, &act, NULL);
	copy_assert(uspawn_ring_new(&ring, 1, 0) == 0);
	stormer = fork();
	if (stormer == 0) {
		signal(SIGWINCH, SIG_IGN);
		while (getppid() == storm->parent) {
			kill(0, SIGWINCH);
			usleep(50);
		}
		_exit(0);
	}
	while (!*(volatile int *)&storm->in_parent)
		usleep(100);
	for (int i = 0; i < rounds(300); i++)
		run_one(ring, USPAWN(request, WITNESS("exit", "0"), .rung = storm_rung));
	kill(stormer, SIGKILL);
	waitpid(stormer, NULL, 0);
	uspawn_ring_free(ring);
	copy_assert(storm->elsewhere == 0);
}

EachRung(signals, c4_handlers_never_run_in_a_child)
{
	storm = mmap(NULL, sizeof(*storm), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	storm_rung = way->rung;
	copy_run(spawn_in_a_storm);
	munmap(storm, sizeof(*storm));
}
