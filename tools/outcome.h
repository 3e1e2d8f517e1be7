/* SPDX-License-Identifier: MIT */
/*
 * "uspawn each" while it runs, and what becomes of an item that has ended.
 */
#ifndef OUTCOME_H
#define OUTCOME_H

#include "each.h"
#include "items.h"
#include "logs.h"
#include "pool.h"
#include "printer.h"
#include "progress.h"
#include "resume.h"
#include "signals.h"
#include "tally.h"

struct each {
	struct each_options options;
	struct signal_state start;
	struct pool pool;
	struct items items;
	struct progress progress;
	struct printer printer;
	struct resume resume;
	struct tally tally;
	struct logs logs;
	uint64_t skipped; /* items that the job log says are done */
	int input, signals;
	bool hungry;   /* a place is free, and there is no item in the buffer */
	bool drained;  /* no item will come any more */
	bool stopping; /* no item is to be started any more */
	bool collects, resumes;
	bool told; /* why output cannot be printed */
	int code;  /* why it stops, if that is not that items have failed */
	int interrupts;
	bool by_key; /* one of them was Ctrl-C */
};

/* No item is to be started any more. code: why, 0 if items have failed; the first counts. */
void each_stop(struct each *e, int code);

/* A child has ended, or could not be started. */
void each_ended(struct each *e, struct job *job);

/* Prints what has been collected, as far as it goes without waiting. */
void each_print(struct each *e);

#endif
