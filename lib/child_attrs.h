/* SPDX-License-Identifier: MIT */
/* The part of child.c that changes what the child is, and not where its descriptors lie. Included there only. */
#ifndef USPAWN_CHILD_ATTRS_H
#define USPAWN_CHILD_ATTRS_H

#include "child.h"
#include "child_creds.h"
#include "sys_attrs.h"

/* Its group gets the foreground of its terminal. Every signal is blocked, SIGTTOU too, so nobody is stopped. */
static int take_foreground(int tty)
{
	int group = sys_getpgid(0);

	return group < 0 ? group : sys_ioctl(tty, TIOCSPGRP, &group);
}

static int write_file(int dir, const char *path, const char *text, size_t size)
{
	int file = sys_openat(dir, path, O_WRONLY | O_CLOEXEC, 0);
	long n;

	if (file < 0)
		return file;
	n = sys_write(file, text, size);
	sys_close(file);
	return n < 0 ? (int)n : 0;
}

static int enter_root(const char *path)
{
	int r = sys_chroot(path);

	return r < 0 ? r : sys_chdir("/");
}

/* The signal is what it missed, if its parent died before it was armed. */
static int set_pdeathsig(int signo, int parent)
{
	int r = sys_prctl(PR_SET_PDEATHSIG, (unsigned long)signo);

	if (r == 0 && is_orphan(parent))
		sys_kill(sys_getpid(), signo);
	return r;
}

static int set_attribute(struct child_report *report, const struct child_instr *in)
{
	switch (in->op) {
	case OP_CGROUP:
		return write_file(in->a, "cgroup.procs", "0", 1);
	case OP_SETCTTY:
		return sys_ioctl(in->a, TIOCSCTTY, NULL);
	case OP_FOREGROUND:
		return take_foreground(in->a);
	case OP_CHROOT:
		return enter_root(in->path);
	case OP_PDEATHSIG:
		return set_pdeathsig(in->a, in->b);
	case OP_NO_NEW_PRIVS:
		return sys_prctl(PR_SET_NO_NEW_PRIVS, 1);
	case OP_LANDLOCK:
		return sys_landlock_restrict_self(in->a);
	case OP_SECCOMP:
		return sys_seccomp_filter((unsigned)in->a, in->data);
	case OP_NICE:
		return sys_setpriority(in->a);
	case OP_SCHEDULER:
		return sys_sched_setscheduler(in->a, in->b);
	case OP_SCHED_PARAM:
		return sys_sched_setparam(in->a);
	case OP_SCHED_ATTR:
		return sys_sched_setattr(in->data);
	case OP_AFFINITY:
		return sys_sched_setaffinity((size_t)in->a, in->data);
	case OP_MEMPOLICY:
		return sys_set_mempolicy(in->a, in->data, in->more_bits);
	case OP_IOPRIO:
		return sys_ioprio_set(in->a);
	case OP_OOM_SCORE:
		return write_file(AT_FDCWD, "/proc/self/oom_score_adj", in->word, (size_t)in->a);
	case OP_TIMERSLACK:
		return sys_prctl(PR_SET_TIMERSLACK, in->bits);
	case OP_PERSONALITY:
		return sys_personality(in->bits);
	}
	return set_creds(report, in);
}

#endif
