/* SPDX-License-Identifier: MIT */
/* File actions: each on what the one before has left. libc's posix_spawn goes through the same lists. */
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/files.h"
#include "harness/kernel.h"
#include "harness/way.h"

CheckedSuite(actions);

#define ACTIONS(...)                                                                           \
	.flags = USPAWN_INHERIT_FDS, .actions = (const struct uspawn_action[]){ __VA_ARGS__ }, \
	.nactions = sizeof((struct uspawn_action[]){ __VA_ARGS__ }) / sizeof(struct uspawn_action)

EachRung(actions, c7_strictly_one_after_the_other)
{
	REPORT r;
	int a = file_new(10), b = file_new(10);

	report_open(&r);
	way_report(way, &r,
		   USPAWN(request, ACTIONS({ USPAWN_DO_DUP2, a, 4 }, { USPAWN_DO_DUP2, b, 5 }, { USPAWN_DO_DUP2, 5, 4 },
					   { USPAWN_DO_DUP2, 4, 5 }, { USPAWN_DO_DUP2, a, 6 }, { USPAWN_DO_CLOSE, a })),
		   NULL);
	report_assert_file(&r, 4, b);
	report_assert_file(&r, 5, b);
	report_assert_file(&r, 6, a);
	cr_assert(file_is_open(a));
	close(a);
	close(b);
}

EachRung(actions, c8_same_number_loses_close_on_exec)
{
	REPORT r;
	struct uspawn_child child;
	int file = file_new(10), closed = file_free_number(20);

	report_open(&r);
	way_report(way, &r, USPAWN(request, ACTIONS({ USPAWN_DO_DUP2, file, file })), NULL);
	report_assert_file(&r, file, file);
	cr_assert_eq(fcntl(file, F_GETFD), FD_CLOEXEC, "the caller's own");
	cr_assert_eq(way_run(way, &child,
			     USPAWN(request, WITNESS("exit", "0"),
				    ACTIONS({ USPAWN_DO_CLOSE, 0 }, { USPAWN_DO_DUP2, closed, closed })),
			     NULL),
		     -EBADF);
	assert_failed(&child, EBADF, USPAWN_STEP_ACTION, 1);
	close(file);
}

EachRung(actions, open)
{
	REPORT r;
	SCRATCH s;
	struct report_fd fd;

	report_open(&r);
	scratch_make(&s);
	way_report(way, &r,
		   USPAWN(request, ACTIONS({ USPAWN_DO_CHDIR, .path = s.path },
					   { USPAWN_DO_OPEN, 1, 0, O_WRONLY | O_CREAT, 0640, .path = "made" },
					   { USPAWN_DO_OPEN, 9, 0, O_RDONLY, .path = "made" },
					   { USPAWN_DO_OPEN, 0, 0, O_RDONLY | O_CLOEXEC, .path = "made" })),
		   NULL);
	cr_assert(report_fd(&r, 1, &fd) && strcmp(fd.target, scratch_path(&s, "made")) == 0);
	cr_assert_str_eq(fd.access, "w");
	cr_assert(report_fd(&r, 9, &fd) && strcmp(fd.access, "r") == 0 && fd.flags == 0);
	cr_assert(!report_fd(&r, 0, &fd), "close-on-exec");
	cr_assert_str_eq(report_value(&r, "cwd"), s.path);
}

/* As with glibc: it stays where the open itself gets the number, and is gone where a dup has to. */
EachRung(actions, open_close_on_exec)
{
	REPORT r;
	struct report_fd fd;
	int free_one, next;

	report_open(&r);
	free_one = dup(0);
	close(free_one);
	next = free_one + 1;
	cr_assert_lt(fcntl(next, F_GETFD), 0, "two free numbers in a row");
	way_report(way, &r,
		   USPAWN(request, ACTIONS({ USPAWN_DO_OPEN, next, 0, O_RDONLY | O_CLOEXEC, .path = "/dev/null" })),
		   NULL);
	cr_assert(report_fd(&r, next, &fd));
	way_report(way, &r,
		   USPAWN(request, ACTIONS({ USPAWN_DO_OPEN, free_one, 0, O_RDONLY | O_CLOEXEC, .path = "/dev/null" })),
		   NULL);
	cr_assert(!report_fd(&r, free_one, &fd));
}

