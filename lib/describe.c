/* SPDX-License-Identifier: MIT */
/*
 * A plan as text. It is made from the very program that a child would be given, so that the two cannot disagree; what
 * the parent does before comes from the plan.
 */
#include <errno.h>
#include <linux/filter.h>
#include <stdlib.h>

#include "crossing.h"
#include "program.h"
#include "reason.h"
#include "sys_creds.h"
#include "text.h"
#include "words.h"

/* What a letter after % stands for: print_field(). */
static const char *const forms[] = {
	[OP_CUT] = "%a and above closed",
	[OP_SETSID] = "new",
	[OP_SETPGID] = "%G",
	[OP_KEEP] = "%a kept",
	[OP_CLOEXEC] = "%D closed by exec",
	[OP_MOVE] = "%b from %D",
	[OP_SAVE] = "%D put aside",
	[OP_RESTORE] = "%b from what was put aside",
	[OP_CLOSE] = "%a closed",
	[OP_CLOSE_POSSIBLE] = "close %a",
	[OP_CLOSE_RANGE] = "%a to %b closed",
	[OP_OPEN] = "%P as %c (%O)",
	[OP_REOPEN] = "open %P as %c (%O)",
	[OP_CHDIR] = "%P",
	[OP_FCHDIR] = "descriptor %D",
	[OP_UMASK] = "0%o",
	[OP_RLIMIT] = "%R",
	[OP_DEFAULT] = "default: %S",
	[OP_IGNORE] = "ignored: %S",
	[OP_SIGMASK] = "%B",
	[OP_CALLBACK] = "the caller's function",
	[OP_EXEC] = "%E",
	[OP_EXEC_FD] = "descriptor %D",
	[OP_EXIT] = "none: exit with %a",
	[OP_RELAY] = "from here on in memory of its own",
	[OP_HIDE] = "hidden from others of the same ids",
	[OP_CAPS] = "%K",
	[OP_AMBIENT] = "%V",
	[OP_SECUREBITS] = "0x%x",
	[OP_BOUNDING] = "without %V",
	[OP_GROUPS] = "%L",
	[OP_GID] = "%N",
	[OP_UID] = "%N",
	[OP_KEEP_CAPS] = "kept over the change of the uid",
	[OP_RESET_GID] = "the effective one becomes the real one",
	[OP_RESET_UID] = "the effective one becomes the real one",
	[OP_CGROUP] = "move to descriptor %D",
	[OP_SETCTTY] = "descriptor %a",
	[OP_FOREGROUND] = "of descriptor %a",
	[OP_CHROOT] = "%P",
	[OP_PDEATHSIG] = "signal %a",
	[OP_NO_NEW_PRIVS] = "set",
	[OP_LANDLOCK] = "ruleset of descriptor %D",
	[OP_SECCOMP] = "%F",
	[OP_NICE] = "%a",
	[OP_SCHEDULER] = "%Y, priority %b",
	[OP_SCHED_PARAM] = "priority %a",
	[OP_SCHED_ATTR] = "%T",
	[OP_AFFINITY] = "processors %C",
	[OP_MEMPOLICY] = "%M",
	[OP_IOPRIO] = "%I",
	[OP_OOM_SCORE] = "%W",
	[OP_TIMERSLACK] = "%N ns",
	[OP_PERSONALITY] = "0x%X",
};

/* A number of the plan's own is shown as the one that it was made from. */
static void print_descriptor(struct text *t, const struct uspawn_plan *plan, int fd)
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

static void print_mask(struct text *t, const struct uspawn_plan *plan)
{
	if (plan->flags & USPAWN_SETSIGMASK)
		words_signals(t, plan->sigmask);
	else
		text_add(t, "the caller's");
}

