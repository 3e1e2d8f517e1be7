/* SPDX-License-Identifier: MIT */
/*
 * How every item is run: the command, and what it is given.
 */
#ifndef RECIPE_H
#define RECIPE_H

#include <uspawn.h>

#include "cell.h"
#include "each.h"
#include "job.h"
#include "signals.h"
#include "template.h"

struct recipe {
	struct uspawn_plan *plan; /* NULL: each item is another program */
	struct uspawn_request request;
	struct uspawn_fd fds[3]; /* their input is /dev/null, opened once for all of them */
	struct template template;
	struct printer *printer; /* NULL: output is not collected */
	int folder;              /* for files that take it; -1: none */
	struct cells cells;      /* that bound their memory */
};

/*
 * options, start and printer stay the caller's; printer may be NULL. 0, or an exit code after a line about what is
 * wrong. recipe_close() is needed either way.
 */
int recipe_open(struct recipe *recipe, const struct each_options *options, const struct signal_state *start,
		struct printer *printer);

/* 0: it will end. -errno: it has, see job->child. *ret_argv is good until the next call. */
int recipe_start(struct recipe *recipe, struct uspawn_ring *ring, struct job *job, char ***ret_argv);

/* The job has ended, or could not be started. */
void recipe_end(struct job *job);

void recipe_close(struct recipe *recipe);

#endif
