/* SPDX-License-Identifier: MIT */
/*
 * The child's table: cut off from the caller's, moves, then what lies between is closed, then files are opened, so that
 * an open finds the lowest number free.
 */
#include "descriptors.h"
#include "fdmap.h"
#include "sys.h"

size_t descriptors_count(const struct uspawn_plan *plan)
{
	return FDMAP_STEPS(plan->nsources) + plan->nfds + plan->ntargets + 2 * plan->napart + 2;
}

size_t descriptors_size(const struct uspawn_plan *plan)
{
	/* and what writer_claim() rounds up */
	return plan->nsources * sizeof(struct fdmap_move) + FDMAP_STEPS(plan->nsources) * sizeof(struct fdmap_step) +
	       2 * plan->nsources * sizeof(uint32_t) + 4 * sizeof(char *);
}

/* Linux 5.9 to 5.17 spoil the bitmap of a table that is cut above 64 within a grain. */
static int cut_above(int highest)
{
	return highest < 64 ? highest + 1 : (highest + 64) / 64 * 64;
}

/* One above the highest number the child reads from its parent's table. */
int descriptors_end(const struct writer *w)
{
	const struct uspawn_plan *plan = w->plan;
	int highest = 2, number;

	for (int i = 0; i < 2; i++)
		if (w->keeps[i] > highest)
			highest = w->keeps[i];
	if (plan->cut - 1 > highest)
		highest = plan->cut - 1;

	if (!w->crossing && w->keeps[0] != -1 && w->fds->cgroup > highest)
		highest = w->fds->cgroup;
	for (uint32_t i = 0; i < plan->nfds; i++) {
		if (plan->fds[i].kind == PLAN_SOURCE && (number = fds_number(w->fds, plan->fds[i].fd)) > highest)
			highest = number;
	}
	for (uint32_t i = 0; i < plan->napart; i++)
		if ((number = fds_number(w->fds, plan->apart[i].fd)) > highest)
			highest = number;
	return cut_above(highest);
}

static void put_moves(struct writer *w)
{
	const struct uspawn_plan *plan = w->plan;
	struct fdmap_move *moves = writer_claim(w, plan->nsources * sizeof(*moves));
	struct fdmap_step *steps = writer_claim(w, FDMAP_STEPS(plan->nsources) * sizeof(*steps));
	uint32_t *scratch = writer_claim(w, 2 * plan->nsources * sizeof(*scratch));
	size_t n = 0;

	for (uint32_t i = 0; i < plan->nfds; i++)
		if (plan->fds[i].kind == PLAN_SOURCE)
			moves[n++] = (struct fdmap_move){ fds_number(w->fds, plan->fds[i].fd), plan->fds[i].target,
							  plan->fds[i].index };
	n = fdmap_order(moves, n, scratch, steps);
	for (size_t i = 0; i < n; i++) {
		static const uint8_t op[] = { OP_KEEP, OP_MOVE, OP_SAVE, OP_RESTORE };
		struct child_instr *instr = writer_put(w, op[steps[i].kind], USPAWN_STEP_FD, steps[i].index);

		instr->a = steps[i].from;
		instr->b = steps[i].to;
	}
}

static void put_gap(struct writer *w, int first, int last)
{
	struct child_instr *instr;

	if (first > last)
		return;
	instr = writer_put(w, first == last ? OP_CLOSE : OP_CLOSE_RANGE, USPAWN_STEP_FD, 0);
	instr->a = first;
	instr->b = last;
}

/* The lowest number from `first` on that stays until exec, or `end`. */
static int next_kept(const struct writer *w, int first, int end)
{
	const struct uspawn_plan *plan = w->plan;
	int next = end;

	for (int i = 0; i < 2; i++)
		if (w->keeps[i] >= first && w->keeps[i] < next)
			next = w->keeps[i];
	for (uint32_t i = 0; i < plan->napart; i++) {
		int number = fds_number(w->fds, plan->apart[i].fd);

		if (number >= first && number < next)
			next = number;
	}
	return next;
}

/* Everything below `end` but the targets and what is needed until exec. */
static void put_gaps(struct writer *w, int end)
{
	const struct uspawn_plan *plan = w->plan;
	int first = 0;
	uint32_t i = 0;

	for (;;) {
		int next = next_kept(w, first, end);

		if (i < plan->ntargets && plan->targets[i] < next)
			next = plan->targets[i];
		put_gap(w, first, next - 1);
		if (next == end)
			return;
		first = next + 1;
		while (i < plan->ntargets && plan->targets[i] < first)
			i++;
	}
}

static void put_opens(struct writer *w)
{
	const struct uspawn_plan *plan = w->plan;

	for (uint32_t i = 0; i < plan->nfds; i++) {
		const struct plan_fd *fd = &plan->fds[i];
		struct child_instr *instr;

		if (fd->kind == PLAN_CLOSED && plan->flags & USPAWN_INHERIT_FDS) {
			writer_put(w, OP_CLOSE, USPAWN_STEP_FD, fd->index)->a = fd->target;
		} else if (fd->kind == PLAN_OPEN) {
			instr = writer_put(w, OP_OPEN, USPAWN_STEP_OPEN, fd->index);
			instr->path = fd->path;
			instr->a = fd->oflag;
			instr->b = fd->mode;
			instr->c = fd->target;
		}
	}
}

/*
 * What is needed until exec is gone after it: a number of the caller's may lack close-on-exec. Not where it is one of 0
 * to 2, and so the program's, too.
 */
static void put_cloexec(struct writer *w)
{
	const struct uspawn_plan *plan = w->plan;

	for (uint32_t i = 0; i < plan->napart; i++) {
		int number = fds_number(w->fds, plan->apart[i].fd);

		if (!plan->apart[i].copied && !plan_keeps(plan, number))
			writer_put(w, OP_CLOEXEC, USPAWN_STEP_FD, 0)->a = number;
	}
}

void descriptors_put(struct writer *w, int end)
{
	int inherits = (w->plan->flags & USPAWN_INHERIT_FDS) != 0;

	put_moves(w);
	if (!inherits)
		put_gaps(w, end);
	put_opens(w);
	if (!inherits && !w->crossing)
		put_cloexec(w);
}
