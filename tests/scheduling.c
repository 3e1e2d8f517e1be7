/* SPDX-License-Identifier: MIT */
/* How a child is scheduled and weighed, as the child itself has it from the kernel. */
#include <errno.h>
#include <grp.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "harness/copy.h"
#include "harness/files.h"
#include "harness/way.h"

CheckedSuite(scheduling);

#define SCHED(...) .sched = USPAWN(sched, __VA_ARGS__)

/* Some of it needs a right, or a kernel built for it: skips the test, or asserts that it was set. */
static void report_or_skip(struct way *way, struct report *r, const struct uspawn_request *request)
{
	struct uspawn_request whole = *request;
	struct uspawn_child child;
	int result;

	whole.path = witness_path;
	whole.argv = r->argv;
	result = way_run(way, &child, &whole, NULL);
	if (result == -EPERM || result == -ENOSYS || result == -EOPNOTSUPP)
		cr_skip_test("%s: %s", uspawn_strstep(child.failure.step), strerror(-result));
	cr_assert_eq(result, 0, "%s: %s", uspawn_strstep(child.failure.step), strerror(-result));
	assert_exited(&child, 0);
	report_read(r);
}

EachRung(scheduling, nothing_is_changed_unasked)
{
	REPORT r;

	report_open(&r);
	way_report(way, &r, USPAWN(request, SCHED(.set = 0)), NULL);
	cr_assert_eq(report_number(&r, "nice"), getpriority(PRIO_PROCESS, 0));
	cr_assert_eq(report_number(&r, "policy"), sched_getscheduler(0));
	cr_assert_eq(report_number(&r, "personality"), personality(0xffffffff));
	cr_assert_eq(report_number(&r, "timerslack"), prctl(PR_GET_TIMERSLACK));
}

EachRung(scheduling, nice)
{
	REPORT r;

	report_open(&r);
	way_report(way, &r, USPAWN(request, SCHED(.set = USPAWN_NICE, .nice = 7)), NULL);
	cr_assert_eq(report_number(&r, "nice"), 7);
	report_or_skip(way, &r, USPAWN(request, SCHED(.set = USPAWN_NICE, .nice = -5)));
	cr_assert_eq(report_number(&r, "nice"), -5);
	cr_assert_eq(getpriority(PRIO_PROCESS, 0), 0, "the caller's own");
}

EachRung(scheduling, policy_keeps_nice)
{
	REPORT r;

	report_open(&r);
	way_report(way, &r, USPAWN(request, SCHED(.set = USPAWN_POLICY, .policy = SCHED_BATCH)), NULL);
	cr_assert_eq(report_number(&r, "policy"), SCHED_BATCH);
	way_report(way, &r, USPAWN(request, SCHED(.set = USPAWN_POLICY | USPAWN_NICE, .policy = SCHED_IDLE, .nice = 3)),
		   NULL);
	cr_assert_eq(report_number(&r, "policy"), SCHED_IDLE);
	cr_assert_eq(report_number(&r, "nice"), 3);
	way_report(way, &r, USPAWN(request, SCHED(.set = USPAWN_POLICY, .policy = SCHED_BATCH | SCHED_RESET_ON_FORK)),
		   NULL);
	cr_assert_eq(report_number(&r, "policy"), SCHED_BATCH | SCHED_RESET_ON_FORK);
	cr_assert_eq(sched_getscheduler(0), SCHED_OTHER, "the caller's own");
}

EachRung(scheduling, real_time)
{
	REPORT r;

	report_open(&r);
	report_or_skip(way, &r, USPAWN(request, SCHED(.set = USPAWN_POLICY, .policy = SCHED_RR, .priority = 2)));
	cr_assert_eq(report_number(&r, "policy"), SCHED_RR);
	cr_assert_eq(report_number(&r, "priority"), 2);
}

/* Of a copy of the test that runs under SCHED_FIFO itself. */
static uint32_t rung;

