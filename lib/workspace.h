/* SPDX-License-Identifier: MIT */
/*
 * Where a start that waits works. Not on the caller's stack, which may be the least that a thread can have, or a signal
 * handler's own; and not from malloc(), which that handler may have interrupted.
 */
#ifndef USPAWN_WORKSPACE_H
#define USPAWN_WORKSPACE_H

#include "ladder.h"
#include "plan.h"
#include "sys.h"

/* What a child's steps need of stack is constant (child.c); libc's clone and system calls need some more. */
#define WORKSPACE_STACK (ARCH_RAW ? 2048 : 16384)
#define WORKSPACE_SIZE  (WORKSPACE_STACK + 10240)

/* What follows it is aligned. */
#define WORKSPACE_START ((sizeof(struct start) + 15) / 16 * 16)

/* Without a plan of its own a start of a few descriptors is content with the first page. */
struct workspace {
	char stack[WORKSPACE_STACK] __attribute__((aligned(64))); /* the child's */
	struct start start;
	char program[WORKSPACE_SIZE - WORKSPACE_STACK - WORKSPACE_START - sizeof(struct plan_room)]
		__attribute__((aligned(16)));
	struct plan_room plan;
};

_Static_assert(sizeof(struct workspace) == WORKSPACE_SIZE, "nothing is lost between them");

/* As it was left, but for start.is_astray, which is 0. NULL: no memory. */
struct workspace *workspace_take(void);

/* May be NULL. */
void workspace_give(struct workspace *workspace);

#endif
