/* SPDX-License-Identifier: MIT */
/* Shortages are reported as what they are, at their step; large numbers cost no more than small ones. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/copy.h"
#include "harness/files.h"
#include "harness/kernel.h"
#include "harness/way.h"

CheckedSuite(limits);

/* One number far up, and one above a limit that was lowered since. */
EachRung(limits, c32_descriptors_far_up_are_gone)
{
	REPORT r;
	struct rlimit limit, low;
	int far;

	report_open(&r);
	getrlimit(RLIMIT_NOFILE, &limit);
	far = fcntl(0, F_DUPFD, (int)(limit.rlim_cur > 900001 ? 900000 : limit.rlim_cur - 1));
	cr_assert_gt(far, 1000);
	way_report(way, &r, USPAWN(request), NULL);
	cr_assert_str_eq(report_fds(&r), "0 1 2");
	low = (struct rlimit){ 500, limit.rlim_max };
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
	way_report(way, &r, USPAWN(request), NULL);
	setrlimit(RLIMIT_NOFILE, &limit);
	cr_assert_str_eq(report_fds(&r), "0 1 2");
	cr_assert_eq(report_number(&r, "nofile"), 500);
	close(far);
}

/* A process that goes on has none of its caller's: here the end of a pipe, far above the limit. */
static void start_with_a_far_descriptor(uint32_t rung, uint32_t limit)
{
	struct rlimit old, low;
	struct uspawn_child child;
	struct pollfd end = { .events = POLLIN };
	int ends[2], far;

	copy_assert(pipe2(ends, O_CLOEXEC) == 0 && getrlimit(RLIMIT_NOFILE, &old) == 0);
	far = fcntl(ends[1], F_DUPFD, 1200);
	copy_assert(far >= 1200 && close(ends[1]) == 0);
	end.fd = ends[0];
	while (dup(0) < 9)
		;
	low = (struct rlimit){ limit, old.rlim_max };
	copy_assert(setrlimit(RLIMIT_NOFILE, &low) == 0);
	copy_assert(uspawn(&child,
			   USPAWN(request, .rung = rung, .path = "/bin/sleep", .argv = LIST("sleep", "100"),
				  .flags = USPAWN_PID_ONLY),
			   NULL) == 0);
	copy_assert(setrlimit(RLIMIT_NOFILE, &old) == 0 && close(far) == 0);
	copy_assert(poll(&end, 1, 10000) == 1 && end.revents == POLLHUP);
	copy_assert(kill(child.pid, SIGKILL) == 0 && waitpid(child.pid, NULL, 0) == child.pid);
}

static uint32_t far_rung;

static void start_without_proc(void)
{
	if (unshare(CLONE_NEWNS) < 0)
		copy_skip("a new mount namespace cannot be had");
	copy_assert(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
		    mount("none", "/proc", "tmpfs", 0, NULL) == 0);
	kernel_refuse(CALL_CLOSE_RANGE, ENOSYS);
	start_with_a_far_descriptor(far_rung, 500);
}

EachWaitingRung(limits, c32_far_up_without_proc)
{
	far_rung = way->rung;
	file_allow(1201);
	copy_run(start_without_proc);
}