/* A caller at the limit of its descriptors may still replace one: the target is closed first. */
EachWaitingRung(actions, open_at_the_limit)
{
	REPORT r;
	struct rlimit limit, low;
	int top;

	report_open(&r);
	getrlimit(RLIMIT_NOFILE, &limit);
	top = file_free_number(3);
	for (int fd = top; fd < 64; fd++)
		cr_assert_geq(file_new(3), 3);
	low = (struct rlimit){ 60, limit.rlim_max };
	setrlimit(RLIMIT_NOFILE, &low);
	if (way->rung >= USPAWN_RUNG_RELAY)
		close(50), close(51); /* the fork's pipe */
	close(52);                    /* the pidfd */
	way_report(way, &r, USPAWN(request, ACTIONS({ USPAWN_DO_OPEN, 0, 0, O_RDONLY, .path = "/dev/null" })), NULL);
	setrlimit(RLIMIT_NOFILE, &limit);
	file_close_range(top, 201);
}

EachRung(actions, close)
{
	REPORT r;
	struct rlimit limit, low;
	struct uspawn_child child;
	int file = file_new(10), result;

	report_open(&r);
	getrlimit(RLIMIT_NOFILE, &limit);
	fcntl(file, F_SETFD, 0);
	way_report(way, &r, USPAWN(request, ACTIONS({ USPAWN_DO_CLOSE, file }, { USPAWN_DO_CLOSE, file })), NULL);
	cr_assert_null(strstr(report_fds(&r), " 10"));
	/* glibc: EBADF for what cannot be open. */
	low = (struct rlimit){ 500, limit.rlim_max };
	setrlimit(RLIMIT_NOFILE, &low);
	result = way_run(way, &child, USPAWN(request, WITNESS("exit", "0"), ACTIONS({ USPAWN_DO_CLOSE, 500 })), NULL);
	setrlimit(RLIMIT_NOFILE, &limit);
	cr_assert_eq(result, -EBADF);
	assert_failed(&child, EBADF, USPAWN_STEP_ACTION, 0);
	close(file);
}

