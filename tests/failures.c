/* SPDX-License-Identifier: MIT */
/* A start that fails says where and why, and leaves nothing: the suite's fixture looks. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/files.h"
#include "harness/rings.h"
#include "harness/rounds.h"
#include "harness/way.h"

CheckedSuite(failures);

static void assert_fails(struct way *way, const struct uspawn_request *request, int errnum, uint32_t step,
			 uint32_t index)
{
	struct uspawn_child child;

	errno = 77;
	cr_assert_eq(way_run(way, &child, request, NULL), -errnum);
	cr_assert_eq(errno, 77);
	assert_failed(&child, errnum, step, index);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	cr_assert_eq(uspawn_kill(&child, SIGTERM, 0), -ESRCH);
	uspawn_done(&child);
	cr_assert_eq(way_run(way, &child, USPAWN(request, WITNESS("exit", "6")), NULL), 0, "the same child again");
	assert_exited(&child, 6);
	cr_assert_eq(child.failure.errnum, 0);
	cr_assert_eq(child.failure.step, USPAWN_STEP_NONE);
}

EachRung(failures, setpgroup)
{
	assert_fails(way, USPAWN(request, WITNESS("exit", "0"), .flags = USPAWN_SETPGROUP, .pgroup = 999999999), EPERM,
		     USPAWN_STEP_SETPGROUP, 0);
}

EachRung(failures, descriptor_number_above_the_limit)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur > 1 << 30)
		cr_skip_test("RLIMIT_NOFILE is %llu", (unsigned long long)limit.rlim_cur);
	assert_fails(way,
		     USPAWN(request, WITNESS("exit", "0"),
			    FDS({ 1, .fd = 1 }, { (int)limit.rlim_cur, .fd = 1 }, { 0, .fd = 0 })),
		     EBADF, USPAWN_STEP_FD, 1);
}

/* What is open already may lie above it. */
CheckedTest(failures, no_number_below_the_limit)
{
	struct uspawn_failure failure;
	struct uspawn_plan *plan;
	struct rlimit limit, low;
	int file = file_new(1000);

	getrlimit(RLIMIT_NOFILE, &limit);
	low = (struct rlimit){ 3, limit.rlim_max };
	setrlimit(RLIMIT_NOFILE, &low);
	cr_expect_eq(uspawn_plan_new(&plan, USPAWN(request, WITNESS("exit", "0"), FDS({ 0, USPAWN_FD, .fd = file })),
				     &failure),
		     -EMFILE);
	setrlimit(RLIMIT_NOFILE, &limit);
	cr_assert(failure.errnum == EMFILE && failure.step == USPAWN_STEP_SOURCE);
	close(file);
}

EachRung(failures, open)
{
	const struct uspawn_fd fds[] = { { 5, USPAWN_NULL },
					 { 4, USPAWN_OPEN, .path = "/dev/null" },
					 { 3, USPAWN_OPEN, .path = "/no/such" } };

	assert_fails(way, USPAWN(request, WITNESS("exit", "0"), .fds = fds, .nfds = 3), ENOENT, USPAWN_STEP_OPEN, 2);
	assert_fails(way, USPAWN(request, WITNESS("exit", "0"), FDS({ 0, USPAWN_OPEN, .path = "/dev/null/x" })),
		     ENOTDIR, USPAWN_STEP_OPEN, 0);
	assert_fails(way,
		     USPAWN(request, WITNESS("exit", "0"), FDS({ 0, USPAWN_OPEN, .path = "/", .oflag = O_WRONLY })),
		     EISDIR, USPAWN_STEP_OPEN, 0);
}

