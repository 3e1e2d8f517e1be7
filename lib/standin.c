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

	if (exit->code == USPAWN_EXITED)
		sys_exit_group(exit->status);
	bit = 1ull << (exit->status - 1);
	sys_prctl(PR_SET_DUMPABLE, 0);
	sys_sigaction(exit->status, &fatal, NULL);
	sys_sigprocmask(SIG_UNBLOCK, &bit, NULL); /* no other: the caller's handlers are here, too */
	sys_kill(sys_getpid(), exit->status);
	sys_exit_group(128 + exit->status);
}

static int make(struct uspawn_exit *exit)
{
	void *stack = NULL;
	uint64_t callers;
	int unused = -1;
	long pid;

	if (!ARCH_RAW && sys_mmap(STACK_SIZE, MAP_PRIVATE, -1, &stack) < 0)
		return -ENOMEM;
	clone_block_signals(&callers);
	pid = sys_clone(SIGCHLD, stack ? (char *)stack + STACK_SIZE : NULL, &unused, die, exit);
	clone_restore_signals(&callers);
	if (stack)
		sys_munmap(stack, STACK_SIZE);
	return (int)pid;
}

/* One that has exec'd is found by a plain wait; one that was killed may still be dying. */
static int is_passed_over(int pid)
{
	siginfo_t info;

	return sys_waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT, NULL) == -ECHILD &&
	       sys_waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT | __WCLONE, NULL) == 0;
}

int standin_for(int *pid)
{
	struct uspawn_exit exit;
	int none = -1, r;

	if (!is_passed_over(*pid))
		return 0;
	wait_reap(&none, *pid, 1, &exit); /* first of all: it counts against the limit of processes until then */
	if (exit.code == USPAWN_UNKNOWN)
		return 0;
	r = make(&exit);
	if (r < 0)
		return r;
	*pid = r;
	return 0;
}
