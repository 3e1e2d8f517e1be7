/* SPDX-License-Identifier: MIT */
/*
 * A new user namespace is entered first, for it gives the right to the others; its maps are written by the parent, who
 * may have the right to more than one id. A new time namespace is entered by setns(2), since exec does that only from
 * Linux 6.2 on. A PID namespace cannot be entered, only be born in: a new one is a flag of the clone, and to join one
 * would take a process in between.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "namespaces.h"
#include "request.h"
#include "sys_creds.h"

#define BILLION 1000000000

#define KNOWN                                                                                                        \
	(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWUSER | \
	 SYS_CLONE_NEWTIME)

/* What a single-threaded process with memory of its own must be for. */
#define NEEDS_OWN_MEMORY (CLONE_NEWUSER | SYS_CLONE_NEWTIME)

enum {
	MAPS_BOUND = 340,
	MAP_LINE = 36,     /* three numbers */
	OFFSETS_SIZE = 96, /* two lines */
	SET_TID_BOUND = 32,
	INSTRUCTIONS = 5,
};

static int copy(struct uspawn_namespaces *ret, const struct uspawn_request *r)
{
	return request_copy(ret, sizeof(*ret), r->namespaces);
}

uint32_t namespaces_joined(const struct uspawn_request *r)
{
	struct uspawn_namespaces ns = { 0 };

	if (r->namespaces)
		copy(&ns, r);
	return ns.njoin;
}

static int wrong_map(const struct uspawn_idmap *map, uint32_t n)
{
	if ((map != NULL) != (n != 0) || n > MAPS_BOUND)
		return 1;
	for (uint32_t i = 0; i < n; i++)
		if (!map[i].count || map[i].reserved)
			return 1;
	return 0;
}

static uint32_t wrong_step(const struct uspawn_namespaces *ns, const struct uspawn_request *r)
{
	int user = (ns->unshare & CLONE_NEWUSER) != 0;

	if (ns->reserved || ns->flags & ~(uint32_t)(USPAWN_DENY_SETGROUPS | USPAWN_KEEP_PROPAGATION))
		return USPAWN_STEP_REQUEST;
	if (ns->unshare & ~(uint32_t)KNOWN || (ns->join != NULL) != (ns->njoin != 0) ||
	    (ns->set_tid != NULL) != (ns->nset_tid != 0) || ns->nset_tid > SET_TID_BOUND ||
	    (ns->flags & USPAWN_KEEP_PROPAGATION && !(ns->unshare & CLONE_NEWNS)) ||
	    ((ns->monotonic_offset_ns || ns->boottime_offset_ns) && !(ns->unshare & SYS_CLONE_NEWTIME)) ||
	    /* The one would have to be born in what the other has yet to enter. */
	    (user && ns->unshare & CLONE_NEWPID && ns->njoin))
		return USPAWN_STEP_NAMESPACE;
	if (wrong_map(ns->uid_map, ns->nuid_map) || wrong_map(ns->gid_map, ns->ngid_map) ||
	    ((ns->uid_map || ns->gid_map || ns->flags & USPAWN_DENY_SETGROUPS) && !user))
		return USPAWN_STEP_IDMAP;
	if (r->flags & USPAWN_PIVOT_ROOT && !(ns->unshare & CLONE_NEWNS))
		return USPAWN_STEP_ROOT;
	return USPAWN_STEP_NONE;
}

int namespaces_accept(const struct uspawn_request *r, struct uspawn_failure *reterr)
{
	struct uspawn_namespaces ns;
	uint32_t step;
	int errnum;

	if (r->flags & USPAWN_PIVOT_ROOT && (!r->namespaces || !r->root))
		return request_fail(reterr, EINVAL, USPAWN_STEP_ROOT, 0);
	if (!r->namespaces)
		return 0;
	errnum = copy(&ns, r);
	if (errnum)
		return request_fail(reterr, errnum, USPAWN_STEP_REQUEST, 0);
	step = wrong_step(&ns, r);
	if (step)
		return request_fail(reterr, EINVAL, step, 0);
	for (uint32_t i = 0; i < ns.njoin; i++) {
		if (ns.join[i].type & ~(uint32_t)KNOWN)
			return request_fail(reterr, EINVAL, USPAWN_STEP_NAMESPACE, i);
		if (ns.join[i].type & CLONE_NEWPID)
			return request_fail(reterr, EOPNOTSUPP, USPAWN_STEP_NAMESPACE, i);
	}
	return 0;
}

size_t namespaces_measure(const struct uspawn_request *r)
{
	struct uspawn_namespaces ns;

	if (!r->namespaces)
		return 0;
	copy(&ns, r);
	return layout_size(sizeof(struct plan_namespaces)) + layout_size(ns.njoin * sizeof(struct plan_join)) +
	       layout_size(ns.nset_tid * sizeof(*ns.set_tid)) + layout_size(ns.nuid_map * MAP_LINE + 1) +
	       layout_size(ns.ngid_map * MAP_LINE + 1) + layout_size(OFFSETS_SIZE);
}

