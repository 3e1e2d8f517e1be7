/* SPDX-License-Identifier: MIT */
/* The part of child.c that changes whose process it is. Included there only. */
#ifndef USPAWN_CHILD_CREDS_H
#define USPAWN_CHILD_CREDS_H

#include "child.h"
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

static int set_creds(const struct child_instr *in)
{
	switch (in->op) {
	case OP_RELAY:
		return exec_relay(in);
	case OP_HIDE:
		return sys_prctl(PR_SET_DUMPABLE, 0);
	case OP_CAPSET:
		return sys_capset(in->data);
	case OP_AMBIENT:
		return set_ambient(in->bits);
	}
	return -ENOSYS;
}

#endif
