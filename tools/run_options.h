/* SPDX-License-Identifier: MIT */
/*
 * The options of "uspawn run" as tables, a family a file. A row says what an option is called, which step it is about,
 * and who reads its value; what fits together, and what not, is said once all have been read.
 */
#ifndef RUN_OPTIONS_H
#define RUN_OPTIONS_H

#include <getopt.h>

#include "options.h"
#include "run.h"

struct run_option {
	const char *name;
	char letter;   /* its short form; 0: none */
	uint8_t value; /* no_argument, required_argument, optional_argument */
	uint16_t step; /* enum uspawn_step, for the line that says it failed; 0: none */
	int64_t detail;
	/* -1: go on. Else an exit code. */
	int (*set)(struct run *run, const struct run_option *o, char *value);
};

/* Ended by a row without a name. */
extern const struct run_option basic_options[], identity_options[], capability_options[], limits_options[],
	sched_options[], memory_options[], namespace_options[], terminal_options[], confine_options[];

/* When all have been read: -1, or an exit code after a line about what does not fit. */
int identity_finish(struct run *run);
int capability_finish(struct run *run);
int sched_finish(struct run *run);
int limits_finish(struct run *run);
int namespace_finish(struct run *run);
int terminal_finish(struct run *run);
int confine_finish(struct run *run);

/*
 * Takes a descriptor (or -1 and errno, or -errno) that the request needs, and moves it off every number that an option
 * names. Returns its number, or -errno.
 */
int run_hold(struct run *run, int fd);

/* "--NAME 'VALUE': must be FORM". Returns EXIT_OWN_ERROR, as the next does. */
int refuse(const struct run_option *o, const char *value, const char *form);

/* "--NAME: TEXT". */
int refuse_name(const char *name, const char *text);

/* A number from min to max, or it is refused with that form. */
int take_number(const struct run_option *o, const char *value, uint64_t min, uint64_t max, const char *form,
		uint64_t *ret);

#endif
