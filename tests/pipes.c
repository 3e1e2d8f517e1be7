/* SPDX-License-Identifier: MIT */
/* Pipes that the library makes: one end in the child, the other the caller's. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "harness/files.h"
#include "harness/kernel.h"
#include "harness/way.h"

CheckedSuite(pipes);

static const struct uspawn_fd through[] = {
	{ 0, USPAWN_READ_END, .fd = USPAWN_ARG(0) },
	{ 1, USPAWN_WRITE_END, .fd = USPAWN_ARG(1) },
};

static char *copy_argv[] = { "witness", "copy", "0", "1", NULL };

static struct uspawn_request copy_request(void)
{
	return (struct uspawn_request){ .size = sizeof(struct uspawn_request),
					.path = witness_path,
					.argv = copy_argv,
					.fds = through,
					.nfds = 2 };
}

/* Reads until end-of-file and asserts that it was this. */
static void assert_reads(int fd, const char *text)
{
	char buf[256];
	size_t n = 0;
	ssize_t r;

	while ((r = read(fd, buf + n, sizeof(buf) - n)) > 0)
		n += (size_t)r;
	cr_assert_eq(r, 0);
	cr_assert(n == strlen(text) && memcmp(buf, text, n) == 0, "read %.*s", (int)n, buf);
}

