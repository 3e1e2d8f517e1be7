/* SPDX-License-Identifier: MIT */
/* Where a descriptor of the child comes from: a file that is opened, an argument, a number that a plan has read. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/copy.h"
#include "harness/files.h"
#include "harness/way.h"

CheckedSuite(sources);

static void close_all(const int *fds, int n)
{
	for (int i = 0; i < n; i++)
		close(fds[i]);
}

EachRung(sources, null_and_closed)
{
	REPORT r;
	struct report_fd seen;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), target = file_free_number(64);

	report_open(&r);
	way_report(way, &r,
		   USPAWN(request, FDS({ 0, USPAWN_CLOSED }, { target, USPAWN_NULL }, { 2, USPAWN_NULL },
				       { 900, USPAWN_CLOSED })),
		   NULL);
	report_assert_file(&r, target, null);
	report_assert_file(&r, 2, null);
	cr_assert(report_fd(&r, target, &seen) && strcmp(seen.access, "rw") == 0);
	cr_assert_str_eq(report_fds(&r), "1 2 64");
	close(null);
}

/* By the child, with the caller's directory and umask, not the child's own. */
EachRung(sources, open)
{
	REPORT r;
	SCRATCH s;
	struct report_fd seen;
	char *here = getcwd(NULL, 0);
	int file;

	report_open(&r);
	scratch_make(&s);
	scratch_directory(&s, "sub", 0755);
	cr_assert(chdir(s.path) == 0);
	umask(0027);
	way_report(way, &r,
		   USPAWN(request, .flags = USPAWN_SETUMASK, .umask = 0777, .cwd = "sub",
			  FDS({ 5, USPAWN_OPEN, .path = "made", .oflag = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
				.mode = 0666 },
			      { 1, USPAWN_OPEN, .path = "/dev/null", .oflag = O_RDONLY })),
		   NULL);
	file = open("made", O_RDONLY | O_CLOEXEC);
	report_assert_file(&r, 5, file);
	cr_assert(report_fd(&r, 5, &seen) && strcmp(seen.access, "w") == 0 && seen.status & O_APPEND);
	cr_assert(report_fd(&r, 1, &seen) && strcmp(seen.access, "r") == 0);
	cr_assert_eq(access("sub/made", F_OK), -1);
	cr_assert_str_eq(report_fds(&r), "0 1 2 5");
	close(file);
	cr_assert(chdir(here) == 0);
	free(here);
}

/* Which a 32-bit program's open(2) would refuse. */
EachRung(sources, open_a_large_file)
{
	SCRATCH s;
	struct uspawn_child child;
	const char *path;

	scratch_make(&s);
	path = scratch_file(&s, "large", 0644, "");
	cr_assert_eq(truncate64(path, 3ll << 30), 0);
	cr_assert_eq(way_run(way, &child, USPAWN(request, WITNESS("exit", "0"), FDS({ 5, USPAWN_OPEN, .path = path })),
			     NULL),
		     0);
	assert_exited(&child, 0);
}

EachRung(sources, argument)
{
	REPORT r;
	struct uspawn_args args = { .size = sizeof(args) };
	int fds[] = { file_new(3), file_new(777), -1 };

	report_open(&r);
	args.fds = fds;
	args.nfds = 3;
	way_report(way, &r,
		   USPAWN(request,
			  FDS({ 0, .fd = USPAWN_ARG(1) }, { fds[1], .fd = USPAWN_ARG(0) }, { 2, .fd = USPAWN_ARG(1) })),
		   &args);
	report_assert_file(&r, 0, fds[1]);
	report_assert_file(&r, 2, fds[1]);
	report_assert_file(&r, fds[1], fds[0]);
	close_all(fds, 2);
}

EachRung(sources, given_argument_is_closed)
{
	REPORT r;
	int fds[] = { file_new(3), file_new(777) }, low = fds[0], high = fds[1],
	    copies[] = { fcntl(low, F_DUPFD_CLOEXEC, 900), fcntl(high, F_DUPFD_CLOEXEC, 900) };

	report_open(&r);
	way_report(way, &r, USPAWN(request, FDS({ 0, .fd = USPAWN_ARG(0) }, { 1, .fd = USPAWN_ARG(1) })),
		   USPAWN(args, .fds = fds, .nfds = 2, .give = 3));
	report_assert_file(&r, 0, copies[0]);
	report_assert_file(&r, 1, copies[1]);
	cr_assert(fds[0] == -1 && fds[1] == -1);
	cr_assert(!file_is_open(low) && !file_is_open(high));
	close_all(copies, 2);
}

