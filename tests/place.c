/* SPDX-License-Identifier: MIT */
/* Where a child finds itself: directory, umask, process group, session; and what it has from its parent unasked. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/files.h"
#include "harness/way.h"

CheckedSuite(place);

EachRung(place, directory)
{
	REPORT r;
	SCRATCH s;
	char *here = getcwd(NULL, 0);

	report_open(&r);
	scratch_make(&s);
	scratch_directory(&s, "sub", 0755);
	way_report(way, &r, USPAWN(request), NULL);
	cr_assert_str_eq(report_value(&r, "cwd"), here);
	way_report(way, &r, USPAWN(request, .cwd = s.path), NULL);
	cr_assert_str_eq(report_value(&r, "cwd"), s.path);
	cr_assert_eq(chdir(s.path), 0);
	way_report(way, &r, USPAWN(request, .cwd = "sub"), NULL);
	cr_assert_str_eq(report_value(&r, "cwd"), scratch_path(&s, "sub"));
	cr_assert_str_eq(getcwd((char[256]){ 0 }, 256), s.path, "the caller's own");
	cr_assert_eq(chdir(here), 0);
	free(here);
}

EachRung(place, directory_by_descriptor)
{
	REPORT r;
	SCRATCH s;
	int low, high;
	struct uspawn_args args = { .size = sizeof(args), .fds = &high, .nfds = 1 };

	report_open(&r);
	scratch_make(&s);
	low = open(s.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	high = fcntl(low, F_DUPFD_CLOEXEC, 500);
	way_report(way, &r, USPAWN(request, .flags = USPAWN_FCHDIR, .cwd_fd = low), NULL);
	cr_assert_str_eq(report_value(&r, "cwd"), s.path);
	cr_assert_str_eq(report_fds(&r), "0 1 2");
	way_report(way, &r, USPAWN(request, .flags = USPAWN_FCHDIR, .cwd_fd = high), NULL);
	cr_assert_str_eq(report_value(&r, "cwd"), s.path);
	way_report(way, &r, USPAWN(request, .flags = USPAWN_FCHDIR, .cwd_fd = USPAWN_ARG(0)), &args);
	cr_assert_str_eq(report_value(&r, "cwd"), s.path);
	cr_assert_str_eq(report_fds(&r), "0 1 2");
	/* What was needed to get there is not the program's, close-on-exec or not. */
	cr_assert_eq(fcntl(low, F_SETFD, 0), 0);
	way_report(way, &r, USPAWN(request, .flags = USPAWN_FCHDIR, .cwd_fd = low), NULL);
	cr_assert_str_eq(report_fds(&r), "0 1 2");
	/* Its number is a target of something else. */
	way_report(way, &r, USPAWN(request, .flags = USPAWN_FCHDIR, .cwd_fd = low, FDS({ low, .fd = 1 })), NULL);
	cr_assert_str_eq(report_value(&r, "cwd"), s.path);
	report_assert_file(&r, low, 1);
	way_report(way, &r, USPAWN(request, .flags = USPAWN_FCHDIR, .cwd_fd = USPAWN_ARG(0), FDS({ high, .fd = 1 })),
		   &args);
	cr_assert_str_eq(report_value(&r, "cwd"), s.path);
	report_assert_file(&r, high, 1);
	close(low);
	close(high);
}

/* A directory with the witness in it, to be a root. */
static void make_root(struct scratch *s)
{
	char buf[65536];
	int from = open(witness_path, O_RDONLY | O_CLOEXEC), to;
	ssize_t n;

	scratch_make(s);
	scratch_directory(s, "sub", 0755);
	to = open(scratch_path(s, "witness"), O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
	while ((n = read(from, buf, sizeof(buf))) > 0)
		cr_assert_eq(write(to, buf, (size_t)n), n);
	close(from);
	cr_assert(fchmod(to, 0755) == 0 && close(to) == 0);
}

/* Inside, there is no way back out by where it stands; the program is looked for there, too. */
EachRung(place, root)
{
	REPORT r;
	SCRATCH s;
	struct uspawn_child child;
	char *argv[] = { "witness", "report", "7", NULL };
	const struct {
		const char *cwd, *want;
	} cases[] = { { NULL, "/" }, { "sub", "/sub" }, { "/sub", "/sub" } };

	if (geteuid() != 0)
		cr_skip_test("chroot needs a right");
	make_root(&s);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		report_open(&r);
		cr_assert_eq(way_run(way, &child,
				     USPAWN(request, .path = "/witness", .argv = argv, .root = s.path,
					    .cwd = cases[i].cwd, FDS({ 7, .fd = r.file })),
				     NULL),
			     0);
		if (child.exit.code == USPAWN_KILLED || child.exit.status == 127)
			cr_skip_test("the witness is not linked statically");
		assert_exited(&child, 0);
		report_read(&r);
		cr_assert_str_eq(report_value(&r, "cwd"), cases[i].want);
		report_close(&r);
	}
	report_open(&r);
	cr_assert_eq(way_run(way, &child, USPAWN(request, WITNESS("exit", "0"), .root = s.path), NULL), -ENOENT);
	assert_failed(&child, ENOENT, USPAWN_STEP_EXEC, 0);
	cr_assert_eq(way_run(way, &child, USPAWN(request, WITNESS("exit", "0"), .root = "/no/such"), NULL), -ENOENT);
	assert_failed(&child, ENOENT, USPAWN_STEP_ROOT, 0);
	cr_assert_eq(way_run(way, &child, USPAWN(request, WITNESS("exit", "0"), .root = s.path, .cwd = "/tmp"), NULL),
		     -ENOENT);
	assert_failed(&child, ENOENT, USPAWN_STEP_CWD, 0);
}