/* What poll(2) takes for closed, and exec does not close. */
static void start_with_paths(void)
{
	const int numbers[] = { 70, 300, 1200, 5000 }, n = sizeof(numbers) / sizeof(*numbers);
	int proc = open("/proc", O_PATH | O_CLOEXEC), path = open("/etc", O_PATH | O_CLOEXEC);
	struct uspawn_child child;
	char name[64];

	file_allow(5001);
	if (unshare(CLONE_NEWNS) < 0)
		copy_skip("a new mount namespace cannot be had");
	copy_assert(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
		    mount("none", "/proc", "tmpfs", 0, NULL) == 0);
	kernel_refuse(CALL_CLOSE_RANGE, ENOSYS);
	for (int i = 0; i < n; i++) {
		copy_assert(dup2(path, numbers[i]) == numbers[i]);
		copy_assert(
			uspawn(&child,
			       USPAWN(request, .rung = far_rung, .path = "/bin/sleep", .argv = LIST("sleep", "100")),
			       NULL) == 0);
		for (int k = 0; k < n; k++) {
			snprintf(name, sizeof(name), "%d/fd/%d", child.pid, numbers[k]);
			copy_assert(faccessat(proc, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT);
		}
		snprintf(name, sizeof(name), "%d/fd/0", child.pid);
		copy_assert(faccessat(proc, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0);
		copy_assert(uspawn_kill(&child, SIGKILL, 0) == 0 && uspawn_wait(&child, -1) == 1);
	}
}

EachWaitingRung(limits, c32_paths_without_proc)
{
	far_rung = way->rung;
	copy_run(start_with_paths);
}

/* None is left to list them by; nor would there be for a fork or a relay. */
static void start_at_the_limit(void)
{
	kernel_refuse(CALL_CLOSE_RANGE, ENOSYS);
	start_with_a_far_descriptor(USPAWN_RUNG_VFORK, 10);
	start_with_a_far_descriptor(USPAWN_RUNG_CLONE, 10);
}

CheckedTest(limits, c32_far_up_at_the_limit)
{
	file_allow(1201);
	copy_run(start_at_the_limit);
}

/* What the child is given, and not what the caller has. */
EachRung(limits, each_limit)
{
	REPORT r;
	const struct uspawn_rlimit list[] = {
		{ RLIMIT_CORE, 0, 0, 4096 },
		{ RLIMIT_CPU, 0, 1000, 2000 },
		{ RLIMIT_FSIZE, 0, 1 << 20, 1 << 30 },
		{ RLIMIT_NPROC, 0, 900, 901 },
		{ RLIMIT_STACK, 0, 4 << 20, UINT64_MAX >> 20 },
		{ RLIMIT_NOFILE, 0, 33, 44 },
	};
	char key[16], want[64];
	struct rlimit before, after;

	getrlimit(RLIMIT_CPU, &before);
	report_open(&r);
	way_report(way, &r, USPAWN(request, .rlimits = list, .nrlimits = 6), NULL);
	for (int i = 0; i < 6; i++) {
		snprintf(key, sizeof(key), "rlimit.%u", list[i].resource);
		snprintf(want, sizeof(want), "%llu %llu", (unsigned long long)list[i].soft,
			 (unsigned long long)list[i].hard);
		cr_assert_str_eq(report_value(&r, key), want, "%s", key);
	}
	getrlimit(RLIMIT_CPU, &after);
	cr_assert(after.rlim_cur == before.rlim_cur && after.rlim_max == before.rlim_max);
}

/* The limit comes after the descriptors, or none could be put there. */
EachRung(limits, below_a_mapped_number)
{
	REPORT r;
	const struct uspawn_rlimit limit = { RLIMIT_NOFILE, 0, 50, 50 };

	report_open(&r);
	way_report(way, &r,
		   USPAWN(request, .rlimits = &limit, .nrlimits = 1,
			  FDS({ 100, .fd = 1 }, { 101, USPAWN_OPEN, .path = "/dev/null" })),
		   NULL);
	cr_assert_str_eq(report_fds(&r), "0 1 2 100 101");
	cr_assert_eq(report_number(&r, "nofile"), 50);
}

/* Also of an action, unless rights are given up before: a hard limit could not be raised any more. */
EachRung(limits, below_an_actions_number)
{
	REPORT r;
	const struct uspawn_rlimit limit = { RLIMIT_NOFILE, 0, 50, 50 };
	const struct uspawn_action action = { .op = USPAWN_DO_OPEN, .fd = 100, .path = "/dev/null" };

	report_open(&r);
	way_report(way, &r,
		   USPAWN(request, .flags = USPAWN_INHERIT_FDS, .rlimits = &limit, .nrlimits = 1, .actions = &action,
			  .nactions = 1),
		   NULL);
	cr_assert_eq(report_number(&r, "nofile"), 50);
}

/* One that is raised comes first: what an action opens may need it. */
EachRung(limits, raised_for_an_actions_number)
{
	REPORT r;
	struct rlimit old, low;
	struct uspawn_rlimit limit = { RLIMIT_NOFILE, 0, 600, 0 };
	const struct uspawn_action action = { .op = USPAWN_DO_DUP2, .fd = 1, .newfd = 500 };

	report_open(&r);
	getrlimit(RLIMIT_NOFILE, &old);
	low = (struct rlimit){ 256, old.rlim_max };
	limit.hard = old.rlim_max;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
	way_report(way, &r,
		   USPAWN(request, .flags = USPAWN_INHERIT_FDS, .rlimits = &limit, .nrlimits = 1, .actions = &action,
			  .nactions = 1),
		   NULL);
	setrlimit(RLIMIT_NOFILE, &old);
	cr_assert_eq(report_number(&r, "nofile"), 600);
}

EachRung(limits, failures)
{
	struct uspawn_child child;
	const struct uspawn_rlimit list[] = { { RLIMIT_CORE }, { RLIMIT_NOFILE, 0, 1ull << 40, 1ull << 40 } };

	cr_assert_eq(way_run(way, &child, USPAWN(request, WITNESS("exit", "0"), .rlimits = list, .nrlimits = 2), NULL),
		     -EPERM);
	assert_failed(&child, EPERM, USPAWN_STEP_RLIMIT, 1);
}

static uint32_t rung;

/* Of a copy: by whatever rung, and back. */
static int start_in_copy(struct uspawn_ring *ring, struct uspawn_child *child)
{
	struct uspawn_plan *plan;
	struct uspawn_event event;
	int r;

	if (rung != USPAWN_RUNG_ASYNC) {
		r = uspawn(child, USPAWN(request, .argv = LIST("/bin/true"), .rung = rung), NULL);
		copy_assert(uspawn_wait(child, -1) == 1);
		return r;
	}
	copy_assert(uspawn_plan_new(&plan, USPAWN(request, .argv = LIST("/bin/true")), NULL) == 0);
	r = uspawn_ring_start(ring, child, plan, NULL);
	uspawn_plan_free(plan);
	if (r == 0)
		while (uspawn_ring_wait(ring, &event, 1, -1) == 0)
			; /* interrupted */
	return r;
}

/* Root has no such limit, so it becomes a user whom nothing else runs as. */
static void too_many_processes(void)
{
	struct rlimit limit, one;
	struct uspawn_ring *ring;
	struct uspawn_child child;

	copy_assert(uspawn_ring_new(&ring, 1, 0) == 0);
	if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setgid(54321) < 0 || setuid(54321) < 0))
		copy_skip("cannot become another user");
	getrlimit(RLIMIT_NPROC, &limit);
	one = (struct rlimit){ 0, limit.rlim_max };
	copy_assert(setrlimit(RLIMIT_NPROC, &one) == 0);
	copy_assert(start_in_copy(ring, &child) == -EAGAIN);
	copy_assert(child.failure.step == USPAWN_STEP_CLONE && child.failure.errnum == EAGAIN);
	copy_assert(child.exit.code == USPAWN_FAILED && child.state == USPAWN_ENDED);
	copy_assert(child.pidfd == -1);
	copy_assert(waitpid(-1, NULL, WNOHANG | __WALL) == -1 && errno == ECHILD);
	copy_assert(setrlimit(RLIMIT_NPROC, &limit) == 0);
	copy_assert(start_in_copy(ring, &child) == 0);
	copy_assert(child.exit.code == USPAWN_EXITED && child.exit.status == 0);
	copy_assert(child.rung == rung);
	uspawn_ring_free(ring);
}

