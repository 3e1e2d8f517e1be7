/* SPDX-License-Identifier: MIT */
/*
 * A group can only hand a controller on to groups below it while no process is in itself, the root apart. We are in our
 * own, so the one above it, which has us in a group already, is the more likely place.
 */
#include "cell.h"
#include "commands.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EMPTY_WITHIN_MS = 1000 };

/* ---- Files of a group ---- */

static ssize_t read_file(int dir, const char *name, char *text, size_t size)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, size - 1);
	text[n > 0 ? n : 0] = 0;
	close(fd);
	return n;
}

static int write_file(int dir, const char *name, const char *text)
{
	int fd = openat(dir, name, O_WRONLY | O_CLOEXEC), r = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		r = -errno;
	close(fd);
	return r;
}

static bool lists(int dir, const char *name, const char *word)
{
	char text[512], *rest = text, *at;

	if (read_file(dir, name, text, sizeof(text)) <= 0)
		return false;
	while ((at = strsep(&rest, " \n")))
		if (!strcmp(at, word))
			return true;
	return false;
}

/* ---- Where ---- */

/* The directory of our own group, and that of the group of all. 0 or -errno. */
static int find_own(char own[static PATH_MAX], char top[static PATH_MAX])
{
	FILE *mounts = fopen("/proc/self/mounts", "re"), *groups = fopen("/proc/self/cgroup", "re");
	char line[2 * PATH_MAX], path[PATH_MAX] = "/", type[64];

	*top = 0;
	while (mounts && !*top && fgets(line, sizeof(line), mounts))
		if (sscanf(line, "%*s %4095s %63s", top, type) != 2 || strcmp(type, "cgroup2"))
			*top = 0;
	while (groups && fgets(line, sizeof(line), groups))
		if (!strncmp(line, "0::", 3))
			snprintf(path, sizeof(path), "%.*s", (int)strcspn(line + 3, "\n"), line + 3);
	if (mounts)
		fclose(mounts);
	if (groups)
		fclose(groups);
	if (!*top)
		return -ENOENT;
	return snprintf(own, PATH_MAX, "%s%s", top, strcmp(path, "/") ? path : "") >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static int new_directory(struct cells *cells, char name[static 64])
{
	int dir;

	do {
		snprintf(name, 64, "uspawn-cell-%d-%" PRIu32, getpid(), cells->made++);
		dir = mkdirat(cells->parent, name, 0755);
	} while (dir < 0 && errno == EEXIST);
	if (dir < 0)
		return -errno;
	dir = openat(cells->parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0) {
		dir = -errno;
		unlinkat(cells->parent, name, AT_REMOVEDIR);
	}
	return dir;
}

int cell_new(struct cells *cells)
{
	char name[64], max[24];
	int dir = new_directory(cells, name), r;

	if (dir < 0)
		return dir;
	snprintf(max, sizeof(max), "%" PRIu64, cells->memory_max);
	r = write_file(dir, "memory.max", max);
	if (!r) {
		write_file(dir, "memory.oom.group", "1"); /* Linux 4.19 */
		return dir;
	}
	close(dir);
	unlinkat(cells->parent, name, AT_REMOVEDIR);
	return r;
}

/* Can one be made there? 0 or -errno. */
static int try_parent(struct cells *cells, const char *path)
{
	int r;

	if (cells->parent >= 0)
		close(cells->parent);
	cells->parent = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cells->parent < 0)
		return -errno;
	if (!lists(cells->parent, "cgroup.controllers", "memory"))
		return -EOPNOTSUPP;
	if (!lists(cells->parent, "cgroup.subtree_control", "memory")) {
		r = write_file(cells->parent, "cgroup.subtree_control", "+memory");
		if (r)
			return r;
	}
	r = cell_new(cells);
	if (r < 0)
		return r;
	cell_end(r, NULL);
	close(r);
	return 0;
}

static int refuse(const char *path, int error)
{
	if (error == -EOPNOTSUPP)
		complain("--memory-max: %s has no memory controller: it needs cgroup v2 with \"memory\" in "
			 "cgroup.controllers; without it, limit the address space: ulimit -v",
			 path);
	else
		complain("--memory-max: no group can be made below %s: %s (under systemd: systemd-run --user --scope "
			 "uspawn ...)",
			 path, strerror(-error));
	return error;
}

int cells_open(struct cells *cells, uint64_t memory_max, const char *base)
{
	char own[PATH_MAX], top[PATH_MAX], *slash;
	int r, above;

	*cells = (struct cells){ .parent = -1, .memory_max = memory_max };
	if (base) {
		r = try_parent(cells, base);
		return r ? refuse(base, r) : 0;
	}
	r = find_own(own, top);
	if (r)
		return refuse("this machine", -EOPNOTSUPP);
	r = try_parent(cells, own);
	slash = strrchr(own, '/');
	if (!r || !slash || strlen(own) <= strlen(top))
		return r ? refuse(own, r) : 0;
	*slash = 0;
	above = try_parent(cells, own);
	return above ? refuse(own, above) : 0;
}

/* ---- The end ---- */

static bool is_populated(int events)
{
	char text[256];
	ssize_t n = pread(events, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = 0;
	return strstr(text, "populated 1") != NULL;
}

/* cgroup.kill is from Linux 5.14; before that, what was left goes on, and the group with it. */
static void empty(int cell)
{
	int events = openat(cell, "cgroup.events", O_RDONLY | O_CLOEXEC);
	struct pollfd changed = { .fd = events, .events = POLLPRI };

	if (events < 0)
		return;
	if (is_populated(events) && !write_file(cell, "cgroup.kill", "1"))
		while (is_populated(events) && poll(&changed, 1, EMPTY_WITHIN_MS) > 0)
			;
	close(events);
}

static bool was_full(int cell)
{
	char text[512], *at;

	if (read_file(cell, "memory.events", text, sizeof(text)) <= 0)
		return false;
	at = strstr(text, "oom_kill ");
	return at && strtoull(at + strlen("oom_kill "), NULL, 10);
}

void cell_end(int cell, bool *ret_full)
{
	char link[64], path[PATH_MAX];
	ssize_t n;

	if (ret_full)
		*ret_full = was_full(cell);
	empty(cell);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", cell);
	n = readlink(link, path, sizeof(path) - 1);
	if (n > 0) {
		path[n] = 0;
		rmdir(path);
	}
}

void cells_close(struct cells *cells)
{
	if (cells->parent >= 0)
		close(cells->parent);
	cells->parent = -1;
}
