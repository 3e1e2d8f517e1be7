/* SPDX-License-Identifier: MIT */
/* Requests that contradict themselves or say what is not known are refused before anything is changed. */
#include <errno.h>
#include <linux/filter.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/files.h"
#include "harness/way.h"

CheckedSuite(input);

/* Both ways to hand it in say the same, and errno is left alone. */
static void refused_as(int line, const struct uspawn_request *request, int errnum, uint32_t step, uint32_t index)
{
	struct uspawn_child child;
	struct uspawn_plan *plan = (void *)&child;
	struct uspawn_failure failure = { 0 };
	int r;

	errno = 77;
	r = uspawn(&child, request, NULL);
	cr_assert_eq(r, -errnum, "line %d: %d", line, r);
	cr_assert_eq(child.state, USPAWN_ENDED, "line %d", line);
	cr_assert(child.failure.step == step && child.failure.index == index, "line %d: step %s, entry %u", line,
		  uspawn_strstep(child.failure.step), child.failure.index);
	assert_failed(&child, errnum, step, index);
	r = uspawn_plan_new(&plan, request, &failure);
	cr_assert_eq(r, -errnum, "line %d: plan %d", line, r);
	cr_assert_eq(plan, (void *)&child, "line %d: written although it failed", line);
	cr_assert(failure.errnum == errnum && failure.step == step && failure.index == index, "line %d", line);
	cr_assert_eq(errno, 77, "line %d", line);
}

#define refused(request, ...) refused_as(__LINE__, request, __VA_ARGS__)
#define GOOD                  .path = witness_path, .argv = LIST("witness", "exit", "0")

static int runs(const struct uspawn_request *request, const struct uspawn_args *args)
{
	struct uspawn_child child;
	int r = uspawn(&child, request, args);

	if (r < 0)
		return r;
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	assert_exited(&child, 0);
	return 0;
}

CheckedTest(input, program)
{
	refused(NULL, EINVAL, USPAWN_STEP_REQUEST, 0);
	refused(USPAWN(request), EINVAL, USPAWN_STEP_REQUEST, 0);
	refused(USPAWN(request, .argv = ((char *[]){ NULL })), EINVAL, USPAWN_STEP_REQUEST, 0);
	refused(USPAWN(request, .path = "/bin/true", .argv = ((char *[]){ NULL })), EINVAL, USPAWN_STEP_REQUEST, 0);
	refused(USPAWN(request, GOOD, .file = "true"), EINVAL, USPAWN_STEP_EXEC, 0);
	refused(USPAWN(request, GOOD, .flags = USPAWN_FEXEC), EINVAL, USPAWN_STEP_EXEC, 0);
	refused(USPAWN(request, .file = "true", .argv = LIST("x"), .flags = USPAWN_FEXEC), EINVAL, USPAWN_STEP_EXEC, 0);
	refused(USPAWN(request, GOOD, .exec_fd = 5), EINVAL, USPAWN_STEP_EXEC, 0);
	refused(USPAWN(request, GOOD, .rung = USPAWN_RUNG_FORK + 1), EINVAL, USPAWN_STEP_REQUEST, 0);
	refused(USPAWN(request, GOOD, .callback_data = ""), EINVAL, USPAWN_STEP_CALLBACK, 0);
}

CheckedTest(input, every_flag_not_known)
{
	const uint64_t known = USPAWN_SETPGROUP | USPAWN_SETSID | USPAWN_SETSIGMASK | USPAWN_SETUMASK | USPAWN_FCHDIR |
			       USPAWN_FEXEC | USPAWN_INHERIT_FDS | USPAWN_SH_FALLBACK | USPAWN_PID_ONLY |
			       USPAWN_SETCTTY | USPAWN_FOREGROUND | USPAWN_NO_NEW_PRIVS | USPAWN_SETCGROUP |
			       USPAWN_RESETIDS | USPAWN_SETSECUREBITS | USPAWN_PIVOT_ROOT | USPAWN_KILL_ON_CLOSE |
			       USPAWN_TREE | USPAWN_DETACH;

	for (int bit = 0; bit < 64; bit++)
		if (!(known >> bit & 1))
			refused(USPAWN(request, GOOD, .flags = 1ull << bit), EINVAL, USPAWN_STEP_REQUEST, 0);
}

