/* SPDX-License-Identifier: MIT */
/*
 * What "uspawn each" was asked for.
 */
#ifndef EACH_H
#define EACH_H

#include <stdbool.h>
#include <stdint.h>

/* When to stop early. */
struct halt {
	uint64_t failures; /* so many, 0: never stop */
	bool percent;      /* of the items that have ended, from the third failure on */
	bool now;          /* also end those that run */
};

/* What is done with output. */
enum grouping {
	UNGROUPED,     /* nothing: it goes where ours goes */
	GROUPED,       /* that of a job is printed as one, at its end */
	LINE_BUFFERED, /* whole lines, as they come */
};

struct each_options {
	char **command;
	uint32_t jobs; /* at once */
	uint64_t retries;
	int64_t timeout, kill_after; /* 0: none */
	uint64_t memory_max;         /* the same */
	struct halt halt;
	const char *mark;
	const char *arg_file, *joblog, *json; /* NULL: none */
	char separator;
	bool keep_empty, verbose;
	enum grouping grouping;
	bool keep_order, tag;
	const char *output; /* a directory that takes it, or NULL */
	bool resume, resume_failed;
	bool progress, no_progress; /* neither: if standard error is a terminal */
};

/* -1: go on. Else the exit code: after --help, or after a line about what is wrong. */
int each_options(struct each_options *o, int argc, char **argv);

#endif
