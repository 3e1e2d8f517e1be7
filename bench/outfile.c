/* SPDX-License-Identifier: MIT */
/* Written beside its place, then moved there. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
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

int file_replace(const char *folder, const char *name, const char *data, size_t size)
{
	char path[PATH_MAX], beside[PATH_MAX];
	FILE *file;
	int r = 0;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", folder, name) >= sizeof(path) ||
	    (size_t)snprintf(beside, sizeof(beside), "%s/.%s.part", folder, name) >= sizeof(beside))
		return -ENAMETOOLONG;
	file = fopen(beside, "we");
	if (!file)
		return -errno;
	if (fwrite(data, 1, size, file) != size)
		r = -errno;
	if (fclose(file) && !r)
		r = -errno;
	if (!r && rename(beside, path) < 0)
		r = -errno;
	if (r)
		unlink(beside);
	return r;
}
