/* SPDX-License-Identifier: MIT */
/*
 * Each rung is tried in turn, from the fastest that is allowed. What a rung refused is remembered once a slower one has
 * shown that the request itself was not to blame.
 */
#include <errno.h>
#include <stdlib.h>

#include "clone.h"
#include "death.h"
#include "handle.h"
#include "lifeline.h"
#include "program.h"
#include "request.h"
#include "start.h"
#include "sys.h"
#include "wait.h"

/* What a child's steps need of stack is constant (child.c); libc's clone and system calls need some more. */
#define CHILD_STACK (ARCH_RAW ? 2048 : 16384)
#define ROOM_INLINE 2048

struct start {
	const struct uspawn_plan *plan;
	struct uspawn_args args;
	struct fds fds;
	struct child_start child;
	struct child_report report;
	void *room, *more_room;
	enum uspawn_rung rung; /* which one made the child */
	struct birth birth;
	struct uspawn_failure failure;
	struct uspawn_failure noted; /* what failed before there was a child, and was allowed to */
};

static int accept(struct start *s, const struct uspawn_plan *plan, const struct uspawn_args *args)
{
	int r = request_accept_args(&s->args, args, &s->failure);

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
	s->plan = plan;
	s->more_room = NULL;
	return 0;
}

static enum uspawn_rung first_rung(const struct uspawn_plan *plan, enum uspawn_rung fastest)
{
	enum uspawn_rung cap = clone_cap();

	if (plan->callback)
		return USPAWN_RUNG_FORK; /* a caller's code may not run in shared memory */
	/* An asynchronous child's score would reach the parent: __set_oom_adj() excepts only processes in vfork. */
	if (plan->sched && plan->sched->set & USPAWN_OOM_SCORE && fastest < USPAWN_RUNG_VFORK)
		fastest = USPAWN_RUNG_VFORK;
	if (cap > fastest)
		fastest = cap;
	return plan->rung > fastest ? plan->rung : fastest;
}

static int failed(struct start *s, struct uspawn_child *child, int error)
{
	handle_fail(child, &s->failure);
	return error;
}

/* ---- Starts that suspend the caller ---- */

static int get_room(struct start *s, char *inline_room)
{
	size_t size = program_size(s->plan, &s->args, 0);
	int saved = errno;

	s->room = inline_room;
	if (size <= ROOM_INLINE)
		return 0;
	s->room = s->more_room = malloc(size);
	errno = saved;
	return s->room ? 0 : request_fail(&s->failure, ENOMEM, USPAWN_STEP_REQUEST, 0);
}

/* Vfork and old clone: when the call has returned, the child has exec'd, or said why not, and has gone. */
static int attempt_shared(struct start *s, enum uspawn_rung rung, struct child_report *ret)
{
	int r;

	s->report = (struct child_report){ 0 };
	s->child.report = &s->report;
	program_write(&s->child, s->room, s->plan, &s->args, &s->fds, -1, 0);
	r = clone_attempt(&s->birth, rung);
	*ret = s->report;
	return r;
}

static int attempt_fork(struct start *s, struct child_report *ret)
{
	struct lifeline lifeline;
	int r = lifeline_open(&lifeline, s->plan);

	if (r < 0)
		return r;
	s->child.report = lifeline.report;
	program_write(&s->child, s->room, s->plan, &s->args, &s->fds, lifeline.write_end, 0);
	r = clone_attempt(&s->birth, USPAWN_RUNG_FORK);
	if (r == 0)
		lifeline_wait(&lifeline);
	*ret = *lifeline.report;
	ret->shared = 1;
	lifeline_close(&lifeline);
	return r;
}

/* Killed before its first instruction: that is an end like any other, and no emulator. */
static int was_killed(const struct birth *birth)
{
	siginfo_t info = { 0 };

	return sys_waitid(P_PID, birth->pid, &info, WEXITED | WNOHANG | WNOWAIT | __WALL, NULL) < 0 || info.si_pid;
}

/* 1: a child was made, but not of the kind that was meant. It is gone, and will not be tried again. */
static int is_useless(struct start *s, const struct child_report *report)
{
	if (!report->shared && !was_killed(&s->birth)) {
		/* An emulator that copies the memory: no failure would ever be seen. */
		sys_kill(s->birth.pid, SIGKILL);
		wait_discard(s->birth.pidfd, s->birth.pid);
		clone_refused(USPAWN_RUNG_VFORK);
		clone_refused(USPAWN_RUNG_CLONE);
		return 1;
	}
	if (report->errnum && report->step == CHILD_STEP_CUT) {
		wait_discard(s->birth.pidfd, s->birth.pid);
		clone_cut_refused();
		return 1;
	}
	return 0;
}

static void remember_refusals(uint32_t refused)
{
	for (enum uspawn_rung rung = USPAWN_RUNG_ASYNC; rung < USPAWN_RUNG_FORK; rung++)
		if (refused & 1u << rung)
			clone_refused(rung);
}