/* A request's flags share no bit with any other. */
CheckedTest(input, flags_in_the_wrong_place)
{
	struct uspawn_ring *ring;
	struct uspawn_child child;

	for (int bit = 0; bit < 16; bit++) {
		const struct uspawn_fd fd = { 0, USPAWN_NULL, .flags = 1u << bit };

		refused(USPAWN(request, GOOD, .fds = &fd, .nfds = 1), EINVAL, USPAWN_STEP_FD, 0);
		cr_assert_eq(uspawn_ring_new(&ring, 0, 1u << bit), -EINVAL);
		cr_assert_eq(uspawn_adopt(&child, getpid(), -1, 1u << bit), -EINVAL);
	}
	for (int bit = 0; bit < 20; bit++)
		refused(USPAWN(request, GOOD, .sched = USPAWN(sched, .set = 1u << bit)), EINVAL, USPAWN_STEP_REQUEST,
			0);
	for (uint32_t field = USPAWN_NICE; field <= USPAWN_PERSONALITY; field <<= 1)
		refused(USPAWN(request, GOOD, .flags = field), EINVAL, USPAWN_STEP_REQUEST, 0);
	refused(USPAWN(request, GOOD, .flags = USPAWN_NONBLOCK), EINVAL, USPAWN_STEP_REQUEST, 0);
	refused(USPAWN(request, GOOD, .flags = USPAWN_RING_EPOLL), EINVAL, USPAWN_STEP_REQUEST, 0);
	refused(USPAWN(request, GOOD, .flags = USPAWN_ADOPT_GIVE), EINVAL, USPAWN_STEP_REQUEST, 0);
	refused(USPAWN(request, GOOD, .flags = USPAWN_KILL_GROUP), EINVAL, USPAWN_STEP_REQUEST, 0);
	cr_assert_eq(uspawn_ring_new(&ring, 0, USPAWN_RING_EXTERNAL | USPAWN_RING_EPOLL), -EINVAL);
	cr_assert_eq(uspawn_ring_new(&ring, 0, 1u << 31), -EINVAL);
}

CheckedTest(input, fields_without_their_flag)
{
	refused(USPAWN(request, GOOD, .pgroup = 1), EINVAL, USPAWN_STEP_SETPGROUP, 0);
	refused(USPAWN(request, GOOD, .sigmask = 1), EINVAL, USPAWN_STEP_SIGMASK, 0);
	refused(USPAWN(request, GOOD, .umask = 022), EINVAL, USPAWN_STEP_UMASK, 0);
	refused(USPAWN(request, GOOD, .cwd_fd = 1), EINVAL, USPAWN_STEP_CWD, 0);
	refused(USPAWN(request, .argv = LIST("true"), .exec_fd = 1), EINVAL, USPAWN_STEP_EXEC, 0);
}

CheckedTest(input, contradictions)
{
	refused(USPAWN(request, GOOD, .cwd = "/", .flags = USPAWN_FCHDIR), EINVAL, USPAWN_STEP_CWD, 0);
	refused(USPAWN(request, GOOD, .flags = USPAWN_SETPGROUP | USPAWN_SETSID), EINVAL, USPAWN_STEP_SETPGROUP, 0);
	refused(USPAWN(request, GOOD, .flags = USPAWN_SETPGROUP, .pgroup = -1), EINVAL, USPAWN_STEP_SETPGROUP, 0);
	refused(USPAWN(request, GOOD, .flags = USPAWN_SETUMASK, .umask = 01000), EINVAL, USPAWN_STEP_UMASK, 0);
	refused(USPAWN(request, GOOD, .sigdefault = 6, .sigignore = 4), EINVAL, USPAWN_STEP_SIGNALS, 0);
	refused(USPAWN(request, GOOD, .setenv = LIST("A=1", "=x")), EINVAL, USPAWN_STEP_REQUEST, 1);
	refused(USPAWN(request, GOOD, .setenv = LIST("")), EINVAL, USPAWN_STEP_REQUEST, 0);
}

