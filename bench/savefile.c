/* SPDX-License-Identifier: MIT */
/* A result on disk: whole or not at all. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "run.h"

/* Known before the measurement: whether its result can be written. */
int json_check(const char *path)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];
	struct stat st;

	if (!stat(path, &st))
		return S_ISDIR(st.st_mode) ? -EISDIR : access(path, W_OK) < 0 ? -errno : 0;
	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
	return access(dir, W_OK) < 0 ? -errno : 0;
}

/* A file appears whole or not at all. What is no plain file (/dev/stdout) is written to as it is. */
int json_save(const json_t *root, const char *path)
{
	char beside[PATH_MAX];
	struct stat st;
	int in_place = !stat(path, &st) && !S_ISREG(st.st_mode);
	FILE *file;
	int r = 0;

	if ((size_t)snprintf(beside, sizeof(beside), "%s%s", path, in_place ? "" : ".part") >= sizeof(beside))
		return -ENAMETOOLONG;
	file = fopen(beside, "we");
	if (!file)
		return -errno;
	errno = EIO;
	if (json_dumpf(root, file, JSON_COMPACT | JSON_REAL_PRECISION(8)) < 0 || fputc('\n', file) == EOF)
		r = -errno;
	if (fclose(file) && !r)
		r = -errno;
	if (!in_place && !r && rename(beside, path) < 0)
		r = -errno;
	if (!in_place && r)
		unlink(beside);
	return r;
}