/* A ring's child is let go by it, and waited for like any other. */
static void start_in_copy(struct uspawn_child *child, const struct uspawn_request *request)
{
	struct uspawn_ring *ring;
	struct uspawn_plan *plan;

	if (rung != USPAWN_RUNG_ASYNC) {
		copy_assert(uspawn(child, request, NULL) == 0);
		return;
	}
	copy_assert(uspawn_ring_new(&ring, 1, 0) == 0 && uspawn_plan_new(&plan, request, NULL) == 0);
	copy_assert(uspawn_ring_start(ring, child, plan, NULL) == 0 && child->rung == rung);
	uspawn_ring_free(ring);
	uspawn_plan_free(plan);
}

static void priority_only(void)
{
	struct sched_param param = { .sched_priority = 1 };
	struct uspawn_child child;
	int fds[2];
	char text[16384], line[64];
	ssize_t n, size = 0;

	if (sched_setscheduler(0, SCHED_FIFO, &param) < 0)
		copy_skip(strerror(errno));
	copy_assert(pipe(fds) == 0);
	start_in_copy(&child, USPAWN(request, .path = witness_path, .argv = LIST("witness"), .rung = rung,
				     FDS({ 1, .fd = fds[1] }), SCHED(.set = USPAWN_PRIORITY, .priority = 5)));
	close(fds[1]);
	while ((n = read(fds[0], text + size, sizeof(text) - 1 - (size_t)size)) > 0)
		size += n;
	text[size] = '\0';
	copy_assert(uspawn_wait(&child, -1) == 1 && child.exit.code == USPAWN_EXITED);
	snprintf(line, sizeof(line), "\npolicy %d\npriority 5\n", SCHED_FIFO);
	copy_assert(strstr(text, line));
	copy_assert(uspawn(&child,
			   USPAWN(request, .path = witness_path, .argv = LIST("witness", "exit", "0"), .rung = rung,
				  SCHED(.set = USPAWN_PRIORITY)),
			   NULL) == -EINVAL);
	copy_assert(child.failure.step == USPAWN_STEP_SCHEDULER);
}

EachRung(scheduling, priority_keeps_the_policy)
{
	rung = way->rung;
	copy_run(priority_only);
}

EachRung(scheduling, deadline)
{
	REPORT r;

	report_open(&r);
	report_or_skip(way, &r,
		       USPAWN(request, SCHED(.set = USPAWN_POLICY, .policy = 6 /* SCHED_DEADLINE */,
					     .runtime_ns = 10000000, .deadline_ns = 30000000, .period_ns = 100000000)));
	cr_assert_eq(report_number(&r, "policy"), 6);
	cr_assert_str_eq(report_value(&r, "deadline"), "10000000 30000000 100000000");
}

EachRung(scheduling, utilization_clamps)
{
	REPORT r;

	report_open(&r);
	report_or_skip(
		way, &r,
		USPAWN(request, SCHED(.set = USPAWN_UCLAMP_MIN | USPAWN_UCLAMP_MAX, .util_min = 100, .util_max = 900)));
	cr_assert_str_eq(report_value(&r, "uclamp"), "100 900");
}

EachRung(scheduling, affinity)
{
	REPORT r;
	cpu_set_t mine, one;
	char want[24];
	size_t cpu = 0;

	report_open(&r);
	cr_assert_eq(sched_getaffinity(0, sizeof(mine), &mine), 0);
	for (size_t i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &mine))
			cpu = i;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	way_report(way, &r,
		   USPAWN(request, SCHED(.set = USPAWN_AFFINITY, .affinity = &one, .affinity_size = sizeof(one))),
		   NULL);
	snprintf(want, sizeof(want), "%zu", cpu);
	cr_assert_str_eq(report_value(&r, "Cpus_allowed_list"), want);
	sched_getaffinity(0, sizeof(one), &one);
	cr_assert(CPU_EQUAL(&one, &mine), "the caller's own");
}

