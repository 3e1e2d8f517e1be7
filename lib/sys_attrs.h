/* SPDX-License-Identifier: MIT */
/* The part of sys.h that changes what a process is: typed for the child, which calls them on itself. */
#ifndef USPAWN_SYS_ATTRS_H
#define USPAWN_SYS_ATTRS_H

#include <sys/prctl.h>

#include "sys.h"

/* linux/sched/types.h, which libc's headers do not bear beside them; clamps: 5.3. */
struct sys_sched_attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};
#define SYS_SCHED_ATTR_SIZE_VER0           48
#define SYS_SCHED_DEADLINE                 6
#define SYS_SCHED_RESET_ON_FORK            0x40000000u
#define SYS_SCHED_FLAG_RESET_ON_FORK       0x01
#define SYS_SCHED_FLAG_KEEP_POLICY         0x08
#define SYS_SCHED_FLAG_KEEP_PARAMS         0x10
#define SYS_SCHED_FLAG_UTIL_CLAMP_MIN      0x20
#define SYS_SCHED_FLAG_UTIL_CLAMP_MAX      0x40
#define SYS_SECCOMP_SET_MODE_FILTER        1
#define SYS_SECCOMP_FILTER_FLAG_LOG        2
#define SYS_SECCOMP_FILTER_FLAG_SPEC_ALLOW 4
#ifndef SYS_landlock_restrict_self
#define SYS_landlock_restrict_self 446 /* 5.13; the same number on every machine */
#endif
#define SYS_IOPRIO_WHO_PROCESS 1

/* ---- Processes ---- */

static inline int sys_getpgid(int pid)
{
	return (int)SYSCALL(SYS_getpgid, pid, 0, 0, 0);
}

static inline int sys_prctl(int option, unsigned long value)
{
	return (int)SYSCALL6(SYS_prctl, option, value, 0, 0, 0, 0);
}

static inline int sys_personality(unsigned long persona)
{
	return (int)SYSCALL(SYS_personality, persona, 0, 0, 0);
}

static inline int sys_getppid(void)
{
	return (int)SYSCALL(SYS_getppid, 0, 0, 0, 0);
}

static inline int sys_chroot(const char *path)
{
	return (int)SYSCALL(SYS_chroot, path, 0, 0, 0);
}

static inline int sys_landlock_restrict_self(int ruleset)
{
	return (int)SYSCALL(SYS_landlock_restrict_self, ruleset, 0, 0, 0);
}

static inline int sys_seccomp_filter(unsigned flags, const void *program)
{
	return (int)SYSCALL(SYS_seccomp, SYS_SECCOMP_SET_MODE_FILTER, flags, program, 0);
}

/* ---- Scheduling, of the caller ---- */

static inline int sys_setpriority(int nice)
{
	return (int)SYSCALL(SYS_setpriority, PRIO_PROCESS, 0, nice, 0);
}

static inline int sys_sched_setscheduler(int policy, int priority)
{
	return (int)SYSCALL(SYS_sched_setscheduler, 0, policy, &priority, 0);
}

static inline int sys_sched_setparam(int priority)
{
	return (int)SYSCALL(SYS_sched_setparam, 0, &priority, 0, 0);
}

static inline int sys_sched_setattr(const struct sys_sched_attr *attr)
{
	return (int)SYSCALL(SYS_sched_setattr, 0, attr, 0, 0);
}

static inline int sys_sched_setaffinity(size_t size, const void *cpus)
{
	return (int)SYSCALL(SYS_sched_setaffinity, 0, size, cpus, 0);
}

static inline int sys_set_mempolicy(int mode, const unsigned long *nodes, unsigned long maxnode)
{
	return (int)SYSCALL(SYS_set_mempolicy, mode, nodes, maxnode, 0);
}

static inline int sys_ioprio_set(int priority)
{
	return (int)SYSCALL(SYS_ioprio_set, SYS_IOPRIO_WHO_PROCESS, 0, priority, 0);
}

#endif
