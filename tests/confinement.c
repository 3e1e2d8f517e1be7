/* SPDX-License-Identifier: MIT */
/* What a child gives up for good: it must not be in the way of anything that comes before. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/personality.h>
#include <unistd.h>

#include "harness/copy.h"
#include "harness/files.h"
#include "harness/kernel.h"
#include "harness/way.h"

CheckedSuite(confinement);

#define NOTHING ((struct sock_filter[]){ BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) })

EachRung(confinement, no_new_privs)
{
	REPORT r;

	report_open(&r);
	way_report(way, &r, USPAWN(request, .flags = USPAWN_NO_NEW_PRIVS), NULL);
	cr_assert_eq(report_number(&r, "NoNewPrivs"), 1);
	way_report(way, &r, USPAWN(request), NULL);
	cr_assert_eq(report_number(&r, "NoNewPrivs"), 0, "the caller's own");
}

EachRung(confinement, filter)
{
	REPORT r;

	report_open(&r);
	way_report(way, &r,
		   USPAWN(request, .flags = USPAWN_NO_NEW_PRIVS,
			  .confine = USPAWN(confine, .filter = NOTHING, .filter_len = 1)),
		   NULL);
	cr_assert_eq(report_number(&r, "Seccomp"), SECCOMP_MODE_FILTER);
	way_report(way, &r,
		   USPAWN(request, .flags = USPAWN_NO_NEW_PRIVS,
			  .confine = USPAWN(confine, .filter = NOTHING, .filter_len = 1,
					    .flags = USPAWN_SECCOMP_LOG | USPAWN_SECCOMP_SPEC_ALLOW)),
		   NULL);
	cr_assert_eq(report_number(&r, "Seccomp"), SECCOMP_MODE_FILTER);
	way_report(way, &r, USPAWN(request), NULL);
	cr_assert_eq(report_number(&r, "Seccomp"), 0, "the caller's own");
}

/* It refuses what every other step needs, so it has to be last. */
EachRung(confinement, filter_is_last)
{
	struct sock_filter code[KERNEL_FILTER_MAX];
	struct uspawn_child child;
	unsigned n = kernel_filter(code, GROUP_STEPS, SECCOMP_RET_ERRNO | EPERM);
	int file = file_new(3);

	cr_assert_eq(way_run(way, &child,
			     USPAWN(request, WITNESS("exit", "3"), .cwd = "/tmp", .umask = 077, .root = "/",
				    .flags = USPAWN_SETSID | USPAWN_SETUMASK | USPAWN_SETSIGMASK | USPAWN_NO_NEW_PRIVS,
				    FDS({ 1, .fd = file }),
				    .sched = USPAWN(sched, .set = USPAWN_NICE | USPAWN_PERSONALITY | USPAWN_IOPRIO),
				    .confine = USPAWN(confine, .filter = code, .filter_len = n)),
			     NULL),
		     0, "%s", uspawn_strstep(child.failure.step));
	assert_exited(&child, 3);
	close(file);
}

/* As a kernel that is older than 5.16, which ends all with a memory that is dumped. */
EachRung(confinement, before_5_16_memory_of_its_own)
{
	struct sock_filter code[KERNEL_FILTER_MAX];
	struct uspawn_child child;
	unsigned n = kernel_filter(code, GROUP_EXEC, SECCOMP_RET_KILL_PROCESS);
	REPORT r;

	report_open(&r);
	cr_assert_neq(personality(UNAME26), -1);
	cr_assert(!kernel_is(5, 16));
	way_report(way, &r,
		   USPAWN(request, .flags = USPAWN_NO_NEW_PRIVS,
			  .confine = USPAWN(confine, .filter = NOTHING, .filter_len = 1)),
		   NULL);
	cr_assert_eq(report_number(&r, "Seccomp"), SECCOMP_MODE_FILTER);
	cr_assert_eq(way_run(way, &child,
			     USPAWN(request, WITNESS("exit", "3"), .flags = USPAWN_NO_NEW_PRIVS,
				    .confine = USPAWN(confine, .filter = code, .filter_len = n)),
			     NULL),
		     0);
	assert_killed(&child, SIGSYS);
	cr_assert_eq(way_run(way, &child, USPAWN(request, WITNESS("exit", "4")), NULL), 0, "without one as ever");
	assert_exited(&child, 4);
	personality(PER_LINUX);
}

