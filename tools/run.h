/* SPDX-License-Identifier: MIT */
/*
 * What "uspawn run" was asked for: a request for the library, and what the program itself does around it.
 */
#ifndef RUN_H
#define RUN_H

#include <stdbool.h>
#include <stdint.h>

#include <uspawn.h>

#include "redirect.h"
#include "signals.h"

struct run {
	struct uspawn_request request;
	struct redirects redirects;
	struct signal_state start;
	char **argv;   /* as the program sees it */
	char **setenv; /* of the request: all --env and --unset, in order */
	uint32_t nsetenv;
	int64_t timeout, kill_after; /* 0: none */
	const char *json;            /* NULL: no record, "": to standard error */
	bool foreground, verbose;
};

/* -1: go on. Else the exit code: after --help, or after a line about what is wrong. */
int run_options(struct run *run, int argc, char **argv);

void run_done(struct run *run);

#endif