EachRung(failures, c45_directory)
{
	int file = file_new(3);

	assert_fails(way, USPAWN(request, WITNESS("exit", "0"), .cwd = "/no/such"), ENOENT, USPAWN_STEP_CWD, 0);
	assert_fails(way, USPAWN(request, WITNESS("exit", "0"), .cwd = "/dev/null"), ENOTDIR, USPAWN_STEP_CWD, 0);
	assert_fails(way, USPAWN(request, WITNESS("exit", "0"), .flags = USPAWN_FCHDIR, .cwd_fd = file), ENOTDIR,
		     USPAWN_STEP_CWD, 0);
	close(file);
}

EachRung(failures, c45_interpreter)
{
	SCRATCH s;

	scratch_make(&s);
	assert_fails(way, USPAWN(request, .argv = LIST((char *)scratch_file(&s, "tool", 0755, "#!/no/such\n"))), ENOENT,
		     USPAWN_STEP_EXEC, 0);
}

EachRung(failures, exec)
{
	SCRATCH s;
	char name[300], *long_argv[] = { name, NULL };

	scratch_make(&s);
	memset(name, 'x', sizeof(name) - 1);
	name[0] = '/';
	name[sizeof(name) - 1] = '\0';
	assert_fails(way, USPAWN(request, .argv = LIST("/no/such")), ENOENT, USPAWN_STEP_EXEC, 0);
	assert_fails(way, USPAWN(request, .argv = LIST("/dev/null/x")), ENOTDIR, USPAWN_STEP_EXEC, 0);
	assert_fails(way, USPAWN(request, .argv = LIST("/")), EACCES, USPAWN_STEP_EXEC, 0);
	assert_fails(way, USPAWN(request, .argv = LIST((char *)scratch_file(&s, "plain", 0644, "#!/bin/sh\n"))), EACCES,
		     USPAWN_STEP_EXEC, 0);
	assert_fails(way, USPAWN(request, .argv = LIST((char *)scratch_file(&s, "text", 0755, "exit 7\n"))), ENOEXEC,
		     USPAWN_STEP_EXEC, 0);
	assert_fails(way, USPAWN(request, .argv = long_argv), ENAMETOOLONG, USPAWN_STEP_EXEC, 0);
	assert_fails(way, USPAWN(request, .argv = LIST("")), ENOENT, USPAWN_STEP_EXEC, 0);
	assert_fails(way, USPAWN(request, .path = "", .argv = LIST("x")), ENOENT, USPAWN_STEP_EXEC, 0);
}

EachRung(failures, c15_text_busy)
{
	SCRATCH s;
	const char *path;
	struct uspawn_child child;
	int writer, r;

	scratch_make(&s);
	path = scratch_exit(&s, "tool", 4);
	writer = open(path, O_WRONLY | O_CLOEXEC);
	r = way_run(way, &child, USPAWN(request, .argv = LIST((char *)path)), NULL);
	close(writer);
	if (r == 0)
		cr_skip_test("this kernel lets a file be run that is open for writing");
	cr_assert_eq(r, -ETXTBSY);
	assert_failed(&child, ETXTBSY, USPAWN_STEP_EXEC, 0);
	cr_assert_eq(way_run(way, &child, USPAWN(request, .argv = LIST((char *)path)), NULL), 0);
	assert_exited(&child, 4);
}

EachRung(failures, c5_mapping_does_not_hide_it)
{
	struct stdio stdio;
	struct uspawn_child child;
	int r;

	assert_fails(way, USPAWN(request, .argv = LIST("/no/such"), FDS({ 1, .fd = 2 }, { 2, .fd = 1 })), ENOENT,
		     USPAWN_STEP_EXEC, 0);
	stdio_replace(&stdio, -1, -1, 2);
	r = way_run(way, &child, USPAWN(request, .argv = LIST("/no/such"), FDS({ 0, USPAWN_NULL }, { 1, USPAWN_NULL })),
		    NULL);
	stdio_restore(&stdio);
	cr_assert_eq(r, -ENOENT);
	assert_failed(&child, ENOENT, USPAWN_STEP_EXEC, 0);
}