/* Laid out for a later version: must be zero. */
CheckedTest(input, fields_of_later_versions)
{
	cr_assert_eq(runs(USPAWN(request, GOOD, .reserved = 1), NULL), -EINVAL);
}

CheckedTest(input, actions)
{
	static const struct uspawn_action cases[] = {
		{ 0 },
		{ USPAWN_DO_FOREGROUND + 1 },
		{ USPAWN_DO_CLOSE, -1 },
		{ USPAWN_DO_CLOSE, USPAWN_ARG(0) },
		{ USPAWN_DO_CLOSE, 0, 1 },
		{ USPAWN_DO_CLOSE, 0, .oflag = 1 },
		{ USPAWN_DO_CLOSE, 0, .mode = 1 },
		{ USPAWN_DO_CLOSE, 0, .path = "/" },
		{ USPAWN_DO_CLOSE, 0, .reserved = 1 },
		{ USPAWN_DO_DUP2, 0, -1 },
		{ USPAWN_DO_OPEN, 0 },
		{ USPAWN_DO_OPEN, -1, .path = "/" },
		{ USPAWN_DO_CHDIR },
		{ USPAWN_DO_CHDIR, 1, .path = "/" },
		{ USPAWN_DO_FCHDIR, 0, .path = "/" },
	};
	const struct uspawn_action good = { USPAWN_DO_CLOSE, 1 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct uspawn_action list[] = { good, cases[i] };

		refused_as((int)i, USPAWN(request, GOOD, .flags = USPAWN_INHERIT_FDS, .actions = list, .nactions = 2),
			   EINVAL, USPAWN_STEP_ACTION, 1);
	}
	refused(USPAWN(request, GOOD, .flags = USPAWN_INHERIT_FDS, .actions = &good), EINVAL, USPAWN_STEP_ACTION, 0);
	refused(USPAWN(request, GOOD, .flags = USPAWN_INHERIT_FDS, .nactions = 1), EINVAL, USPAWN_STEP_ACTION, 0);
	refused(USPAWN(request, GOOD, .actions = &good, .nactions = 1), EINVAL, USPAWN_STEP_ACTION, 0);
	refused(USPAWN(request, GOOD, .flags = USPAWN_INHERIT_FDS, .actions = &good, .nactions = 1,
		       FDS({ 0, .fd = 0 })),
		EINVAL, USPAWN_STEP_ACTION, 0);
}

CheckedTest(input, terminal)
{
	refused(USPAWN(request, GOOD, .tty = 1), EINVAL, USPAWN_STEP_SETCTTY, 0);
	refused(USPAWN(request, GOOD, .flags = USPAWN_SETCTTY), EINVAL, USPAWN_STEP_SETCTTY, 0);
	refused(USPAWN(request, GOOD, .flags = USPAWN_SETCTTY | USPAWN_SETSID, .tty = -1), EINVAL, USPAWN_STEP_SETCTTY,
		0);
	refused(USPAWN(request, GOOD, .flags = USPAWN_FOREGROUND, .tty = -1), EINVAL, USPAWN_STEP_FOREGROUND, 0);
	refused(USPAWN(request, GOOD,
		       FDS({ 0, USPAWN_PTY, .fd = USPAWN_ARG(0), .rows = 1 },
			   { 1, USPAWN_PTY, .fd = USPAWN_ARG(0), .rows = 2 })),
		EINVAL, USPAWN_STEP_FD, 1);
}

CheckedTest(input, cgroup)
{
	refused(USPAWN(request, GOOD, .cgroup_fd = 1), EINVAL, USPAWN_STEP_CGROUP, 0);
	refused(USPAWN(request, GOOD, .flags = USPAWN_SETCGROUP, .cgroup_fd = file_free_number(64)), EBADF,
		USPAWN_STEP_CGROUP, 0);
}

CheckedTest(input, death)
{
	refused(USPAWN(request, GOOD, .pdeathsig = -1), EINVAL, USPAWN_STEP_PDEATHSIG, 0);
	refused(USPAWN(request, GOOD, .pdeathsig = 65), EINVAL, USPAWN_STEP_PDEATHSIG, 0);
}

