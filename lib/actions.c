/* SPDX-License-Identifier: MIT */
/*
 * File actions act on a copy of the caller's table, one after the other, as posix_spawn(3) of glibc has it. A table
 * that a closefrom will empty from some number on need not be copied above it, as long as nothing before could have
 * told.
 */
#include <errno.h>

#include "actions.h"
#include "request.h"
#include "reserve.h"
#include "sys.h"

static int takes_path(uint32_t op)
{
	return op == USPAWN_DO_OPEN || op == USPAWN_DO_CHDIR;
}

static int accept_action(const struct uspawn_action *action)
{
	if (action->op < USPAWN_DO_CLOSE || action->op > USPAWN_DO_FOREGROUND || action->reserved)
		return EINVAL;
	if (action->fd < 0 || (action->fd && action->op == USPAWN_DO_CHDIR))
		return EINVAL;
	if (action->newfd < 0 || (action->newfd && action->op != USPAWN_DO_DUP2))
		return EINVAL;
	if ((action->path != NULL) != takes_path(action->op))
		return EINVAL;
	return (action->oflag || action->mode) && action->op != USPAWN_DO_OPEN ? EINVAL : 0;
}

int actions_accept(const struct uspawn_request *r, struct uspawn_failure *reterr)
{
	if ((r->actions != NULL) != (r->nactions != 0) ||
	    (r->nactions && (r->nfds || !(r->flags & USPAWN_INHERIT_FDS))))
		return request_fail(reterr, EINVAL, USPAWN_STEP_ACTION, 0);
	for (uint32_t i = 0; i < r->nactions; i++)
		if (accept_action(&r->actions[i]))
			return request_fail(reterr, EINVAL, USPAWN_STEP_ACTION, i);
	return 0;
}

size_t actions_measure(const struct uspawn_request *r)
{
	size_t size = layout_size(r->nactions * sizeof(*r->actions));

	for (uint32_t i = 0; i < r->nactions; i++)
		size += r->actions[i].path ? strlen(r->actions[i].path) + 1 : 0;
	return size;
}

void actions_keep(struct uspawn_plan *plan, const struct uspawn_request *r, struct layout *at)
{
	struct uspawn_action *kept = (void *)layout_keep(at, r->actions, r->nactions * sizeof(*r->actions));

	for (uint32_t i = 0; i < r->nactions && !at->borrow; i++)
		kept[i].path = layout_keep_string(at, kept[i].path);
	plan->actions = kept;
	plan->nactions = r->nactions;
}

/*
 * An open of some path may go through /proc to any number, and so may a change of directory. Of the number that it
 * finds free nothing shows: it has closed its target, so one below the cut is free.
 */
static int may_see_any_number(const struct uspawn_action *action)
{
	return takes_path(action->op) && (action->op == USPAWN_DO_CHDIR || strcmp(action->path, "/dev/null") != 0);
}

/* Far above what can be open; a cut is rounded up. */
#define HIGHEST (INT32_MAX / 2)

int actions_cut(const struct uspawn_plan *plan)
{
	int tty = plan->flags & (USPAWN_SETCTTY | USPAWN_FOREGROUND) ? plan->tty : 0, cut = tty < HIGHEST ? tty + 1 : 0;

	if (plan->cwd || plan->root || !cut)
		return 0;
	for (uint32_t i = 0; i < plan->nactions; i++) {
		const struct uspawn_action *action = &plan->actions[i];

		if (action->op == USPAWN_DO_CLOSEFROM)
			return action->fd > HIGHEST ? 0 : action->fd > cut ? action->fd : cut;
		if (may_see_any_number(action) || action->fd > HIGHEST || action->newfd > HIGHEST)
			return 0;
		cut = action->fd >= cut ? action->fd + 1 : cut;
		cut = action->newfd >= cut ? action->newfd + 1 : cut;
	}
	return 0;
}

static void put_action(struct writer *w, const struct uspawn_action *action, uint32_t index)
{
	static const uint8_t op[] = {
		[USPAWN_DO_CLOSE] = OP_CLOSE_POSSIBLE, [USPAWN_DO_DUP2] = OP_MOVE,
		[USPAWN_DO_OPEN] = OP_REOPEN,          [USPAWN_DO_CHDIR] = OP_CHDIR,
		[USPAWN_DO_FCHDIR] = OP_FCHDIR,        [USPAWN_DO_FOREGROUND] = OP_FOREGROUND,
	};
	int stays = action->op == USPAWN_DO_DUP2 && action->fd == action->newfd;
	struct child_instr *instr = writer_put(w, stays ? OP_KEEP : op[action->op], USPAWN_STEP_ACTION, index);

	instr->a = action->op == USPAWN_DO_OPEN ? action->oflag : action->fd;
	instr->b = action->op == USPAWN_DO_OPEN ? (int)action->mode : action->newfd;
	instr->c = action->fd;
	instr->path = action->path;
}

static void put_close_range(struct writer *w, int first, int last, uint32_t index)
{
	struct child_instr *instr = writer_put(w, OP_CLOSE_RANGE, USPAWN_STEP_ACTION, index);

	instr->a = first;
	instr->b = last;
}

/* But the pipe of a forked child, which the exec closes, and nothing before. */
static void put_closefrom(struct writer *w, int first, uint32_t index)
{
	int kept = w->keeps[0];

	if (kept < first) {
		put_close_range(w, first, -1, index);
		return;
	}
	if (kept > first)
		put_close_range(w, first, kept - 1, index);
	put_close_range(w, kept + 1, -1, index);
}

static int takes_source(uint32_t op)
{
	return op == USPAWN_DO_DUP2 || op == USPAWN_DO_FCHDIR || op == USPAWN_DO_FOREGROUND;
}

size_t actions_count(const struct uspawn_plan *plan)
{
	size_t n = plan->nactions;

	for (uint32_t i = 0; i < plan->nactions; i++)
		n += plan->actions[i].op == USPAWN_DO_CLOSEFROM || takes_source(plan->actions[i].op);
	return n;
}

/* What the library keeps for itself is closed to them, until one of them opens it. */
static void put_reserved(struct writer *w)
{
	for (uint32_t i = 0; i < w->plan->nactions; i++)
		if (takes_source(w->plan->actions[i].op) && reserve_holds(w->plan->actions[i].fd))
			writer_put(w, OP_CLOSE_POSSIBLE, USPAWN_STEP_ACTION, i)->a = w->plan->actions[i].fd;
}

void actions_put(struct writer *w)
{
	put_reserved(w);
	for (uint32_t i = 0; i < w->plan->nactions; i++) {
		const struct uspawn_action *action = &w->plan->actions[i];

		if (action->op == USPAWN_DO_CLOSEFROM)
			put_closefrom(w, action->fd, i);
		else
			put_action(w, action, i);
	}
}
