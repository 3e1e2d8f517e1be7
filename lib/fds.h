/* SPDX-License-Identifier: MIT */
/*
 * The descriptors of one start: where in the caller's table the child finds each argument, and what is to be closed
 * once it has taken them. Until the child has cut itself off, the caller's table must not change but for numbers of
 * ours.
 */
#ifndef USPAWN_FDS_H
#define USPAWN_FDS_H

#include "plan.h"

struct fds {
	int number[PLAN_ARGS];              /* what the child reads, by argument */
	int other[PLAN_ARGS];               /* the caller's end of a pipe or pty */
	int cgroup;                         /* to be born in; -1: the caller's */
	uint64_t pinned;                    /* number is a reserved one, to be given back */
	uint64_t owned;                     /* number is ours to close, */
	struct sys_inode inodes[PLAN_ARGS]; /* if it still is this; 0: at once */
	int beside;
	uint64_t pipes;
	uint64_t given; /* the caller's descriptors that become ours with the start */
};

/*
 * Which of the first 64 descriptors that the caller brings are closed. Asked before the library opens anything of its
 * own, which might get the number of such a one, and be handed to the child in its place.
 */
uint64_t fds_closed(const struct uspawn_args *args);

/* Refuses a start that was brought too few descriptors, or a closed one. */
int fds_check(const struct uspawn_plan *plan, const struct uspawn_args *args, uint64_t closed,
	      struct uspawn_failure *reterr);

/*
 * The arguments have been checked. `queued`: what is given has been made already. `beside`: the child reads its
 * descriptors after the call has returned, so what the caller keeps is pinned. On failure nothing is left behind.
 */
int fds_take(struct fds *ret, const struct uspawn_plan *plan, const struct uspawn_args *args, int beside, int queued,
	     struct uspawn_failure *reterr);

/* The start succeeded: the library's end of argument n's pipe. */
int fds_take_other(struct fds *fds, unsigned n);

/* The start succeeded: hands the caller its ends of pipes, and takes what it gave. */
void fds_hand_over(struct fds *fds, const struct uspawn_args *args);

/* The child has taken what it needs. */
void fds_release(struct fds *fds);

/* The start failed: as if it had never been tried. Not after fds_hand_over(). */
void fds_undo(struct fds *fds);

/* The number in the caller's table of a plan's descriptor. */
int fds_number(const struct fds *fds, int fd);

/*
 * Moves a descriptor of the library's own, that the child needs, to a number that is none of the child's. Closes it on
 * failure.
 */
int fds_out_of_the_way(int fd, const struct uspawn_plan *plan);

#endif
