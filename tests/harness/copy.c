/* SPDX-License-Identifier: MIT */
/* What a copy has to say comes back in memory that both have. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "copy.h"
#include "files.h"

enum { COPY_DONE = 0, COPY_FAILED = 1, COPY_SKIPPED = 77 };

static struct {
	char text[256];
} * said;

/* It ends without what exit(3) does, so tests/coverage would not learn what it ran. */
#ifdef COUNTS_LINES
void __gcov_dump(void);

/* Where no number is free none could be written; and neither a terminal's end nor a limit of files ends it now. */
static void keep_counts(void)
{
	struct rlimit limit;
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	file_close_range(3, 0);
	__gcov_dump();
}
#else
#define keep_counts() ((void)0)
#endif

void copy_end(void)
{
	keep_counts();
	_exit(COPY_DONE);
}

void copy_fail(const char *file, int line, const char *what)
{
	if (said)
		snprintf(said->text, sizeof(said->text), "%s:%d: %s", file, line, what);
	else
		fprintf(stderr, "%s:%d: %s\n", file, line, what);
	_exit(COPY_FAILED);
}

void copy_skip(const char *why)
{
	snprintf(said->text, sizeof(said->text), "%s", why);
	_exit(COPY_SKIPPED);
}

void copy_run(void (*fn)(void))
{
	char text[sizeof(said->text)];
	int status = -1;
	pid_t pid;

	said = mmap(NULL, sizeof(*said), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert(said != MAP_FAILED);
	pid = fork();
	if (pid == 0) {
		fn();
		copy_end();
	}
	cr_assert(pid > 0 && waitpid(pid, &status, 0) == pid);
	snprintf(text, sizeof(text), "%s", said->text);
	munmap(said, sizeof(*said));
	if (WIFEXITED(status) && WEXITSTATUS(status) == COPY_SKIPPED)
		cr_skip_test("%s", text);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == COPY_DONE, "wait status %#x %s", (unsigned)status, text);
}