EachRung(sources, given_argument_comes_back_if_nothing_started)
{
	struct uspawn_child child;
	int fds[] = { file_new(3), -1 }, fd = fds[0];
	int r = way_start(way, &child,
			  USPAWN(request, .path = witness_path, .argv = (char *[]){ "w", NULL },
				 FDS({ 0, .fd = USPAWN_ARG(0) }, { 1, .fd = USPAWN_ARG(1) })),
			  USPAWN(args, .fds = fds, .nfds = 2, .give = 1));

	cr_assert_eq(r, -EBADF);
	cr_assert_eq(fds[0], fd);
	cr_assert(file_is_open(fd));
	close(fd);
}

/* The step is that of the field which names it. */
EachRung(sources, closed_argument)
{
	struct uspawn_child child;
	int fds[] = { 1, file_free_number(50) }, r;
	struct uspawn_request request = { .size = sizeof(request),
					  WITNESS("exit", "0"),
					  .flags = USPAWN_FCHDIR,
					  .cwd_fd = USPAWN_ARG(1),
					  FDS({ 1, .fd = USPAWN_ARG(0) }) };

	r = way_start(way, &child, &request, USPAWN(args, .fds = fds, .nfds = 2));
	cr_assert_eq(r, -EBADF);
	assert_failed(&child, EBADF, USPAWN_STEP_CWD, 0);
	fds[0] = fds[1];
	cr_assert_eq(way_start(way, &child, &request, USPAWN(args, .fds = fds, .nfds = 2)), -EBADF);
	assert_failed(&child, EBADF, USPAWN_STEP_SOURCE, 0);
}

/* Nobody has opened it but the library, for itself. */
CheckedTest(sources, c5_reserved_number_is_not_open)
{
	struct uspawn_child child;
	struct uspawn_ring *ring;
	struct stat file;
	uint64_t before = 0;
	int tried = 0;

	for (int fd = 3; fd < 64; fd++)
		before |= (uint64_t)file_is_open(fd) << fd;
	cr_assert_eq(uspawn_ring_new(&ring, 0, 0), 0);
	cr_assert_geq(uspawn_reserve_fds(), 0);
	for (int fd = 3; fd < 64; fd++) {
		int number = fd;

		if (before >> fd & 1 || fstat(fd, &file) < 0 || !S_ISFIFO(file.st_mode))
			continue;
		tried++;
		cr_assert_eq(uspawn(&child, USPAWN(request, WITNESS("exit", "0"), FDS({ 0, .fd = fd })), NULL), -EBADF);
		assert_failed(&child, EBADF, USPAWN_STEP_SOURCE, 0);
		cr_assert_eq(uspawn(&child, USPAWN(request, WITNESS("exit", "0"), FDS({ 0, .fd = USPAWN_ARG(0) })),
				    USPAWN(args, .fds = &number, .nfds = 1, .give = 1)),
			     -EBADF);
		cr_assert(file_is_open(fd));
	}
	cr_assert(tried > 0);
	uspawn_ring_free(ring);
}

/* Nor to a file action, unless one before it opens it. */
EachRung(sources, c5_reserved_number_is_not_open_to_actions)
{
	struct uspawn_child child;
	struct uspawn_action actions[] = { { .op = USPAWN_DO_OPEN, .path = "/dev/null" },
					   { .op = USPAWN_DO_DUP2, .newfd = 70 } };
	struct uspawn_request request = { .size = sizeof(request),
					  WITNESS("exit", "8"),
					  .flags = USPAWN_INHERIT_FDS,
					  .actions = actions + 1,
					  .nactions = 1 };
	struct stat file;
	uint64_t before = 0;
	int tried = 0;

	for (int fd = 3; fd < 64; fd++)
		before |= (uint64_t)file_is_open(fd) << fd;
	cr_assert_geq(uspawn_reserve_fds(), 0);
	for (int fd = 3; fd < 64; fd++) {
		if (before >> fd & 1 || fstat(fd, &file) < 0 || !S_ISFIFO(file.st_mode))
			continue;
		tried++;
		for (int same = 0; same < 2; same++) {
			actions[1].fd = fd;
			actions[1].newfd = same ? fd : 70;
			cr_assert_eq(way_run(way, &child, &request, NULL), -EBADF);
			assert_failed(&child, EBADF, USPAWN_STEP_ACTION, 0);
		}
	}
	cr_assert(tried > 0);
	actions[0].fd = actions[1].fd;
	request.actions = actions;
	request.nactions = 2;
	cr_assert_eq(way_run(way, &child, &request, NULL), 0);
	assert_exited(&child, 8);
}

/* What the caller does with its numbers after a start is nothing to the child. */
EachRung(sources, source_is_read_at_the_call)
{
	REPORT r;
	struct uspawn_child child;
	struct uspawn_request request = { .size = sizeof(request),
					  .path = witness_path,
					  FDS({ 1, .fd = USPAWN_ARG(0) }, { 100, .fd = USPAWN_ARG(1) }) };
	int fds[] = { file_new(3), file_new(256) },
	    copies[] = { fcntl(fds[0], F_DUPFD_CLOEXEC, 900), fcntl(fds[1], F_DUPFD_CLOEXEC, 900) };

	report_open(&r);
	request.argv = r.argv;
	cr_assert_eq(way_start(way, &child, &request, USPAWN(args, .fds = fds, .nfds = 2)), 0);
	close(fds[0]);
	cr_assert(dup2(0, fds[1]) == fds[1]);
	close(fds[1]);
	way_end(way, &child);
	report_read(&r);
	report_assert_file(&r, 1, copies[0]);
	report_assert_file(&r, 100, copies[1]);
	close_all(copies, 2);
}