EachRung(limits, c35_too_many_processes)
{
	rung = way->rung;
	copy_run(too_many_processes);
}

/* It is a limit, and nothing that was wrong with the namespaces. */
static void too_many_processes_in_a_namespace(void)
{
	static const struct uspawn_namespaces user = { .size = sizeof(user), .unshare = CLONE_NEWUSER };
	struct rlimit limit, none;
	struct uspawn_child child;

	if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setgid(54321) < 0 || setuid(54321) < 0))
		copy_skip("cannot become another user");
	getrlimit(RLIMIT_NPROC, &limit);
	none = (struct rlimit){ 0, limit.rlim_max };
	copy_assert(setrlimit(RLIMIT_NPROC, &none) == 0);
	copy_assert(uspawn(&child, USPAWN(request, .argv = LIST("/bin/true"), .rung = rung, .namespaces = &user),
			   NULL) == -EAGAIN);
	copy_assert(child.failure.step == USPAWN_STEP_CLONE && child.failure.errnum == EAGAIN);
	copy_assert(waitpid(-1, NULL, WNOHANG | __WALL) == -1 && errno == ECHILD);
}

EachWaitingRung(limits, c35_too_many_processes_in_a_namespace)
{
	rung = way->rung;
	copy_run(too_many_processes_in_a_namespace);
}

