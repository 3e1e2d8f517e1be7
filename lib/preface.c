/* SPDX-License-Identifier: MIT */
/* The ladder as it would be climbed now: what is known to be refused, and what this thread is, count, too. */
#include "clone.h"
#include "crossing.h"
#include "field.h"
#include "image.h"
#include "namespaces.h"
#include "preface.h"
#include "rung.h"
#include "words.h"

/* Could this thread's child get to a relay with what it is? */
static int reaches_relay(const struct uspawn_plan *plan)
{
	enum image_kind kind;
	struct carried caps;

	return rung_suits_relay(plan) && crossing_read_caps(&caps) == 0 && image_get(&kind) >= 0;
}

/* As the ladder asks it (ladder.c). */
static int can_take(const struct uspawn_plan *plan, enum uspawn_rung rung)
{
	struct birth birth = { .flags = namespaces_born(plan, rung) };

	if (plan->namespaces)
		birth.nset_tid = plan->namespaces->nset_tid;
	if (clone_is_refused(rung) || !clone_has_flags(rung, &birth))
		return 0;
	if (plan->cgroup_fd != -1 && !clone_has_cgroup(rung))
		return 0;
	return rung != USPAWN_RUNG_RELAY || reaches_relay(plan);
}

static enum uspawn_rung rung_now(const struct uspawn_plan *plan, enum uspawn_rung fastest)
{
	enum uspawn_rung rung = rung_first(plan, fastest);

	while (rung < USPAWN_RUNG_FORK && !can_take(plan, rung))
		rung++;
	return rung;
}

static const char *rung_name(enum uspawn_rung rung)
{
	static const char *const names[] = {
		[USPAWN_RUNG_ASYNC] = "async", [USPAWN_RUNG_VFORK] = "vfork", [USPAWN_RUNG_CLONE] = "clone",
		[USPAWN_RUNG_RELAY] = "relay", [USPAWN_RUNG_FORK] = "fork",
	};

	return names[rung];
}

/* Why not a faster one. */
static const char *rung_reason(const struct uspawn_plan *plan, enum uspawn_rung rung)
{
	if (plan->callback)
		return "a callback needs memory of its own";
	if (plan->rung == rung)
		return "asked for by the request";
	if (clone_cap() == rung)
		return "asked for by USPAWN_RUNG";
	if (rung == USPAWN_RUNG_FORK && plan->own_memory && !rung_suits_relay(plan))
		return "a relay would not have what it names";
	if (rung != rung_first(plan, USPAWN_RUNG_VFORK))
		return plan->own_memory ? "the relay cannot be used here" : "the faster ones do not work here";
	if (rung == USPAWN_RUNG_FORK)
		return "only its clone can give what was asked for";
	if (plan->own_memory)
		return "its rights must not be those of memory that it shares";
	if (rung == USPAWN_RUNG_RELAY && plan->confine && plan->confine->filter)
		return "this kernel would end the caller, too, if the filter killed";
	if (plan->flags & USPAWN_SETCGROUP || (plan->sched && plan->sched->set & USPAWN_OOM_SCORE))
		return "the cgroup or oom_score of a faster one would reach the caller";
	if (rung_now(plan, USPAWN_RUNG_ASYNC) != rung_first(plan, USPAWN_RUNG_ASYNC))
		return "the faster one does not work here";
	return "a faster one could not say at once what the kernel says";
}

enum uspawn_rung preface_rung(const struct uspawn_plan *plan)
{
	return rung_now(plan, USPAWN_RUNG_VFORK);
}

static void print_rung(struct text *t, const struct uspawn_plan *plan, enum uspawn_rung rung)
{
	text_add(t, "%-12s %s", "rung", rung_name(rung));
	if (rung_now(plan, USPAWN_RUNG_ASYNC) == USPAWN_RUNG_ASYNC)
		text_add(t, "; on a ring async");
	else
		text_add(t, ": %s", rung_reason(plan, rung));
	text_add(t, "\n");
}

/* ---- What the parent does ---- */

static void begin_line(struct text *t, uint32_t step)
{
	text_add(t, "%-12s ", uspawn_strstep(step));
}

static void print_ends(struct text *t, const struct uspawn_plan *plan)
{
	for (uint32_t n = 0; n < plan->nargs; n++) {
		const struct plan_arg *arg = &plan->args[n];

		if (arg->use < PLAN_READ_END)
			continue;
		begin_line(t, arg->use == PLAN_PTY ? USPAWN_STEP_PTY : USPAWN_STEP_PIPE);
		text_add(t, "new: argument %u%s\n", n,
			 arg->use == PLAN_READ_END    ? ", its read end"
			 : arg->use == PLAN_WRITE_END ? ", its write end"
						      : "");
	}
}

/* A forked child moves there itself. */
static void print_cgroup(struct text *t, const struct uspawn_plan *plan)
{
	begin_line(t, USPAWN_STEP_CGROUP);
	text_add(t, "born in the group of descriptor ");
	field_descriptor(t, plan, plan->cgroup_fd);
	text_add(t, plan_may_fail(plan, USPAWN_STEP_CGROUP) ? " (may fail)\n" : "\n");
}

static void print_clone(struct text *t, const struct uspawn_plan *plan, enum uspawn_rung rung)
{
	const struct plan_namespaces *ns = plan->namespaces;
	uint64_t born = namespaces_born(plan, rung);

	if (born) {
		begin_line(t, USPAWN_STEP_CLONE);
		text_add(t, "in new namespaces: ");
		words_namespaces(t, born);
		text_add(t, "\n");
	}
	for (uint32_t i = 0; ns && i < ns->nset_tid; i++) {
		begin_line(t, USPAWN_STEP_CLONE);
		text_add(t, "as number %d\n", ns->set_tid[i]);
	}
	if (plan->flags & USPAWN_KILL_ON_CLOSE) {
		begin_line(t, USPAWN_STEP_CLONE);
		text_add(t, "killed when its pidfd is closed\n");
	}
	if (plan->flags & USPAWN_DETACH) {
		begin_line(t, USPAWN_STEP_CLONE);
		text_add(t, "detached: its parent has ended when the start returns\n");
	}
}

void preface_describe(struct text *t, const struct uspawn_plan *plan)
{
	enum uspawn_rung rung = preface_rung(plan);

	print_rung(t, plan, rung);
	print_ends(t, plan);
	if (plan->cgroup_fd != -1 && rung != USPAWN_RUNG_FORK)
		print_cgroup(t, plan);
	print_clone(t, plan, rung);
}
