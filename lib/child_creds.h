/* SPDX-License-Identifier: MIT */
/* The part of child.c that changes whose process it is. Included there only. */
#ifndef USPAWN_CHILD_CREDS_H
#define USPAWN_CHILD_CREDS_H

#include "child.h"
#include "child_spaces.h"
#include "sys_creds.h"

/* The relay's environment is empty: what follows its last argument. */
static int exec_relay(const struct child_instr *in)
{
	char *const *argv = in->data, *const *end = argv;

	while (*end)
		end++;
	return sys_execveat(in->a, "", argv, end, AT_EMPTY_PATH);
}

static int set_ambient(uint64_t set)
{
	int r = sys_prctl2(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0);

	for (unsigned long n = 0; r >= 0 && set >> n; n++)
		if (set >> n & 1)
			r = sys_prctl2(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, n);
	return r;
}

static int drop_bounding(uint64_t set)
{
	int r = 0;

	for (unsigned long n = 0; r >= 0 && set >> n; n++)
		if (set >> n & 1)
			r = sys_prctl(PR_CAPBSET_DROP, n);
	return r;
}

static int set_caps(const struct child_instr *in)
{
	const struct sys_caps *wanted = in->data;
	struct sys_caps caps;
	int r = sys_capget(&caps);

	if (r < 0)
		return r;
	for (int i = 0; i < 2; i++) {
		if (in->a & CHILD_CAPS_RIGHTS) {
			caps.data[i].effective = wanted->data[i].effective;
			caps.data[i].permitted = wanted->data[i].permitted;
		}
		if (in->a & CHILD_CAPS_INHERITABLE)
			caps.data[i].inheritable = wanted->data[i].inheritable;
	}
	return sys_capset(&caps);
}

/*
 * Linux looks at the flag, then at the rights, both under the lock of the task whose memory is asked for. Reading a
 * limit takes that lock, too: whoever saw the old flag has seen the old rights as well when it comes back.
 */
static int hide(void)
{
	struct rlimit64 unused;
	int r = sys_prctl(PR_SET_DUMPABLE, 0);

	sys_getrlimit(RLIMIT_CORE, &unused);
	return r;
}

/* Locked, it is no error where they are kept anyway. */
static int keep_caps(void)
{
	int r = sys_prctl(PR_SET_KEEPCAPS, 1), bits;

	if (r != -EPERM)
		return r;
	bits = sys_prctl(PR_GET_SECUREBITS, 0);
	return bits >= 0 && bits & (SECBIT_KEEP_CAPS | SECBIT_NO_SETUID_FIXUP) ? 0 : r;
}

static int set_gid(uint32_t id)
{
	return sys_setresgid(id, id, id);
}

static int set_uid(uint32_t id)
{
	return sys_setresuid(id, id, id);
}

static int set_creds(struct child_report *report, const struct child_instr *in)
{
	switch (in->op) {
	case OP_RELAY:
		return exec_relay(in);
	case OP_HIDE:
		return hide();
	case OP_CAPS:
		return set_caps(in);
	case OP_AMBIENT:
		return set_ambient(in->bits);
	case OP_SECUREBITS:
		return sys_prctl(PR_SET_SECUREBITS, (unsigned long)in->a);
	case OP_BOUNDING:
		return drop_bounding(in->bits);
	case OP_GROUPS:
		return sys_setgroups((size_t)in->a, in->data);
	case OP_GID:
		return set_gid((uint32_t)in->bits);
	case OP_UID:
		return set_uid((uint32_t)in->bits);
	case OP_KEEP_CAPS:
		return keep_caps();
	case OP_RESET_GID:
		return sys_setresgid(UINT32_MAX, sys_getgid(), UINT32_MAX);
	case OP_RESET_UID:
		return sys_setresuid(UINT32_MAX, sys_getuid(), UINT32_MAX);
	}
	return change_space(report, in);
}

#endif