EachRung(scheduling, memory_policy)
{
	REPORT r;
	const unsigned long node = 1;

	report_open(&r);
	report_or_skip(
		way, &r,
		USPAWN(request, SCHED(.set = USPAWN_MEMPOLICY, .mempolicy = MPOL_BIND, .nodes = &node, .nnodes = 1)));
	cr_assert_eq(report_number(&r, "mempolicy"), MPOL_BIND);
	way_report(way, &r, USPAWN(request, SCHED(.set = USPAWN_MEMPOLICY, .mempolicy = MPOL_LOCAL)), NULL);
	cr_assert_eq(report_number(&r, "mempolicy"), MPOL_LOCAL);
}

EachRung(scheduling, io_priority)
{
	REPORT r;
	enum { BEST_EFFORT = 2 << 13 };

	report_open(&r);
	way_report(way, &r, USPAWN(request, SCHED(.set = USPAWN_IOPRIO, .ioprio = BEST_EFFORT | 6)), NULL);
	cr_assert_eq(report_number(&r, "ioprio"), BEST_EFFORT | 6);
}

EachRung(scheduling, timer_slack_and_personality)
{
	REPORT r;

	report_open(&r);
	way_report(way, &r,
		   USPAWN(request, SCHED(.set = USPAWN_TIMERSLACK | USPAWN_PERSONALITY, .timerslack_ns = 123456,
					 .personality = ADDR_NO_RANDOMIZE)),
		   NULL);
	cr_assert_eq(report_number(&r, "timerslack"), 123456);
	cr_assert_eq(report_number(&r, "personality"), ADDR_NO_RANDOMIZE);
	cr_assert_eq(personality(0xffffffff) & ADDR_NO_RANDOMIZE, 0, "the caller's own");
}

static int own_oom_score(void)
{
	FILE *file = fopen("/proc/self/oom_score_adj", "re");
	int score = -9999;

	cr_assert(file && fscanf(file, "%d", &score) == 1);
	fclose(file);
	return score;
}

/* Never asynchronous: the kernel hands the value on to every process with this memory that is not in vfork. */
EachRung(scheduling, oom_score_stays_in_the_child)
{
	REPORT r;
	struct uspawn_child child;
	int before = own_oom_score(), want = before < 900 ? before + 100 : 1000;
	struct uspawn_plan *plan;

	report_open(&r);
	cr_assert_eq(uspawn_plan_new(&plan,
				     USPAWN(request, .path = witness_path, .argv = r.argv, .rung = way->rung,
					    SCHED(.set = USPAWN_OOM_SCORE, .oom_score_adj = want)),
				     NULL),
		     0);
	if (way->ring)
		cr_assert_eq(uspawn_ring_start(way->ring, &child, plan, NULL), 0);
	else
		cr_assert_eq(uspawn_start(&child, plan, NULL), 0);
	cr_assert_eq(child.rung, way->rung == USPAWN_RUNG_ASYNC ? (uint32_t)USPAWN_RUNG_VFORK : way->rung);
	uspawn_plan_free(plan);
	way_end(way, &child);
	assert_exited(&child, 0);
	report_read(&r);
	cr_assert_eq(report_number(&r, "oom_score_adj"), want);
	cr_assert_eq(own_oom_score(), before);
}

EachRung(scheduling, failures)
{
	const unsigned long none[128] = { 0 };
	const struct {
		struct uspawn_sched sched;
		int errnum;
		uint32_t step;
	} cases[] = {
		{ { .set = USPAWN_POLICY, .policy = 77 }, EINVAL, USPAWN_STEP_SCHEDULER },
		{ { .set = USPAWN_POLICY, .policy = SCHED_FIFO }, EINVAL, USPAWN_STEP_SCHEDULER },
		{ { .set = USPAWN_PRIORITY, .priority = 1 }, EINVAL, USPAWN_STEP_SCHEDULER },
		{ { .set = USPAWN_POLICY, .policy = 6 }, EINVAL, USPAWN_STEP_SCHEDULER },
		{ { .set = USPAWN_AFFINITY, .affinity = none, .affinity_size = sizeof(none) },
		  EINVAL,
		  USPAWN_STEP_AFFINITY },
		{ { .set = USPAWN_IOPRIO, .ioprio = 7 << 13 }, EINVAL, USPAWN_STEP_IOPRIO },
	};
	struct uspawn_child child;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct uspawn_sched sched = cases[i].sched;
		int r;

		sched.size = sizeof(sched);
		r = way_run(way, &child, USPAWN(request, WITNESS("exit", "0"), .sched = &sched), NULL);
		cr_assert_eq(r, -cases[i].errnum, "case %zu: %s", i, strerror(-r));
		assert_failed(&child, cases[i].errnum, cases[i].step, 0);
	}
}

