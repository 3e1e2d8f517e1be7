/* SPDX-License-Identifier: MIT */
/*
 * The order of the steps is decided here and nowhere else:
 *
 *	cut             before anything that touches a descriptor: until then the table is the parent's
 *	session, group  need nothing, and nothing may come before that could lose the right to them
 *	descriptors     moves, then what lies between is closed, then files are opened, still by the caller's directory
 *	directory, umask
 *	signals, mask   last, so that nothing is delivered to code that runs in the parent's memory
 *	callback, exec
 */
#include <string.h>

#include "env.h"
#include "fdmap.h"
#include "program.h"
#include "sys.h"

#define FIXED_INSTRUCTIONS 20 /* what does not come from a list, and the ends of ranges */

static size_t instructions(const struct uspawn_plan *plan)
{
	return FIXED_INSTRUCTIONS + FDMAP_STEPS(plan->nsources) + plan->nfds + plan->ntargets;
}

size_t program_size(const struct uspawn_plan *plan, const struct uspawn_args *args, int copies)
{
	char *const *argv = args->argv ? args->argv : plan->argv;
	char *const *envp = args->envp ? args->envp : plan->envp;
	size_t size = instructions(plan) * sizeof(struct child_instr), pointers = 0;

	size += plan->nsources * sizeof(struct fdmap_move) + FDMAP_STEPS(plan->nsources) * sizeof(struct fdmap_step);
	size += 2 * plan->nsources * sizeof(uint32_t) + 4 * sizeof(char *); /* and what claim() rounds up */
	if (plan->flags & USPAWN_SH_FALLBACK)
		pointers += env_count(argv) + 2;
	if (args->setenv)
		pointers += env_count(envp) + env_count(args->setenv) + 1;
	if (copies && args->argv) {
		pointers += env_count(argv) + 1;
		size += env_size(argv);
	}
	if (copies && (args->envp || args->setenv)) {
		pointers += args->setenv ? 0 : env_count(envp) + 1;
		size += env_size(args->envp) + env_size(args->setenv);
	}
	return size + pointers * sizeof(char *);
}

/* ---- Writing ---- */

struct writer {
	struct child_instr *instr;
	char *room; /* what is left, pointers' alignment kept until strings are written */
	const struct uspawn_plan *plan;
	const struct fds *fds;
};

static struct child_instr *put(struct writer *w, enum child_op op, uint32_t step, uint32_t index)
{
	struct child_instr *instr = w->instr++;

	instr->op = (uint8_t)op;
	instr->step = (uint16_t)step;
	instr->index = index;
	return instr;
}

static void put_number(struct writer *w, enum child_op op, uint32_t step, int a)
{
	put(w, op, step, 0)->a = a;
}

static void *claim(struct writer *w, size_t size)
{
	void *ret = w->room;

	w->room += (size + sizeof(char *) - 1) / sizeof(char *) * sizeof(char *);
	return ret;
}

/* The highest number the child reads from its parent's table. */
static int highest_source(const struct writer *w, int lifeline)
{
	const struct uspawn_plan *plan = w->plan;
	int highest = lifeline > 2 ? lifeline : 2, number;

	for (uint32_t i = 0; i < plan->nfds; i++) {
		if (plan->fds[i].kind == PLAN_SOURCE && (number = fds_number(w->fds, plan->fds[i].fd)) > highest)
			highest = number;
	}
	if (plan->exec_fd != -1 && (number = fds_number(w->fds, plan->exec_fd)) > highest)
		highest = number;
	if (plan->cwd_fd != -1 && (number = fds_number(w->fds, plan->cwd_fd)) > highest)
		highest = number;
	return highest;
}

/* Linux 5.9 to 5.17 spoil the bitmap of a table that is cut above 64 within a grain. */
static int cut_above(int highest)
{
	return highest < 64 ? highest + 1 : (highest + 64) / 64 * 64;
}

static void put_moves(struct writer *w)
{
	const struct uspawn_plan *plan = w->plan;
	struct fdmap_move *moves = claim(w, plan->nsources * sizeof(*moves));
	struct fdmap_step *steps = claim(w, FDMAP_STEPS(plan->nsources) * sizeof(*steps));
	uint32_t *scratch = claim(w, 2 * plan->nsources * sizeof(*scratch));
	size_t n = 0;

	for (uint32_t i = 0; i < plan->nfds; i++)
		if (plan->fds[i].kind == PLAN_SOURCE)
			moves[n++] = (struct fdmap_move){ fds_number(w->fds, plan->fds[i].fd), plan->fds[i].target,
							  plan->fds[i].index };
	n = fdmap_order(moves, n, scratch, steps);
	for (size_t i = 0; i < n; i++) {
		static const uint8_t op[] = { OP_KEEP, OP_MOVE, OP_SAVE, OP_RESTORE };
		struct child_instr *instr = put(w, op[steps[i].kind], USPAWN_STEP_FD, steps[i].index);

		instr->a = steps[i].from;
		instr->b = steps[i].to;
	}
}

