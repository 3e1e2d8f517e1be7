/* SPDX-License-Identifier: MIT */
/*
 * Starts that wait for their turn. Each keeps copies of what its args named: strings, descriptors, and the child's ends
 * of new pipes, whose other ends the caller has already. What stays where it is until the END, stays the caller's.
 */
#ifndef USPAWN_QUEUE_H
#define USPAWN_QUEUE_H

#include "plan.h"

struct queued {
	struct queued *next, **at; /* at: what points to it */
	struct queue *queue;
	struct uspawn_child *child;
	struct uspawn_plan *plan;
	struct uspawn_args args;  /* all descriptors are given */
	int fds[PLAN_ARGS];       /* of a CAPTURE: a copy of the descriptor that its output names */
	uint64_t outputs;         /* which those are, a bit each */
	struct sys_inode *inodes; /* of the files at fds, behind the strings' pointers */
	char *strings[];          /* of all lists, and behind them their bytes */
};

struct queue {
	struct queued *first, **end;
	uint32_t n;
};

void queue_init(struct queue *queue);

/* The child is running from now on, as far as its caller is concerned. -errno: as if it had not been tried. */
int queue_add(struct queue *queue, struct uspawn_child *child, const struct uspawn_plan *plan,
	      const struct uspawn_args *args, struct uspawn_failure *reterr);

/* The first, off the queue; or back again. */
struct queued *queue_take(struct queue *queue);
void queue_put_back(struct queue *queue, struct queued *queued);

/* Before it is started: what the host has closed meanwhile is none of its descriptors any more. */
void queue_check(struct queued *queued);

/* To the end. */
void queue_append(struct queue *queue, struct queued *queued);

/* Wherever it is, it is off its queue, and gone. Its child is left as it is. */
void queue_remove(struct queued *queued);
void queue_free(struct queued *queued);

#endif