/* Signals are blocked. */
static int climb(struct start *s, enum uspawn_rung rung, struct child_report *ret)
{
	uint32_t refused = 0;
	int r = -ENOSYS;

	while (rung <= USPAWN_RUNG_FORK) {
		if (clone_is_refused(rung)) {
			rung++;
			continue;
		}
		r = rung == USPAWN_RUNG_FORK ? attempt_fork(s, ret) : attempt_shared(s, rung, ret);
		if (r == 0 && is_useless(s, ret))
			continue; /* something was learned: the same rung in another way, or the next */
		if (r == 0) {
			remember_refusals(refused);
			s->rung = rung;
			return 0;
		}
		if (!clone_unsupported(r))
			break;
		refused |= 1u << rung++;
	}
	return request_fail(&s->failure, -r, USPAWN_STEP_CLONE, 0);
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
	return plan->flags & (USPAWN_SETPGROUP | USPAWN_SETSID) && !plan->pgroup ? HANDLE_LEADS : 0;
}

static int finish(struct start *s, struct uspawn_child *child, const struct uspawn_args *args,
		  const struct child_report *report, int kept)
{
	int r = reported(s, report);

	if (r < 0 && !kept) {
		fds_undo(&s->fds);
		wait_discard(s->birth.pidfd, s->birth.pid);
		return failed(s, child, r);
	}
	if (args)
		fds_hand_over(&s->fds, &s->args);
	fds_release(&s->fds);
	handle_begin(child, s->birth.pid, s->birth.pidfd, s->rung, handle_flags_of(s->plan));
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

static int run_ladder(struct start *s, enum uspawn_rung rung, struct child_report *ret)
{
	char stack[CHILD_STACK] __attribute__((aligned(64)));
	int r;

	s->birth = (struct birth){
		.start = &s->child,
		.stack = stack,
		.stack_size = sizeof(stack),
		.wants_pidfd = !(s->plan->flags & USPAWN_PID_ONLY),
		.copies_table = (s->plan->flags & USPAWN_INHERIT_FDS) && !s->plan->cut,
		.keeps_low = (s->plan->flags & USPAWN_INHERIT_FDS) != 0,
	};
	clone_block_signals(&s->child.sigmask);
	if (s->plan->flags & USPAWN_SETSIGMASK) {
		uint64_t callers = s->child.sigmask;

		s->child.sigmask = s->plan->sigmask;
		r = climb(s, rung, ret);
		clone_restore_signals(&callers);
	} else {
		r = climb(s, rung, ret);
		clone_restore_signals(&s->child.sigmask);
	}
	return r;
}

int start_and_wait(struct uspawn_child *child, const struct uspawn_plan *plan, const struct uspawn_args *args, int kept)
{
	char inline_room[ROOM_INLINE] __attribute__((aligned(16)));
	struct child_report report;
	struct start s;
	int r = accept(&s, plan, args);

	if (r < 0 || (r = get_room(&s, inline_room)) < 0)
		return failed(&s, child, r);
	r = fds_take(&s.fds, plan, &s.args, 0, &s.failure);
	if (r == 0) {
		r = run_ladder(&s, first_rung(plan, USPAWN_RUNG_VFORK), &report);
		if (r < 0)
			fds_undo(&s.fds);
	}
	free(s.more_room);
	return r < 0 ? failed(&s, child, r) : finish(&s, child, args, &report, kept);
}

/* ---- Starts that do not ---- */

static int attempt_async(struct start *s, struct slot *slot)
{
	struct slot_memory *memory = slot->memory;
	uint64_t callers;
	int r;

	program_write(&memory->start, slot_room(slot), s->plan, &s->args, &slot->fds, -1, 1);
	memory->start.report = &memory->report;
	s->birth = (struct birth){
		.start = &memory->start,
		.stack = slot->stack,
		.stack_size = slot->stack_size,
		.settled = &memory->settled,
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
			 struct slot_pool *slots)
{
	struct slot *slot = slot_take(slots, program_size(s->plan, &s->args, 1));
	int r;

	if (!slot)
		return NO_SLOT;
	r = fds_take(&slot->fds, s->plan, &s->args, 1, &s->failure);
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
	if (args)
		fds_hand_over(&slot->fds, &s->args);
	handle_begin(child, s->birth.pid, s->birth.pidfd, USPAWN_RUNG_ASYNC, handle_flags_of(s->plan));
	handle_note(child, s->noted.errnum, s->noted.step, s->noted.index);
	handle_of(child)->slot = slot;
	slot->pid = s->birth.pid;
	slot->child = child;
	slot->plan = plan_ref(s->plan);
	slot_started(slots, slot);
	if (s->plan->flags & USPAWN_SETPGROUP)
		sys_setpgid(s->birth.pid, s->plan->pgroup); /* so that the group exists now; the child does it, too */
	return 0;
}

int start_beside(struct uspawn_child *child, const struct uspawn_plan *plan, const struct uspawn_args *args,
		 struct slot_pool *slots)
{
	struct start s;
	int beside = NO_SLOT, r;

	if (first_rung(plan, USPAWN_RUNG_ASYNC) == USPAWN_RUNG_ASYNC && !clone_is_refused(USPAWN_RUNG_ASYNC)) {
		r = accept(&s, plan, args);
		if (r < 0)
			return failed(&s, child, r);
		beside = start_in_slot(&s, child, args, slots);
		if (beside <= 0)
			return beside;
	}
	r = start_and_wait(child, plan, args, 1);
	if (r == 0 && beside == NO_SUCH_RUNG)
		clone_refused(USPAWN_RUNG_ASYNC);
	return r;
}
