/* SPDX-License-Identifier: MIT */
/*
 * A plan keeps descriptors of its own, since a number that the request named may be another file by the time of a
 * start. What the child needs besides its targets is kept off their numbers.
 */
#include <errno.h>
#include <stdlib.h>

#include "namespaces.h"
#include "request.h"
#include "reserve.h"
#include "sources.h"
#include "sys.h"

/* In place: qsort(3) allocates, and who starts from a signal handler may have interrupted that. */
static void sort_by_target(struct plan_fd *fds, uint32_t n)
{
	for (uint32_t gap = n / 2; gap; gap /= 2)
		for (uint32_t i = gap; i < n; i++) {
			const struct plan_fd fd = fds[i];
			uint32_t at = i;

			for (; at >= gap && fds[at - gap].target > fd.target; at -= gap)
				fds[at] = fds[at - gap];
			fds[at] = fd;
		}
}

static int find_copy(const struct uspawn_plan *plan, int fd, int apart)
{
	for (uint32_t i = 0; i < plan->ncopies; i++)
		if (plan->copies[i].from == fd && !(apart && plan_has_target(plan, plan->copies[i].fd)))
			return plan->copies[i].fd;
	return -1;
}

static int add_copy(struct uspawn_plan *plan, int fd, int pinned, int lasts, const struct plan_copy *as)
{
	struct plan_copy *copy = &plan->copies[plan->ncopies++];

	*copy = *as;
	copy->fd = fd;
	copy->pinned = pinned;
	if (lasts)
		sys_inode(fd, &copy->inode);
	return fd;
}

/* A number for fd's file that stays as it is while the plan lives; `apart`: one that is no target. */
static int hold(struct uspawn_plan *plan, int fd, int borrow, int apart, uint32_t step, uint32_t index)
{
	int copy = find_copy(plan, fd, apart), low = 3, in_the_way, r;
	struct plan_copy as = { .from = fd, .step = step, .index = index };

	if (copy >= 0)
		return copy;
	if (sys_fcntl(fd, F_GETFD, 0) < 0 || reserve_holds(fd))
		return -EBADF;
	in_the_way = apart && plan_has_target(plan, fd);
	if (borrow && !in_the_way && fd < RESERVE_END)
		return fd;
	if ((r = reserve_pin(fd)) >= 0) {
		if (!apart || !plan_has_target(plan, r))
			return add_copy(plan, r, 1, !borrow, &as);
		reserve_unpin(r);
	}
	if (borrow && !in_the_way)
		return fd;
	while ((r = sys_dup_from(fd, low)) >= 0 && apart && plan_has_target(plan, r)) {
		sys_close(r);
		low = r + 1;
	}
	return r < 0 ? r : add_copy(plan, r, 0, !borrow, &as);
}

/* Notes that a start must bring argument n, and as what. */
static int use_arg(struct uspawn_plan *plan, int fd, enum plan_arg_use use, const struct uspawn_fd *entry,
		   uint32_t step, uint32_t index)
{
	unsigned n = plan_arg_number(fd);
	struct plan_arg *arg = &plan->args[n];
	int ours = entry && (entry->source == USPAWN_CAPTURE || entry->source == USPAWN_FEED);

	if (n >= PLAN_ARGS || (arg->use != PLAN_UNUSED && (arg->use != use || arg->ours != ours)))
		return -EINVAL;
	if (ours && use == PLAN_READ_END && arg->use == PLAN_UNUSED && plan->feeds++)
		return -EINVAL; /* there is one input */
	if (arg->use == PLAN_UNUSED) {
		arg->step = (uint16_t)step;
		arg->index = index;
		arg->ours = arg->nonblock = (uint8_t)ours;
		plan->nstreams += (uint32_t)ours;
	}
	if (!ours && n >= plan->nbrought)
		plan->nbrought = n + 1;
	if (use == PLAN_PTY) {
		if ((entry->rows && arg->rows && entry->rows != arg->rows) ||
		    (entry->cols && arg->cols && entry->cols != arg->cols))
			return -EINVAL;
		arg->rows |= entry->rows;
		arg->cols |= entry->cols;
	}
	arg->use = (uint8_t)use;
	if (entry && entry->flags & USPAWN_NONBLOCK)
		arg->nonblock = 1;
	if (!entry)
		arg->apart = 1;
	if (n >= plan->nargs)
		plan->nargs = n + 1;
	return fd;
}

