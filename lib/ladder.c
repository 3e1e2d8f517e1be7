/* SPDX-License-Identifier: MIT */
/*
 * Each rung is tried in turn, from the fastest that is allowed. What a rung refused is remembered once a slower one has
 * shown that the request itself was not to blame.
 */
#include <errno.h>
#include <stdatomic.h>

#include "cgroup.h"
#include "ladder.h"
#include "idmap.h"
#include "lifeline.h"
#include "namespaces.h"
#include "program.h"
#include "request.h"
#include "stages.h"
#include "sys.h"
#include "wait.h"

#define REFUSED_CGROUP (1u << 31) /* among refused rungs */

/*
 * Whether the memory is shared is asked of the first child that is said to do so, by a word of its start: an emulator
 * may copy it, and its parent goes on at once. The report is where both see it either way, so nothing is lost, and no
 * program runs twice. Later ones report in memory that is known to be shared, or are forked.
 */
static _Atomic uint8_t shares_memory;

/* Killed before its first instruction it is a child like any other, and says nothing about the memory. */
static void meet_first(struct start *s, struct child_report *report)
{
	if (s->child.seen) {
		atomic_store(&shares_memory, 1);
		return;
	}
	lifeline_wait_for(report, s->birth.pid);
	if (report->begun) {
		clone_refused(USPAWN_RUNG_VFORK);
		clone_refused(USPAWN_RUNG_CLONE);
	}
}

/* Vfork and old clone: when the call has returned, the child has exec'd, or said why not, and has gone. */
static int attempt_shared(struct start *s, enum uspawn_rung rung, struct child_report *ret)
{
	struct child_report *report = &s->report;
	void *page = NULL;
	int r;

	if (!atomic_load_explicit(&shares_memory, memory_order_relaxed) &&
	    sys_mmap(sizeof(*report), MAP_SHARED, -1, &page) == 0)
		report = page;
	*report = (struct child_report){ 0 };
	s->child.report = report;
	s->child.holds_lock = page != NULL;
	s->child.seen = 0;
	program_write(&s->child, s->room, s->plan, &s->args, &s->fds, -1, NULL, 0);
	r = clone_attempt(&s->birth, rung);
	if (r == 0 && page)
		meet_first(s, report);
	*ret = *report;
	if (page)
		sys_munmap(page, sizeof(*report));
	return r;
}

static int attempt_fork(struct start *s, struct child_report *ret)
{
	struct lifeline lifeline;
	int r = lifeline_open(&lifeline, s->plan);

	if (r < 0)
		return r;
	s->child.report = lifeline.report;
	s->child.holds_lock = 1;
	program_write(&s->child, s->room, s->plan, &s->args, &s->fds, lifeline.write_end, NULL, 0);
	r = clone_attempt(&s->birth, USPAWN_RUNG_FORK);
	if (r == 0) {
		idmap_serve(lifeline.report, s->plan, s->birth.pid);
		lifeline_wait(&lifeline, s->birth.pid);
	}
	*ret = *lifeline.report;
	lifeline_close(&lifeline);
	return r;
}

/* 1: a child was made, but not of the kind that was meant. It is gone, and will not be tried again. */
static int is_useless(struct start *s, const struct child_report *report)
{
	if (report->errnum && report->step == CHILD_STEP_CUT) {
		wait_discard(s->birth.pidfd, s->birth.pid);
		clone_cut_refused();
		return 1;
	}
	return 0;
}

static void remember_refusals(uint32_t refused)
{
	if (refused & REFUSED_CGROUP)
		clone_cgroup_refused();
	for (enum uspawn_rung rung = USPAWN_RUNG_ASYNC; rung < USPAWN_RUNG_FORK; rung++)
		if (refused & 1u << rung)
			clone_refused(rung);
}

static void note(struct start *s, int errnum, uint32_t step, uint32_t index)
{
	if (!s->noted.errnum)
		request_fail(&s->noted, errnum, step, index);
}

int ladder_skip_cgroup(struct start *s, int error)
{
	if (!plan_may_fail(s->plan, USPAWN_STEP_CGROUP))
		return request_fail(&s->failure, -error, USPAWN_STEP_CGROUP, 0);
	s->fds.cgroup = -1;
	note(s, -error, USPAWN_STEP_CGROUP, 0);
	return 0;
}

static int attempt(struct start *s, enum uspawn_rung rung, struct child_report *ret)
{
	s->child.holds_lock = 0;
	if (rung == USPAWN_RUNG_RELAY)
		return stages_attempt(&s->birth, s->plan, &s->args, &s->fds, s->room, ret);
	return rung == USPAWN_RUNG_FORK ? attempt_fork(s, ret) : attempt_shared(s, rung, ret);
}