/* Numbers that a pipe for the report might have are all overwritten. */
EachRung(failures, c5_every_low_number_mapped)
{
	struct uspawn_fd fds[64];

	for (int i = 0; i < 64; i++)
		fds[i] = (struct uspawn_fd){ .target = i, .fd = 1 };
	assert_fails(way, USPAWN(request, .argv = LIST("/no/such"), .fds = fds, .nfds = 64), ENOENT, USPAWN_STEP_EXEC,
		     0);
}

EachRung(failures, c22_code_127_is_no_failure)
{
	struct uspawn_child child;

	cr_assert_eq(way_run(way, &child, USPAWN(request, .argv = LIST("/bin/sh", "-c", "exit 127")), NULL), 0);
	assert_exited(&child, 127);
}

CheckedTest(failures, c22_source_that_is_not_open)
{
	struct uspawn_child child;
	int closed = file_free_number(64);

	cr_assert_eq(uspawn(&child, USPAWN(request, WITNESS("exit", "0"), FDS({ 5, USPAWN_NULL }, { 6, .fd = closed })),
			    NULL),
		     -EBADF);
	assert_failed(&child, EBADF, USPAWN_STEP_SOURCE, 1);
	cr_assert_eq(
		uspawn(&child, USPAWN(request, WITNESS("exit", "0"), .flags = USPAWN_FCHDIR, .cwd_fd = closed), NULL),
		-EBADF);
	cr_assert_eq(child.failure.step, USPAWN_STEP_CWD);
	cr_assert_eq(uspawn(&child, USPAWN(request, .argv = LIST("x"), .flags = USPAWN_FEXEC, .exec_fd = closed), NULL),
		     -EBADF);
	cr_assert_eq(child.failure.step, USPAWN_STEP_EXEC);
}

EachRung(failures, c30_nothing_leaks_over_thousands)
{
	struct uspawn_child child;
	int fds[2];
	const struct uspawn_fd pipes[] = { { 0, USPAWN_READ_END, .fd = USPAWN_ARG(0) },
					   { 1, USPAWN_WRITE_END, .fd = USPAWN_ARG(1) } };
	const struct uspawn_request *const failing[] = {
		USPAWN(request, .argv = LIST("/no/such")),
		USPAWN(request, WITNESS("exit", "0"), .cwd = "/no/such"),
		USPAWN(request, WITNESS("exit", "0"), FDS({ 7, USPAWN_OPEN, .path = "/no/such" })),
	};

	for (int i = 0; i < rounds(1500); i++)
		cr_assert_eq(way_run(way, &child, failing[i % 3], NULL), -ENOENT);
	for (int i = 0; i < rounds(300); i++) {
		int r = way_start(way, &child, USPAWN(request, .argv = LIST("/no/such"), .fds = pipes, .nfds = 2),
				  USPAWN(args, .fds = fds, .nfds = 2));

		if (r == 0) {
			way_end(way, &child);
			close(fds[0]);
			close(fds[1]);
		}
		cr_assert_eq(child.exit.status, ENOENT);
	}
}

static void reap_everything(int signo)
{
	int saved = errno;

	(void)signo;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	errno = saved;
}

EachRung(failures, c30_host_that_reaps_everything)
{
	struct sigaction act = { .sa_handler = reap_everything, .sa_flags = SA_RESTART }, old;
	struct uspawn_child child;

	sigaction(SIGCHLD, &act, &old);
	for (int i = 0; i < 200; i++)
		cr_assert_eq(way_run(way, &child, USPAWN(request, .argv = LIST("/no/such")), NULL), -ENOENT);
	sigaction(SIGCHLD, &old, NULL);
}

