/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "groups.h"

void group_remove(struct own_group *g)
{
	char path[600];

	if (g->fd < 0)
		return;
	close(g->fd);
	snprintf(path, sizeof(path), "%s/sub", g->path);
	rmdir(path);
	snprintf(path, sizeof(path), "%s/threads", g->path);
	rmdir(path);
	/* A process that was reaped a moment ago may not have left it yet. */
	while (rmdir(g->path) < 0 && errno == EBUSY)
		poll(NULL, 0, 1);
	g->fd = -1;
}

int group_own(char *ret, size_t size)
{
	char line[1024], mount[256] = "", own[256] = "";
	FILE *file = fopen("/proc/self/mounts", "re");

	while (file && fgets(line, sizeof(line), file))
		if (strstr(line, " cgroup2 "))
			sscanf(line, "%*s %255s", mount);
	if (file)
		fclose(file);
	file = fopen("/proc/self/cgroup", "re");
	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, "0::", 3) == 0)
			sscanf(line, "0::%255s", own);
	if (file)
		fclose(file);
	return *mount && *own ? snprintf(ret, size, "%s%s", mount, strcmp(own, "/") ? own : "") : 0;
}

void group_make(struct own_group *g)
{
	char own[400];

	g->fd = -1;
	if (!group_own(own, sizeof(own)))
		cr_skip_test("no control groups of version 2");
	snprintf(g->path, sizeof(g->path), "%s/uspawn-test-%d", own, getpid());
	if (mkdir(g->path, 0755) < 0)
		cr_skip_test("%s: %s", g->path, strerror(errno));
	g->name = strrchr(g->path, '/');
	g->fd = open(g->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert_geq(g->fd, 0);
}
