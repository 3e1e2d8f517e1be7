/* SPDX-License-Identifier: MIT */
/* The part of child.c that moves it to other namespaces. Included there only. */
#ifndef USPAWN_CHILD_SPACES_H
#define USPAWN_CHILD_SPACES_H

#include <sys/mount.h>

#include "child.h"
#include "sys_creds.h"

#define WAIT_NS 100000000

/* Of a PID namespace only the children would be. */
static int join_namespace(int fd, int type)
{
	if (!type && sys_ioctl(fd, SYS_NS_GET_NSTYPE, 0) == CLONE_NEWPID)
		return -EOPNOTSUPP;
	return sys_setns(fd, type);
}

static int write_text(const char *path, const char *text)
{
	int file = sys_openat(AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0);
	size_t size = 0;
	long n;

	if (file < 0)
		return file;
	while (text[size])
		size++;
	n = sys_write(file, text, size);
	sys_close(file);
	return n < 0 ? (int)n : 0;
}

static int enter_time(const char *offsets)
{
	int r = offsets ? write_text("/proc/self/timens_offsets", offsets) : 0, file;

	if (r < 0)
		return r;
	file = sys_openat(AT_FDCWD, "/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC, 0);
	if (file < 0)
		return file;
	r = sys_setns(file, SYS_CLONE_NEWTIME);
	sys_close(file);
	return r;
}

/* A parent in another PID namespace is 0, dead or alive: also where it is the caller who has unshared them. */
static int is_orphan(int parent)
{
	int now = sys_getppid();

	return now && now != parent;
}

/* The parent answers, unless it dies: then so do we. It waits in the thread that the signal is about. */
static int await_maps(struct child_report *report, int parent)
{
	struct timespec slice = sys_timespec(WAIT_NS);

	sys_prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (is_orphan(parent))
		return -ESRCH;
	__atomic_store_n(&report->stage, CHILD_ENTERED, __ATOMIC_RELEASE);
	sys_futex_wake(&report->stage, 1);
	while (__atomic_load_n(&report->stage, __ATOMIC_ACQUIRE) != CHILD_ANSWERED)
		sys_futex_wait(&report->stage, CHILD_ENTERED, &slice);
	sys_prctl(PR_SET_PDEATHSIG, 0);
	return report->answer;
}

/* ".", "/" and their like begin where a walk goes below whatever is mounted there. */
static int names_nothing(const char *path)
{
	while (*path == '.' || *path == '/')
		path++;
	return !*path;
}

/* -ENOSYS: before 5.2. */
static int enter_mount_by_descriptor(const char *path)
{
	int tree = sys_open_tree(path), r;

	if (tree < 0)
		return tree;
	r = sys_move_mount(tree, path);
	if (r == 0)
		r = sys_fchdir(tree);
	sys_close(tree);
	return r;
}

static int enter_mount(const char *path)
{
	int r = sys_mount(path, path, MS_BIND | MS_REC);

	return r < 0 ? r : sys_chdir(path);
}

/* The old root is stacked below the new one, and let go there. */
static int pivot(const char *path)
{
	int r = names_nothing(path) ? enter_mount_by_descriptor(path) : enter_mount(path);

	if (r == 0)
		r = sys_pivot_root(".", ".");
	if (r == 0)
		r = sys_umount2(".", MNT_DETACH);
	return r < 0 ? r : sys_chdir("/");
}

/* "exec LABEL", which AppArmor wants whole and SELinux without the word. */
static int set_label(const char *text)
{
	int r = write_text("/proc/thread-self/attr/apparmor/exec", text);

	return r == -ENOENT ? write_text("/proc/thread-self/attr/exec", text + 5) : r;
}

static int change_space(struct child_report *report, const struct child_instr *in)
{
	switch (in->op) {
	case OP_SETNS:
		return join_namespace(in->a, in->b);
	case OP_UNSHARE:
		return sys_unshare((int)in->bits);
	case OP_PRIVATE:
		return sys_mount("none", "/", MS_REC | MS_PRIVATE);
	case OP_TIME:
		return enter_time(in->text);
	case OP_IDMAP:
		return await_maps(report, in->a);
	case OP_PIVOT:
		return pivot(in->path);
	case OP_LABEL:
		return set_label(in->path);
	}
	return -ENOSYS;
}

#endif
