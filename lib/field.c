/* SPDX-License-Identifier: MIT */
/* Each letter is one way to read an instruction's operands. */
#include <linux/filter.h>

#include "field.h"
#include "sys_creds.h"
#include "words.h"

/* A number of the plan's own is shown as the one that it was made from. */
void field_descriptor(struct text *t, const struct uspawn_plan *plan, int fd)
{
	if (plan_is_arg(fd)) {
		text_add(t, "argument %u", plan_arg_number(fd));
		return;
	}
	for (uint32_t i = 0; i < plan->ncopies; i++)
		if (plan->copies[i].fd == fd && !plan_has_target(plan, fd)) {
			text_add(t, "%d", plan->copies[i].from);
			return;
		}
	text_add(t, "%d", fd);
}

static void print_candidates(struct text *t, const char *const *paths)
{
	for (const char *const *path = paths; *path; path++)
		text_add(t, path == paths ? "%s" : ", %s", *path);
}

static void print_attr(struct text *t, const struct sys_sched_attr *attr)
{
	if (attr->flags & (SYS_SCHED_FLAG_UTIL_CLAMP_MIN | SYS_SCHED_FLAG_UTIL_CLAMP_MAX)) {
		text_add(t, "clamped");
		if (attr->flags & SYS_SCHED_FLAG_UTIL_CLAMP_MIN)
			text_add(t, " from %u", attr->util_min);
		if (attr->flags & SYS_SCHED_FLAG_UTIL_CLAMP_MAX)
			text_add(t, " to %u", attr->util_max);
		return;
	}
	words_policy(t, (int)attr->policy);
	text_add(t, ", %llu ns within %llu of each %llu", (unsigned long long)attr->runtime,
		 (unsigned long long)attr->deadline, (unsigned long long)attr->period);
}

static void print_mempolicy(struct text *t, const struct child_instr *in)
{
	words_mempolicy(t, in->a);
	if (!in->data)
		return;
	text_add(t, " nodes ");
	words_numbers(t, in->data, in->more_bits - 1);
}

static void print_rlimit(struct text *t, const struct child_instr *in)
{
	words_resource(t, in->a);
	text_add(t, " ");
	words_limit(t, in->bits);
	text_add(t, ":");
	words_limit(t, in->more_bits);
}

static void print_groups(struct text *t, const struct child_instr *in)
{
	const uint32_t *groups = in->data;
	size_t begin = t->length;

	if (!in->a)
		text_add(t, "none");
	for (int i = 0; i < in->a; i++) {
		text_comma(t, begin);
		text_add(t, "%u", groups[i]);
	}
}

static void print_caps(struct text *t, const struct child_instr *in)
{
	const struct sys_caps *caps = in->data;

	if (in->a & CHILD_CAPS_RIGHTS) {
		text_add(t, "permitted ");
		words_capabilities(t, sys_caps_permitted(caps));
		text_add(t, "; effective ");
		words_capabilities(t, sys_caps_effective(caps));
	}
	if (in->a & CHILD_CAPS_INHERITABLE) {
		text_add(t, in->a & CHILD_CAPS_RIGHTS ? "; inheritable " : "inheritable ");
		words_capabilities(t, sys_caps_inheritable(caps));
	}
}

/* What goes to a file of lines. */
static void print_lines(struct text *t, const char *before, const char *lines)
{
	if (!lines)
		return;
	text_add(t, "%s", before);
	for (; *lines; lines++) {
		if (*lines != '\n')
			text_add(t, "%c", *lines);
		else if (lines[1])
			text_add(t, ", ");
	}
}

static void print_maps(struct text *t, const struct plan_namespaces *ns)
{
	print_lines(t, "uids ", ns->uid_map);
	print_lines(t, ns->uid_map ? "; gids " : "gids ", ns->gid_map);
	if (ns->flags & USPAWN_DENY_SETGROUPS)
		text_add(t, "; setgroups denied");
}

static void print_types(struct text *t, uint64_t types)
{
	if (!types)
		return;
	text_add(t, ": ");
	words_namespaces(t, types);
}

static void print_mask(struct text *t, const struct uspawn_plan *plan)
{
	if (plan->flags & USPAWN_SETSIGMASK)
		words_signals(t, plan->sigmask);
	else
		text_add(t, "the caller's");
}

void field_print(struct text *t, char field, const struct child_instr *in, const struct uspawn_plan *plan)
{
	switch (field) {
	case 'a':
		return text_add(t, "%d", in->a);
	case 'b':
		return text_add(t, "%d", in->b);
	case 'c':
		return text_add(t, "%d", in->c);
	case 'o':
		return text_add(t, "%o", (unsigned)in->a);
	case 'x':
		return text_add(t, "%x", (unsigned)in->a);
	case 'A':
		return print_maps(t, plan->namespaces);
	case 'B':
		return print_mask(t, plan);
	case 'C':
		return words_numbers(t, in->data, 8 * (size_t)in->a);
	case 'D':
		return field_descriptor(t, plan, in->a);
	case 'E':
		return print_candidates(t, plan->candidates);
	case 'F':
		return text_add(t, "filter of %u instructions", ((const struct sock_fprog *)in->data)->len);
	case 'G':
		return in->a ? text_add(t, "%d", in->a) : text_add(t, "new");
	case 'I':
		return words_ioprio(t, in->a);
	case 'J':
		return print_types(t, (unsigned)in->b);
	case 'K':
		return print_caps(t, in);
	case 'L':
		return print_groups(t, in);
	case 'M':
		return print_mempolicy(t, in);
	case 'N':
		return text_add(t, "%llu", (unsigned long long)in->bits);
	case 'O':
		return words_open(t, in->a, (unsigned)in->b);
	case 'P':
		return text_add(t, "%s", in->path);
	case 'R':
		return print_rlimit(t, in);
	case 'S':
		return words_signals(t, in->bits);
	case 'T':
		return print_attr(t, in->data);
	case 'U':
		return words_namespaces(t, in->bits);
	case 'V':
		return words_capabilities(t, in->bits);
	case 'W':
		return text_add(t, "%.*s", in->a, in->word);
	case 'X':
		return text_add(t, "%llx", (unsigned long long)in->bits);
	case 'Z':
		return print_lines(t, ": ", in->text);
	case 'Y':
		return words_policy(t, in->a);
	}
}