CheckedTest(input, confinement)
{
	static const struct sock_filter filter[1];
	const struct {
		struct uspawn_confine confine;
		uint32_t step;
		int errnum;
	} cases[] = {
		{ { .flags = 1 }, USPAWN_STEP_REQUEST, EINVAL },
		{ { .landlock_fd = 1 }, USPAWN_STEP_LANDLOCK, EINVAL },
		{ { .landlock_fd = file_free_number(64), .flags = USPAWN_LANDLOCK }, USPAWN_STEP_LANDLOCK, EBADF },
		{ { .filter = filter }, USPAWN_STEP_SECCOMP, EINVAL },
		{ { .filter_len = 1 }, USPAWN_STEP_SECCOMP, EINVAL },
		{ { .filter = filter, .filter_len = 65536 }, USPAWN_STEP_SECCOMP, EINVAL },
		{ { .flags = USPAWN_SECCOMP_LOG }, USPAWN_STEP_SECCOMP, EINVAL },
		{ { .flags = USPAWN_SECCOMP_SPEC_ALLOW }, USPAWN_STEP_SECCOMP, EINVAL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct uspawn_confine confine = cases[i].confine;

		confine.size = sizeof(confine);
		refused_as((int)i, USPAWN(request, GOOD, .confine = &confine), cases[i].errnum, cases[i].step, 0);
	}
	refused(USPAWN(request, GOOD, .confine = &(struct uspawn_confine){ 0 }), EINVAL, USPAWN_STEP_REQUEST, 0);
	cr_assert_eq(runs(USPAWN(request, GOOD, .confine = USPAWN(confine)), NULL), 0);
}

CheckedTest(input, scheduling)
{
	static const unsigned long bits[1] = { 1 };
	const struct {
		struct uspawn_sched sched;
		uint32_t step;
	} cases[] = {
		{ { .set = (uint32_t)USPAWN_PERSONALITY << 1 }, USPAWN_STEP_REQUEST },
		{ { .nice = 1 }, USPAWN_STEP_NICE },
		{ { .policy = 1 }, USPAWN_STEP_SCHEDULER },
		{ { .priority = 1 }, USPAWN_STEP_SCHEDULER },
		{ { .set = USPAWN_POLICY | USPAWN_PRIORITY, .policy = 1, .priority = 1 }, USPAWN_STEP_SCHEDULER },
		{ { .set = USPAWN_POLICY, .policy = 1, .runtime_ns = 1 }, USPAWN_STEP_SCHEDULER },
		{ { .set = USPAWN_POLICY, .policy = 1, .period_ns = 1 }, USPAWN_STEP_SCHEDULER },
		{ { .set = USPAWN_POLICY, .policy = 6, .priority = 1 }, USPAWN_STEP_SCHEDULER },
		{ { .set = USPAWN_PRIORITY, .priority = ~0u }, USPAWN_STEP_SCHEDULER },
		{ { .util_min = 1 }, USPAWN_STEP_SCHEDULER },
		{ { .set = USPAWN_UCLAMP_MAX, .util_max = 1025 }, USPAWN_STEP_SCHEDULER },
		{ { .set = USPAWN_AFFINITY }, USPAWN_STEP_AFFINITY },
		{ { .set = USPAWN_AFFINITY, .affinity = bits }, USPAWN_STEP_AFFINITY },
		{ { .affinity = bits, .affinity_size = 8 }, USPAWN_STEP_AFFINITY },
		{ { .mempolicy = 1 }, USPAWN_STEP_MEMPOLICY },
		{ { .nodes = bits, .nnodes = 1 }, USPAWN_STEP_MEMPOLICY },
		{ { .set = USPAWN_MEMPOLICY, .nnodes = 1 }, USPAWN_STEP_MEMPOLICY },
		{ { .ioprio = 1 }, USPAWN_STEP_IOPRIO },
		{ { .oom_score_adj = 1 }, USPAWN_STEP_OOM_SCORE },
		{ { .set = USPAWN_OOM_SCORE, .oom_score_adj = 1001 }, USPAWN_STEP_OOM_SCORE },
		{ { .set = USPAWN_OOM_SCORE, .oom_score_adj = -1001 }, USPAWN_STEP_OOM_SCORE },
		{ { .timerslack_ns = 1 }, USPAWN_STEP_TIMERSLACK },
		{ { .personality = 1 }, USPAWN_STEP_PERSONALITY },
		{ { .set = USPAWN_PERSONALITY, .personality = 0xffffffff }, USPAWN_STEP_PERSONALITY },
	};
	struct {
		struct uspawn_sched sched;
		char more[8];
	} longer = { .sched = { .size = sizeof(longer) } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct uspawn_sched sched = cases[i].sched;

		sched.size = sizeof(sched);
		refused_as((int)i, USPAWN(request, GOOD, .sched = &sched), EINVAL, cases[i].step, 0);
	}
	refused(USPAWN(request, GOOD, .sched = &(struct uspawn_sched){ 0 }), EINVAL, USPAWN_STEP_REQUEST, 0);
	cr_assert_eq(runs(USPAWN(request, GOOD, .sched = &(struct uspawn_sched){ .size = 4 }), NULL), 0);
	cr_assert_eq(runs(USPAWN(request, GOOD, .sched = &longer.sched), NULL), 0);
	longer.more[7] = 1;
	refused(USPAWN(request, GOOD, .sched = &longer.sched), E2BIG, USPAWN_STEP_REQUEST, 0);
}

CheckedTest(input, steps_that_cannot_be_skipped)
{
	static const uint16_t wrong[] = { USPAWN_STEP_REQUEST,
					  USPAWN_STEP_SOURCE,
					  USPAWN_STEP_PIPE,
					  USPAWN_STEP_PTY,
					  USPAWN_STEP_CLONE,
					  USPAWN_STEP_FD,
					  USPAWN_STEP_CALLBACK,
					  USPAWN_STEP_EXEC,
					  USPAWN_STEP_EXEC + 10,
					  USPAWN_STEP_CWD + 1,
					  1,
					  UINT16_MAX };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		const uint16_t list[] = { USPAWN_STEP_CWD, wrong[i], 0 };

		refused_as((int)i, USPAWN(request, GOOD, .best_effort = list), EINVAL, USPAWN_STEP_REQUEST, 1);
	}
	cr_assert_eq(runs(USPAWN(request, GOOD, .best_effort = (uint16_t[]){ 0 }), NULL), 0);
}

