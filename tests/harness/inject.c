/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <uspawn.h>

#include "inject.h"

#if defined(SYS_setresuid32)
#define ID(name) SYS_##name##32
#else
#define ID(name) SYS_##name
#endif

#define ANY 0, 0, 0

/* A call is refused if the argument, masked, is the value. */
static const struct target {
	uint32_t step;
	int number, argument;
	uint32_t mask, value;
} targets[] = {
	{ USPAWN_STEP_PTY, SYS_ioctl, 1, ~0u, TIOCGPTPEER },
	{ USPAWN_STEP_SETSID, SYS_setsid, ANY },
	{ USPAWN_STEP_SETPGROUP, SYS_setpgid, ANY },
	{ USPAWN_STEP_FD, SYS_dup3, ANY },
	{ USPAWN_STEP_OPEN, SYS_openat, 2, O_NOCTTY | O_NOFOLLOW, O_NOCTTY | O_NOFOLLOW },
	{ USPAWN_STEP_SETCTTY, SYS_ioctl, 1, ~0u, TIOCSCTTY },
	{ USPAWN_STEP_FOREGROUND, SYS_ioctl, 1, ~0u, TIOCSPGRP },
	{ USPAWN_STEP_RLIMIT, SYS_prlimit64, 1, ~0u, RLIMIT_RTTIME },
	{ USPAWN_STEP_NICE, SYS_setpriority, ANY },
	{ USPAWN_STEP_SCHEDULER, SYS_sched_setscheduler, ANY },
	{ USPAWN_STEP_SCHEDULER, SYS_sched_setparam, ANY },
	{ USPAWN_STEP_SCHEDULER, SYS_sched_setattr, ANY },
	{ USPAWN_STEP_AFFINITY, SYS_sched_setaffinity, ANY },
	{ USPAWN_STEP_MEMPOLICY, SYS_set_mempolicy, ANY },
	{ USPAWN_STEP_IOPRIO, SYS_ioprio_set, ANY },
	/* Files below /proc; their names are not seen, but nothing else is opened so. */
	{ USPAWN_STEP_OOM_SCORE, SYS_openat, 2, O_ACCMODE | O_CLOEXEC | O_CREAT, O_WRONLY | O_CLOEXEC },
	{ USPAWN_STEP_TIMERSLACK, SYS_prctl, 0, ~0u, PR_SET_TIMERSLACK },
	{ USPAWN_STEP_PERSONALITY, SYS_personality, ANY },
	{ USPAWN_STEP_NAMESPACE, SYS_unshare, ANY },
	{ USPAWN_STEP_NAMESPACE, SYS_setns, ANY },
	{ USPAWN_STEP_IDMAP, SYS_openat, 2, O_ACCMODE | O_CLOEXEC | O_CREAT, O_WRONLY | O_CLOEXEC },
	{ USPAWN_STEP_LABEL, SYS_openat, 2, O_ACCMODE | O_CLOEXEC | O_CREAT, O_WRONLY | O_CLOEXEC },
	{ USPAWN_STEP_ROOT, SYS_chroot, ANY },
	{ USPAWN_STEP_ROOT, SYS_pivot_root, ANY },
	{ USPAWN_STEP_SECUREBITS, SYS_prctl, 0, ~0u, PR_SET_SECUREBITS },
	{ USPAWN_STEP_BOUNDING, SYS_prctl, 0, ~0u, PR_CAPBSET_DROP },
	{ USPAWN_STEP_GROUPS, ID(setgroups), ANY },
	{ USPAWN_STEP_GID, ID(setresgid), ANY },
	{ USPAWN_STEP_UID, ID(setresuid), ANY },
	{ USPAWN_STEP_CAPS, SYS_capset, ANY },
	{ USPAWN_STEP_AMBIENT, SYS_prctl, 0, ~0u, PR_CAP_AMBIENT },
	{ USPAWN_STEP_CWD, SYS_chdir, ANY },
	{ USPAWN_STEP_CWD, SYS_fchdir, ANY },
	{ USPAWN_STEP_PDEATHSIG, SYS_prctl, 0, ~0u, PR_SET_PDEATHSIG },
	{ USPAWN_STEP_ACTION, SYS_chdir, ANY },
	{ USPAWN_STEP_SIGNALS, SYS_rt_sigaction, 0, ~0u, SIGUSR2 },
	{ USPAWN_STEP_NO_NEW_PRIVS, SYS_prctl, 0, ~0u, PR_SET_NO_NEW_PRIVS },
	{ USPAWN_STEP_LANDLOCK, SYS_landlock_restrict_self, ANY },
	{ USPAWN_STEP_SECCOMP, SYS_seccomp, ANY },
	{ USPAWN_STEP_EXEC, SYS_execve, ANY },
};

#define NTARGETS (sizeof(targets) / sizeof(*targets))

static struct sock_filter load(size_t offset)
{
	return (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset);
}

static size_t low_half(int argument)
{
	return offsetof(struct seccomp_data, args) + 8 * (size_t)argument +
	       (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0);
}

int inject(uint32_t step, int errnum)
{
	struct sock_filter code[6 * NTARGETS + 1];
	struct sock_fprog program = { .filter = code };
	uint32_t answer = errnum == INJECT_KILL ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ERRNO | (uint32_t)errnum;
	unsigned short n = 0;

	for (const struct target *t = targets; t < targets + NTARGETS; t++) {
		if (t->step != step)
			continue;
		code[n++] = load(offsetof(struct seccomp_data, nr));
		code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)t->number, 0, 4);
		code[n++] = load(low_half(t->argument));
		code[n++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, t->mask);
		code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, t->value, 0, 1);
		code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, answer);
	}
	if (!n)
		return -ENOENT;
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	program.len = n;
	/* Without no_new_privs, which is a step of its own. */
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 ? -errno : 0;
}
