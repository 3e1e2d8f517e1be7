/* SPDX-License-Identifier: MIT */
/* The ladder as it would be climbed now: what is known to be refused, and what this thread is, count, too. */
#include "clone.h"
#include "crossing.h"
#include "image.h"
#include "reason.h"
#include "rung.h"

/* Could this thread's child get to a relay with what it is? */
static int reaches_relay(const struct uspawn_plan *plan)
{
	enum image_kind kind;
	struct carried caps;

	return !plan->nactions && crossing_read_caps(&caps) == 0 && image_get(&kind) >= 0;
}

enum uspawn_rung reason_rung(const struct uspawn_plan *plan, enum uspawn_rung fastest)
{
	enum uspawn_rung rung = rung_first(plan, fastest);

	while (rung < USPAWN_RUNG_FORK &&
	       (clone_is_refused(rung) || (rung == USPAWN_RUNG_RELAY && !reaches_relay(plan))))
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
	if (rung != rung_first(plan, USPAWN_RUNG_VFORK))
		return plan->own_memory ? "the relay cannot be used here" : "the faster ones do not work here";
	if (plan->own_memory)
		return "its rights must not be those of memory that it shares";
	if (plan->flags & USPAWN_SETCGROUP || (plan->sched && plan->sched->set & USPAWN_OOM_SCORE))
		return "the cgroup or oom_score of a faster one would reach the caller";
	if (reason_rung(plan, USPAWN_RUNG_ASYNC) != rung_first(plan, USPAWN_RUNG_ASYNC))
		return "the faster one does not work here";
	return "a faster one could not say at once what the kernel says";
}

void reason_describe(struct text *t, const struct uspawn_plan *plan)
{
	enum uspawn_rung rung = reason_rung(plan, USPAWN_RUNG_VFORK), on_ring = reason_rung(plan, USPAWN_RUNG_ASYNC);

	text_add(t, "%-12s %s", "rung", rung_name(rung));
	if (on_ring == USPAWN_RUNG_ASYNC)
		text_add(t, "; on a ring async");
	else
		text_add(t, ": %s", rung_reason(plan, rung));
	text_add(t, "\n");
}
