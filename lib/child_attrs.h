/* SPDX-License-Identifier: MIT */
/* The part of child.c that changes what the child is, and not where its descriptors lie. Included there only. */
#ifndef USPAWN_CHILD_ATTRS_H
#define USPAWN_CHILD_ATTRS_H

#include "child.h"
#include "sys.h"

/* Its group gets the foreground of its terminal. Every signal is blocked, SIGTTOU too, so nobody is stopped. */
static int take_foreground(int tty)
{
	int group = sys_getpgid(0);

	return group < 0 ? group : sys_ioctl(tty, TIOCSPGRP, &group);
}

static int set_attribute(const struct child_instr *in)
{
	switch (in->op) {
	case OP_FOREGROUND:
		return take_foreground(in->a);
	}
	return -ENOSYS;
}

#endif
