/* SPDX-License-Identifier: MIT */
/*
 * A start that suspends its caller uses the caller's numbers as they are, unless one is so high that copying the table
 * up to it would cost more than a dup. A start that does not must hold every file itself.
 */
#include <errno.h>

#include "ends.h"
#include "fds.h"
#include "request.h"
#include "reserve.h"
#include "sys.h"

static uint64_t bit(unsigned n)
{
	return 1ull << n;
}

int fds_number(const struct fds *fds, int fd)
{
	return plan_is_arg(fd) ? fds->number[plan_arg_number(fd)] : fd;
}

/* The number above all that file actions name. */
static int above_actions(const struct uspawn_plan *plan)
{
	int highest = 2;

	for (uint32_t i = 0; i < plan->nactions; i++) {
		highest = plan->actions[i].fd > highest ? plan->actions[i].fd : highest;
		highest = plan->actions[i].newfd > highest ? plan->actions[i].newfd : highest;
	}
	return highest < INT32_MAX ? highest + 1 : highest;
}

/*
 * File actions name the numbers that are the caller's, and might find ours. Nor is one of ours below them, if that can
 * be had: an open that gets the lowest free number keeps its close-on-exec there, and loses it on the way to another.
 */
int fds_out_of_the_way(int fd, const struct uspawn_plan *plan)
{
	int first = above_actions(plan), above = -1;

	if (fd >= 0 && fd < first && first > 3)
		above = sys_dup_from(fd, first);
	if (above >= 0) {
		sys_close(fd);
		return above;
	}
	for (int low = 3, next; fd >= 0 && (fd < 3 || plan_has_target(plan, fd)); fd = next) {
		next = sys_dup_from(fd, low);
		sys_close(fd);
		low = next + 1;
	}
	return fd;
}

/* That is closed when the child has taken it: by then the host may have closed it, and have another file there. */
static void own(struct fds *fds, unsigned n)
{
	fds->owned |= bit(n);
	fds->inodes[n] = (struct sys_inode){ 0 };
	if (fds->beside)
		sys_inode(fds->number[n], &fds->inodes[n]);
}

/* A dup of our own, low if there is a reserved number, and on no target where that would be in the way. */
static int pin(struct fds *fds, const struct uspawn_plan *plan, unsigned n, int fd)
{
	int low = 3, number = reserve_pin(fd);

	if (number >= 0 && plan->args[n].apart && plan_has_target(plan, number)) {
		reserve_unpin(number);
		number = -EAGAIN;
	}
	if (number >= 0) {
		fds->pinned |= bit(n);
	} else {
		while ((number = sys_dup_from(fd, low)) >= 0 && plan->args[n].apart && plan_has_target(plan, number)) {
			sys_close(number);
			low = number + 1;
		}
		if (number < 0)
			return number;
		fds->number[n] = number;
		own(fds, n);
	}
	fds->number[n] = number;
	return 0;
}

static int take_descriptor(struct fds *fds, const struct uspawn_plan *plan, unsigned n, int fd, int beside)
{
	int in_the_way = plan->args[n].apart && plan_has_target(plan, fd);
	int given = (fds->given & bit(n)) != 0;
	int copied = (plan->flags & USPAWN_INHERIT_FDS) != 0;

	fds->number[n] = fd;
	if (copied && !in_the_way)
		return 0; /* the child has its whole table from the moment it exists */
	if (in_the_way || (beside && !given))
		return pin(fds, plan, n, fd);
	if (fd >= RESERVE_END) {
		int number = reserve_pin(fd);

		if (number >= 0 && plan->args[n].apart && plan_has_target(plan, number)) {
			reserve_unpin(number);
		} else if (number >= 0) {
			fds->number[n] = number;
			fds->pinned |= bit(n);
		}
	}
	return 0;
}

static int take_ends(struct fds *fds, const struct uspawn_plan *plan, unsigned n)
{
	struct ends ends;
	int r = ends_open(&ends, plan, n);

	if (r < 0)
		return r;
	fds->number[n] = ends.child;
	fds->other[n] = ends.caller;
	fds->pipes |= bit(n);
	if (ends.child >= RESERVE_END) {
		r = reserve_pin(ends.child);
		if (r >= 0) {
			sys_close(ends.child);
			fds->number[n] = r;
			fds->pinned |= bit(n);
			return 0;
		}
	}
	own(fds, n);
	return 0;
}

