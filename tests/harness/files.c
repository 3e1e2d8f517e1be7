/* SPDX-License-Identifier: MIT */
/* Whatever cannot be made fails the test at once, so that tests need not check. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"

int file_new(int low)
{
	int file = memfd_create("file", MFD_CLOEXEC), fd = fcntl(file, F_DUPFD_CLOEXEC, low);

	cr_assert(file >= 0 && fd >= low);
	close(file);
	return fd;
}

int file_free_number(int low)
{
	int fd = file_new(low);

	close(fd);
	return fd;
}

int file_is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

void file_close_range(int low, int end)
{
	struct rlimit limit;

	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	for (int fd = low; fd < (end ? end : (int)limit.rlim_cur); fd++)
		close(fd);
}

int file_widen_pipe(int pid, int fd, int size)
{
	char path[64];
	int end, held;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
	end = open(path, O_WRONLY | O_CLOEXEC);
	cr_assert(end >= 0, "%s: %s", path, strerror(errno));
	fcntl(end, F_SETPIPE_SZ, size);
	held = fcntl(end, F_GETPIPE_SZ);
	close(end);
	return held;
}

void file_allow(int count)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur >= (rlim_t)count)
		return;
	limit.rlim_cur = (rlim_t)count;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		cr_skip_test("RLIMIT_NOFILE is %llu", (unsigned long long)limit.rlim_max);
}

void stdio_replace(struct stdio *s, int in, int out, int err)
{
	const int with[] = { in, out, err };

	fflush(stdout);
	for (int i = 0; i < 3; i++) {
		s->saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 1000);
		cr_assert(s->saved[i] >= 0);
	}
	for (int i = 0; i < 3; i++)
		if (with[i] < 0)
			close(i);
		else
			cr_assert(dup2(with[i], i) == i);
}

void stdio_restore(struct stdio *s)
{
	for (int i = 0; i < 3; i++) {
		dup2(s->saved[i], i);
		close(s->saved[i]);
	}
}

void scratch_make(struct scratch *s)
{
	strcpy(s->path, "/tmp/uspawn-test-XXXXXX");
	cr_assert(mkdtemp(s->path));
	chmod(s->path, 0755);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(path);
}

void scratch_remove(struct scratch *s)
{
	if (*s->path)
		nftw(s->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *scratch_path(const struct scratch *s, const char *name)
{
	static char paths[8][4096];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(*paths), "%s/%s", s->path, name);
	return path;
}

const char *scratch_directory(const struct scratch *s, const char *name, int mode)
{
	const char *path = scratch_path(s, name);

	cr_assert(mkdir(path, (mode_t)mode) == 0 && chmod(path, (mode_t)mode) == 0);
	return path;
}

const char *scratch_file(const struct scratch *s, const char *name, int mode, const char *text)
{
	const char *path = scratch_path(s, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	cr_assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	cr_assert(fchmod(fd, (mode_t)mode) == 0);
	close(fd);
	return path;
}

const char *scratch_exit(const struct scratch *s, const char *name, int code)
{
	char text[40];

	snprintf(text, sizeof(text), "#!/bin/sh\nexit %d\n", code);
	return scratch_file(s, name, 0755, text);
}