/* A plan keeps the files that its numbers were when it was made. */
CheckedTest(sources, plan_reads_numbers_once)
{
	REPORT r;
	struct uspawn_child child;
	struct uspawn_plan *plan;
	int low = file_new(3), high = file_new(300),
	    copies[] = { fcntl(low, F_DUPFD_CLOEXEC, 900), fcntl(high, F_DUPFD_CLOEXEC, 900) };

	report_open(&r);
	cr_assert_eq(uspawn_plan_new(&plan,
				     USPAWN(request, .path = witness_path, .argv = r.argv,
					    FDS({ 1, .fd = low }, { high, .fd = high }, { 2, .fd = low })),
				     NULL),
		     0);
	close(low);
	close(high);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(uspawn_start(&child, plan, NULL), 0);
		cr_assert_eq(uspawn_wait(&child, -1), 1);
		report_read(&r);
		report_assert_file(&r, 1, copies[0]);
		report_assert_file(&r, 2, copies[0]);
		report_assert_file(&r, high, copies[1]);
	}
	uspawn_plan_free(plan);
	close_all(copies, 2);
}

/* A daemon closes what it does not know, and opens its own files there: the plan's copies are not those. */
static uint32_t rung_of_copies;

static void start_after_closing_all(void)
{
	struct uspawn_fd fds[] = { { 1, USPAWN_FD, .fd = file_new(5) } };
	struct uspawn_plan *plan;
	struct uspawn_child child;
	struct stat file;

	copy_assert(uspawn_plan_new(
			    &plan,
			    USPAWN(request, SH("echo for the other"), .rung = rung_of_copies, .fds = fds, .nfds = 1),
			    NULL) == 0);
	file_close_range(3, 0);
	for (int i = 3; i < 93; i++)
		copy_assert(memfd_create("host's", MFD_CLOEXEC) == i);
	copy_assert(uspawn_start(&child, plan, NULL) == -EBADF);
	copy_assert(child.failure.step == USPAWN_STEP_SOURCE && child.failure.index == 0);
	uspawn_plan_free(plan);
	for (int i = 3; i < 93; i++)
		copy_assert(fstat(i, &file) == 0 && file.st_size == 0);
}

EachWaitingRung(sources, host_has_closed_a_plans_copies)
{
	rung_of_copies = way->rung;
	copy_run(start_after_closing_all);
}

/* On overlayfs an open file of several links gets another number when somebody writes to it. */
static char layers[64];

static int count_open(void)
{
	int n = 0;

	for (int fd = 0; fd < 1000; fd++)
		n += file_is_open(fd);
	return n;
}

static void start_after_copy_up(void)
{
	struct uspawn_child child;
	struct uspawn_plan *plan;
	char options[400];
	int before;

	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", layers, "tmpfs", 0, NULL) < 0 || chdir(layers) < 0)
		copy_skip("nothing can be mounted");
	copy_assert(mkdir("l", 0755) == 0 && mkdir("u", 0755) == 0 && mkdir("w", 0755) == 0 && mkdir("m", 0755) == 0);
	copy_assert(close(open("l/f", O_CREAT | O_WRONLY, 0644)) == 0 && link("l/f", "l/g") == 0);
	snprintf(options, sizeof(options), "lowerdir=%s/l,upperdir=%s/u,workdir=%s/w", layers, layers, layers);
	if (mount("none", "m", "overlay", 0, options) < 0)
		copy_skip("no overlayfs");
	before = count_open();
	copy_assert(uspawn_plan_new(
			    &plan,
			    USPAWN(request, SH("cat"), FDS({ 0, USPAWN_FD, .fd = open("m/f", O_RDONLY | O_CLOEXEC) })),
			    NULL) == 0);
	copy_assert(close(open("m/f", O_RDWR)) == 0);
	copy_assert(uspawn_start(&child, plan, NULL) == 0 && uspawn_wait(&child, -1) == 1);
	copy_assert(child.exit.code == USPAWN_EXITED && child.exit.status == 0);
	uspawn_plan_free(plan);
	copy_assert(count_open() == before + 1);
}

CheckedTest(sources, plans_file_is_copied_up)
{
	SCRATCH scratch;

	scratch_make(&scratch);
	snprintf(layers, sizeof(layers), "%s", scratch.path);
	copy_run(start_after_copy_up);
}