/* The child still says why it could not go on. */
EachRung(confinement, filter_refuses_exec)
{
	struct sock_filter code[KERNEL_FILTER_MAX];
	struct uspawn_child child;
	unsigned n = kernel_filter(code, GROUP_EXEC, SECCOMP_RET_ERRNO | EUCLEAN);

	cr_assert_eq(way_run(way, &child,
			     USPAWN(request, WITNESS("exit", "3"), .flags = USPAWN_NO_NEW_PRIVS,
				    .confine = USPAWN(confine, .filter = code, .filter_len = n)),
			     NULL),
		     -EUCLEAN);
	assert_failed(&child, EUCLEAN, USPAWN_STEP_EXEC, 0);
}

/* Only the child dies of it: before 5.16 its core dump took everyone with that memory. */
EachRung(confinement, filter_kills_at_exec)
{
	struct sock_filter code[KERNEL_FILTER_MAX];
	struct uspawn_child child;
	unsigned n = kernel_filter(code, GROUP_EXEC, SECCOMP_RET_KILL_PROCESS);

	if (way->rung != USPAWN_RUNG_FORK && !kernel_is(5, 16))
		cr_skip_test("a dump takes all that share the memory");
	cr_assert_eq(way_run(way, &child,
			     USPAWN(request, WITNESS("exit", "3"), .flags = USPAWN_NO_NEW_PRIVS,
				    .confine = USPAWN(confine, .filter = code, .filter_len = n)),
			     NULL),
		     0);
	assert_killed(&child, SIGSYS);
}

EachRung(confinement, filter_that_is_none)
{
	struct uspawn_child child;
	const struct sock_filter wrong = { .code = 0xffff };

	cr_assert_eq(way_run(way, &child,
			     USPAWN(request, WITNESS("exit", "0"), .flags = USPAWN_NO_NEW_PRIVS,
				    .confine = USPAWN(confine, .filter = &wrong, .filter_len = 1)),
			     NULL),
		     -EINVAL);
	assert_failed(&child, EINVAL, USPAWN_STEP_SECCOMP, 0);
}

EachRung(confinement, landlock)
{
	int ruleset = kernel_landlock_ruleset(), high;
	struct uspawn_child child;
	struct uspawn_request request = { .size = sizeof(request),
					  WITNESS("open", "/dev/null", "exit", "3"),
					  .flags = USPAWN_NO_NEW_PRIVS };
	REPORT r;

	if (ruleset < 0)
		cr_skip_test("landlock: %s", strerror(-ruleset));
	high = fcntl(ruleset, F_DUPFD_CLOEXEC, 300);
	report_open(&r);
	cr_assert_eq(way_run(way, &child, &request, NULL), 0);
	assert_exited(&child, 3);
	request.confine = USPAWN(confine, .flags = USPAWN_LANDLOCK, .landlock_fd = ruleset);
	cr_assert_eq(way_run(way, &child, &request, NULL), 0);
	assert_exited(&child, EACCES);
	request.confine = USPAWN(confine, .flags = USPAWN_LANDLOCK, .landlock_fd = USPAWN_ARG(0));
	cr_assert_eq(way_run(way, &child, &request, USPAWN(args, .fds = &high, .nfds = 1)), 0);
	assert_exited(&child, EACCES);
	/* After all that opens for writing; and the ruleset does not reach the program. */
	request.argv = LIST("witness", "write", "4", "x", "exit", "3");
	request.fds = (struct uspawn_fd[]){ { 4, USPAWN_OPEN, .path = "/dev/null", .oflag = O_WRONLY },
					    { ruleset, .fd = 1 } };
	request.nfds = 2;
	cr_assert_eq(way_run(way, &child, &request, USPAWN(args, .fds = &high, .nfds = 1)), 0);
	assert_exited(&child, 3);
	close(ruleset);
	close(high);
}