CheckedTest(input, descriptor_entries)
{
	int closed = file_free_number(64);
	const struct {
		struct uspawn_fd fd;
		int errnum;
		uint32_t step;
	} cases[] = {
		{ { -1, .fd = 0 }, EINVAL, USPAWN_STEP_FD },
		{ { 0, .fd = 1 }, EINVAL, USPAWN_STEP_FD }, /* a target twice */
		{ { 3, USPAWN_PTY + 1 }, EINVAL, USPAWN_STEP_FD },
		{ { 3, USPAWN_PTY, .fd = 1 }, EINVAL, USPAWN_STEP_FD }, /* no argument */
		{ { 3, USPAWN_READ_END, .fd = USPAWN_ARG(1), .rows = 1 }, EINVAL, USPAWN_STEP_FD },
		{ { 3, ~0u }, EINVAL, USPAWN_STEP_FD },
		{ { 3, USPAWN_NULL, .fd = 1 }, EINVAL, USPAWN_STEP_FD },
		{ { 3, USPAWN_CLOSED, .fd = 1 }, EINVAL, USPAWN_STEP_FD },
		{ { 3, USPAWN_OPEN }, EINVAL, USPAWN_STEP_FD },
		{ { 3, USPAWN_FD, .path = "/" }, EINVAL, USPAWN_STEP_FD },
		{ { 3, USPAWN_FD, .oflag = 1 }, EINVAL, USPAWN_STEP_FD },
		{ { 3, USPAWN_FD, .mode = 1 }, EINVAL, USPAWN_STEP_FD },
		{ { 3, USPAWN_FD, .flags = USPAWN_NONBLOCK }, EINVAL, USPAWN_STEP_FD },
		{ { 3, USPAWN_FD, .reserved = 1 }, EINVAL, USPAWN_STEP_FD },
		{ { 3, USPAWN_FD, .rows = 1 }, EINVAL, USPAWN_STEP_FD },
		{ { 3, USPAWN_FD, .cols = 1 }, EINVAL, USPAWN_STEP_FD },
		{ { 3, USPAWN_READ_END, .fd = 1 }, EINVAL, USPAWN_STEP_FD }, /* no argument */
		{ { 3, .fd = USPAWN_ARG(64) }, EINVAL, USPAWN_STEP_FD },
		{ { 3, .fd = USPAWN_ARG(1000000) }, EINVAL, USPAWN_STEP_FD },
		{ { 3, .fd = closed }, EBADF, USPAWN_STEP_SOURCE },
		{ { 3, .fd = -1 }, EBADF, USPAWN_STEP_SOURCE },
		{ { 3, .fd = -ENOENT }, EBADF, USPAWN_STEP_SOURCE }, /* an open that failed */
		{ { 3, .fd = 1 << 30 }, EBADF, USPAWN_STEP_SOURCE },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct uspawn_fd fds[] = { { 0, .fd = 0 }, cases[i].fd };

		refused_as((int)i, USPAWN(request, GOOD, .fds = fds, .nfds = 2), cases[i].errnum, cases[i].step, 1);
	}
	refused(USPAWN(request, GOOD, .nfds = 1), EINVAL, USPAWN_STEP_FD, 0);
	/* An argument that is a source here and a pipe there, or a pipe's two ends. */
	refused(USPAWN(request, GOOD, FDS({ 0, .fd = USPAWN_ARG(0) }, { 1, USPAWN_WRITE_END, .fd = USPAWN_ARG(0) })),
		EINVAL, USPAWN_STEP_FD, 1);
	refused(USPAWN(request, GOOD,
		       FDS({ 0, USPAWN_READ_END, .fd = USPAWN_ARG(0) }, { 1, USPAWN_WRITE_END, .fd = USPAWN_ARG(0) })),
		EINVAL, USPAWN_STEP_FD, 1);
}

