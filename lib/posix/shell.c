/* SPDX-License-Identifier: MIT */
#include "shell.h"

int shell_elide(struct uspawn_child *child, const struct call *call,
		int (*start)(struct uspawn_child *child, const struct call *call))
{
	(void)child;
	(void)call;
	(void)start;
	return 1;
}