static int take_source(struct uspawn_plan *plan, const struct uspawn_fd *entry, uint32_t index, int borrow)
{
	if (entry->source == USPAWN_READ_END || entry->source == USPAWN_FEED)
		return use_arg(plan, entry->fd, PLAN_READ_END, entry, USPAWN_STEP_PIPE, index);
	if (entry->source == USPAWN_WRITE_END || entry->source == USPAWN_CAPTURE)
		return use_arg(plan, entry->fd, PLAN_WRITE_END, entry, USPAWN_STEP_PIPE, index);
	if (entry->source == USPAWN_PTY)
		return use_arg(plan, entry->fd, PLAN_PTY, entry, USPAWN_STEP_PTY, index);
	if (plan_is_arg(entry->fd))
		return use_arg(plan, entry->fd, PLAN_DESCRIPTOR, entry, USPAWN_STEP_SOURCE, index);
	return hold(plan, entry->fd, borrow, 0, USPAWN_STEP_SOURCE, index);
}

static void list_fds(struct uspawn_plan *plan, const struct uspawn_request *r, struct layout *at)
{
	for (uint32_t i = 0; i < r->nfds; i++) {
		const struct uspawn_fd *fd = &r->fds[i];

		plan->fds[i] = (struct plan_fd){
			.target = fd->target,
			.fd = fd->fd,
			.index = i,
			.kind = fd->source == USPAWN_CLOSED ? PLAN_CLOSED
				: fd->source == USPAWN_NULL ? PLAN_OPEN
				: fd->source == USPAWN_OPEN ? PLAN_OPEN
							    : PLAN_SOURCE,
			.mode = (uint16_t)fd->mode,
			.oflag = fd->source == USPAWN_NULL ? O_RDWR : fd->oflag,
			.path = fd->source == USPAWN_NULL ? "/dev/null" : layout_keep_string(at, fd->path),
		};
	}
	plan->nfds = r->nfds;
	sort_by_target(plan->fds, plan->nfds);
}

static void list_targets(struct uspawn_plan *plan)
{
	int stdio = 0;

	for (uint32_t i = 0; i < plan->nfds; i++) {
		for (; stdio < 3 && stdio < plan->fds[i].target; stdio++)
			plan->targets[plan->ntargets++] = stdio;
		if (stdio == plan->fds[i].target)
			stdio++;
		if (plan->fds[i].kind == PLAN_SOURCE) {
			plan->targets[plan->ntargets++] = plan->fds[i].target;
			plan->nsources++;
		}
	}
	for (; stdio < 3; stdio++)
		plan->targets[plan->ntargets++] = stdio;
}

static int take_fds(struct uspawn_plan *plan, const struct uspawn_request *r, int borrow, struct uspawn_failure *reterr)
{
	for (uint32_t i = 0; i < plan->nfds; i++) {
		struct plan_fd *fd = &plan->fds[i];
		int number;

		if (i && fd[-1].target == fd->target)
			return request_fail(reterr, EINVAL, USPAWN_STEP_FD,
					    fd->index > fd[-1].index ? fd->index : fd[-1].index);
		if (fd->kind != PLAN_SOURCE)
			continue;
		number = take_source(plan, &r->fds[fd->index], fd->index, borrow);
		if (number < 0 && !plan_is_arg(number))
			return request_fail(reterr, -number, number == -EINVAL ? USPAWN_STEP_FD : USPAWN_STEP_SOURCE,
					    fd->index);
		fd->fd = number;
	}
	return 0;
}

/*
 * A descriptor that the child needs after its targets are in place, until exec: it sits on none of them. *ret is what
 * fds_number() understands.
 */