static void args_refused_as(int line, const struct uspawn_args *args, int errnum, uint32_t step, uint32_t index)
{
	struct uspawn_child child;
	const struct uspawn_fd fds[] = { { 5, USPAWN_NULL },
					 { 0, .fd = USPAWN_ARG(0) },
					 { 1, .fd = USPAWN_ARG(1) },
					 { 2, USPAWN_WRITE_END, .fd = USPAWN_ARG(2) } };
	int r;

	errno = 77;
	r = uspawn(&child, USPAWN(request, GOOD, .fds = fds, .nfds = 4), args);
	cr_assert_eq(r, -errnum, "line %d: %d", line, r);
	cr_assert(child.failure.step == step && child.failure.index == index, "line %d: step %s, entry %u", line,
		  uspawn_strstep(child.failure.step), child.failure.index);
	cr_assert_eq(errno, 77, "line %d", line);
}

#define args_refused(args, ...) args_refused_as(__LINE__, args, __VA_ARGS__)

CheckedTest(input, args)
{
	int fds[] = { 0, 1, -1, -1 }, twice[] = { file_new(3), 0, -1 }, closed[] = { 0, file_free_number(64), -1 };

	twice[1] = twice[0];
	args_refused(NULL, EINVAL, USPAWN_STEP_REQUEST, 0);
	args_refused(USPAWN(args), EINVAL, USPAWN_STEP_REQUEST, 0);
	args_refused(USPAWN(args, .fds = fds, .nfds = 2), EINVAL, USPAWN_STEP_REQUEST, 0);
	args_refused(USPAWN(args, .nfds = 3), EINVAL, USPAWN_STEP_REQUEST, 0);
	args_refused(USPAWN(args, .fds = fds, .nfds = 3, .noutputs = 2), EINVAL, USPAWN_STEP_REQUEST, 0);
	args_refused(USPAWN(args, .fds = fds, .nfds = 3, .ninput = 5), EINVAL, USPAWN_STEP_REQUEST, 0);
	args_refused(&(struct uspawn_args){ .fds = fds, .nfds = 3 }, EINVAL, USPAWN_STEP_REQUEST, 0);
	args_refused(USPAWN(args, .fds = fds, .nfds = 3, .argv = ((char *[]){ NULL })), EINVAL, USPAWN_STEP_REQUEST, 0);
	args_refused(USPAWN(args, .fds = fds, .nfds = 3, .setenv = LIST("A", "=")), EINVAL, USPAWN_STEP_REQUEST, 1);
	args_refused(USPAWN(args, .fds = closed, .nfds = 3), EBADF, USPAWN_STEP_SOURCE, 2);
	/* What would be closed twice, what is no source, what is not there. */
	cr_assert_eq(runs(USPAWN(request, GOOD, FDS({ 3, .fd = USPAWN_ARG(0) }, { 4, .fd = USPAWN_ARG(1) })),
			  USPAWN(args, .fds = twice, .nfds = 2, .give = 3)),
		     -EINVAL);
	args_refused(USPAWN(args, .fds = fds, .nfds = 3, .give = 4), EINVAL, USPAWN_STEP_REQUEST, 0);
	args_refused(USPAWN(args, .fds = fds, .nfds = 3, .give = 8), EINVAL, USPAWN_STEP_REQUEST, 0);
	cr_assert(file_is_open(twice[0]));
	close(twice[0]);
	cr_assert_eq(fds[2], -1, "written although nothing started");
}

