/* SPDX-License-Identifier: MIT */
/* Input that cannot be used stops all: what is left of it would be run under wrong names. */
#include "supply.h"
#include "commands.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static void cannot_take(struct each *e, int error)
{
	e->drained = true;
	each_stop(e, EXIT_OWN_ERROR);
	if (error == -EILSEQ)
		complain("item %" PRIu64 " holds a NUL byte: give --null (-0) if items end with NUL",
			 e->items.taken + 1);
	else
		complain("item %" PRIu64 ": %s", e->items.taken, strerror(-error));
}

static bool is_done(struct each *e, char *item)
{
	enum resume_answer answer;

	if (!e->resumes)
		return false;
	answer = resume_look(&e->resume, e->items.taken, template_fill(&e->pool.recipe.template, item));
	if (answer == RESUME_OTHER) {
		complain("%s: item %" PRIu64 " has another command in %s: resume with the same input and command, or "
			 "with another --joblog",
			 e->resume.option, e->items.taken, e->options.joblog);
		e->drained = true;
		each_stop(e, EXIT_OWN_ERROR);
	}
	return answer != RESUME_NOT_DONE;
}

/* The next item that is to be run. 1: *ret. 0: there is none now, or none at all. */
static int next_item(struct each *e, char **ret)
{
	int r;

	while ((r = e->drained ? -ENODATA : items_next(&e->items, ret)) > 0 && is_done(e, *ret))
		e->skipped++;
	e->hungry = r == 0;
	e->drained = r < 0;
	if (r < 0 && r != -ENODATA)
		cannot_take(e, r);
	return r > 0;
}

struct job *supply_next(struct each *e)
{
	struct job *job = pool_waiting(&e->pool);
	char *item;
	int r;

	if (job || e->drained || (e->collects && printer_is_full(&e->printer)))
		return job;
	r = pool_place(&e->pool, &job);
	if (!r)
		return NULL;
	if (r > 0 && !next_item(e, &item)) {
		pool_leave(&e->pool);
		pool_free(&e->pool, job);
		return NULL;
	}
	if (r > 0)
		r = pool_fill(job, item, e->items.taken);
	if (r < 0) {
		cannot_take(e, r);
		return NULL;
	}
	if (e->collects)
		printer_begin(&e->printer, job);
	return job;
}

void supply_read(struct each *e)
{
	int r = items_read(&e->items);

	e->hungry = false;
	if (r < 0) {
		if (e->options.arg_file)
			complain("--arg-file: %s: %s", e->options.arg_file, strerror(-r));
		else
			complain("input: %s", strerror(-r));
		e->drained = true;
		each_stop(e, EXIT_OWN_ERROR);
	}
}