static void put_gap(struct writer *w, int first, int last)
{
	struct child_instr *instr;

	if (first > last)
		return;
	instr = put(w, first == last ? OP_CLOSE : OP_CLOSE_RANGE, USPAWN_STEP_FD, 0);
	instr->a = first;
	instr->b = last;
}

/* Everything below `end` but the targets and what is needed until exec. */
static void put_gaps(struct writer *w, int end, int lifeline)
{
	const struct uspawn_plan *plan = w->plan;
	int apart[3] = { plan->exec_fd == -1 ? -1 : fds_number(w->fds, plan->exec_fd),
			 plan->cwd_fd == -1 ? -1 : fds_number(w->fds, plan->cwd_fd), lifeline };
	int first = 0;
	uint32_t i = 0;

	for (;;) {
		int next = end;

		if (i < plan->ntargets && plan->targets[i] < next)
			next = plan->targets[i];
		for (int k = 0; k < 3; k++)
			if (apart[k] >= first && apart[k] < next)
				next = apart[k];
		put_gap(w, first, next - 1);
		if (next == end)
			return;
		first = next + 1;
		while (i < plan->ntargets && plan->targets[i] < first)
			i++;
	}
}

static void put_opens(struct writer *w)
{
	const struct uspawn_plan *plan = w->plan;

	for (uint32_t i = 0; i < plan->nfds; i++) {
		const struct plan_fd *fd = &plan->fds[i];
		struct child_instr *instr;

		if (fd->kind == PLAN_CLOSED && plan->flags & USPAWN_INHERIT_FDS) {
			put(w, OP_CLOSE, USPAWN_STEP_FD, fd->index)->a = fd->target;
		} else if (fd->kind == PLAN_OPEN) {
			instr = put(w, OP_OPEN, USPAWN_STEP_OPEN, fd->index);
			instr->path = fd->path;
			instr->a = fd->oflag;
			instr->b = fd->mode;
			instr->c = fd->target;
		}
	}
}

/* A number of the caller's may lack close-on-exec. */
static int needs_cloexec(const struct writer *w, int fd)
{
	return plan_is_arg(fd) && !(w->plan->flags & USPAWN_INHERIT_FDS);
}

static void put_descriptors(struct writer *w, int end, int lifeline)
{
	const struct uspawn_plan *plan = w->plan;

	put_moves(w);
	if (!(plan->flags & USPAWN_INHERIT_FDS))
		put_gaps(w, end, lifeline);
	put_opens(w);
	if (plan->exec_fd != -1 && needs_cloexec(w, plan->exec_fd))
		put_number(w, OP_CLOEXEC, USPAWN_STEP_EXEC, fds_number(w->fds, plan->exec_fd));
}

static void put_directory(struct writer *w)
{
	const struct uspawn_plan *plan = w->plan;

	if (plan->cwd)
		put(w, OP_CHDIR, USPAWN_STEP_CWD, 0)->path = plan->cwd;
	if (plan->cwd_fd != -1) {
		put_number(w, OP_FCHDIR, USPAWN_STEP_CWD, fds_number(w->fds, plan->cwd_fd));
		if (needs_cloexec(w, plan->cwd_fd))
			put_number(w, OP_CLOSE, USPAWN_STEP_CWD, fds_number(w->fds, plan->cwd_fd));
	}
	if (plan->flags & USPAWN_SETUMASK)
		put_number(w, OP_UMASK, USPAWN_STEP_UMASK, (int)plan->umask);
}

/* The kernel refuses to change these two; asking for them to be default asks for nothing. */
static uint64_t changeable(uint64_t signals)
{
	return signals & ~(1ull << (SIGKILL - 1) | 1ull << (SIGSTOP - 1));
}

static void put_signals(struct writer *w)
{
	if (changeable(w->plan->sigdefault))
		put(w, OP_DEFAULT, USPAWN_STEP_SIGNALS, 0)->bits = changeable(w->plan->sigdefault);
	if (changeable(w->plan->sigignore))
		put(w, OP_IGNORE, USPAWN_STEP_SIGNALS, 0)->bits = changeable(w->plan->sigignore);
	put(w, OP_SIGMASK, USPAWN_STEP_SIGMASK, 0);
}