/* A struct that ends where the memory does, after n bytes. */
static void *prefix(const void *from, uint32_t n)
{
	static char *pages;
	long page = sysconf(_SC_PAGESIZE);
	void *at;

	if (!pages) {
		pages = mmap(NULL, 2 * (size_t)page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		cr_assert_eq(mprotect(pages + page, (size_t)page, PROT_NONE), 0);
	}
	at = pages + page - n;
	memcpy(at, from, n);
	memcpy(at, &n, sizeof(n) < n ? sizeof(n) : n);
	return at;
}

/* Nothing behind it is read, and zeros are read in its place. */
CheckedTest(input, every_prefix_of_a_request)
{
	const size_t path = offsetof(struct uspawn_request, path), argv = offsetof(struct uspawn_request, argv);
	struct uspawn_request request = { .size = sizeof(request), .flags = USPAWN_SETUMASK, GOOD };

	for (uint32_t n = sizeof(uint32_t); n <= sizeof(request); n++) {
		int want = n <= argv ? -EINVAL : 0;

		if ((n > path && n < path + sizeof(char *)) || (n > argv && n < argv + sizeof(char *)))
			continue; /* half an address */
		cr_assert_eq(runs(prefix(&request, n), NULL), want, "%u bytes", n);
		if (n > path && n <= argv)
			cr_assert_eq(runs(prefix(&request, n), USPAWN(args, .argv = request.argv)), 0,
				     "%u bytes, and argv", n);
	}
	for (uint32_t size = 0; size < 4; size++) {
		request.size = size;
		refused(&request, EINVAL, USPAWN_STEP_REQUEST, 0);
	}
}

CheckedTest(input, every_prefix_of_args)
{
	struct uspawn_args args = { .size = sizeof(args) };

	for (uint32_t n = sizeof(uint32_t); n <= sizeof(args); n++)
		cr_assert_eq(runs(USPAWN(request, GOOD), prefix(&args, n)), 0, "%u bytes", n);
}

/* From a later version: what this one does not know has to be zero. */
CheckedTest(input, longer_structs)
{
	struct {
		struct uspawn_request request;
		char more[64];
	} longer = { .request = { .size = sizeof(longer), GOOD } };
	struct {
		struct uspawn_args args;
		char more[64];
	} more = { .args = { .size = sizeof(more) } };

	cr_assert_eq(runs(&longer.request, NULL), 0);
	cr_assert_eq(runs(USPAWN(request, GOOD), &more.args), 0);
	for (size_t i = 0; i < 64; i++) {
		longer.more[i] = 1;
		refused(&longer.request, E2BIG, USPAWN_STEP_REQUEST, 0);
		longer.more[i] = 0;
		more.more[i] = 1;
		cr_assert_eq(runs(USPAWN(request, GOOD), &more.args), -E2BIG);
		more.more[i] = 0;
	}
	longer.request.size = ~0u;
	refused(&longer.request, E2BIG, USPAWN_STEP_REQUEST, 0);
}
