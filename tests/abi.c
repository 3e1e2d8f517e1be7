/* SPDX-License-Identifier: MIT */
/* What compiled programs rely on: sizes, offsets, and that any memory may be started on and any state let go. */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "harness/inject.h"
#include "harness/kernel.h"
#include "harness/way.h"

CheckedSuite(abi);

CheckedTest(abi, sizes)
{
	cr_assert_eq(sizeof(struct uspawn_exit), 88);
	cr_assert_eq(sizeof(struct uspawn_failure), 16);
	if (sizeof(void *) != 8)
		cr_skip_test("the other sizes are written for 64 bit");
	cr_assert_eq(sizeof(struct uspawn_child), 256);
	cr_assert_eq(sizeof(struct uspawn_event), 32);
	cr_assert_eq(sizeof(struct uspawn_args), 88);
	cr_assert_eq(sizeof(struct uspawn_fd), 40);
	cr_assert_eq(sizeof(struct uspawn_timed), 16);
	cr_assert_eq(sizeof(struct uspawn_output), 112);
}

CheckedTest(abi, offsets)
{
	if (sizeof(void *) != 8)
		cr_skip_test("written for 64 bit");
	cr_assert_eq(offsetof(struct uspawn_child, pid), 4);
	cr_assert_eq(offsetof(struct uspawn_child, state), 8);
	cr_assert_eq(offsetof(struct uspawn_child, rung), 12);
	cr_assert_eq(offsetof(struct uspawn_child, data), 16);
	cr_assert_eq(offsetof(struct uspawn_child, exit), 24);
	cr_assert_eq(offsetof(struct uspawn_child, failure), 112);
	cr_assert_eq(offsetof(struct uspawn_child, opaque), 128);
	cr_assert_eq(offsetof(struct uspawn_request, flags), 8);
	cr_assert_eq(offsetof(struct uspawn_request, path), 16);
	cr_assert_eq(offsetof(struct uspawn_request, argv), 40);
	cr_assert_eq(offsetof(struct uspawn_request, setenv), 56);
	cr_assert_eq(offsetof(struct uspawn_request, fds), 64);
	cr_assert_eq(offsetof(struct uspawn_request, cwd), 88);
	cr_assert_eq(offsetof(struct uspawn_request, sigmask), 128);
	cr_assert_eq(offsetof(struct uspawn_request, drain_ns), sizeof(struct uspawn_request) - 8);
	cr_assert_eq(offsetof(struct uspawn_args, fds), 8);
	cr_assert_eq(offsetof(struct uspawn_args, setenv), 40);
	cr_assert_eq(offsetof(struct uspawn_event, type), 8);
}

CheckedTest(abi, values)
{
	cr_assert((int)USPAWN_EXITED == CLD_EXITED && (int)USPAWN_KILLED == CLD_KILLED &&
		  (int)USPAWN_DUMPED == CLD_DUMPED);
	cr_assert(USPAWN_UNSET == 0 && USPAWN_RUNNING == 1 && USPAWN_ENDED == 2);
	cr_assert(USPAWN_STEP_SETSID < USPAWN_STEP_SETPGROUP && USPAWN_STEP_FD < USPAWN_STEP_OPEN &&
		  USPAWN_STEP_OPEN < USPAWN_STEP_CWD && USPAWN_STEP_CWD < USPAWN_STEP_SIGMASK &&
		  USPAWN_STEP_SIGMASK < USPAWN_STEP_EXEC);
	cr_assert_lt(USPAWN_ARG(63), USPAWN_ARG(0));
	cr_assert_eq(uspawn_version(), USPAWN_VERSION);
}

/* All zero is unset. */
CheckedTest(abi, zeroed_child)
{
	struct uspawn_child child = { 0 };

	cr_assert_eq(uspawn_wait(&child, -1), -ECHILD);
	cr_assert_eq(uspawn_kill(&child, SIGTERM, 0), -ESRCH);
	cr_assert_eq(uspawn_release(&child), -ECHILD);
	uspawn_done(&child);
	uspawn_done(&child);
	cr_assert_eq(child.state, USPAWN_UNSET);
	cr_assert_null(uspawn_plan_free(NULL));
	cr_assert_null(uspawn_ring_free(NULL));
}

EachRung(abi, let_go_twice)
{
	struct uspawn_child child;

	cr_assert_eq(way_run(way, &child, USPAWN(request, WITNESS("exit", "3")), NULL), 0);
	uspawn_done(&child);
	uspawn_done(&child);
	cr_assert_eq(uspawn_wait(&child, 0), 1, "to an ended one it does nothing");
	assert_exited(&child, 3);
}

EachRung(abi, start_on_garbage)
{
	for (int fill = 0; fill < 256; fill += 51) {
		struct uspawn_child child;

		memset(&child, fill, sizeof(child));
		child.data = &child;
		cr_assert_eq(way_run(way, &child, USPAWN(request, WITNESS("exit", "4")), NULL), 0);
		assert_exited(&child, 4);
		memset(&child, fill, sizeof(child));
		child.data = &child;
		cr_assert_eq(way_run(way, &child, USPAWN(request, .argv = LIST("/no/such")), NULL), -ENOENT);
		cr_assert_eq(child.data, &child, "no function touches it");
	}
}

CheckedTest(abi, features)
{
	uint32_t n = 0;

	for (; uspawn_strfeature(n); n++) {
		int r = uspawn_probe(n);

		cr_assert(*uspawn_strfeature(n));
		cr_assert(r == 1 || (r < 0 && r != -EINVAL), "%s: %d", uspawn_strfeature(n), r);
	}
	cr_assert_gt(n, 3);
	cr_assert_eq(uspawn_probe(n), -EINVAL);
	cr_assert_eq(uspawn_probe(~0u), -EINVAL);
	cr_assert_null(uspawn_strfeature(~0u));
}

static int probe(const char *name)
{
	uint32_t n = 0;

	while (uspawn_strfeature(n) && strcmp(uspawn_strfeature(n), name) != 0)
		n++;
	cr_assert(uspawn_strfeature(n), "%s", name);
	return uspawn_probe(n);
}

/* Each is found missing where its call is refused. */
CheckedTest(abi, features_that_are_taken_away)
{
	static const struct {
		const char *name;
		uint32_t step;
	} features[] = {
		{ "pty", USPAWN_STEP_PTY },
		{ "namespaces", USPAWN_STEP_NAMESPACE },
		{ "time-namespace", USPAWN_STEP_NAMESPACE },
		{ "uclamp", USPAWN_STEP_SCHEDULER },
		{ "ambient", USPAWN_STEP_AMBIENT },
		{ "landlock", USPAWN_STEP_LANDLOCK },
		{ "seccomp", USPAWN_STEP_SECCOMP },
	};

	const char *cap = getenv("USPAWN_RUNG");
	int keeps_to_old_calls = cap && strcmp(cap, "fork") == 0, r;

	if (geteuid() != 0)
		cr_skip_test("needs root: without it filters take no_new_privs, which tells");
	for (size_t i = 0; i < sizeof(features) / sizeof(*features); i++) {
		if (inject(features[i].step, EUCLEAN) < 0)
			cr_skip_test("seccomp filters");
		r = probe(features[i].name);
		cr_assert(r == -EUCLEAN || (r == -EOPNOTSUPP && keeps_to_old_calls), "%s: %d", features[i].name, r);
	}
	if (way_missing(USPAWN_RUNG_VFORK))
		return;
	kernel_refuse(CALL_CLONE3_CGROUP, E2BIG);
	cr_assert_eq(probe("cgroup-birth"), -E2BIG);
}
