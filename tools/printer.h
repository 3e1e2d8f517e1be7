/* SPDX-License-Identifier: MIT */
/*
 * Collected output on its way to standard output and standard error: whole jobs or whole lines, in the order in which
 * they come or in that of the items. It never waits: somebody else does, for descriptors, children and signals
 * together.
 */
#ifndef PRINTER_H
#define PRINTER_H

#include <stdbool.h>

#include "each.h"
#include "job.h"

struct printer {
	struct spool spool;
	const struct each_options *options;
	struct job *first, *last;         /* whose output is next */
	struct job *staged, *last_staged; /* all of whose output is on the stage */
	struct job *printed, *last_printed;
	char *stage; /* what is being written, */
	size_t at, n;
	int fd;               /* and to where */
	bool never_blocks[3]; /* by descriptor */
	bool blocked;         /* it takes no more now */
	size_t held;          /* memory of jobs that have ended, and wait */
	int error, error_fd;  /* -errno; -1: of the spool */
	bool gave_up;
};

/* 0 or -ENOMEM. */
int printer_open(struct printer *p, const struct each_options *options);

/* A job's turn among all is now. */
void printer_begin(struct printer *p, struct job *job);

/* It is about to be started, perhaps not for the first time. Says where its output goes. */
void printer_collect(struct printer *p, struct job *job);

/* It has ended for good. It is the printer's until printer_done() gives it back. */
void printer_end(struct printer *p, struct job *job);

/* Writes what can be written without waiting. */
void printer_run(struct printer *p);

/* A job all of whose output was written, or NULL. *ret_lost: it was not, and never will be. */
struct job *printer_done(struct printer *p, bool *ret_lost);

/* Nothing is left to do. */
bool printer_idle(const struct printer *p);

/* So much waits that no more should be started, or, the second, be read from those that run. */
bool printer_is_full(const struct printer *p);
bool printer_holds_up(const struct printer *p);

/* Nobody wants any of it any more. */
void printer_give_up(struct printer *p);

void printer_close(struct printer *p);

#endif
