/* SPDX-License-Identifier: MIT */
/*
 * The oldest call that does it is used for each: a policy by sched_setscheduler(2), which leaves nice alone, a priority
 * by sched_setparam(2), which leaves the policy alone. Only deadlines and clamps need sched_setattr(2).
 */
#include <errno.h>
#include <limits.h>

#include "request.h"
#include "scheduling.h"
#include "sys_attrs.h"

#define KNOWN_FIELDS ((uint32_t)USPAWN_PERSONALITY * 2 - USPAWN_NICE)
#define CLAMP_MAX    1024

enum { INSTRUCTIONS = 11 };

/* A field that is set without its bit, or a value that no call takes: the first step that is concerned. */
static uint32_t wrong_step(const struct uspawn_sched *s)
{
	uint32_t set = s->set;
	int policy = (set & USPAWN_POLICY) != 0,
	    deadline = policy && (s->policy & ~SYS_SCHED_RESET_ON_FORK) == SYS_SCHED_DEADLINE;

	if (set & ~KNOWN_FIELDS)
		return USPAWN_STEP_REQUEST;
	if (s->nice && !(set & USPAWN_NICE))
		return USPAWN_STEP_NICE;
	if ((s->policy && !policy) || (policy && set & USPAWN_PRIORITY) ||
	    (s->priority && !(set & (USPAWN_POLICY | USPAWN_PRIORITY))) || s->priority > INT32_MAX ||
	    ((s->runtime_ns || s->deadline_ns || s->period_ns) && !deadline) || (s->priority && deadline) ||
	    (s->util_min && !(set & USPAWN_UCLAMP_MIN)) || (s->util_max && !(set & USPAWN_UCLAMP_MAX)) ||
	    s->util_min > CLAMP_MAX || s->util_max > CLAMP_MAX)
		return USPAWN_STEP_SCHEDULER;
	if ((s->affinity != NULL) != ((set & USPAWN_AFFINITY) != 0) || (s->affinity_size != 0) != (s->affinity != NULL))
		return USPAWN_STEP_AFFINITY;
	if ((s->mempolicy && !(set & USPAWN_MEMPOLICY)) || (s->nodes && !(set & USPAWN_MEMPOLICY)) ||
	    (s->nnodes != 0) != (s->nodes != NULL))
		return USPAWN_STEP_MEMPOLICY;
	if ((s->ioprio && !(set & USPAWN_IOPRIO)) || s->ioprio > INT32_MAX)
		return USPAWN_STEP_IOPRIO;
	if ((s->oom_score_adj && !(set & USPAWN_OOM_SCORE)) || s->oom_score_adj < -1000 || s->oom_score_adj > 1000)
		return USPAWN_STEP_OOM_SCORE;
	if ((s->timerslack_ns && !(set & USPAWN_TIMERSLACK)) || s->timerslack_ns > ULONG_MAX)
		return USPAWN_STEP_TIMERSLACK;
	/* The highest value asks what it is. */
	if ((s->personality && !(set & USPAWN_PERSONALITY)) || s->personality >= UINT32_MAX)
		return USPAWN_STEP_PERSONALITY;
	return USPAWN_STEP_NONE;
}

int scheduling_accept(const struct uspawn_request *r, struct uspawn_failure *reterr)
{
	struct uspawn_sched sched;
	uint32_t step;
	int errnum;

	if (!r->sched)
		return 0;
	errnum = request_copy(&sched, sizeof(sched), r->sched);
	if (errnum)
		return request_fail(reterr, errnum, USPAWN_STEP_REQUEST, 0);
	step = wrong_step(&sched);
	return step ? request_fail(reterr, EINVAL, step, 0) : 0;
}

static size_t nodes_size(const struct uspawn_sched *sched)
{
	size_t bits = 8 * sizeof(long);

	return (sched->nnodes + bits - 1) / bits * sizeof(long);
}

size_t scheduling_measure(const struct uspawn_request *r)
{
	struct uspawn_sched sched;

	if (!r->sched)
		return 0;
	request_copy(&sched, sizeof(sched), r->sched);
	return layout_size(sizeof(sched)) + layout_size(sched.affinity_size) + layout_size(nodes_size(&sched));
}

void scheduling_keep(struct uspawn_plan *plan, const struct uspawn_request *r, struct layout *at)
{
	struct uspawn_sched *kept;

	if (!r->sched)
		return;
	kept = layout_claim(at, sizeof(*kept));
	request_copy(kept, sizeof(*kept), r->sched);
	kept->affinity = layout_keep(at, kept->affinity, kept->affinity_size);
	kept->nodes = layout_keep(at, kept->nodes, nodes_size(kept));
	plan->sched = kept;
}

size_t scheduling_count(const struct uspawn_plan *plan)
{
	return plan->sched ? INSTRUCTIONS : 0;
}

