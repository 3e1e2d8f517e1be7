/* SPDX-License-Identifier: MIT */
/* It is forked: a child in the caller's memory that dumps core takes its caller along before Linux 5.17. */
#include <errno.h>
#include <signal.h>

#include "clone.h"
#include "standin.h"
#include "sys_attrs.h"
#include "wait.h"

static void die(void *signo)
{
	const struct sys_sigaction fatal = { .handler = (uintptr_t)SIG_DFL };
	const uint64_t none = 0;

	sys_prctl(PR_SET_DUMPABLE, 0);
	sys_sigaction(*(int *)signo, &fatal, NULL);
	sys_sigprocmask(SIG_SETMASK, &none, NULL);
	sys_kill(sys_getpid(), *(int *)signo);
	sys_exit_group(128 + *(int *)signo);
}

int standin_for(int pid, void *stack_end)
{
	siginfo_t info = { 0 };
	uint64_t callers;
	int unused = -1;
	long standin;
	int r;

	/* -ECHILD: it has exec'd. Who was killed may still be dying. A stop is its tracer's to see. */
	do {
		r = sys_waitid(P_PID, pid, &info, WEXITED | WNOWAIT | __WCLONE, NULL);
	} while (r == -EINTR);
	if (r < 0 || !sys_is_end(&info))
		return pid;
	clone_block_signals(&callers);
	standin = sys_clone(SIGCHLD, ARCH_RAW ? NULL : stack_end, &unused, die, &info.si_status);
	clone_restore_signals(&callers);
	if (standin < 0)
		return pid;
	wait_discard(-1, pid);
	return (int)standin;
}
