/* SPDX-License-Identifier: MIT */
/*
 * Written beside its place, then moved there. A link is no place: what was moved there would replace the link, even
 * /dev/stdout, and leave its aim as it was.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "outfile.h"

int folder_prepare(const char *folder)
{
	struct stat st;

	if (mkdir(folder, 0777) < 0 && errno != EEXIST)
		return -errno;
	if (stat(folder, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	return access(folder, W_OK | X_OK) < 0 ? -errno : 0;
}

static int write_all(int fd, const char *data, size_t size)
{
	ssize_t n;

	for (; size; data += n, size -= (size_t)n) {
		n = write(fd, data, size);
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n <= 0)
			return n < 0 ? -errno : -EIO;
	}
	return 0;
}

static bool is_standard_output(int fd)
{
	struct stat file, output;

	return !fstat(fd, &file) && !fstat(STDOUT_FILENO, &output) && S_ISREG(file.st_mode) &&
	       file.st_dev == output.st_dev && file.st_ino == output.st_ino;
}

static int write_in_place(const char *path, const char *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666), r;
	struct stat st;

	if (fd < 0)
		return -errno;
	fflush(stdout); /* it may be the same pipe */
	if (is_standard_output(fd))
		r = write_all(STDOUT_FILENO, data, size);
	else if (!fstat(fd, &st) && S_ISREG(st.st_mode) && ftruncate(fd, 0) < 0)
		r = -errno;
	else
		r = write_all(fd, data, size);
	return close(fd) < 0 && !r ? -errno : r;
}

/* As open(2) would have given it, which mkostemp(3) does not. */
static mode_t usual_mode(void)
{
	mode_t mask = umask(0);

	umask(mask);
	return 0666 & ~mask;
}

static int replace(const char *path, mode_t mode, const char *data, size_t size)
{
	char beside[PATH_MAX];
	int fd, r;

	if ((size_t)snprintf(beside, sizeof(beside), "%s.XXXXXX", path) >= sizeof(beside))
		return -ENAMETOOLONG;
	fd = mkostemp(beside, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = write_all(fd, data, size);
	if (!r && fchmod(fd, mode) < 0)
		r = -errno;
	if (close(fd) < 0 && !r)
		r = -errno;
	if (!r && rename(beside, path) < 0)
		r = -errno;
	if (r)
		unlink(beside);
	return r;
}

int file_save(const char *path, const char *data, size_t size)
{
	struct stat st;

	if (!lstat(path, &st) && !S_ISREG(st.st_mode))
		return write_in_place(path, data, size);
	return replace(path, usual_mode(), data, size);
}

/* A link whose aim is not there: that will be made. */
static int check_aim(const char *folder, const char *aim)
{
	char path[2 * PATH_MAX];

	snprintf(path, sizeof(path), "%s%s", *aim == '/' ? "" : folder, aim);
	return file_check(path);
}

int file_check(const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX], aim[PATH_MAX];
	struct stat st;
	ssize_t n;

	if (!stat(path, &st)) {
		if (S_ISDIR(st.st_mode) || access(path, W_OK) < 0)
			return S_ISDIR(st.st_mode) ? -EISDIR : -errno;
		if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
			return 0;
	} else if (errno == ELOOP || !*path) {
		return -errno;
	}
	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) + 1 : 2, slash ? path : "./");
	n = readlink(path, aim, sizeof(aim) - 1);
	if (n < 0)
		return access(folder, W_OK) < 0 ? -errno : 0;
	aim[n] = '\0';
	return check_aim(folder, aim);
}

int file_replace(const char *folder, const char *name, const char *data, size_t size)
{
	char path[PATH_MAX];

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", folder, name) >= sizeof(path))
		return -ENAMETOOLONG;
	return file_save(path, data, size);
}