EachRung(place, umask)
{
	REPORT r;
	mode_t before = umask(0026);

	report_open(&r);
	way_report(way, &r, USPAWN(request), NULL);
	cr_assert_str_eq(report_value(&r, "Umask"), "0026");
	way_report(way, &r, USPAWN(request, .flags = USPAWN_SETUMASK, .umask = 0111), NULL);
	cr_assert_str_eq(report_value(&r, "Umask"), "0111");
	way_report(way, &r, USPAWN(request, .flags = USPAWN_SETUMASK), NULL);
	cr_assert_str_eq(report_value(&r, "Umask"), "0000");
	cr_assert_eq(umask(before), 0026, "the caller's own");
}

EachRung(place, group_and_session_are_the_callers)
{
	REPORT r;

	report_open(&r);
	way_report(way, &r, USPAWN(request), NULL);
	cr_assert_eq(report_number(&r, "pgid"), getpgrp());
	cr_assert_eq(report_number(&r, "sid"), getsid(0));
	cr_assert_eq(report_number(&r, "ppid"), getpid());
}

static int join_group(void *group)
{
	return setpgid(0, *(pid_t *)group) < 0 ? errno : 0;
}

/* Whoever means all of it means the one that was started, wherever that has gone. */
CheckedTest(place, leader_that_has_left_its_group)
{
	struct uspawn_child child;
	pid_t group = getpgrp();
	int end = -1;

	cr_assert_eq(uspawn(&child,
			    USPAWN(request, WITNESS("eof", "0"), .flags = USPAWN_SETPGROUP, .callback = join_group,
				   .callback_data = &group, FDS({ 0, USPAWN_READ_END, .fd = USPAWN_ARG(0) })),
			    USPAWN(args, .fds = &end, .nfds = 1)),
		     0);
	cr_assert_eq(getpgid(child.pid), group);
	cr_assert_eq(uspawn_kill(&child, SIGTERM, USPAWN_KILL_GROUP), 0);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	assert_killed(&child, SIGTERM);
	close(end);
}

EachRung(place, new_group_and_joined_group)
{
	struct uspawn_child leader, member;
	int end = -1, end2 = -1;
	struct uspawn_request request = { .size = sizeof(request),
					  WITNESS("eof", "0"),
					  .flags = USPAWN_SETPGROUP,
					  FDS({ 0, USPAWN_READ_END, .fd = USPAWN_ARG(0) }) };

	cr_assert_eq(way_start(way, &leader, &request, USPAWN(args, .fds = &end, .nfds = 1)), 0);
	cr_assert_eq(getpgid(leader.pid), leader.pid, "it exists when the start returns");
	request.pgroup = leader.pid;
	cr_assert_eq(way_start(way, &member, &request, USPAWN(args, .fds = &end2, .nfds = 1)), 0);
	cr_assert_eq(getpgid(member.pid), leader.pid);
	cr_assert_eq(uspawn_kill(&member, SIGTERM, USPAWN_KILL_GROUP), -ESRCH, "a member leads no group");
	cr_assert_eq(uspawn_kill(&leader, SIGTERM, USPAWN_KILL_GROUP), 0);
	if (way->ring) {
		struct uspawn_event event;

		for (int got = 0; got < 2;)
			got += uspawn_ring_wait(way->ring, &event, 1, -1);
	} else {
		way_end(way, &leader);
		way_end(way, &member);
	}
	assert_killed(&leader, SIGTERM);
	assert_killed(&member, SIGTERM);
	close(end);
	close(end2);
}