static int take_apart(struct uspawn_plan *plan, int fd, int borrow, uint32_t step, uint32_t index, int *ret,
		      struct uspawn_failure *reterr)
{
	int number = plan_is_arg(fd) ? use_arg(plan, fd, PLAN_DESCRIPTOR, NULL, step, index)
				     : hold(plan, fd, borrow, 1, step, index);

	if (number < 0 && !plan_is_arg(number))
		return request_fail(reterr, -number, step, index);
	plan->apart[plan->napart++] = (struct plan_apart){ .fd = number, .copied = find_copy(plan, fd, 1) == number };
	*ret = number;
	return 0;
}

/*
 * The kernel refuses to run a script by a descriptor that is close-on-exec, since its interpreter could not open it.
 * Who maps the descriptor, too, gets it run by its target, which is not.
 */
static int mapped_exec_target(const struct uspawn_request *r)
{
	for (uint32_t i = 0; r->flags & USPAWN_FEXEC && i < r->nfds; i++)
		if (r->fds[i].source == USPAWN_FD && r->fds[i].fd == r->exec_fd)
			return r->fds[i].target;
	return -1;
}

/* Used before anything is put in place. */
static int take_cgroup(struct uspawn_plan *plan, const struct uspawn_request *r, int borrow,
		       struct uspawn_failure *reterr)
{
	int fd = r->cgroup_fd;

	plan->cgroup_fd = -1;
	if (!(r->flags & USPAWN_SETCGROUP))
		return 0;
	fd = plan_is_arg(fd) ? use_arg(plan, fd, PLAN_DESCRIPTOR, NULL, USPAWN_STEP_CGROUP, 0)
			     : hold(plan, fd, borrow, 0, USPAWN_STEP_CGROUP, 0);
	if (fd < 0 && !plan_is_arg(fd))
		return request_fail(reterr, -fd, USPAWN_STEP_CGROUP, 0);
	plan->cgroup_fd = fd;
	return 0;
}

static int take_aparts(struct uspawn_plan *plan, const struct uspawn_request *r, int borrow,
		       struct uspawn_failure *reterr)
{
	int result;

	plan->exec_target = mapped_exec_target(r);
	plan->exec_fd = plan->cwd_fd = plan->landlock_fd = -1;
	result = take_cgroup(plan, r, borrow, reterr);
	if (result == 0 && r->flags & USPAWN_FEXEC && plan->exec_target == -1)
		result = take_apart(plan, r->exec_fd, borrow, USPAWN_STEP_EXEC, 0, &plan->exec_fd, reterr);
	if (result == 0 && r->flags & USPAWN_FCHDIR)
		result = take_apart(plan, r->cwd_fd, borrow, USPAWN_STEP_CWD, 0, &plan->cwd_fd, reterr);
	if (result == 0 && plan->confine && plan->confine->flags & USPAWN_LANDLOCK)
		result = take_apart(plan, plan->confine->landlock_fd, borrow, USPAWN_STEP_LANDLOCK, 0,
				    &plan->landlock_fd, reterr);
	for (uint32_t i = 0; result == 0 && plan->namespaces && i < plan->namespaces->njoin; i++) {
		struct plan_join *join = &plan->namespaces->join[i];

		result = take_apart(plan, join->fd, borrow, USPAWN_STEP_NAMESPACE, i, &join->fd, reterr);
	}
	return result;
}

size_t sources_count_apart(const struct uspawn_request *r)
{
	return (r->flags & USPAWN_FEXEC ? 1u : 0) + (r->flags & USPAWN_FCHDIR ? 1u : 0) + (r->confine ? 1u : 0) +
	       namespaces_joined(r);
}

void sources_list(struct uspawn_plan *plan, const struct uspawn_request *r, struct layout *at)
{
	list_fds(plan, r, at);
	list_targets(plan);
}

int sources_take(struct uspawn_plan *plan, const struct uspawn_request *r, int borrow, struct uspawn_failure *reterr)
{
	int result = take_fds(plan, r, borrow, reterr);

	return result < 0 ? result : take_aparts(plan, r, borrow, reterr);
}
