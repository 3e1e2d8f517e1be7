/* SPDX-License-Identifier: MIT */
/* It is forked: a child in the caller's memory that dumps core takes its caller along before Linux 5.17. */
#include <errno.h>
#include <signal.h>

#include "clone.h"
#include "standin.h"
#include "sys_attrs.h"
#include "wait.h"

#define STACK_SIZE 16384 /* for libc's clone, which must be given one */

static void die(void *p)
{
	const struct sys_sigaction fatal = { .handler = (uintptr_t)SIG_DFL };
	const struct uspawn_exit *exit = p;
	uint64_t bit;

	if (exit->code == USPAWN_FAILED)
		sys_exit_group(CHILD_FAILED);
	if (exit->code == USPAWN_EXITED)
		sys_exit_group(exit->status);
	bit = 1ull << (exit->status - 1);
	sys_prctl(PR_SET_DUMPABLE, 0);
	sys_sigaction(exit->status, &fatal, NULL);
	sys_sigprocmask(SIG_UNBLOCK, &bit, NULL); /* no other: the caller's handlers are here, too */
	sys_kill(sys_getpid(), exit->status);
	sys_exit_group(128 + exit->status);
}

static long make(struct uspawn_exit *exit, unsigned long flags, int *retpidfd)
{
	void *stack = NULL;
	uint64_t callers;
	long pid;

	if (!ARCH_RAW && sys_mmap(STACK_SIZE, MAP_PRIVATE, -1, &stack) < 0)
		return -ENOMEM;
	clone_block_signals(&callers);
	pid = sys_clone(SIGCHLD | flags, stack ? (char *)stack + STACK_SIZE : NULL, retpidfd, die, exit);
	clone_restore_signals(&callers);
	if (stack)
		sys_munmap(stack, STACK_SIZE);
	return pid;
}

int standin_new(const struct uspawn_exit *exit, int *retpidfd)
{
	struct uspawn_exit how = *exit;
	int pidfd = -1;
	long pid = make(&how, retpidfd ? CLONE_PIDFD : 0, &pidfd);

	if (retpidfd && clone_unsupported((int)pid)) /* before 5.2 */
		pid = make(&how, 0, &pidfd);
	if (pid < 0 || !retpidfd)
		return (int)pid;
	pidfd = sys_above_stdio(pidfd < 0 ? sys_pidfd_open((int)pid, 0) : pidfd);
	if (pidfd < 0) {
		wait_discard(-1, (int)pid);
		return pidfd;
	}
	*retpidfd = pidfd;
	return (int)pid;
}

static int look(int pidfd, int pid, int options)
{
	siginfo_t info;
	int r = pidfd < 0 ? -ENOSYS : sys_waitid(P_PIDFD, pidfd, &info, WEXITED | WNOHANG | WNOWAIT | options, NULL);

	if (r == 0 || r == -ECHILD || r == -EAGAIN) /* -EAGAIN: there is one, by a pidfd that does not block */
		return r == -ECHILD ? r : 0;
	return sys_waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT | options, NULL);
}

int standin_is_needed(int pidfd, int pid)
{
	return look(pidfd, pid, 0) == -ECHILD && look(pidfd, pid, (int)__WCLONE) == 0;
}

int standin_for(int *pid)
{
	struct uspawn_exit exit;
	int none = -1, r;

	if (!standin_is_needed(-1, *pid))
		return 0;
	wait_reap(&none, *pid, 1, &exit);
	if (exit.code == USPAWN_UNKNOWN)
		return 0;
	r = standin_new(&exit, NULL);
	if (r < 0)
		return r;
	*pid = r;
	return 0;
}
