/* SPDX-License-Identifier: MIT */
/*
 * An item that has failed may be tried again, may stop the others, or is only counted. It is logged when its output was
 * written, so that what a log calls done is done.
 */
#include "outcome.h"
#include "commands.h"
#include "failure.h"
#include "options.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

void each_stop(struct each *e, int code)
{
	e->stopping = true;
	if (!e->code)
		e->code = code;
}

/* What was to be run for this item: others have been started since. */
static void report_item(struct each *e, struct job *job)
{
	char **argv = template_fill(&e->pool.recipe.template, job->item), *item[] = { job->item, NULL };
	struct uspawn_request request = e->pool.recipe.request;

	request.argv = argv ? argv : item;
	request.file = request.argv[0];
	failure_report(&job->child.failure, &request, request.argv, NULL, NULL);
}

/* The program cannot be run for any item, unless the item is the program, or too long. */
static void could_not_run(struct each *e, struct job *job)
{
	const struct uspawn_failure *failure = &job->child.failure;
	bool own = failure_exit_code(failure) == EXIT_OWN_ERROR;

	if (own)
		job->tries = 0; /* not logged, so that --resume runs it */
	if (e->options.memory_max && failure->step == USPAWN_STEP_CGROUP) {
		complain("--memory-max: item %" PRIu64 ": %s", job->seq, strerror(failure->errnum));
		each_stop(e, EXIT_OWN_ERROR);
	} else if (e->options.output && failure->step == USPAWN_STEP_SOURCE) {
		complain("--output: %s: file of item %" PRIu64 ": %s", e->options.output, job->seq,
			 strerror(failure->errnum));
		each_stop(e, EXIT_OWN_ERROR);
	} else if (!own && (failure->errnum == E2BIG || e->pool.recipe.template.in_program)) {
		if (!e->tally.failed)
			report_item(e, job);
	} else if (!e->code) {
		each_stop(e, failure_report(failure, &e->pool.recipe.request, e->options.command, NULL, NULL));
	}
}

/* All that is to be said about it is said, and its output is where it belongs. */
static void leave(struct each *e, struct job *job)
{
	if ((e->logs.joblog || e->logs.json) && job->tries)
		logs_write(&e->logs, job, template_fill(&e->pool.recipe.template, job->item));
	pool_free(&e->pool, job);
}

void each_print(struct each *e)
{
	struct printer *p = &e->printer;
	bool lost;
	struct job *job;

	if (!e->collects)
		return;
	printer_run(p);
	while ((job = printer_done(p, &lost))) {
		if (lost)
			job->tries = 0; /* not logged, so that --resume runs it again */
		leave(e, job);
	}
	if (!p->error || e->told)
		return;
	e->told = true;
	if (p->error == -EPIPE && !(e->start.ignored & SIGNAL_BIT(SIGPIPE))) {
		each_stop(e, EXIT_SIGNAL + SIGPIPE); /* as it ends who does not look */
	} else {
		if (p->error_fd < 0)
			complain("%s: %s (it keeps output that waits; TMPDIR names another directory)", spool_folder(),
				 strerror(-p->error));
		else
			complain("standard %s: %s", p->error_fd == STDOUT_FILENO ? "output" : "error",
				 strerror(-p->error));
		each_stop(e, EXIT_OWN_ERROR);
	}
	pool_signal(&e->pool, SIGTERM, true);
}

void each_ended(struct each *e, struct job *job)
{
	bool failed = job_failed(job);

	if (job->child.exit.code == USPAWN_FAILED) {
		could_not_run(e, job);
	} else if (failed && job->tries <= e->options.retries && !e->stopping) {
		pool_again(&e->pool, job);
		return;
	}
	tally_add(&e->tally, job);
	if (failed && !e->stopping && tally_halts(&e->tally, &e->options.halt)) {
		each_stop(e, 0);
		if (e->options.halt.now)
			pool_signal(&e->pool, SIGTERM, true);
	}
	pool_leave(&e->pool);
	if (e->collects)
		printer_end(&e->printer, job);
	else
		leave(e, job);
}
