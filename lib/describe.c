/* SPDX-License-Identifier: MIT */
/*
 * A plan as text. It is made from the very program that a child would be given, so that the two cannot disagree; what
 * the parent does before comes from the plan.
 */
#include <errno.h>
#include <stdlib.h>

#include "crossing.h"
#include "field.h"
#include "namespaces.h"
#include "preface.h"
#include "program.h"

/* What a letter after % stands for: field_print(). */
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
	[OP_SETNS] = "join that of descriptor %D%J",
	[OP_UNSHARE] = "new: %U",
	[OP_PRIVATE] = "mounts stay in it",
	[OP_TIME] = "enter the new time%Z",
	[OP_IDMAP] = "%A",
	[OP_PIVOT] = "%P, of the whole namespace",
	[OP_LABEL] = "%P",
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

static void print_instr(struct text *t, const struct child_instr *in, const struct uspawn_plan *plan)
{
	/* How it protects itself, and what the relay's exec would change and is put back, is nobody's wish. */
	if (in->op == OP_HIDE || (in->step == CHILD_STEP_RELAY && in->op != OP_RELAY))
		return;
	text_add(t, "%-12s ", in->step == CHILD_STEP_RELAY ? "relay" : uspawn_strstep(in->step));
	for (const char *form = forms[in->op]; *form; form++) {
		if (*form == '%')
			field_print(t, *++form, in, plan);
		else
			text_add(t, "%c", *form);
	}
	text_add(t, in->may_fail ? " (may fail)\n" : "\n");
}

/* The rung decides whether there is a relay among the steps; descriptors of its own are left out. */
static void write_program(struct child_start *start, void *room, const struct uspawn_plan *plan,
			  const struct uspawn_args *args, struct crossing *crossing)
{
	struct fds fds = { .cgroup = -1 };
	enum uspawn_rung rung = preface_rung(plan);
	int relays = rung == USPAWN_RUNG_RELAY && crossing_read_caps(&crossing->caps) == 0;
	/* A forked child keeps its lifeline: where it cannot be seen. */
	int lifeline = rung != USPAWN_RUNG_FORK ? -1 : plan->ntargets ? plan->targets[0] : 3;

	for (unsigned n = 0; n < PLAN_ARGS; n++)
		fds.number[n] = USPAWN_ARG((int)n);
	if (rung == USPAWN_RUNG_FORK)
		fds.cgroup = fds_number(&fds, plan->cgroup_fd);
	start->born = (uint32_t)namespaces_born(plan, rung);
	program_write(start, room, plan, args, &fds, lifeline, relays ? crossing : NULL, 0);
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
	preface_describe(&t, plan);
	for (const struct child_instr *in = start.program;; in++) {
		print_instr(&t, in, plan);
		if (in->step == USPAWN_STEP_EXEC)
			break;
	}
	free(room);
	errno = saved;
	return (int)t.length;
}