/* A file action may still open what the ruleset forbids to the program. */
EachRung(confinement, landlock_after_actions)
{
	int ruleset = kernel_landlock_ruleset();
	struct uspawn_child child;
	const struct uspawn_action actions[] = {
		{ .op = USPAWN_DO_OPEN, .fd = 9, .path = "/dev/null", .oflag = O_WRONLY }
	};

	if (ruleset < 0)
		cr_skip_test("landlock: %s", strerror(-ruleset));
	cr_assert_eq(
		way_run(way, &child,
			USPAWN(request, WITNESS("write", "9", "x", "open", "/dev/null", "exit", "3"),
			       .flags = USPAWN_NO_NEW_PRIVS | USPAWN_INHERIT_FDS, .actions = actions, .nactions = 1,
			       .confine = USPAWN(confine, .flags = USPAWN_LANDLOCK, .landlock_fd = ruleset)),
			NULL),
		0, "%s", uspawn_strstep(child.failure.step));
	assert_exited(&child, EACCES);
	close(ruleset);
}

EachRung(confinement, landlock_by_what_is_none)
{
	int ruleset = kernel_landlock_ruleset();
	struct uspawn_child child;

	if (ruleset < 0)
		cr_skip_test("landlock: %s", strerror(-ruleset));
	close(ruleset);
	cr_assert_eq(way_run(way, &child,
			     USPAWN(request, WITNESS("exit", "0"), .flags = USPAWN_NO_NEW_PRIVS,
				    .confine = USPAWN(confine, .flags = USPAWN_LANDLOCK, .landlock_fd = 1)),
			     NULL),
		     -EBADFD);
	assert_failed(&child, EBADFD, USPAWN_STEP_LANDLOCK, 0);
}

static uint32_t rung;

/* Without the one right it takes no_new_privs, which is set before. */
static void without_rights(void)
{
	int ruleset = kernel_landlock_ruleset();
	struct uspawn_child child;
	struct uspawn_request request = { .size = sizeof(request), .argv = LIST("/bin/true"), .rung = rung };

	if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setgid(54321) < 0 || setuid(54321) < 0))
		copy_skip("cannot become another user");
	request.confine = USPAWN(confine, .filter = NOTHING, .filter_len = 1);
	copy_assert(uspawn(&child, &request, NULL) == -EACCES);
	copy_assert(child.failure.step == USPAWN_STEP_SECCOMP);
	request.flags = USPAWN_NO_NEW_PRIVS;
	copy_assert(uspawn(&child, &request, NULL) == 0);
	copy_assert(uspawn_wait(&child, -1) == 1);
	if (ruleset < 0)
		return;
	request.flags = 0;
	request.confine = USPAWN(confine, .flags = USPAWN_LANDLOCK, .landlock_fd = ruleset);
	copy_assert(uspawn(&child, &request, NULL) == -EPERM);
	copy_assert(child.failure.step == USPAWN_STEP_LANDLOCK);
	request.flags = USPAWN_NO_NEW_PRIVS;
	copy_assert(uspawn(&child, &request, NULL) == 0);
	copy_assert(uspawn_wait(&child, -1) == 1);
}

EachWaitingRung(confinement, without_rights)
{
	rung = way->rung;
	copy_run(without_rights);
}

/* A plan outlives the filter that it was made from. */
CheckedTest(confinement, plan_keeps_the_filter)
{
	struct sock_filter code[KERNEL_FILTER_MAX];
	unsigned n = kernel_filter(code, GROUP_STEPS, SECCOMP_RET_ERRNO | EPERM);
	struct uspawn_plan *plan;
	struct uspawn_child child;

	cr_assert_eq(uspawn_plan_new(&plan,
				     USPAWN(request, WITNESS("exit", "3"), .flags = USPAWN_NO_NEW_PRIVS,
					    .confine = USPAWN(confine, .filter = code, .filter_len = n)),
				     NULL),
		     0);
	memset(code, 0, sizeof(code));
	cr_assert_eq(uspawn_start(&child, plan, NULL), 0);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	assert_exited(&child, 3);
	uspawn_plan_free(plan);
}
