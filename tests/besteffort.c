/* SPDX-License-Identifier: MIT */
/* Steps that may fail: the program runs all the same, and the first that did is said while it runs. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "harness/copy.h"
#include "harness/files.h"
#include "harness/way.h"

CheckedSuite(besteffort);

#define MAY_FAIL(...)                     \
	.best_effort = (const uint16_t[]) \
	{                                 \
		__VA_ARGS__, 0            \
	}

static void assert_noted(const struct uspawn_child *child, int errnum, uint32_t step, uint32_t index)
{
	cr_assert(child->failure.errnum == errnum && child->failure.step == step && child->failure.index == index,
		  "noted: %d, %s, %u", child->failure.errnum, uspawn_strstep(child->failure.step),
		  child->failure.index);
}

EachRung(besteffort, first_failure_is_noted)
{
	struct uspawn_child child;
	const struct uspawn_rlimit limits[] = { { .resource = RLIMIT_CORE },
						{ .resource = RLIMIT_NOFILE, .soft = 1ull << 40, .hard = 1ull << 40 } };

	cr_assert_eq(way_run(way, &child,
			     USPAWN(request, WITNESS("exit", "3"), .cwd = "/no/such", .rlimits = limits, .nrlimits = 2,
				    MAY_FAIL(USPAWN_STEP_CWD, USPAWN_STEP_RLIMIT)),
			     NULL),
		     0);
	assert_exited(&child, 3);
	assert_noted(&child, EPERM, USPAWN_STEP_RLIMIT, 1);
	cr_assert_eq(way_run(way, &child, USPAWN(request, WITNESS("exit", "4"), .cwd = "/", MAY_FAIL(USPAWN_STEP_CWD)),
			     NULL),
		     0);
	assert_exited(&child, 4);
	assert_noted(&child, 0, USPAWN_STEP_NONE, 0);
}

/* A waiting start says it when it returns, a ring once the child has left the memory. */
EachRung(besteffort, noted_while_it_runs)
{
	struct uspawn_child child;
	int end = -1;

	cr_assert_eq(way_start(way, &child,
			       USPAWN(request, WITNESS("eof", "0", "exit", "2"), .cwd = "/no/such",
				      MAY_FAIL(USPAWN_STEP_CWD), FDS({ 0, USPAWN_READ_END, .fd = USPAWN_ARG(0) })),
			       USPAWN(args, .fds = &end, .nfds = 1)),
		     0);
	while (way->ring && !child.failure.errnum) {
		struct uspawn_event event;

		cr_assert_eq(uspawn_ring_wait(way->ring, &event, 1, 1000000), 0);
	}
	cr_assert_eq(child.state, USPAWN_RUNNING);
	assert_noted(&child, ENOENT, USPAWN_STEP_CWD, 0);
	close(end);
	way_end(way, &child);
	assert_exited(&child, 2);
	assert_noted(&child, ENOENT, USPAWN_STEP_CWD, 0);
}

EachRung(besteffort, other_steps_still_fail)
{
	struct uspawn_child child;

	cr_assert_eq(way_run(way, &child,
			     USPAWN(request, .path = "/no/such", .argv = LIST("x"), .cwd = "/no/such",
				    MAY_FAIL(USPAWN_STEP_CWD, USPAWN_STEP_UMASK)),
			     NULL),
		     -ENOENT);
	assert_failed(&child, ENOENT, USPAWN_STEP_EXEC, 0);
	cr_assert_eq(way_run(way, &child,
			     USPAWN(request, WITNESS("exit", "0"), .cwd = "/no/such", MAY_FAIL(USPAWN_STEP_UMASK)),
			     NULL),
		     -ENOENT);
	assert_failed(&child, ENOENT, USPAWN_STEP_CWD, 0);
}

EachRung(besteffort, file_that_cannot_be_opened)
{
	REPORT r;
	struct report_fd fd;

	report_open(&r);
	way_report(way, &r,
		   USPAWN(request, MAY_FAIL(USPAWN_STEP_OPEN),
			  FDS({ 5, USPAWN_OPEN, .path = "/no/such" }, { 6, USPAWN_NULL })),
		   NULL);
	cr_assert(!report_fd(&r, 5, &fd) && report_fd(&r, 6, &fd));
}

