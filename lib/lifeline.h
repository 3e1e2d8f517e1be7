/* SPDX-License-Identifier: MIT */
/*
 * How a child with memory of its own (the fork rung) says that it has exec'd, or why not: a shared page for the report,
 * and a pipe whose close-on-exec end only the child holds.
 */
#ifndef USPAWN_LIFELINE_H
#define USPAWN_LIFELINE_H

#include "child.h"
#include "plan.h"

struct lifeline {
	struct child_report *report;
	int read_end, write_end; /* the write end sits on no target of the plan */
};

int lifeline_open(struct lifeline *ret, const struct uspawn_plan *plan);

/* In the parent, after the fork. Returns when the child has exec'd or ended. */
void lifeline_wait(struct lifeline *lifeline, int pid);

/* The same of a child that has no pipe. */
void lifeline_wait_for(struct child_report *report, int pid);

void lifeline_close(struct lifeline *lifeline);

#endif
