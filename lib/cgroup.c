/* SPDX-License-Identifier: MIT */
/*
 * Born there (CLONE_INTO_CGROUP, Linux 5.7), by a call that waits: an asynchronous child that runs out of its group's
 * memory would be weighed with its parent's, and the parent killed with it. A child that moves itself has memory of its
 * own, since a move takes its memory along to other nodes (cpuset).
 */
#include <errno.h>
#include <string.h>

#include "cgroup.h"
#include "request.h"
#include "sys.h"

#define LINES_SIZE 256
#define LEVELS     64 /* of groups above each other */

int cgroup_accept(const struct uspawn_request *r, struct uspawn_failure *reterr)
{
	if (r->cgroup_fd && !(r->flags & USPAWN_SETCGROUP))
		return request_fail(reterr, EINVAL, USPAWN_STEP_CGROUP, 0);
	return 0;
}

/* How much there was, or -errno. Outside of control groups nothing is waited for. */
static long read_file(int group, const char *name, char *ret)
{
	int file = sys_openat(group, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
	long n;

	if (file < 0)
		return file;
	n = sys_read(file, ret, LINES_SIZE - 1);
	sys_close(file);
	ret[n < 0 ? 0 : n] = '\0';
	return n;
}

/*
 * Asked for itself or one above it, up to the group of all, which has no such file, or to what this process may see: it
 * shows as frozen only when all that is in it has stopped, which a process in a call of the kernel's may not for long.
 */
static int is_being_frozen(int group)
{
	static const char name[] = "cgroup.freeze";
	char path[3 * LEVELS + sizeof(name)], text[LINES_SIZE];
	long n;

	for (size_t i = 0; i < (size_t)3 * LEVELS; i++)
		path[i] = "../"[i % 3];
	memcpy(path + (size_t)3 * LEVELS, name, sizeof(name));
	for (int level = 0; level <= LEVELS; level++) {
		n = read_file(group, path + (size_t)(LEVELS - level) * 3, text);
		if (n < 0)
			return n == -ENOENT || n == -EACCES ? 0 : (int)n;
		if (*text == '1')
			return 1;
	}
	return 0;
}

int cgroup_check(int fd)
{
	char text[LINES_SIZE];
	uint64_t type = 0;
	int r = sys_filesystem(fd, &type);
	long n;

	if (r < 0)
		return r;
	if (type != SYS_CGROUP2_MAGIC)
		return -EINVAL;
	n = read_file(fd, "cgroup.events", text);
	if (n < 0)
		return n == -ENOENT ? 0 : n == -ENOTDIR ? -EINVAL : (int)n;
	if (strstr(text, "frozen 1"))
		return -EBUSY;
	/* An empty one is frozen at once, so it is not. */
	r = strstr(text, "populated 0") ? 0 : is_being_frozen(fd);
	return r > 0 ? -EBUSY : r;
}

int cgroup_is_to_blame(int error, uint64_t born)
{
	if (error == -ENOSPC) /* no processor is left to it (cpuset); or there are too many namespaces */
		return !born;
	return error == -EACCES || error == -EBUSY || error == -ENODEV || error == -ENOENT || error == -EOPNOTSUPP ||
	       error == -EBADF || error == -EAGAIN;
}

void cgroup_put(struct writer *w)
{
	if (w->fds->cgroup != -1)
		writer_put_number(w, OP_CGROUP, USPAWN_STEP_CGROUP, w->fds->cgroup);
}