static void put_program(struct writer *w)
{
	const struct uspawn_plan *plan = w->plan;

	if (plan->callback)
		put(w, OP_CALLBACK, USPAWN_STEP_CALLBACK, 0);
	if (plan->exec_target != -1)
		put_number(w, OP_EXEC_FD, USPAWN_STEP_EXEC, plan->exec_target);
	else if (plan->exec_fd != -1)
		put_number(w, OP_EXEC_FD, USPAWN_STEP_EXEC, fds_number(w->fds, plan->exec_fd));
	else if (plan->candidates)
		put(w, OP_EXEC, USPAWN_STEP_EXEC, 0);
	else
		put_number(w, OP_EXIT, USPAWN_STEP_EXEC, 0);
}

/* ---- Arguments and environment ---- */

static char *const *copy_list(struct writer *w, char *const *list, size_t extra)
{
	char **ret = claim(w, (env_count(list) + 1 + extra) * sizeof(char *));

	memcpy(ret, list, (env_count(list) + 1) * sizeof(char *));
	return ret;
}

static void copy_strings(struct writer *w, char *const *list)
{
	for (char **string = (char **)list; *string; string++) {
		size_t size = strlen(*string) + 1;

		*string = memcpy(w->room, *string, size);
		w->room += size;
	}
}

/* Only the caller's strings move: the plan's live as long as the child may read them. */
static void copy_new_strings(struct writer *w, char *const *list, char *const *kept)
{
	for (char **string = (char **)list; *string; string++) {
		while (*kept && *kept != *string)
			kept++;
		if (!*kept) {
			copy_strings(w, string);
			return;
		}
	}
}

static void put_strings(struct child_start *ret, struct writer *w, const struct uspawn_args *args, int copies)
{
	static char *const none[] = { NULL };
	const struct uspawn_plan *plan = w->plan;
	char *const *envp = args->envp ? args->envp : plan->envp;

	ret->argv = args->argv ? args->argv : plan->argv ? plan->argv : none;
	ret->envp = envp;
	if (copies && args->argv)
		ret->argv = copy_list(w, args->argv, 0);
	if (args->setenv) {
		char **merged = claim(w, (env_count(envp) + env_count(args->setenv) + 1) * sizeof(char *));

		env_merge(envp, args->setenv, merged);
		ret->envp = merged;
	} else if (copies && args->envp) {
		ret->envp = copy_list(w, args->envp, 0);
	}
	ret->sh_argv = NULL;
	if (plan->flags & USPAWN_SH_FALLBACK) {
		size_t n = env_count(ret->argv);

		ret->sh_argv = claim(w, (n + 2) * sizeof(char *));
		ret->sh_argv[0] = "/bin/sh";
	}
	/* From here on room is bytes. */
	if (copies && args->argv)
		copy_strings(w, ret->argv);
	if (copies && args->envp)
		copy_strings(w, ret->envp);
	else if (copies && args->setenv)
		copy_new_strings(w, ret->envp, plan->envp);
	if (ret->sh_argv)
		memcpy(ret->sh_argv + 2, ret->argv + 1, env_count(ret->argv) * sizeof(char *));
}

void program_write(struct child_start *ret, void *room, const struct uspawn_plan *plan, const struct uspawn_args *args,
		   const struct fds *fds, int lifeline, int copies)
{
	struct writer w = { .instr = room, .plan = plan, .fds = fds };
	int end = cut_above(highest_source(&w, lifeline));

	w.room = (char *)(w.instr + instructions(plan));
	ret->program = room;
	ret->candidates = plan->candidates;
	ret->callback = plan->callback;
	ret->callback_data = plan->callback_data;
	if (!(plan->flags & USPAWN_INHERIT_FDS))
		put_number(&w, OP_CUT, USPAWN_STEP_FD, end);
	if (plan->flags & USPAWN_SETSID)
		put(&w, OP_SETSID, USPAWN_STEP_SETSID, 0);
	if (plan->flags & USPAWN_SETPGROUP)
		put_number(&w, OP_SETPGID, USPAWN_STEP_SETPGROUP, plan->pgroup);
	put_descriptors(&w, end, lifeline);
	put_directory(&w);
	put_signals(&w);
	put_program(&w);
	put_strings(ret, &w, args, copies);
}
