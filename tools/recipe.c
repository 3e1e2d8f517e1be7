/* SPDX-License-Identifier: MIT */
/*
 * One plan serves all items, since only their argv differs, and where their output goes. Where each item is another
 * program, each has a plan of its own.
 */
#include "recipe.h"
#include "commands.h"
#include "duration.h"
#include "failure.h"
#include "folder.h"
#include "printer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { CELL = 2, ARGS }; /* the arguments of a start; 0 and 1 are its standard output and error */

#define DRAIN_NS NS_PER_S /* who holds the output of a job so long after its end is no part of it */

/* Where the children's output goes, if not where ours goes. */
static int redirect(struct recipe *recipe, const struct each_options *options)
{
	uint32_t source = recipe->printer ? USPAWN_CAPTURE : USPAWN_FD;

	if (options->output) {
		recipe->folder = folder_open(options->output);
		if (recipe->folder < 0) {
			complain("--output: %s: %s", options->output, strerror(-recipe->folder));
			return EXIT_OWN_ERROR;
		}
	}
	if (!recipe->printer && recipe->folder < 0)
		return 0;
	for (int i = 0; i < 2; i++)
		recipe->fds[1 + i] = (struct uspawn_fd){ STDOUT_FILENO + i, source, .fd = USPAWN_ARG(i) };
	recipe->request.nfds = 3;
	if (recipe->printer) {
		recipe->request.drain_ns = DRAIN_NS;
		recipe->request.events = 1u << USPAWN_EVENT_EXIT;
	}
	return 0;
}

int recipe_open(struct recipe *recipe, const struct each_options *options, const struct signal_state *start,
		struct printer *printer)
{
	struct uspawn_failure failure;

	*recipe = (struct recipe){
		.request = {
			.size = sizeof(recipe->request), .file = options->command[0], .argv = options->command,
			.flags = USPAWN_SETSIGMASK, .sigmask = start->blocked,
			.sigignore = start->ignored & SIGNAL_BIT(SIGCHLD), .fds = recipe->fds, .nfds = 1,
		},
		.fds = { { .target = STDIN_FILENO, .source = USPAWN_FD } },
		.printer = printer,
		.folder = -1,
		.cells.parent = -1,
	};
	if (options->timeout || options->halt.now) /* so that they reach what the command has started */
		recipe->request.flags |= USPAWN_SETPGROUP;
	recipe->fds[0].fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (recipe->fds[0].fd < 0) {
		complain("/dev/null: %s", strerror(errno));
		return EXIT_OWN_ERROR;
	}
	if (redirect(recipe, options))
		return EXIT_OWN_ERROR;
	if (options->memory_max) {
		if (cells_open(&recipe->cells, options->memory_max, NULL))
			return EXIT_OWN_ERROR;
		recipe->request.flags |= USPAWN_SETCGROUP;
		recipe->request.cgroup_fd = USPAWN_ARG(CELL);
	}
	if (template_new(&recipe->template, options->command, options->mark)) {
		complain("%s", strerror(ENOMEM));
		return EXIT_OWN_ERROR;
	}
	if (!recipe->template.in_program && uspawn_plan_new(&recipe->plan, &recipe->request, &failure) < 0)
		return failure_report(&failure, &recipe->request, options->command, NULL, NULL);
	return 0;
}

static int start_with(struct recipe *recipe, struct uspawn_ring *ring, struct job *job, struct uspawn_args *args)
{
	struct uspawn_plan *plan;
	int r;

	if (recipe->plan)
		return uspawn_ring_start(ring, &job->child, recipe->plan, args);
	recipe->request.file = args->argv[0];
	recipe->request.argv = args->argv;
	r = uspawn_plan_new(&plan, &recipe->request, &job->child.failure);
	if (r < 0) {
		job->child.exit = (struct uspawn_exit){ .code = USPAWN_FAILED, .status = -r };
		return r;
	}
	r = uspawn_ring_start(ring, &job->child, plan, args);
	uspawn_plan_free(plan);
	return r;
}

/* What this start has of its own. 0 or -errno, and the step that could not be done. */
static int open_own(struct recipe *recipe, struct job *job, int fds[static ARGS], struct uspawn_failure *reterr)
{
	int r = 0;

	*reterr = (struct uspawn_failure){ .step = USPAWN_STEP_CGROUP };
	if (recipe->cells.parent >= 0)
		fds[CELL] = r = cell_new(&recipe->cells);
	if (r >= 0)
		job->cell = r;
	if (r >= 0 && recipe->folder >= 0) {
		*reterr = (struct uspawn_failure){ .step = USPAWN_STEP_SOURCE, .index = 1 };
		r = folder_files(recipe->folder, job->seq, job->item, fds);
	}
	reterr->errnum = r < 0 ? -r : 0;
	return r < 0 ? r : 0;
}

int recipe_start(struct recipe *recipe, struct uspawn_ring *ring, struct job *job, char ***ret_argv)
{
	int fds[ARGS] = { -1, -1, -1 }, r;
	struct uspawn_args args = { .size = sizeof(args), .fds = fds };

	job->cell = 0;
	job->out_of_memory = false;
	args.argv = *ret_argv = template_fill(&recipe->template, job->item);
	if (!args.argv)
		return -ENOMEM;
	if (recipe->printer) {
		printer_collect(recipe->printer, job);
		args.outputs = job->outputs;
		args.noutputs = 2;
	}
	r = open_own(recipe, job, fds, &job->child.failure);
	if (r < 0) {
		job->child.exit = (struct uspawn_exit){ .code = USPAWN_FAILED, .status = -r };
	} else {
		args.nfds = fds[CELL] >= 0 ? ARGS : recipe->folder >= 0 ? 2 : 0;
		args.give = recipe->folder >= 0 ? 3 : 0;
		r = start_with(recipe, ring, job, &args);
		for (int i = 0; r < 0 && i < 2; i++)
			if (fds[i] >= 0)
				close(fds[i]);
	}
	if (r < 0)
		recipe_end(job);
	return r;
}

void recipe_end(struct job *job)
{
	if (!job->cell)
		return;
	cell_end(job->cell, &job->out_of_memory);
	close(job->cell);
	job->cell = 0;
}

void recipe_close(struct recipe *recipe)
{
	uspawn_plan_free(recipe->plan);
	template_done(&recipe->template);
	cells_close(&recipe->cells);
	if (recipe->folder >= 0)
		close(recipe->folder);
	if (recipe->fds[0].fd >= 0)
		close(recipe->fds[0].fd);
}
