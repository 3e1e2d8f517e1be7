/* SPDX-License-Identifier: MIT */
/* One start: what it needs is taken, a rung makes the child, and what came of it is said. */
#include <errno.h>
#include <stdlib.h>

#include "care.h"
#include "cgroup.h"
#include "clone.h"
#include "death.h"
#include "detach.h"
#include "fds.h"
#include "handle.h"
#include "ladder.h"
#include "program.h"
#include "request.h"
#include "rung.h"
#include "standin.h"
#include "start.h"
#include "sys.h"
#include "wait.h"
#include "workspace.h"

static int accept(struct start *s, const struct uspawn_plan *plan, const struct uspawn_args *args, const int *queued)
{
	int r = request_accept_args(&s->args, args, &s->failure);

	s->care = NULL;
	if (r < 0)
		return r;
	if (!plan->argv && !s->args.argv && (plan->candidates || plan->flags & USPAWN_FEXEC))
		return request_fail(&s->failure, EINVAL, USPAWN_STEP_REQUEST, 0);
	s->noted.errnum = 0;
	if (plan->pdeathsig && !death_is_the_process()) {
		r = request_fail(&s->noted, EOPNOTSUPP, USPAWN_STEP_PDEATHSIG, 0);
		if (!plan_may_fail(plan, USPAWN_STEP_PDEATHSIG)) {
			s->failure = s->noted;
			return r;
		}
	}
	r = fds_check(plan, &s->args, fds_closed(&s->args), &s->failure);
	if (r < 0)
		return r;
	s->plan = plan;
	s->more_room = NULL;
	r = care_is_needed(plan) ? care_new(&s->care, plan, &s->args, queued, &s->failure) : 0;
	if (r == 0 && plan->flags & USPAWN_TREE && !s->care->has_tree && !s->noted.errnum)
		s->noted = s->failure; /* it may do without */
	return r;
}

static int failed(struct start *s, struct uspawn_child *child, int error)
{
	care_free(s->care);
	handle_fail(child, &s->failure);
	return error;
}

/* ---- Starts that suspend the caller ---- */

static int no_memory(struct uspawn_child *child)
{
	const struct uspawn_failure failure = { .errnum = ENOMEM, .step = USPAWN_STEP_REQUEST };

	handle_fail(child, &failure);
	return -ENOMEM;
}

static int get_room(struct start *s, struct workspace *workspace)
{
	size_t size = program_size(s->plan, &s->args, 0);

	s->stack = workspace->stack;
	s->stack_size = sizeof(workspace->stack);
	s->room = workspace->program;
	if (size <= sizeof(workspace->program))
		return 0;
	if (sys_mmap(size, MAP_PRIVATE, -1, &s->more_room) < 0)
		return request_fail(&s->failure, ENOMEM, USPAWN_STEP_REQUEST, 0);
	s->room = s->more_room;
	s->more_size = size;
	return 0;
}

/* What the child said, if it failed. */
static int reported(struct start *s, const struct child_report *report)
{
	if (!report->errnum)
		return 0;
	return request_fail(&s->failure, report->errnum, report->step, report->index);
}

static uint32_t handle_flags_of(const struct uspawn_plan *plan)
{
	uint32_t leads = plan->flags & (USPAWN_SETPGROUP | USPAWN_SETSID) && !plan->pgroup ? HANDLE_LEADS : 0;

	return leads | (plan->flags & USPAWN_DETACH ? HANDLE_DETACHED : 0);
}

/* Whose pid the caller will wait for. */
static int is_handed_out(const struct uspawn_plan *plan)
{
	return (plan->flags & (USPAWN_PID_ONLY | USPAWN_DETACH)) == USPAWN_PID_ONLY;
}

static int finish(struct start *s, struct uspawn_child *child, const struct uspawn_args *args,
		  const struct child_report *report, int kept)
{
	int r = reported(s, report);

	if (r < 0 && !kept)
		wait_discard(s->birth.pidfd, s->birth.pid);
	else if (is_handed_out(s->plan) && (r = standin_for(&s->birth.pid)) < 0)
		request_fail(&s->failure, -r, USPAWN_STEP_CLONE, 0);
	if (r < 0 && !kept) {
		fds_undo(&s->fds);
		return failed(s, child, r);
	}
	handle_begin(child, s->birth.pid, s->birth.pidfd, s->rung, handle_flags_of(s->plan));
	if (s->care)
		care_begin(s->care, child, &s->fds);
	if (args)
		fds_hand_over(&s->fds, &s->args);
	fds_release(&s->fds);
	if (r < 0) {
		child->failure = s->failure;
		handle_of(child)->flags |= HANDLE_FAILED;
	}
	if (s->plan->flags & USPAWN_PID_ONLY) {
		handle_clear(child);
		child->pid = s->birth.pid;
		child->rung = s->rung;
	}
	handle_note(child, s->noted.errnum, s->noted.step, s->noted.index);
	handle_note(child, report->allowed.errnum, report->allowed.step, report->allowed.index);
	return 0;
}

static int climb(struct start *s, struct child_report *ret)
{
	enum uspawn_rung rung = rung_first(s->plan, USPAWN_RUNG_VFORK);

	return s->plan->flags & USPAWN_DETACH ? detach_climb(s, rung, ret) : ladder_climb(s, rung, ret);
}

