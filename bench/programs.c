/* SPDX-License-Identifier: MIT */
/* The programs that are started: built with the benchmark, found beside it. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "bench.h"

static char folder[PATH_MAX];
static char paths[NFILES][PATH_MAX + 12];

static const char *const names[NFILES] = {
	[TINY] = "tiny",     [STATIC] = "static",        [DYNAMIC] = "dynamic",      [SCRIPT] = "script",
	[SHELL] = "/bin/sh", [FILE_CLOCKED] = "clocked", [FILE_LEAVING] = "leaving", [FILE_IDLE] = "idle",
};

int programs_find(void)
{
	ssize_t n = readlink("/proc/self/exe", folder, sizeof(folder) - 1);

	if (n < 0)
		return -errno;
	folder[n] = 0;
	*strrchr(folder, '/') = 0;
	for (int i = 0; i < NFILES; i++)
		if (*names[i] == '/')
			strcpy(paths[i], names[i]);
		else
			snprintf(paths[i], sizeof(paths[i]), "%s/%s", folder, names[i]);
	for (int i = 0; i < NFILES; i++)
		if ((i == TINY || i > SHELL) && access(paths[i], X_OK) < 0)
			return -errno;
	return 0;
}

char *program_path(uint32_t file)
{
	return paths[file];
}

const char *program_folder(void)
{
	return folder;
}