static void print_field(struct text *t, char field, const struct child_instr *in, const struct uspawn_plan *plan)
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
	case 'B':
		return print_mask(t, plan);
	case 'C':
		return words_numbers(t, in->data, 8 * (size_t)in->a);
	case 'D':
		return print_descriptor(t, plan, in->a);
	case 'E':
		return print_candidates(t, plan->candidates);
	case 'F':
		return text_add(t, "filter of %u instructions", ((const struct sock_fprog *)in->data)->len);
	case 'G':
		return in->a ? text_add(t, "%d", in->a) : text_add(t, "new");
	case 'I':
		return words_ioprio(t, in->a);
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
	case 'V':
		return words_capabilities(t, in->bits);
	case 'W':
		return text_add(t, "%.*s", in->a, in->word);
	case 'X':
		return text_add(t, "%llx", (unsigned long long)in->bits);
	case 'Y':
		return words_policy(t, in->a);
	}
}

static void print_step(struct text *t, uint32_t step)
{
	text_add(t, "%-12s ", uspawn_strstep(step));
}

static void print_instr(struct text *t, const struct child_instr *in, const struct uspawn_plan *plan)
{
	if (in->step == CHILD_STEP_RELAY && in->op != OP_RELAY)
		return; /* what the relay's exec would change is put aside, and back */
	text_add(t, "%-12s ", in->step == CHILD_STEP_RELAY ? "relay" : uspawn_strstep(in->step));
	for (const char *form = forms[in->op]; *form; form++) {
		if (*form == '%')
			print_field(t, *++form, in, plan);
		else
			text_add(t, "%c", *form);
	}
	text_add(t, in->may_fail ? " (may fail)\n" : "\n");
}

/* ---- What comes before the child ---- */

static void print_ends(struct text *t, const struct uspawn_plan *plan)
{
	for (uint32_t n = 0; n < plan->nargs; n++) {
		const struct plan_arg *arg = &plan->args[n];

		if (arg->use < PLAN_READ_END)
			continue;
		print_step(t, arg->use == PLAN_PTY ? USPAWN_STEP_PTY : USPAWN_STEP_PIPE);
		text_add(t, "new: argument %u%s\n", n,
			 arg->use == PLAN_READ_END    ? ", its read end"
			 : arg->use == PLAN_WRITE_END ? ", its write end"
						      : "");
	}
}

static void print_parent(struct text *t, const struct uspawn_plan *plan)
{
	reason_describe(t, plan);
	print_ends(t, plan);
	if (plan->cgroup_fd == -1)
		return;
	print_step(t, USPAWN_STEP_CGROUP);
	text_add(t, "the group of descriptor ");
	print_descriptor(t, plan, plan->cgroup_fd);
	text_add(t, plan_may_fail(plan, USPAWN_STEP_CGROUP) ? " (may fail)\n" : "\n");
}

/* The rung decides whether there is a relay among the steps; descriptors of its own are left out. */
static void write_program(struct child_start *start, void *room, const struct uspawn_plan *plan,
			  const struct uspawn_args *args, struct crossing *crossing)
{
	struct fds fds = { .cgroup = -1 };
	int relays = reason_rung(plan, USPAWN_RUNG_VFORK) == USPAWN_RUNG_RELAY &&
		     crossing_read_caps(&crossing->caps) == 0;

	for (unsigned n = 0; n < PLAN_ARGS; n++)
		fds.number[n] = USPAWN_ARG((int)n);
	program_write(start, room, plan, args, &fds, -1, relays ? crossing : NULL, 0);
}

int uspawn_plan_describe(const struct uspawn_plan *plan, char *buf, size_t size)
{
	struct text t = { .buf = buf, .size = size };
	struct uspawn_args args = { .size = sizeof(args) };
	struct crossing crossing = { .block = -1, .image = -1 };
	struct child_start start;
	int saved = errno;
	void *room = malloc(program_size(plan, &args, 0));

	if (!room) {
		errno = saved;
		return -ENOMEM;
	}
	write_program(&start, room, plan, &args, &crossing);
	print_parent(&t, plan);
	for (const struct child_instr *in = start.program;; in++) {
		print_instr(&t, in, plan);
		if (in->step == USPAWN_STEP_EXEC)
			break;
	}
	free(room);
	errno = saved;
	return (int)t.length;
}