/* `kept` and `queued` as start_beside(). */
static int start_waiting(struct workspace *workspace, struct uspawn_child *child, const struct uspawn_plan *plan,
			 const struct uspawn_args *args, int kept, const int *queued)
{
	struct start *s = &workspace->start;
	struct child_report report;
	int r;

	if (!workspace)
		return no_memory(child);
	r = accept(s, plan, args, queued);
	if (r < 0 || (r = get_room(s, workspace)) < 0)
		return failed(s, child, r);
	r = fds_take(&s->fds, plan, &s->args, 0, queued != NULL, &s->failure);
	if (r == 0) {
		if (plan->flags & USPAWN_TREE)
			s->fds.cgroup = s->care->has_tree ? s->care->tree.dir : -1;
		if (s->fds.cgroup != -1 && (r = cgroup_check(s->fds.cgroup)) < 0)
			r = ladder_skip_cgroup(s, r);
		if (r == 0)
			r = climb(s, &report);
		if (r < 0)
			fds_undo(&s->fds);
	}
	if (s->more_room && !s->is_astray)
		sys_munmap(s->more_room, s->more_size);
	return r < 0 ? failed(s, child, r) : finish(s, child, args, &report, kept);
}

int start_and_wait(struct workspace *workspace, struct uspawn_child *child, const struct uspawn_plan *plan,
		   const struct uspawn_args *args)
{
	return start_waiting(workspace, child, plan, args, 0, NULL);
}

/* ---- Starts that do not ---- */

static int attempt_async(struct start *s, struct slot *slot)
{
	struct slot_memory *memory = slot->memory;
	uint64_t callers;
	int r;

	memory->start.born = 0;
	program_write(&memory->start, slot_room(slot), s->plan, &s->args, &slot->fds, -1, NULL, 1);
	memory->start.report = &memory->report;
	s->birth = (struct birth){
		.start = &memory->start,
		.stack = slot->stack,
		.stack_size = slot->stack_size,
		.settled = &memory->settled,
		.cgroup = -1,
		.wants_pidfd = 1,
		.copies_table = (s->plan->flags & USPAWN_INHERIT_FDS) != 0,
	};
	clone_block_signals(&callers);
	memory->start.sigmask = s->plan->flags & USPAWN_SETSIGMASK ? s->plan->sigmask : callers;
	r = clone_attempt(&s->birth, USPAWN_RUNG_ASYNC);
	clone_restore_signals(&callers);
	return r;
}

enum { NO_SLOT = 1, NO_SUCH_RUNG };

static int start_in_slot(struct start *s, struct uspawn_child *child, const struct uspawn_args *args,
			 struct slot_pool *slots, const int *queued)
{
	struct slot *slot = slot_take(slots, program_size(s->plan, &s->args, 1));
	int r;

	if (!slot)
		return NO_SLOT;
	r = fds_take(&slot->fds, s->plan, &s->args, 1, queued != NULL, &s->failure);
	if (r < 0) {
		slot_untake(slots, slot);
		return failed(s, child, r);
	}
	r = attempt_async(s, slot);
	if (r < 0) {
		fds_undo(&slot->fds);
		slot_untake(slots, slot);
		if (clone_unsupported(r))
			return NO_SUCH_RUNG;
		request_fail(&s->failure, -r, USPAWN_STEP_CLONE, 0);
		return failed(s, child, r);
	}
	handle_begin(child, s->birth.pid, s->birth.pidfd, USPAWN_RUNG_ASYNC,
		     handle_flags_of(s->plan) | (slots->apart ? HANDLE_APART : 0));
	if (s->care)
		care_begin(s->care, child, &slot->fds);
	if (args)
		fds_hand_over(&slot->fds, &s->args);
	handle_note(child, s->noted.errnum, s->noted.step, s->noted.index);
	handle_of(child)->slot = slot;
	slot->pid = s->birth.pid;
	slot->child = (uintptr_t)child;
	slot->plan = plan_ref(s->plan);
	slot_started(slots, slot);
	if (s->plan->flags & USPAWN_SETPGROUP)
		sys_setpgid(s->birth.pid, s->plan->pgroup); /* so that the group exists now; the child does it, too */
	return 0;
}

/* Not a part of the next, whose waiting starts would keep its frame. */
__attribute__((noinline)) static int try_beside(struct uspawn_child *child, const struct uspawn_plan *plan,
						const struct uspawn_args *args, struct slot_pool *slots,
						const int *queued)
{
	struct start s;
	int r;

	if (rung_first(plan, USPAWN_RUNG_ASYNC) != USPAWN_RUNG_ASYNC || clone_is_refused(USPAWN_RUNG_ASYNC))
		return NO_SLOT;
	r = accept(&s, plan, args, queued);
	if (r < 0)
		return failed(&s, child, r);
	r = start_in_slot(&s, child, args, slots, queued);
	if (r > 0)
		care_free(s.care);
	return r;
}

int start_beside(struct uspawn_child *child, const struct uspawn_plan *plan, const struct uspawn_args *args,
		 struct slot_pool *slots, const int *queued)
{
	int beside = try_beside(child, plan, args, slots, queued), r;
	struct workspace *workspace;

	if (beside <= 0)
		return beside;
	workspace = workspace_take();
	r = start_waiting(workspace, child, plan, args, 1, queued);
	workspace_give(workspace);
	if (r == 0 && beside == NO_SUCH_RUNG)
		clone_refused(USPAWN_RUNG_ASYNC);
	return r;
}