size_t scheduling_size(const struct uspawn_plan *plan)
{
	return plan->sched ? 2 * (sizeof(struct sys_sched_attr) + sizeof(char *)) : 0;
}

static void put_attr(struct writer *w, const struct sys_sched_attr *attr)
{
	struct sys_sched_attr *kept = writer_claim(w, sizeof(*kept));

	*kept = *attr;
	writer_put(w, OP_SCHED_ATTR, USPAWN_STEP_SCHEDULER, 0)->data = kept;
}

static void put_policy(struct writer *w, const struct uspawn_sched *s)
{
	struct sys_sched_attr attr = { .size = SYS_SCHED_ATTR_SIZE_VER0, .policy = SYS_SCHED_DEADLINE };
	struct child_instr *instr;

	if (s->set & USPAWN_PRIORITY)
		writer_put_number(w, OP_SCHED_PARAM, USPAWN_STEP_SCHEDULER, (int)s->priority);
	if (!(s->set & USPAWN_POLICY))
		return;
	if ((s->policy & ~SYS_SCHED_RESET_ON_FORK) != SYS_SCHED_DEADLINE) {
		instr = writer_put(w, OP_SCHEDULER, USPAWN_STEP_SCHEDULER, 0);
		instr->a = (int)s->policy;
		instr->b = (int)s->priority;
		return;
	}
	attr.flags = s->policy & SYS_SCHED_RESET_ON_FORK ? SYS_SCHED_FLAG_RESET_ON_FORK : 0;
	attr.runtime = s->runtime_ns;
	attr.deadline = s->deadline_ns;
	attr.period = s->period_ns;
	put_attr(w, &attr);
}

static void put_clamps(struct writer *w, const struct uspawn_sched *s)
{
	struct sys_sched_attr attr = { .size = sizeof(attr),
				       .flags = SYS_SCHED_FLAG_KEEP_POLICY | SYS_SCHED_FLAG_KEEP_PARAMS,
				       .util_min = s->util_min,
				       .util_max = s->util_max };

	if (s->set & USPAWN_UCLAMP_MIN)
		attr.flags |= SYS_SCHED_FLAG_UTIL_CLAMP_MIN;
	if (s->set & USPAWN_UCLAMP_MAX)
		attr.flags |= SYS_SCHED_FLAG_UTIL_CLAMP_MAX;
	if (s->set & (USPAWN_UCLAMP_MIN | USPAWN_UCLAMP_MAX))
		put_attr(w, &attr);
}

static void put_memory(struct writer *w, const struct uspawn_sched *s)
{
	struct child_instr *instr;

	if (s->set & USPAWN_AFFINITY) {
		instr = writer_put(w, OP_AFFINITY, USPAWN_STEP_AFFINITY, 0);
		instr->a = (int)s->affinity_size;
		instr->data = s->affinity;
	}
	if (s->set & USPAWN_MEMPOLICY) {
		instr = writer_put(w, OP_MEMPOLICY, USPAWN_STEP_MEMPOLICY, 0);
		instr->a = (int)s->mempolicy;
		instr->data = s->nodes;
		instr->more_bits = s->nodes ? (uint64_t)s->nnodes + 1 : 0; /* the kernel reads one bit less */
	}
}

/* As text, since it goes to a file. */
static void put_oom_score(struct writer *w, int score)
{
	struct child_instr *instr = writer_put(w, OP_OOM_SCORE, USPAWN_STEP_OOM_SCORE, 0);
	unsigned left = (unsigned)(score < 0 ? -score : score);
	char text[sizeof(instr->word)];
	size_t at = sizeof(text);

	do
		text[--at] = (char)('0' + left % 10);
	while (left /= 10);
	if (score < 0)
		text[--at] = '-';
	instr->a = (int)(sizeof(text) - at);
	memcpy(instr->word, text + at, sizeof(text) - at);
}

void scheduling_put(struct writer *w)
{
	const struct uspawn_sched *s = w->plan->sched;

	if (!s)
		return;
	if (s->set & USPAWN_NICE)
		writer_put_number(w, OP_NICE, USPAWN_STEP_NICE, s->nice);
	put_policy(w, s);
	put_clamps(w, s);
	put_memory(w, s);
	if (s->set & USPAWN_IOPRIO)
		writer_put_number(w, OP_IOPRIO, USPAWN_STEP_IOPRIO, (int)s->ioprio);
	if (s->set & USPAWN_OOM_SCORE)
		put_oom_score(w, s->oom_score_adj);
	if (s->set & USPAWN_TIMERSLACK)
		writer_put(w, OP_TIMERSLACK, USPAWN_STEP_TIMERSLACK, 0)->bits = s->timerslack_ns;
	if (s->set & USPAWN_PERSONALITY)
		writer_put(w, OP_PERSONALITY, USPAWN_STEP_PERSONALITY, 0)->bits = s->personality;
}
