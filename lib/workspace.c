/* SPDX-License-Identifier: MIT */
/*
 * A few stay with the process, so that a start makes no system call for them. They change hands by one atomic
 * instruction each: a start that interrupts another, or runs beside it, takes another one. What is out when the process
 * is copied, or when a handler jumps out of a start, is lost to that process, and nothing else is.
 */
#include <stdatomic.h>

#include "workspace.h"

#define KEPT 8 /* of starts at the same time: more are mapped for theirs */

static _Atomic(struct workspace *) idle[KEPT];

struct workspace *workspace_take(void)
{
	struct workspace *workspace;
	void *mapped;

	for (int i = 0; i < KEPT; i++) {
		if (!atomic_load_explicit(&idle[i], memory_order_relaxed))
			continue;
		workspace = atomic_exchange_explicit(&idle[i], NULL, memory_order_acquire);
		if (workspace)
			return workspace;
	}
	return sys_mmap(sizeof(*workspace), MAP_PRIVATE, -1, &mapped) < 0 ? NULL : mapped;
}

void workspace_give(struct workspace *workspace)
{
	if (!workspace || workspace->start.is_astray)
		return;
	for (int i = 0; i < KEPT; i++) {
		struct workspace *none = NULL;

		if (atomic_compare_exchange_strong_explicit(&idle[i], &none, workspace, memory_order_release,
							    memory_order_relaxed))
			return;
	}
	sys_munmap(workspace, sizeof(*workspace));
}