EachRung(pipes, both_ways)
{
	struct uspawn_request request = copy_request();
	struct uspawn_child child;
	int fds[] = { -7, -7 };

	cr_assert_eq(way_start(way, &child, &request, USPAWN(args, .fds = fds, .nfds = 2)), 0);
	cr_assert(fds[0] > 2 && fds[1] > 2);
	cr_assert_eq(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
	cr_assert_eq(fcntl(fds[1], F_GETFD), FD_CLOEXEC);
	cr_assert_eq(fcntl(fds[0], F_GETFL) & O_ACCMODE, O_WRONLY);
	cr_assert_eq(fcntl(fds[1], F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDONLY);
	cr_assert_eq(write(fds[0], "hello", 5), 5);
	close(fds[0]);
	way_end(way, &child);
	assert_exited(&child, 0);
	assert_reads(fds[1], "hello");
	close(fds[1]);
}

/* Who opens it by name, as a log at /dev/stdout, must be allowed to. */
EachRung(pipes, of_another_user)
{
	struct way own = { .rung = way_own_memory(way) };
	struct uspawn_child child;
	int fd = -1;

	if (geteuid() != 0)
		cr_skip_test("needs root");
	cr_assert_eq(way_start(&own, &child,
			       USPAWN(request, .argv = LIST("/bin/sh", "-c", "echo hello >/dev/stdout"),
				      FDS({ 1, USPAWN_WRITE_END, .fd = USPAWN_ARG(0) }),
				      .identity = USPAWN(identity, .uid = 65534, .gid = 65534)),
			       USPAWN(args, .fds = &fd, .nfds = 1)),
		     0);
	way_end(&own, &child);
	assert_exited(&child, 0);
	assert_reads(fd, "hello\n");
	close(fd);
}

EachRung(pipes, c6_with_stdio_closed_in_the_parent)
{
	struct uspawn_request request = copy_request();
	struct uspawn_child child;
	struct stdio stdio;
	int fds[2];

	stdio_replace(&stdio, -1, -1, -1);
	cr_assert_eq(way_start(way, &child, &request, USPAWN(args, .fds = fds, .nfds = 2)), 0);
	for (int i = 0; i < 3; i++)
		cr_assert(!file_is_open(i), "%d was taken", i);
	stdio_restore(&stdio);
	cr_assert(child.pidfd > 2 && fds[0] > 2 && fds[1] > 2);
	cr_assert_eq(write(fds[0], "five!", 5), 5);
	close(fds[0]);
	way_end(way, &child);
	assert_exited(&child, 0);
	assert_reads(fds[1], "five!");
	close(fds[1]);
}

EachRung(pipes, two_entries_share_one)
{
	struct uspawn_child child;
	const struct uspawn_fd fds[] = { { 1, USPAWN_WRITE_END, .fd = USPAWN_ARG(0) },
					 { 2, USPAWN_WRITE_END, .fd = USPAWN_ARG(0) } };
	int end = -1;

	cr_assert_eq(way_run(way, &child,
			     USPAWN(request, .path = witness_path,
				    .argv = (char *[]){ "w", "write", "1", "out ", "write", "2", "err", NULL },
				    .fds = fds, .nfds = 2),
			     USPAWN(args, .fds = &end, .nfds = 1)),
		     0);
	assert_exited(&child, 0);
	assert_reads(end, "out err");
	close(end);
}

EachRung(pipes, nonblock_is_the_callers_end_only)
{
	REPORT r;
	struct report_fd seen;
	const struct uspawn_fd fds[] = { { 3, USPAWN_WRITE_END, .fd = USPAWN_ARG(0), .flags = USPAWN_NONBLOCK },
					 { 4, USPAWN_READ_END, .fd = USPAWN_ARG(1), .flags = USPAWN_NONBLOCK } };
	int ends[2];

	report_open(&r);
	way_report(way, &r, USPAWN(request, .fds = fds, .nfds = 2), USPAWN(args, .fds = ends, .nfds = 2));
	cr_assert(fcntl(ends[0], F_GETFL) & O_NONBLOCK);
	cr_assert(fcntl(ends[1], F_GETFL) & O_NONBLOCK);
	cr_assert(report_fd(&r, 3, &seen) && !(seen.status & O_NONBLOCK) && strcmp(seen.access, "w") == 0);
	cr_assert(report_fd(&r, 4, &seen) && !(seen.status & O_NONBLOCK) && strcmp(seen.access, "r") == 0);
	cr_assert_str_eq(report_fds(&r), "0 1 2 3 4");
	close(ends[0]);
	close(ends[1]);
}

/* The caller's ends are in no other child, so each pipe ends with its own. */
EachRung(pipes, end_of_file_does_not_wait_for_other_children)
{
	struct uspawn_request request = copy_request();
	struct uspawn_child first, second;
	int fds[2], other[2];

	cr_assert_eq(way_start(way, &first, &request, USPAWN(args, .fds = fds, .nfds = 2)), 0);
	cr_assert_eq(way_start(way, &second, &request, USPAWN(args, .fds = other, .nfds = 2)), 0);
	close(fds[0]);
	way_end(way, &first);
	assert_reads(fds[1], "");
	cr_assert_eq(second.state, USPAWN_RUNNING);
	close(other[0]);
	way_end(way, &second);
	assert_reads(other[1], "");
	close(fds[1]);
	close(other[1]);
}

EachRung(pipes, failed_start_makes_none)
{
	struct uspawn_request request = copy_request();
	struct uspawn_child child;
	int fds[] = { -7, -7 }, r;

	request.path = "/no/such";
	r = way_start(way, &child, &request, USPAWN(args, .fds = fds, .nfds = 2));
	if (r == 0) { /* it was a process already: its ends are the caller's, and nobody has the others */
		way_end(way, &child);
		assert_reads(fds[1], "");
		close(fds[0]);
		close(fds[1]);
	} else {
		cr_assert(fds[0] == -7 && fds[1] == -7);
	}
	assert_failed(&child, ENOENT, USPAWN_STEP_EXEC, 0);
}

EachRung(pipes, no_descriptor_left)
{
	struct uspawn_request request = copy_request();
	struct uspawn_child child;
	struct rlimit limit, none;
	int fds[] = { -7, -7 }, r;

	getrlimit(RLIMIT_NOFILE, &limit);
	none = limit;
	none.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &none);
	r = way_start(way, &child, &request, USPAWN(args, .fds = fds, .nfds = 2));
	setrlimit(RLIMIT_NOFILE, &limit);
	cr_assert_eq(r, -EMFILE);
	assert_failed(&child, EMFILE, USPAWN_STEP_PIPE, child.failure.index);
	cr_assert(fds[0] == -7 && fds[1] == -7);
}