EachRung(place, new_session)
{
	REPORT r;

	report_open(&r);
	way_report(way, &r, USPAWN(request, .flags = USPAWN_SETSID), NULL);
	cr_assert_eq(report_number(&r, "sid"), report_number(&r, "pid"));
	cr_assert_eq(report_number(&r, "pgid"), report_number(&r, "pid"));
}

/* A line of our own /proc/self/status, as the witness gives its. */
static const char *own_status(const char *key)
{
	static char line[8192];
	size_t length = strlen(key);
	FILE *status = fopen("/proc/self/status", "re");
	const char *found = NULL;

	while (!found && fgets(line, sizeof(line), status))
		if (strncmp(line, key, length) == 0 && line[length] == ':')
			found = line + length + 1 + strspn(line + length + 1, "\t ");
	fclose(status);
	line[strcspn(line, "\n")] = '\0';
	return found;
}

EachRung(place, the_rest_is_the_callers)
{
	static const char *const keys[] = { "Uid",    "Gid",    "Groups", "CapPrm",     "CapEff",
					    "CapBnd", "CapInh", "CapAmb", "NoNewPrivs", "Seccomp" };
	REPORT r;

	report_open(&r);
	way_report(way, &r, USPAWN(request), NULL);
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		cr_assert_str_eq(report_value(&r, keys[i]), own_status(keys[i]), "%s", keys[i]);
	cr_assert_eq(report_number(&r, "pdeathsig"), 0);
	cr_assert_eq(report_number(&r, "dumpable"), 1);
	cr_assert_eq(report_number(&r, "Threads"), 1);
}

static int fail_with(void *data)
{
	return *(int *)data;
}

static int check_place(void *data)
{
	char cwd[256];

	return getcwd(cwd, sizeof(cwd)) && strcmp(cwd, data) == 0 ? 0 : EDOM;
}

static int exit_with(void *data)
{
	_exit(*(int *)data);
}

/* Anything but 0 is a failure, by whichever sign. */
EachRung(place, callback_that_fails)
{
	static const int values[][2] = { { -1, EPERM },       { -ENOTTY, ENOTTY }, { 4095, 4095 },
					 { -4095, 4095 },     { 4096, EINVAL },    { -4096, EINVAL },
					 { INT_MAX, EINVAL }, { INT_MIN, EINVAL }, { -INT_MAX, EINVAL } };

	for (unsigned i = 0; i < sizeof(values) / sizeof(*values); i++) {
		int value = values[i][0];
		struct uspawn_child child;

		cr_assert_eq(uspawn(&child,
				    USPAWN(request, .rung = way->rung, WITNESS("exit", "3"), .callback = fail_with,
					   .callback_data = &value),
				    NULL),
			     -values[i][1], "%d", value);
		assert_failed(&child, values[i][1], USPAWN_STEP_CALLBACK, 0);
	}
}

/* Whatever is asked for: a caller's code may not run in shared memory. */
EachRung(place, callback_is_last_in_a_forked_child)
{
	SCRATCH s;
	struct uspawn_child child;
	int value = ENOTTY, none = 0, code = 42;

	scratch_make(&s);
	cr_assert_eq(uspawn(&child,
			    USPAWN(request, .rung = way->rung, WITNESS("exit", "3"), .callback = fail_with,
				   .callback_data = &value),
			    NULL),
		     -ENOTTY);
	assert_failed(&child, ENOTTY, USPAWN_STEP_CALLBACK, 0);
	cr_assert_eq(uspawn(&child,
			    USPAWN(request, .rung = way->rung, WITNESS("exit", "3"), .callback = fail_with,
				   .callback_data = &none),
			    NULL),
		     0);
	cr_assert_eq(child.rung, USPAWN_RUNG_FORK);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	assert_exited(&child, 3);
	cr_assert_eq(uspawn(&child,
			    USPAWN(request, .rung = way->rung, WITNESS("exit", "4"), .cwd = s.path,
				   .callback = check_place, .callback_data = s.path),
			    NULL),
		     0);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	assert_exited(&child, 4);
	cr_assert_eq(
		uspawn(&child, USPAWN(request, .rung = way->rung, .callback = fail_with, .callback_data = &none), NULL),
		0, "without a program");
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	assert_exited(&child, 0);
	cr_assert_eq(
		uspawn(&child, USPAWN(request, .rung = way->rung, .callback = exit_with, .callback_data = &code), NULL),
		0);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	assert_exited(&child, 42);
}
