/* SPDX-License-Identifier: MIT */
/*
 * Groups need the right that goes with the uid, and so does the gid; what is kept over the change of the uid must be
 * said before it, and ambient capabilities, which it clears, come after. All three ids are set, or the program would
 * run as if it were set-user-ID.
 */
#include <errno.h>

#include "cred.h"
#include "identity.h"
#include "request.h"
#include "sys_creds.h"

#define NO_ID UINT32_MAX /* to the kernel: leave it */

/* What is asked for, as raw words. */
struct plan_caps {
	struct sys_caps caps;
	uint64_t ambient, unbounded;
	int sets; /* enum child_caps */
	int has_iab;
};

static uint32_t wrong_step(const struct uspawn_identity *id, uint32_t *retindex)
{
	if (id->reserved)
		return USPAWN_STEP_REQUEST;
	if (id->keep_groups > 1 || (id->keep_groups && id->ngroups) || (id->groups != NULL) != (id->ngroups != 0))
		return USPAWN_STEP_GROUPS;
	for (*retindex = 0; *retindex < id->ngroups; ++*retindex)
		if (id->groups[*retindex] == NO_ID)
			return USPAWN_STEP_GROUPS;
	*retindex = 0;
	return id->gid == NO_ID ? USPAWN_STEP_GID : id->uid == NO_ID ? USPAWN_STEP_UID : USPAWN_STEP_NONE;
}

static int accept_ids(const struct uspawn_request *r, struct uspawn_failure *reterr)
{
	struct uspawn_identity id;
	uint32_t step, index = 0;
	int errnum;

	if (!r->identity)
		return 0;
	if (r->flags & USPAWN_RESETIDS)
		return request_fail(reterr, EINVAL, USPAWN_STEP_UID, 0);
	errnum = request_copy(&id, sizeof(id), r->identity);
	if (errnum)
		return request_fail(reterr, errnum, USPAWN_STEP_REQUEST, 0);
	step = wrong_step(&id, &index);
	return step ? request_fail(reterr, EINVAL, step, index) : 0;
}

/* Inheritable capabilities are said by whichever is more exact. 0, or -errno and the step that it is about. */
static int read_caps(const struct uspawn_request *r, struct cred *ret, uint32_t *reterr)
{
	int result;

	*ret = (struct cred){ 0 };
	*reterr = USPAWN_STEP_CAPS;
	result = r->caps ? cred_read_caps(r->caps, ret) : 0;
	if (result < 0)
		return result;
	*reterr = USPAWN_STEP_AMBIENT;
	return r->iab ? cred_read_iab(r->iab, ret) : 0;
}

int identity_accept(const struct uspawn_request *r, struct uspawn_failure *reterr)
{
	struct cred cred;
	uint32_t step;
	int result = accept_ids(r, reterr);

	if (result < 0)
		return result;
	if (r->securebits && !(r->flags & USPAWN_SETSECUREBITS))
		return request_fail(reterr, EINVAL, USPAWN_STEP_SECUREBITS, 0);
	result = read_caps(r, &cred, &step);
	if (result < 0)
		return request_fail(reterr, -result, step, 0);
	/* The kernel's own rules, told before there is a child. */
	if (r->caps && cred.effective & ~cred.permitted)
		return request_fail(reterr, EINVAL, USPAWN_STEP_CAPS, 0);
	if (r->caps && cred.ambient & ~cred.permitted)
		return request_fail(reterr, EINVAL, USPAWN_STEP_AMBIENT, 0);
	return 0;
}

size_t identity_measure(const struct uspawn_request *r)
{
	struct uspawn_identity id = { 0 };

	if (r->identity)
		request_copy(&id, sizeof(id), r->identity);
	return layout_size(sizeof(id)) + layout_size(id.ngroups * sizeof(*id.groups)) +
	       layout_size(sizeof(struct plan_caps));
}

static void keep_caps(struct uspawn_plan *plan, const struct uspawn_request *r, struct layout *at)
{
	struct plan_caps *kept = layout_claim(at, sizeof(*kept));
	struct cred cred;
	uint32_t step;

	read_caps(r, &cred, &step); /* accepted already */
	*kept = (struct plan_caps){ .ambient = cred.ambient, .unbounded = cred.unbounded, .has_iab = r->iab != NULL };
	kept->sets = (r->caps ? CHILD_CAPS_RIGHTS : 0) | CHILD_CAPS_INHERITABLE;
	kept->caps = sys_caps_of(cred.effective, cred.permitted, cred.inheritable);
	plan->caps = kept;
	plan->own_memory = 1;
}

void identity_keep(struct uspawn_plan *plan, const struct uspawn_request *r, struct layout *at)
{
	plan->securebits = r->securebits;
	if (r->identity) {
		struct uspawn_identity *kept = layout_claim(at, sizeof(*kept));

		request_copy(kept, sizeof(*kept), r->identity);
		kept->groups = layout_keep(at, kept->groups, kept->ngroups * sizeof(*kept->groups));
		plan->identity = kept;
		plan->own_memory = 1;
	}
	if (r->caps || r->iab)
		keep_caps(plan, r, at);
}

size_t identity_count(const struct uspawn_plan *plan)
{
	return (plan->flags & USPAWN_SETSECUREBITS ? 1u : 0u) + (plan->flags & USPAWN_RESETIDS ? 2u : 0u) +
	       (plan->identity ? 4u : 0u) + (plan->caps ? 3u : 0u);
}

static void put_ids(struct writer *w, const struct uspawn_identity *id)
{
	struct child_instr *instr;

	if (!id->keep_groups) {
		instr = writer_put(w, OP_GROUPS, USPAWN_STEP_GROUPS, 0);
		instr->a = (int)id->ngroups;
		instr->data = id->groups;
	}
	writer_put(w, OP_GID, USPAWN_STEP_GID, 0)->bits = id->gid;
	if (w->plan->caps)
		writer_put(w, OP_KEEP_CAPS, USPAWN_STEP_CAPS, 0);
	writer_put(w, OP_UID, USPAWN_STEP_UID, 0)->bits = id->uid;
}

void identity_put(struct writer *w)
{
	const struct uspawn_plan *plan = w->plan;
	const struct plan_caps *caps = plan->caps;

	if (plan->flags & USPAWN_SETSECUREBITS)
		writer_put_number(w, OP_SECUREBITS, USPAWN_STEP_SECUREBITS, (int)plan->securebits);
	if (caps && caps->unbounded)
		writer_put(w, OP_BOUNDING, USPAWN_STEP_BOUNDING, 0)->bits = caps->unbounded;
	if (plan->identity)
		put_ids(w, plan->identity);
	if (plan->flags & USPAWN_RESETIDS) {
		writer_put(w, OP_RESET_GID, USPAWN_STEP_GID, 0);
		writer_put(w, OP_RESET_UID, USPAWN_STEP_UID, 0);
	}
	if (!caps)
		return;
	writer_put(w, OP_CAPS, USPAWN_STEP_CAPS, 0)->data = &caps->caps;
	w->instr[-1].a = caps->sets;
	if (caps->has_iab)
		writer_put(w, OP_AMBIENT, USPAWN_STEP_AMBIENT, 0)->bits = caps->ambient;
}
