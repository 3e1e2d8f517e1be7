/* SPDX-License-Identifier: MIT */
/*
 * Where a call changes its caller, a child makes it; where it says what it lacks before anything is done, it is asked
 * for something that there is not. An answer of EPERM is about rights: to others the feature may be there.
 */
#include <errno.h>
#include <limits.h>

#include "attrs.h"
#include "sys_attrs.h"
#include "sys_creds.h"
#include "trial.h"
#include "wait.h"

/* A filter may kill for it. */
static int end_of(const struct birth *birth)
{
	struct uspawn_exit exit;
	int pidfd = birth->pidfd;

	wait_reap(&pidfd, birth->pid, 1, &exit);
	if (pidfd >= 0)
		sys_close(pidfd);
	return exit.code == USPAWN_KILLED || exit.code == USPAWN_DUMPED ? -EOPNOTSUPP : 0;
}

static int child_takes(const struct child_instr *step)
{
	const struct child_instr program[] = { trial_nothing[0], *step, trial_nothing[1], trial_nothing[2] };
	/* A child of the first kind that can be made at all; the plainest copies the descriptors. */
	static const enum uspawn_rung rungs[] = { USPAWN_RUNG_CLONE, USPAWN_RUNG_VFORK, USPAWN_RUNG_FORK };
	int r = -ENOSYS, made = 0;

	for (unsigned i = 0; i < 3 && !made; i++) {
		struct birth birth = { .wants_pidfd = 1, .cgroup = -1 };

		if (clone_is_refused(rungs[i]))
			continue;
		r = trial_start(rungs[i], program, &birth);
		made = birth.pid > 0;
		if (r == 0)
			r = end_of(&birth);
	}
	return r < 0 ? r : 1;
}

int attrs_pty(void)
{
	const int flags = O_RDWR | O_NOCTTY | O_CLOEXEC;
	int master = sys_openat(AT_FDCWD, "/dev/ptmx", flags, 0), unlock = 0, end;

	if (master < 0)
		return master;
	end = sys_ioctl(master, TIOCSPTLCK, &unlock);
	if (end == 0)
		end = sys_ioctl(master, TIOCGPTPEER, (void *)(intptr_t)flags);
	sys_close(master);
	if (end >= 0)
		sys_close(end);
	return end < 0 ? end : 1;
}

/* In a group that there is not: a kernel that knows how looks for it. */
int attrs_cgroup_birth(void)
{
	struct birth birth = { .wants_pidfd = 1, .cgroup = INT_MAX };
	int r = ARCH_RAW ? trial_start(USPAWN_RUNG_VFORK, trial_nothing, &birth) : -ENOSYS;

	if (r == 0)
		wait_discard(birth.pidfd, birth.pid);
	return r == 0 ? -EOPNOTSUPP : r == -EBADF ? 1 : r;
}

int attrs_namespaces(void)
{
	return child_takes(&(struct child_instr){ .op = OP_UNSHARE, .bits = CLONE_NEWNS });
}

int attrs_time_namespace(void)
{
	return child_takes(&(struct child_instr){ .op = OP_UNSHARE, .bits = SYS_CLONE_NEWTIME });
}

int attrs_clamps(void)
{
	const struct sys_sched_attr attr = { .size = sizeof(attr),
					     .flags = SYS_SCHED_FLAG_KEEP_POLICY | SYS_SCHED_FLAG_KEEP_PARAMS |
						      SYS_SCHED_FLAG_UTIL_CLAMP_MAX,
					     .util_max = 1024 };

	return child_takes(&(struct child_instr){ .op = OP_SCHED_ATTR, .data = &attr });
}

int attrs_ambient(void)
{
	int r = sys_prctl2(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 0);

	return r < 0 ? r : 1;
}

/* By no ruleset: that is refused for want of one, or of no_new_privs, by a kernel that has them. */
int attrs_landlock(void)
{
	int r = sys_landlock_restrict_self(-1);

	return r == -EBADF || r == -EPERM ? 1 : r;
}

/* By a filter that cannot be read. */
int attrs_seccomp(void)
{
	int r = sys_seccomp_filter(0, NULL);

	return r == -EFAULT ? 1 : r < 0 ? r : -EOPNOTSUPP;
}

int attrs_kill_on_close(void)
{
	struct birth birth = { .wants_pidfd = 1,
			       .cgroup = -1,
			       .flags = SYS_CLONE_PIDFD_AUTOKILL | SYS_CLONE_AUTOREAP | SYS_CLONE_NNP };
	int r = ARCH_RAW ? trial_start(USPAWN_RUNG_VFORK, trial_nothing, &birth) : -ENOSYS;

	if (r < 0)
		return r;
	wait_discard(birth.pidfd, birth.pid);
	return 1;
}
