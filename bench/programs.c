/* SPDX-License-Identifier: MIT */
/* The programs that are started: built with the benchmark, found beside it. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "bench.h"

static char paths[2][PATH_MAX + 8];

int programs_find(void)
{
	static const char *const names[] = { [TINY] = "tiny", [IDLE] = "idle" };
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		return -errno;
	self[n] = 0;
	*strrchr(self, '/') = 0;
	for (int i = TINY; i <= IDLE; i++) {
		snprintf(paths[i], sizeof(paths[i]), "%s/%s", self, names[i]);
		if (access(paths[i], X_OK) < 0)
			return -errno;
	}
	return 0;
}

char *program_path(enum program program)
{
	return paths[program];
}