EachRung(actions, directories)
{
	REPORT r;
	SCRATCH s;
	int dir;
	char *here = getcwd((char[4096]){ 0 }, 4096);

	report_open(&r);
	scratch_make(&s);
	scratch_directory(&s, "one", 0755);
	dir = open(scratch_directory(&s, "two", 0755), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	way_report(way, &r,
		   USPAWN(request, ACTIONS({ USPAWN_DO_CHDIR, .path = s.path }, { USPAWN_DO_CHDIR, .path = "one" })),
		   NULL);
	cr_assert_str_eq(report_value(&r, "cwd"), scratch_path(&s, "one"));
	way_report(way, &r, USPAWN(request, ACTIONS({ USPAWN_DO_FCHDIR, dir })), NULL);
	cr_assert_str_eq(report_value(&r, "cwd"), scratch_path(&s, "two"));
	cr_assert_str_eq(getcwd((char[4096]){ 0 }, 4096), here);
	close(dir);
}

/* The relative program is found from where the actions have led. */
EachRung(actions, c44_program_from_the_new_directory)
{
	SCRATCH s;
	struct uspawn_child child;

	scratch_make(&s);
	scratch_directory(&s, "bin", 0755);
	scratch_exit(&s, "bin/tool", 7);
	cr_assert_eq(way_run(way, &child,
			     USPAWN(request, .path = "./bin/tool", .argv = LIST("tool"),
				    ACTIONS({ USPAWN_DO_CHDIR, .path = s.path })),
			     NULL),
		     0);
	assert_exited(&child, 7);
}

static void close_from(struct way *way)
{
	REPORT r;
	struct uspawn_child child;
	int low = file_new(10), high = file_new(700);

	report_open(&r);
	fcntl(low, F_SETFD, 0);
	fcntl(high, F_SETFD, 0);
	way_report(way, &r, USPAWN(request, ACTIONS({ USPAWN_DO_CLOSEFROM, 3 })), NULL);
	cr_assert_str_eq(report_fds(&r), "0 1 2");
	way_report(way, &r, USPAWN(request, ACTIONS({ USPAWN_DO_DUP2, high, 3 }, { USPAWN_DO_CLOSEFROM, 4 })), NULL);
	cr_assert_str_eq(report_fds(&r), "0 1 2 3");
	report_assert_file(&r, 3, high);
	way_report(way, &r, USPAWN(request, ACTIONS({ USPAWN_DO_CLOSEFROM, 1 }, { USPAWN_DO_DUP2, 0, 2 })), NULL);
	cr_assert_str_eq(report_fds(&r), "0 2");
	cr_assert_eq(
		way_run(way, &child,
			USPAWN(request, .path = "/no/such", .argv = LIST("x"), ACTIONS({ USPAWN_DO_CLOSEFROM, 0 })),
			NULL),
		-ENOENT);
	assert_failed(&child, ENOENT, USPAWN_STEP_EXEC, 0);
	close(low);
	close(high);
}

/* But not the pipe that says "exec'd" on the fork rung. */
EachRung(actions, closefrom)
{
	close_from(way);
}

EachRung(actions, closefrom_without_robust_futexes)
{
	kernel_refuse(CALL_ROBUST_LIST, ENOSYS);
	close_from(way);
}

/* The greatest numbers there are, which nothing has. */
EachRung(actions, closefrom_the_end)
{
	struct uspawn_child child;

	for (int fd = INT32_MAX; fd > INT32_MAX - 70; fd -= 23) {
		cr_assert_eq(way_run(way, &child,
				     USPAWN(request, WITNESS("exit", "5"), ACTIONS({ USPAWN_DO_CLOSEFROM, fd })), NULL),
			     0);
		assert_exited(&child, 5);
	}
	cr_assert_eq(
		way_run(way, &child,
			USPAWN(request, WITNESS("exit", "5"), .flags = USPAWN_INHERIT_FDS | USPAWN_FOREGROUND,
			       .tty = INT32_MAX,
			       .actions = (const struct uspawn_action[]){ { USPAWN_DO_CLOSEFROM, 3 } }, .nactions = 1),
			NULL),
		-EBADF);
	assert_failed(&child, EBADF, USPAWN_STEP_FOREGROUND, 0);
}

/* What looks at a number before it is closed sees what the caller has there: the table is not cut below it. */
EachRung(actions, closefrom_after_a_look)
{
	REPORT r;
	struct uspawn_child child;
	char path[32];
	int high = file_new(700), none = file_free_number(300), dir = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	report_open(&r);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", high);
	way_report(way, &r,
		   USPAWN(request, ACTIONS({ USPAWN_DO_OPEN, 0, 0, O_RDWR, .path = path }, { USPAWN_DO_CLOSEFROM, 3 })),
		   NULL);
	report_assert_file(&r, 0, high);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", dir);
	way_report(way, &r, USPAWN(request, ACTIONS({ USPAWN_DO_CHDIR, .path = path }, { USPAWN_DO_CLOSEFROM, 3 })),
		   NULL);
	cr_assert_str_eq(report_value(&r, "cwd"), "/tmp");
	way_report(way, &r, USPAWN(request, .cwd = path, ACTIONS({ USPAWN_DO_CLOSEFROM, 3 })), NULL);
	cr_assert_str_eq(report_value(&r, "cwd"), "/tmp");
	way_report(way, &r,
		   USPAWN(request, ACTIONS({ USPAWN_DO_FCHDIR, dir }, { USPAWN_DO_OPEN, 4, .path = "/dev/null" },
					   { USPAWN_DO_CLOSEFROM, 5 })),
		   NULL);
	cr_assert_str_eq(report_value(&r, "cwd"), "/tmp");
	cr_assert_eq(way_run(way, &child,
			     USPAWN(request, WITNESS("exit", "0"),
				    ACTIONS({ USPAWN_DO_DUP2, none, 0 }, { USPAWN_DO_CLOSEFROM, 3 })),
			     NULL),
		     -EBADF);
	assert_failed(&child, EBADF, USPAWN_STEP_ACTION, 0);
	close(dir);
	close(high);
}

/* The child's own pidfd and the library's pipe get numbers that the caller has free: no action may find them. */
EachRung(actions, numbers_of_the_library)
{
	struct uspawn_child child;

	for (int number = 3; number < 40; number++) {
		if (file_is_open(number))
			continue;
		cr_assert_eq(way_run(way, &child,
				     USPAWN(request, WITNESS("exit", "0"),
					    ACTIONS({ USPAWN_DO_DUP2, number, 0 }, { USPAWN_DO_CLOSEFROM, 40 })),
				     NULL),
			     -EBADF, "number %d", number);
		assert_failed(&child, EBADF, USPAWN_STEP_ACTION, 0);
	}
}

/* A program's descriptor is dup'd to where no action reaches it. */
EachRung(actions, program_by_descriptor)
{
	struct uspawn_child child;
	int program = open(witness_path, O_PATH | O_CLOEXEC), file = file_new(3);

	cr_assert_eq(
		way_run(way, &child,
			USPAWN(request, .exec_fd = program, .argv = LIST("witness", "exit", "4"),
			       .flags = USPAWN_INHERIT_FDS | USPAWN_FEXEC,
			       .actions = (struct uspawn_action[]){ { USPAWN_DO_DUP2, file, program } }, .nactions = 1),
			NULL),
		0);
	assert_exited(&child, 4);
	close(program);
	close(file);
}

EachRung(actions, failures)
{
	static const struct {
		struct uspawn_action action;
		int errnum;
	} cases[] = {
		{ { USPAWN_DO_DUP2, 999, 0 }, EBADF },
		{ { USPAWN_DO_DUP2, 0, 1 << 30 }, EBADF },
		{ { USPAWN_DO_OPEN, 0, .path = "/no/such" }, ENOENT },
		{ { USPAWN_DO_OPEN, 0, 0, O_WRONLY, .path = "/" }, EISDIR },
		{ { USPAWN_DO_CHDIR, .path = "/no/such" }, ENOENT },
		{ { USPAWN_DO_CHDIR, .path = "/dev/null" }, ENOTDIR },
		{ { USPAWN_DO_FCHDIR, 999 }, EBADF },
		{ { USPAWN_DO_FOREGROUND, 999 }, EBADF },
		{ { USPAWN_DO_FOREGROUND, 3 }, ENOTTY },
	};
	struct uspawn_child child;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		cr_assert_eq(way_run(way, &child,
				     USPAWN(request, WITNESS("exit", "0"),
					    ACTIONS({ USPAWN_DO_CLOSE, 3 }, { USPAWN_DO_OPEN, 3, .path = "/dev/null" },
						    cases[i].action)),
				     NULL),
			     -cases[i].errnum, "case %zu", i);
		assert_failed(&child, cases[i].errnum, USPAWN_STEP_ACTION, 2);
	}
}

/* Many strings, kept by a plan that outlives them. */
CheckedTest(actions, plan_keeps_its_own)
{
	SCRATCH s;
	struct uspawn_plan *plan;
	struct uspawn_child child;
	char paths[50][128];
	struct uspawn_action list[50];

	scratch_make(&s);
	for (int i = 0; i < 50; i++) {
		snprintf(paths[i], sizeof(*paths), "%s", scratch_directory(&s, (char[]){ (char)('A' + i), 0 }, 0755));
		list[i] = (struct uspawn_action){ USPAWN_DO_CHDIR, .path = paths[i] };
	}
	scratch_exit(&s, "A/tool", 1);
	scratch_exit(&s, "r/tool", 50);
	cr_assert_eq(uspawn_plan_new(&plan,
				     USPAWN(request, .path = "./tool", .argv = LIST("tool"),
					    .flags = USPAWN_INHERIT_FDS, .actions = list, .nactions = 50),
				     NULL),
		     0);
	memset(paths, 0, sizeof(paths));
	memset(list, 0, sizeof(list));
	cr_assert_eq(uspawn_start(&child, plan, NULL), 0);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	assert_exited(&child, 50);
	uspawn_plan_free(plan);
}
