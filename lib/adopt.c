/* SPDX-License-Identifier: MIT */
/* Children that change hands: given away to whoever polls their pidfd, or taken over from whoever made them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clone.h"
#include "handle.h"
#include "slot.h"
#include "standin.h"
#include "sys.h"
#include "wait.h"

/* What the kernel says of a pidfd, from "\nPid:" on. NULL: it is none. *r: -errno, where /proc cannot be asked. */
static const char *fdinfo(int pidfd, char *text, size_t size, int *r)
{
	char path[48];
	long n;
	int file;

	snprintf(path, sizeof(path), "/proc/thread-self/fdinfo/%d", pidfd);
	file = *r = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	if (file < 0)
		return NULL;
	n = sys_read(file, text, size - 1);
	sys_close(file);
	text[n < 0 ? 0 : n] = '\0';
	return strstr(text, "\nPid:");
}

/* Its numbers are of the PID namespace that it was mounted for. */
static int proc_has_our_numbers(void)
{
	char self[16];
	long n = sys_readlink("/proc/self", self, sizeof(self) - 1);

	self[n < 0 ? 0 : n] = '\0';
	return (int)strtol(self, NULL, 10) == sys_getpid();
}

/* By a call since 6.13. 0: it has ended, or nobody can say. */
static int pid_of(int pidfd)
{
	struct sys_pidfd_info info = { .mask = SYS_PIDFD_INFO_PID };
	char text[256];
	const char *line;
	int r, pid;

	if (sys_ioctl(pidfd, SYS_PIDFD_GET_INFO, &info) == 0)
		return (int)info.tgid;
	line = proc_has_our_numbers() ? fdinfo(pidfd, text, sizeof(text), &r) : NULL;
	pid = line ? (int)strtol(line + 5, NULL, 10) : 0;
	return pid > 0 ? pid : 0;
}

/* Ended before its exec: whoever has the pidfd from now on could not wait by it. */
static int release_standin(struct uspawn_child *child)
{
	int r, pidfd;

	wait_until(child, -1);
	if (child->exit.code == USPAWN_UNKNOWN)
		return -ECHILD;
	r = standin_new(&child->exit, &pidfd);
	if (r < 0)
		return r;
	handle_clear(child);
	return pidfd;
}

int uspawn_release(struct uspawn_child *child)
{
	struct handle *handle = handle_of(child);
	int pidfd;

	if (handle_end_is_to_come(child))
		return -EBUSY;
	if (handle_state(child) != USPAWN_RUNNING)
		return -ECHILD;
	if (handle->flags & (HANDLE_WATCHED | HANDLE_CARED) || handle->queued)
		return -EBUSY;
	wait_check_pidfd(child);
	pidfd = child->pidfd;
	if (pidfd < 0)
		return -ECHILD;
	if (child->rung != USPAWN_RUNG_ANY && standin_is_needed(pidfd, child->pid))
		return release_standin(child);
	slot_forget(child);
	handle->flags |= HANDLE_BORROWED; /* by us, from now on */
	wait_shut(child);
	handle_clear(child);
	return pidfd;
}

static int look(int type, int id)
{
	siginfo_t info;

	return sys_look_for_end(type, id, &info);
}

static int is_child(int pid)
{
	return look(P_PID, pid) == 0;
}

/* -1: this kernel has none, but a child of ours can be waited for by its pid. */
static int open_pid(int pid)
{
	int pidfd;

	if (clone_keeps_to_old_calls() && is_child(pid))
		return -1;
	pidfd = sys_above_stdio(sys_pidfd_open(pid, 0));
	if (pidfd != -ENOSYS && pidfd != -EPERM && pidfd != -EINVAL)
		return pidfd;
	if (is_child(pid))
		return -1;
	return sys_kill(pid, 0) == -ESRCH ? -ESRCH : pidfd == -EINVAL ? -EINVAL : -ENOSYS; /* -EINVAL: of a thread */
}

/* Where no call may say it. -EBADF: it is no pidfd. */
static int look_at(int pidfd)
{
	char text[256];
	int r;

	if (fdinfo(pidfd, text, sizeof(text), &r))
		return 0;
	return r < 0 ? sys_fcntl(pidfd, F_GETFD, 0) : -EBADF;
}

/* PIDFD_THREAD, Linux 6.9: readable when that thread ends, whatever becomes of the process. */
static int is_of_a_thread(int pidfd)
{
	int flags = sys_fcntl(pidfd, F_GETFL, 0);

	return flags >= 0 && flags & O_EXCL;
}

static int is_refusal(int r)
{
	return r == -EPERM || r == -ENOSYS || r == -EINVAL;
}

int uspawn_adopt(struct uspawn_child *child, int pid, int pidfd, uint32_t flags)
{
	uint32_t borrowed = pidfd >= 0 && !(flags & USPAWN_ADOPT_GIVE) ? HANDLE_BORROWED : 0;
	int r;

	handle_clear(child);
	if (flags & ~(uint32_t)USPAWN_ADOPT_GIVE || pid < 0 || (pid == 0 && pidfd < 0) ||
	    (flags & USPAWN_ADOPT_GIVE && pidfd < 0))
		return -EINVAL;
	if (pidfd < 0) {
		pidfd = open_pid(pid);
		if (pidfd < -1)
			return pidfd;
	} else {
		/* Says -EBADF of what is no pidfd; that it is dead, or not ours to signal, is no objection. */
		r = clone_keeps_to_old_calls() ? -ENOSYS : sys_pidfd_send_signal(pidfd, 0, 0);
		if (r == 0) /* a directory of /proc can be signalled by */
			r = look(P_PIDFD, pidfd);
		if (is_refusal(r)) /* or a filter's answer, which says nothing of it */
			r = look_at(pidfd);
		if (r < 0 && r != -ESRCH && r != -ECHILD)
			return r;
		if (is_of_a_thread(pidfd))
			return -EINVAL;
		if (!pid)
			pid = pid_of(pidfd);
	}
	handle_begin(child, pid, pidfd, USPAWN_RUNG_ANY, borrowed);
	return 0;
}