/* A descriptor that cannot be had is no missing feature: the rung stays as it is. */
EachRung(limits, no_number_for_the_pidfd)
{
	struct rlimit limit, none;
	struct uspawn_child child;
	int r;

	getrlimit(RLIMIT_NOFILE, &limit);
	none = (struct rlimit){ 0, limit.rlim_max };
	setrlimit(RLIMIT_NOFILE, &none);
	r = way_start(way, &child, USPAWN(request, WITNESS("exit", "0")), NULL);
	setrlimit(RLIMIT_NOFILE, &limit);
	cr_assert_eq(r, -EMFILE);
	assert_failed(&child, EMFILE, USPAWN_STEP_CLONE, 0);
	cr_assert_eq(way_run(way, &child, USPAWN(request, WITNESS("exit", "5")), NULL), 0);
	assert_exited(&child, 5);
}

CheckedTest(limits, no_number_for_a_ring)
{
	struct rlimit limit, none;
	struct uspawn_ring *ring = (void *)&limit;
	int r;

	getrlimit(RLIMIT_NOFILE, &limit);
	none = (struct rlimit){ 0, limit.rlim_max };
	setrlimit(RLIMIT_NOFILE, &none);
	errno = 77;
	r = uspawn_ring_new(&ring, 1, 0);
	cr_assert_eq(errno, 77);
	setrlimit(RLIMIT_NOFILE, &limit);
	cr_assert_eq(r, -EMFILE);
	cr_assert_eq(ring, (void *)&limit, "written although it failed");
}

/* ---- What grows a file raises a signal beyond the limit: it is nothing to die of ---- */

static void limit_files(rlim_t bytes)
{
	struct rlimit limit;

	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = bytes;
	copy_assert(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

static void start_with_small_files(void)
{
	static const rlim_t limits[] = { 0, 2000, 4096, 1 << 20 };

	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		struct uspawn_child child;

		limit_files(limits[i]);
		copy_assert(uspawn(&child, USPAWN(request, .rung = USPAWN_RUNG_RELAY, WITNESS("exit", "5")), NULL) ==
			    0);
		copy_assert(uspawn_wait(&child, -1) == 1);
		copy_assert(child.exit.code == USPAWN_EXITED && child.exit.status == 5);
		copy_assert(child.rung == (limits[i] < 1 << 20 ? USPAWN_RUNG_FORK : rung));
	}
}

CheckedTest(limits, small_files_and_the_relay)
{
	rung = way_missing(USPAWN_RUNG_RELAY) ? USPAWN_RUNG_FORK : USPAWN_RUNG_RELAY;
	copy_run(start_with_small_files);
}

static void capture_into_a_small_file(void)
{
	struct uspawn_output output = { .flags = USPAWN_OUTPUT_FD, .fd = file_new(3) };
	struct uspawn_child child;

	limit_files(10);
	copy_assert(uspawn_run(&child,
			       USPAWN(request, .rung = rung, .argv = LIST("sh", "-c", "echo twelve bytes; exit 3"),
				      FDS({ 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(0) })),
			       USPAWN(args, .outputs = &output, .noutputs = 1)) == 0);
	copy_assert(child.exit.code == USPAWN_EXITED && child.exit.status == 3);
	copy_assert(output.error == -EFBIG);
	copy_assert(lseek(output.fd, 0, SEEK_END) == 10);
}

EachWaitingRung(limits, small_files_and_output)
{
	rung = way->rung;
	copy_run(capture_into_a_small_file);
}

/* Steps of the library's own that open a file come before it. */
static void limit_what_opens(const struct uspawn_namespaces *ns, const char *root, uint64_t flags, uint32_t by)
{
	const struct uspawn_rlimit limit = { RLIMIT_NOFILE, 0, 3, 3 };
	struct uspawn_child child;
	int r = uspawn_run(&child,
			   USPAWN(request, .argv = LIST("/bin/true"), .rung = by, .rlimits = &limit, .nrlimits = 1,
				  .namespaces = ns, .root = root, .flags = flags | USPAWN_INHERIT_FDS),
			   NULL);

	cr_assert(r == 0 || r == -EPERM || r == -EINVAL, "%s at %s", strerror(-r), uspawn_strstep(child.failure.step));
	if (r < 0)
		cr_skip_test("no such namespaces here");
	cr_assert(child.exit.code == USPAWN_EXITED); /* which may lack a number for its libraries */
}

EachWaitingRung(limits, after_a_new_time_namespace)
{
	limit_what_opens(USPAWN(namespaces, .unshare = CLONE_NEWTIME), NULL, 0, way_own_memory(way));
}

EachWaitingRung(limits, after_a_pivot)
{
	limit_what_opens(USPAWN(namespaces, .unshare = CLONE_NEWNS), "/", USPAWN_PIVOT_ROOT, way->rung);
}
