/* SPDX-License-Identifier: MIT */
/*
 * Every step of every attribute made to fail, many times in a row: the failure says which step, which entry and why,
 * and nothing is left of it, which the suite's fixture looks for. USPAWN_TEST_FAILURES says how many times each; ten
 * thousand take minutes.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/attributes.h"
#include "harness/inject.h"
#include "harness/rounds.h"
#include "harness/way.h"

TestSuite(injected, .init = stock_take, .timeout = 7200);

/* Nothing that a start makes says this by itself. */
#define INJECTED EUCLEAN
#define TIMES    20

static int times(void)
{
	const char *told = getenv("USPAWN_TEST_FAILURES");

	return told ? atoi(told) : rounds(TIMES);
}

/* Not where it is no call of the child's own: of a program by descriptor, a table as it is, a PID namespace. */
static int is_refused(const struct attribute *a)
{
	const struct uspawn_namespaces *ns = a->request.namespaces;
	int r;

	if (a->request.flags & (USPAWN_FEXEC | USPAWN_INHERIT_FDS) && !a->request.nactions)
		return 0;
	if (ns && ns->unshare & CLONE_NEWPID)
		return 0;
	r = inject(a->step, INJECTED);
	if (r != 0 && r != -ENOENT)
		cr_skip_test("seccomp filters: %s", strerror(-r));
	return r == 0;
}

static void fail(struct way *way, const struct attribute *a, const struct uspawn_plan *plan, int fd)
{
	struct uspawn_child child;
	int given = fd, r;
	struct uspawn_args args = { .size = sizeof(args), .fds = &given, .nfds = 1 };

	r = way->ring ? uspawn_ring_start(way->ring, &child, plan, &args) : uspawn_start(&child, plan, &args);
	if (r == 0)
		way_end(way, &child);
	if (given != fd)
		close(given);
	cr_assert(child.exit.code == USPAWN_FAILED && child.failure.step == a->step &&
			  child.failure.errnum == INJECTED && child.failure.index == 0,
		  "%s: code %d, status %d; step %s, entry %u: %s", a->name, child.exit.code, child.exit.status,
		  uspawn_strstep(child.failure.step), child.failure.index, strerror(child.failure.errnum));
	cr_assert(r == 0 || r == -INJECTED);
	cr_assert_eq(child.pidfd, -1);
}

/* The last first, so that no filter is in the way of what comes after it. */
EachRung(injected, every_step)
{
	const struct attribute *a = attributes;
	int failed = 0, missing = 0;

	if (geteuid() != 0)
		cr_skip_test("needs root: no_new_privs, without which a user has no filters, is a step itself");
	while (a->name)
		a++;
	while (a-- > attributes) {
		struct uspawn_request request = a->request;
		struct uspawn_plan *plan;
		int fd, n = times();

		fd = attribute_open(a);
		if (a->open && fd < 0) { /* this kernel has no landlock, say */
			missing++;
			continue;
		}
		request.rung = way->rung;
		if (uspawn_plan_new(&plan, &request, NULL) < 0)
			continue; /* built without libcap */
		if (is_refused(a)) {
			for (int i = 0; i < n; i++)
				fail(way, a, plan, fd);
			failed++;
		}
		uspawn_plan_free(plan);
		close(fd);
		cr_assert(waitpid(-1, NULL, WNOHANG | __WALL) < 0 && errno == ECHILD, "%s", a->name);
	}
	cr_assert_geq(failed + missing, 37);
}

/* What is no call of the child's is refused by the parent, for what it is. */
EachRung(injected, group_that_is_none)
{
	const struct uspawn_request *request = USPAWN(request, WITNESS("exit", "0"), .rung = way->rung,
						      .flags = USPAWN_SETCGROUP, .cgroup_fd = USPAWN_ARG(0));
	int fd = open("/dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct uspawn_child child;

	for (int i = times(); i > 0; i--) {
		cr_assert_eq(way_run(way, &child, request, USPAWN(args, .fds = &fd, .nfds = 1)), -EINVAL);
		assert_failed(&child, EINVAL, USPAWN_STEP_CGROUP, 0);
	}
	close(fd);
}
