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

int cgroup_accept(const struct uspawn_request *r, struct uspawn_failure *reterr)
{
	if (r->cgroup_fd && !(r->flags & USPAWN_SETCGROUP))
		return request_fail(reterr, EINVAL, USPAWN_STEP_CGROUP, 0);
	return 0;
}

/* 1, 0, or -errno. The group of all has no such files. */
static int file_says(int group, const char *name, const char *word)
{
	int file = sys_openat(group, name, O_RDONLY | O_CLOEXEC, 0);
	char lines[LINES_SIZE];
	long n;

	if (file < 0)
		return file == -ENOENT ? 0 : file == -ENOTDIR ? -EINVAL : file;
	n = sys_read(file, lines, sizeof(lines) - 1);
	sys_close(file);
	if (n < 0)
		return (int)n;
	lines[n] = '\0';
	return strstr(lines, word) != NULL;
}

int cgroup_check(int fd)
{
	uint64_t type = 0;
	int r = sys_filesystem(fd, &type);

	if (r < 0)
		return r;
	if (type != SYS_CGROUP2_MAGIC)
		return -EINVAL;
	/* Asked for itself; and it or one above it is, with all that is in it. */
	r = file_says(fd, "cgroup.freeze", "1");
	if (r == 0)
		r = file_says(fd, "cgroup.events", "frozen 1");
	return r > 0 ? -EBUSY : r;
}

int cgroup_is_to_blame(int error)
{
	return error == -EACCES || error == -EBUSY || error == -ENODEV || error == -ENOENT || error == -EOPNOTSUPP ||
	       error == -EBADF || error == -EAGAIN;
}

void cgroup_put(struct writer *w)
{
	if (w->fds->cgroup != -1)
		writer_put_number(w, OP_CGROUP, USPAWN_STEP_CGROUP, w->fds->cgroup);
}