EachRung(besteffort, action)
{
	struct uspawn_child child;
	const struct uspawn_action actions[] = { { USPAWN_DO_CLOSE, 9 }, { USPAWN_DO_CHDIR, .path = "/no/such" } };

	cr_assert_eq(way_run(way, &child,
			     USPAWN(request, WITNESS("exit", "5"), .flags = USPAWN_INHERIT_FDS, .actions = actions,
				    .nactions = 2, MAY_FAIL(USPAWN_STEP_ACTION)),
			     NULL),
		     0);
	assert_exited(&child, 5);
	assert_noted(&child, ENOENT, USPAWN_STEP_ACTION, 1);
}

/* Nobody waits for it; what it could not do is said all the same. */
CheckedTest(besteffort, pid_only)
{
	struct uspawn_child child;

	cr_assert_eq(uspawn(&child,
			    USPAWN(request, WITNESS("exit", "5"), .flags = USPAWN_PID_ONLY, .cwd = "/no/such",
				   MAY_FAIL(USPAWN_STEP_CWD)),
			    NULL),
		     0);
	assert_noted(&child, ENOENT, USPAWN_STEP_CWD, 0);
	cr_assert_eq(uspawn_adopt(&child, child.pid, -1, 0), 0);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	assert_exited(&child, 5);
}

static uint32_t rung;

static void without_rights(void)
{
	const struct uspawn_namespaces ns = { .size = sizeof(ns), .unshare = CLONE_NEWPID | CLONE_NEWUTS };
	struct uspawn_request request = { .size = sizeof(request),
					  .rung = rung,
					  .argv = LIST("/bin/true"),
					  .pdeathsig = SIGKILL,
					  .namespaces = &ns };
	struct uspawn_child child;

	if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setgid(54321) < 0 || setuid(54321) < 0))
		copy_skip("cannot become another user");
	copy_assert(uspawn(&child, &request, NULL) == -EPERM);
	copy_assert(child.failure.step == USPAWN_STEP_NAMESPACE);
	request.best_effort = (const uint16_t[]){ USPAWN_STEP_NAMESPACE, 0 };
	copy_assert(uspawn(&child, &request, NULL) == 0);
	copy_assert(child.failure.errnum == EPERM && child.failure.step == USPAWN_STEP_NAMESPACE);
	copy_assert(uspawn_wait(&child, -1) == 1 && child.exit.code == USPAWN_EXITED && child.exit.status == 0);
}

/* One that the clone would have made. */
EachWaitingRung(besteffort, pid_namespace)
{
	rung = way->rung;
	copy_run(without_rights);
}

/* Its signals reach the child alone. */
EachWaitingRung(besteffort, tree)
{
	static const struct uspawn_timed ladder[] = { { 50000000, SIGKILL, USPAWN_TIMED_TREE } };
	int no_group = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct uspawn_tree_usage usage = { .left = 7 };
	struct uspawn_child child;
	struct uspawn_request request = { .size = sizeof(request),
					  .rung = way->rung,
					  .argv = LIST("sleep", "100"),
					  .flags = USPAWN_SETCGROUP | USPAWN_TREE,
					  .cgroup_fd = no_group,
					  .timed = ladder,
					  .ntimed = 1 };

	cr_assert_eq(uspawn(&child, &request, NULL), -EINVAL);
	assert_failed(&child, EINVAL, USPAWN_STEP_CGROUP, 0);
	request.best_effort = (const uint16_t[]){ USPAWN_STEP_CGROUP, 0 };
	cr_assert_eq(uspawn(&child, &request, USPAWN(args, .tree = &usage)), 0);
	assert_noted(&child, EINVAL, USPAWN_STEP_CGROUP, 0);
	cr_assert_eq(uspawn_kill(&child, SIGKILL, USPAWN_KILL_TREE), -EINVAL);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	assert_killed(&child, SIGKILL);
	cr_assert(child.exit.timed == 1 && usage.left == 0);
	close(no_group);
}