static const char *keep_map(struct layout *at, const struct uspawn_idmap *map, uint32_t n)
{
	char *ret = n ? layout_claim(at, n * MAP_LINE + 1) : NULL, *end = ret;

	for (uint32_t i = 0; i < n; i++)
		end += snprintf(end, MAP_LINE, "%u %u %u\n", map[i].inside, map[i].outside, map[i].count);
	return ret;
}

/* Whole seconds, and what is left of one: never negative. */
static const char *keep_offsets(struct layout *at, const struct uspawn_namespaces *ns)
{
	char *ret = layout_claim(at, OFFSETS_SIZE);
	const int64_t offset[] = { ns->monotonic_offset_ns, ns->boottime_offset_ns };
	lldiv_t part[2];

	for (int i = 0; i < 2; i++) {
		part[i] = lldiv(offset[i], BILLION);
		if (part[i].rem < 0) {
			part[i].quot--;
			part[i].rem += BILLION;
		}
	}
	snprintf(ret, OFFSETS_SIZE, "monotonic %lld %lld\nboottime %lld %lld\n", part[0].quot, part[0].rem,
		 part[1].quot, part[1].rem);
	return ret;
}

void namespaces_keep(struct uspawn_plan *plan, const struct uspawn_request *r, struct layout *at)
{
	struct plan_namespaces *kept;
	struct uspawn_namespaces ns;

	if (!r->namespaces)
		return;
	copy(&ns, r);
	kept = layout_claim(at, sizeof(*kept));
	*kept = (struct plan_namespaces){ .unshare = ns.unshare, .njoin = ns.njoin, .flags = ns.flags };
	kept->join = layout_claim(at, ns.njoin * sizeof(*kept->join));
	for (uint32_t i = 0; i < ns.njoin; i++) {
		kept->join[i] = (struct plan_join){ ns.join[i].fd, ns.join[i].type };
		if (!ns.join[i].type || ns.join[i].type & NEEDS_OWN_MEMORY)
			plan->own_memory = 1;
	}
	if (ns.unshare & NEEDS_OWN_MEMORY)
		plan->own_memory = 1;
	kept->set_tid = layout_keep(at, ns.set_tid, ns.nset_tid * sizeof(*ns.set_tid));
	kept->nset_tid = ns.nset_tid;
	kept->uid_map = keep_map(at, ns.uid_map, ns.nuid_map);
	kept->gid_map = keep_map(at, ns.gid_map, ns.ngid_map);
	if (ns.monotonic_offset_ns || ns.boottime_offset_ns)
		kept->offsets = keep_offsets(at, &ns);
	plan->namespaces = kept;
}

uint64_t namespaces_born(const struct uspawn_plan *plan, enum uspawn_rung rung)
{
	uint32_t made = plan->namespaces ? plan->namespaces->unshare : 0;

	if (!(made & CLONE_NEWPID))
		return 0;
	return rung == USPAWN_RUNG_FORK ? made & (CLONE_NEWPID | CLONE_NEWUSER) : CLONE_NEWPID;
}

size_t namespaces_count(const struct uspawn_plan *plan)
{
	return plan->namespaces ? plan->namespaces->njoin + INSTRUCTIONS : 0;
}

void namespaces_put(struct writer *w)
{
	const struct plan_namespaces *ns = w->plan->namespaces;
	struct child_instr *instr, *unshare = NULL;
	uint64_t made;

	if (!ns)
		return;
	for (uint32_t i = 0; i < ns->njoin; i++) {
		instr = writer_put(w, OP_SETNS, USPAWN_STEP_NAMESPACE, i);
		instr->a = fds_number(w->fds, ns->join[i].fd);
		instr->b = (int)ns->join[i].type;
	}
	made = ns->unshare & ~w->born & ~(uint64_t)CLONE_NEWPID;
	if (made) {
		unshare = writer_put(w, OP_UNSHARE, USPAWN_STEP_NAMESPACE, ns->njoin);
		unshare->bits = made;
	}
	if (ns->unshare & CLONE_NEWNS && !(ns->flags & USPAWN_KEEP_PROPAGATION))
		writer_put(w, OP_PRIVATE, USPAWN_STEP_NAMESPACE, ns->njoin);
	if (ns->unshare & SYS_CLONE_NEWTIME)
		writer_put(w, OP_TIME, USPAWN_STEP_NAMESPACE, ns->njoin)->text = ns->offsets;
	if (plan_has_maps(w->plan))
		writer_put_number(w, OP_IDMAP, USPAWN_STEP_IDMAP, sys_getpid());
	/* They would change the caller's, where the child goes on in them. */
	if (unshare)
		unshare->skips = (uint32_t)(w->instr - unshare) - 1;
	if (unshare && plan_has_maps(w->plan) && !(made & CLONE_NEWUSER))
		unshare->skips--;
}