/* Closing one descriptor twice would close a stranger's. */
static int given_once(const struct uspawn_plan *plan, const struct uspawn_args *args, int queued)
{
	for (unsigned n = 0; n < PLAN_ARGS; n++) {
		if (!(args->give & bit(n)))
			continue;
		if (n >= plan->nargs || (plan->args[n].use != PLAN_DESCRIPTOR && !queued))
			return 0;
		for (unsigned m = 0; m < n; m++)
			if (args->give & bit(m) && args->fds[m] == args->fds[n])
				return 0;
	}
	return 1;
}

uint64_t fds_closed(const struct uspawn_args *args)
{
	uint64_t closed = 0;

	for (unsigned n = 0; n < args->nfds && n < PLAN_ARGS; n++)
		if (args->fds[n] < 0 || sys_fcntl(args->fds[n], F_GETFD, 0) < 0 || reserve_holds(args->fds[n]))
			closed |= bit(n);
	return closed;
}

int fds_check(const struct uspawn_plan *plan, const struct uspawn_args *args, uint64_t closed,
	      struct uspawn_failure *reterr)
{
	if (args->nfds < plan->nbrought)
		return request_fail(reterr, EINVAL, USPAWN_STEP_REQUEST, 0);
	for (uint32_t i = 0; i < plan->ncopies; i++)
		if (sys_is_replaced(plan->copies[i].fd, &plan->copies[i].inode))
			return request_fail(reterr, EBADF, plan->copies[i].step, plan->copies[i].index);
	for (unsigned n = 0; closed && n < plan->nargs; n++)
		if (closed & bit(n) && plan->args[n].use == PLAN_DESCRIPTOR)
			return request_fail(reterr, EBADF, plan->args[n].step, plan->args[n].index);
	return 0;
}

int fds_take(struct fds *fds, const struct uspawn_plan *plan, const struct uspawn_args *args, int beside, int queued,
	     struct uspawn_failure *reterr)
{
	fds->pinned = fds->owned = fds->pipes = 0;
	fds->given = args->give;
	fds->beside = beside;
	if (args->give && !given_once(plan, args, queued))
		return request_fail(reterr, EINVAL, USPAWN_STEP_REQUEST, 0);
	for (unsigned n = 0; n < plan->nargs; n++) {
		const struct plan_arg *arg = &plan->args[n];
		int r = 0;

		if (arg->use == PLAN_DESCRIPTOR || fds->given & bit(n))
			r = args->fds[n] < 0 ? -EBADF : take_descriptor(fds, plan, n, args->fds[n], beside);
		else if (arg->use != PLAN_UNUSED)
			r = take_ends(fds, plan, n);
		if (r < 0) {
			fds_undo(fds);
			return request_fail(reterr, -r, arg->step, arg->index);
		}
	}
	fds->cgroup = fds_number(fds, plan->cgroup_fd);
	return 0;
}

int fds_take_other(struct fds *fds, unsigned n)
{
	fds->pipes &= ~bit(n);
	return fds->other[n];
}

void fds_hand_over(struct fds *fds, const struct uspawn_args *args)
{
	for (uint64_t left = fds->pipes; left; left &= left - 1) {
		int n = __builtin_ctzll(left);

		args->fds[n] = fds->other[n];
	}
	fds->pipes = 0;
	for (uint64_t left = fds->given; left; left &= left - 1) {
		int n = __builtin_ctzll(left);

		if ((fds->pinned | fds->owned) & bit((unsigned)n)) {
			sys_close(args->fds[n]); /* the child reads a dup of it */
		} else {
			fds->number[n] = args->fds[n];
			own(fds, (unsigned)n);
		}
		args->fds[n] = -1;
	}
	fds->given = 0;
}

void fds_release(struct fds *fds)
{
	for (uint64_t left = fds->pinned | fds->owned; left; left &= left - 1) {
		int n = __builtin_ctzll(left);

		if (fds->pinned & bit((unsigned)n))
			reserve_unpin(fds->number[n]);
		else if (!sys_is_replaced(fds->number[n], &fds->inodes[n]))
			sys_close(fds->number[n]);
	}
	fds->pinned = fds->owned = 0;
}

void fds_undo(struct fds *fds)
{
	for (uint64_t left = fds->pipes; left; left &= left - 1)
		sys_close(fds->other[__builtin_ctzll(left)]);
	fds->pipes = 0;
	fds_release(fds);
}
