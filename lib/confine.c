/* SPDX-License-Identifier: MIT */
/* In the order in which each may still forbid what the next one needs; the filter last, for it may refuse anything. */
#include <errno.h>
#include <linux/filter.h>

#include "confine.h"
#include "request.h"
#include "sys_attrs.h"

#define LABEL_WORD  "exec " /* AppArmor's */
#define KNOWN_FLAGS ((uint32_t)(USPAWN_LANDLOCK | USPAWN_SECCOMP_LOG | USPAWN_SECCOMP_SPEC_ALLOW))

static uint32_t wrong_step(const struct uspawn_confine *c)
{
	uint32_t filter_flags = USPAWN_SECCOMP_LOG | USPAWN_SECCOMP_SPEC_ALLOW;

	if (c->flags & ~KNOWN_FLAGS)
		return USPAWN_STEP_REQUEST;
	if (c->label && !*c->label)
		return USPAWN_STEP_LABEL;
	if (c->landlock_fd && !(c->flags & USPAWN_LANDLOCK))
		return USPAWN_STEP_LANDLOCK;
	if ((c->filter != NULL) != (c->filter_len != 0) || c->filter_len > UINT16_MAX ||
	    (c->flags & filter_flags && !c->filter))
		return USPAWN_STEP_SECCOMP;
	return USPAWN_STEP_NONE;
}

int confine_accept(const struct uspawn_request *r, struct uspawn_failure *reterr)
{
	struct uspawn_confine confine;
	uint32_t step;
	int errnum;

	if (!r->confine)
		return 0;
	errnum = request_copy(&confine, sizeof(confine), r->confine);
	if (errnum)
		return request_fail(reterr, errnum, USPAWN_STEP_REQUEST, 0);
	step = wrong_step(&confine);
	return step ? request_fail(reterr, EINVAL, step, 0) : 0;
}

size_t confine_measure(const struct uspawn_request *r)
{
	struct uspawn_confine confine;

	if (!r->confine)
		return 0;
	request_copy(&confine, sizeof(confine), r->confine);
	return layout_size(sizeof(confine)) + layout_size(confine.filter_len * sizeof(*confine.filter)) +
	       (confine.label ? strlen(LABEL_WORD) + strlen(confine.label) + LAYOUT_ALIGN : 0);
}

void confine_keep(struct uspawn_plan *plan, const struct uspawn_request *r, struct layout *at)
{
	struct uspawn_confine *kept;

	if (!r->confine)
		return;
	kept = layout_claim(at, sizeof(*kept));
	request_copy(kept, sizeof(*kept), r->confine);
	kept->filter = layout_keep(at, kept->filter, kept->filter_len * sizeof(*kept->filter));
	if (kept->label) {
		size_t begin = strlen(LABEL_WORD), size = strlen(kept->label) + 1;
		char *text = layout_claim(at, begin + size);

		memcpy(text, LABEL_WORD, begin + 1);
		memcpy(text + begin, kept->label, size);
		kept->label = text;
	}
	plan->confine = kept;
}

size_t confine_size(const struct uspawn_plan *plan)
{
	return plan->confine ? sizeof(struct sock_fprog) + sizeof(char *) : 0;
}

void confine_put_label(struct writer *w)
{
	if (w->plan->confine && w->plan->confine->label)
		writer_put(w, OP_LABEL, USPAWN_STEP_LABEL, 0)->path = w->plan->confine->label;
}

void confine_put(struct writer *w)
{
	if (w->plan->flags & USPAWN_NO_NEW_PRIVS)
		writer_put(w, OP_NO_NEW_PRIVS, USPAWN_STEP_NO_NEW_PRIVS, 0);
	if (w->plan->landlock_fd != -1)
		writer_put_number(w, OP_LANDLOCK, USPAWN_STEP_LANDLOCK, fds_number(w->fds, w->plan->landlock_fd));
}

void confine_put_filter(struct writer *w)
{
	const struct uspawn_confine *c = w->plan->confine;
	struct child_instr *instr;
	struct sock_fprog *program;

	if (!c || !c->filter)
		return;
	program = writer_claim(w, sizeof(*program));
	program->len = (unsigned short)c->filter_len;
	program->filter = (struct sock_filter *)c->filter;
	instr = writer_put(w, OP_SECCOMP, USPAWN_STEP_SECCOMP, 0);
	instr->data = program;
	instr->a = (c->flags & USPAWN_SECCOMP_LOG ? SYS_SECCOMP_FILTER_FLAG_LOG : 0) |
		   (c->flags & USPAWN_SECCOMP_SPEC_ALLOW ? SYS_SECCOMP_FILTER_FLAG_SPEC_ALLOW : 0);
}