/* One mapping of more than there is: two halves that are allowed and lie side by side. None of it is touched. */
static void *map_too_much(size_t *ret)
{
	struct sysinfo info;
	size_t half;
	char *at;

	cr_assert_eq(sysinfo(&info), 0);
	half = ((size_t)info.totalram + info.totalswap) * info.mem_unit / 5 * 3 & ~(size_t)0xFFFFF;
	*ret = 2 * half;
	if (sizeof(void *) < 8)
		cr_skip_test("no room for more memory than there is");
	at = mmap(NULL, *ret, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	for (int i = 0; i < 2; i++)
		if (at == MAP_FAILED || mmap(at + (i ? half : 0), half, PROT_READ | PROT_WRITE,
					     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
			cr_skip_test("mapping: %s", strerror(errno));
	return at;
}

/* Whoever shares it copies none of it; a fork that is refused is no missing feature. */
EachRung(failures, c52_memory_that_cannot_be_copied)
{
	struct uspawn_child child;
	size_t size;
	void *memory = map_too_much(&size);
	pid_t pid = fork();
	int r;

	if (pid == 0)
		_exit(0);
	if (pid > 0) {
		waitpid(pid, NULL, 0);
		cr_skip_test("this kernel promises more memory than it has (vm.overcommit_memory)");
	}
	r = way_run(way, &child, USPAWN(request, WITNESS("exit", "5")), NULL);
	munmap(memory, size);
	if (way->rung == USPAWN_RUNG_FORK) {
		cr_assert_eq(r, -ENOMEM);
		assert_failed(&child, ENOMEM, USPAWN_STEP_CLONE, 0);
		r = way_run(way, &child, USPAWN(request, WITNESS("exit", "5")), NULL);
	}
	cr_assert_eq(r, 0);
	assert_exited(&child, 5);
}

CheckedTest(failures, plan_says_step_and_entry)
{
	struct uspawn_plan *plan = (void *)&plan;
	struct uspawn_failure failure = { 0 };
	int closed = file_free_number(64);

	errno = 77;
	cr_assert_eq(uspawn_plan_new(&plan,
				     USPAWN(request, WITNESS("exit", "0"), FDS({ 0, .fd = 0 }, { 1, .fd = closed })),
				     &failure),
		     -EBADF);
	cr_assert_eq(errno, 77);
	cr_assert_eq(plan, (void *)&plan, "written although it failed");
	cr_assert(failure.errnum == EBADF && failure.step == USPAWN_STEP_SOURCE && failure.index == 1);
	cr_assert_eq(uspawn_plan_new(&plan, USPAWN(request, WITNESS("exit", "0"), .umask = 1), NULL), -EINVAL);
}

CheckedTest(failures, steps_have_names)
{
	cr_assert_str_eq(uspawn_strstep(USPAWN_STEP_CWD), "cwd");
	cr_assert_str_eq(uspawn_strstep(USPAWN_STEP_EXEC), "exec");
	for (uint32_t step = 0; step < 600; step++)
		cr_assert(uspawn_strstep(step) && *uspawn_strstep(step));
	cr_assert(*uspawn_strstep(~0u));
}

/* What it was to be captured and signalled by is let go with it. */
EachRing(failures, done_after_its_ring)
{
	static const struct uspawn_timed ladder[] = { { 60000000000, SIGKILL, 0 } };
	struct uspawn_output output = { .data = NULL };
	struct uspawn_plan *plan;
	struct uspawn_child child;
	int r;

	cr_assert_eq(uspawn_plan_new(&plan,
				     USPAWN(request, .argv = LIST("/no/such"), .timed = ladder, .ntimed = 1,
					    FDS({ 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(0) })),
				     NULL),
		     0);
	r = uspawn_ring_start(ring, &child, plan, USPAWN(args, .outputs = &output, .noutputs = 1));
	cr_assert(r == 0 || r == -ENOENT, "%d", r);
	uspawn_ring_free(ring);
	uspawn_done(&child);
	uspawn_plan_free(plan);
	free(output.data);
	cr_assert_eq(waitpid(-1, NULL, WNOHANG | __WALL), -1);
	cr_assert_eq(errno, ECHILD);
}