static uint64_t kill_flags(const struct uspawn_plan *plan)
{
	if (!(plan->flags & USPAWN_KILL_ON_CLOSE))
		return 0;
	return SYS_CLONE_PIDFD_AUTOKILL | SYS_CLONE_AUTOREAP | (plan->flags & USPAWN_NO_NEW_PRIVS ? SYS_CLONE_NNP : 0);
}

/*
 * An error of the clone that is about what was asked of it, and says nothing about the rung: EPERM is a missing right,
 * ENOSPC and EUSERS are limits of namespaces, ENOMEM may be a PID namespace that is going down.
 */
static int blame_flags(struct start *s, int r)
{
	uint32_t njoin = s->plan->namespaces ? s->plan->namespaces->njoin : 0;

	if (s->birth.flags & SYS_CLONE_PIDFD_AUTOKILL && (r == -EINVAL || r == -ENOSYS)) /* before 7.1 */
		return request_fail(&s->failure, EOPNOTSUPP, USPAWN_STEP_CLONE, 0);
	if (!(s->birth.flags & CLONE_NEWPID) || r == -EAGAIN || r == -EEXIST || r == -ENOSYS || r == -EMFILE ||
	    r == -ENFILE)
		return request_fail(&s->failure, -r, USPAWN_STEP_CLONE, 0);
	return request_fail(&s->failure, -r, USPAWN_STEP_NAMESPACE, njoin);
}

/* Signals are blocked. `anew`: in the namespaces that the clone is to make. */
static int climb(struct start *s, enum uspawn_rung rung, int anew, struct child_report *ret)
{
	uint32_t refused = 0;
	int r = -ENOSYS;

	while (rung <= USPAWN_RUNG_FORK) {
		if (clone_is_refused(rung) || !clone_has_flags(rung, &s->birth) ||
		    (s->fds.cgroup != -1 && rung != USPAWN_RUNG_FORK && !clone_has_cgroup(rung))) {
			rung++;
			continue;
		}
		s->child.born = anew ? (uint32_t)namespaces_born(s->plan, rung) : 0;
		s->birth.flags = s->child.born | kill_flags(s->plan);
		s->birth.cgroup = rung == USPAWN_RUNG_FORK ? -1 : s->fds.cgroup;
		r = attempt(s, rung, ret);
		if (r == STAGES_CANNOT) {
			rung++;
			continue;
		}
		if (r == 0 && is_useless(s, ret))
			continue; /* something was learned: the same rung in another way, or the next */
		if (r == 0) {
			remember_refusals(refused);
			s->rung = rung;
			return 0;
		}
		if (s->birth.cgroup != -1 && cgroup_is_to_blame(r, s->child.born)) {
			if ((r = ladder_skip_cgroup(s, r)) < 0)
				return r;
			continue;
		}
		/* A filter's EPERM looks like a missing right: whoever has it makes the child by another call. */
		if (!clone_unsupported(r) || (s->birth.nset_tid && r != -ENOSYS))
			break;
		refused |= s->birth.cgroup != -1 ? REFUSED_CGROUP : 1u << rung;
		rung++;
	}
	return s->birth.flags ? blame_flags(s, r) : request_fail(&s->failure, -r, USPAWN_STEP_CLONE, 0);
}

int ladder_climb_blocked(struct start *s, enum uspawn_rung rung, uint64_t callers_mask, volatile uint32_t *settled,
			 struct child_report *ret)
{
	int r;

	s->birth = (struct birth){
		.start = &s->child,
		.stack = s->stack,
		.stack_size = s->stack_size,
		.settled = settled,
		.wants_pidfd = !(s->plan->flags & USPAWN_PID_ONLY),
		.copies_table = (s->plan->flags & USPAWN_INHERIT_FDS) && !s->plan->cut,
		.keeps_low = (s->plan->flags & USPAWN_INHERIT_FDS) != 0,
		.flags = kill_flags(s->plan),
		.set_tid = s->plan->namespaces ? s->plan->namespaces->set_tid : NULL,
		.nset_tid = s->plan->namespaces ? s->plan->namespaces->nset_tid : 0,
	};
	s->child.sigmask = s->plan->flags & USPAWN_SETSIGMASK ? s->plan->sigmask : callers_mask;
	r = climb(s, rung, 1, ret);
	if (r == 0 || s->failure.step != USPAWN_STEP_NAMESPACE || !plan_may_fail(s->plan, USPAWN_STEP_NAMESPACE))
		return r;
	note(s, -r, USPAWN_STEP_NAMESPACE, s->failure.index);
	s->birth.nset_tid = 0; /* they are about the namespaces */
	return climb(s, rung, 0, ret);
}

int ladder_climb(struct start *s, enum uspawn_rung rung, struct child_report *ret)
{
	uint64_t callers;
	int r;

	clone_block_signals(&callers);
	r = ladder_climb_blocked(s, rung, callers, NULL, ret);
	clone_restore_signals(&callers);
	return r;
}
