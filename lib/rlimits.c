/* SPDX-License-Identifier: MIT */
/* One instruction each, in the caller's order. */
#include <errno.h>

#include "request.h"
#include "rlimits.h"
#include "sys.h"

int rlimits_accept(const struct uspawn_request *r, struct uspawn_failure *reterr)
{
	if ((r->rlimits != NULL) != (r->nrlimits != 0))
		return request_fail(reterr, EINVAL, USPAWN_STEP_RLIMIT, 0);
	for (uint32_t i = 0; i < r->nrlimits; i++)
		if (r->rlimits[i].reserved || r->rlimits[i].resource >= RLIM_NLIMITS ||
		    r->rlimits[i].soft > r->rlimits[i].hard)
			return request_fail(reterr, EINVAL, USPAWN_STEP_RLIMIT, i);
	return 0;
}

size_t rlimits_measure(const struct uspawn_request *r)
{
	return layout_size(r->nrlimits * sizeof(*r->rlimits));
}

void rlimits_keep(struct uspawn_plan *plan, const struct uspawn_request *r, struct layout *at)
{
	plan->rlimits = layout_keep(at, r->rlimits, r->nrlimits * sizeof(*r->rlimits));
	plan->nrlimits = r->nrlimits;
}

int rlimits_raise_nofile(const struct uspawn_plan *plan, int hard)
{
	const struct uspawn_rlimit *last = NULL;
	uint64_t highest = 0;
	struct rlimit64 now;

	for (uint32_t i = 0; i < plan->nrlimits; i++)
		if (plan->rlimits[i].resource == RLIMIT_NOFILE) {
			last = &plan->rlimits[i];
			highest = last->hard > highest ? last->hard : highest;
		}
	return last && sys_getrlimit(RLIMIT_NOFILE, &now) == 0 &&
	       (last->soft > now.rlim_cur || (hard && highest > now.rlim_max));
}

void rlimits_put(struct writer *w, int nofile)
{
	for (uint32_t i = 0; i < w->plan->nrlimits; i++) {
		const struct uspawn_rlimit *limit = &w->plan->rlimits[i];
		struct child_instr *instr;

		if ((limit->resource == RLIMIT_NOFILE) != nofile)
			continue;
		instr = writer_put(w, OP_RLIMIT, USPAWN_STEP_RLIMIT, i);
		instr->a = (int)limit->resource;
		instr->bits = limit->soft;
		instr->more_bits = limit->hard;
	}
}