/* What needs a right says so at its own step. */
static void without_rights(void)
{
	const struct {
		struct uspawn_sched sched;
		int errnum;
		uint32_t step;
	} cases[] = {
		{ { .set = USPAWN_NICE, .nice = -5 }, EACCES, USPAWN_STEP_NICE },
		{ { .set = USPAWN_POLICY, .policy = SCHED_FIFO, .priority = 1 }, EPERM, USPAWN_STEP_SCHEDULER },
		{ { .set = USPAWN_IOPRIO, .ioprio = 1 << 13 }, EPERM, USPAWN_STEP_IOPRIO },
		{ { .set = USPAWN_OOM_SCORE, .oom_score_adj = -1000 }, EACCES, USPAWN_STEP_OOM_SCORE },
	};
	const struct rlimit none = { 0, 0 };
	struct uspawn_child child;

	setrlimit(RLIMIT_NICE, &none);
	setrlimit(RLIMIT_RTPRIO, &none);
	if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setgid(54321) < 0 || setuid(54321) < 0))
		copy_skip("cannot become another user");
	prctl(PR_SET_DUMPABLE, 1); /* /proc/self belongs to this user again */
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct uspawn_sched sched = cases[i].sched;

		sched.size = sizeof(sched);
		copy_assert(uspawn(&child, USPAWN(request, .argv = LIST("/bin/true"), .rung = rung, .sched = &sched),
				   NULL) == -cases[i].errnum);
		copy_assert(child.failure.step == cases[i].step);
		copy_assert(uspawn(&child,
				   USPAWN(request, .argv = LIST("/bin/true"), .rung = rung, .sched = &sched,
					  .best_effort = (uint16_t[]){ (uint16_t)cases[i].step, 0 }),
				   NULL) == 0);
		copy_assert(child.failure.errnum == cases[i].errnum);
		copy_assert(uspawn_wait(&child, -1) == 1);
	}
}

EachWaitingRung(scheduling, without_rights)
{
	rung = way->rung;
	copy_run(without_rights);
}

/* What was root and is not any more has no right over its own files below /proc. */
static void give_a_score(void)
{
	struct uspawn_sched sched = { .size = sizeof(sched), .set = USPAWN_OOM_SCORE, .oom_score_adj = 500 };
	struct uspawn_child child;

	copy_assert(setresgid(54321, 54321, 54321) == 0 && setresuid(54321, 54321, 54321) == 0);
	copy_assert(uspawn_run(&child,
			       USPAWN(request, .rung = rung, .sched = &sched,
				      .argv = LIST("sh", "-c", "test $(cat /proc/self/oom_score_adj) = 500")),
			       NULL) == 0);
	copy_assert(child.exit.code == USPAWN_EXITED && child.exit.status == 0);
}

CheckedTest(scheduling, oom_score_of_who_gave_up_root)
{
	if (geteuid() != 0)
		cr_skip_test("needs root, to give it up");
	if (way_missing(USPAWN_RUNG_RELAY))
		cr_skip_test("%s", way_missing(USPAWN_RUNG_RELAY));
	for (rung = USPAWN_RUNG_ANY; rung <= USPAWN_RUNG_RELAY; rung++)
		copy_run(give_a_score);
}
