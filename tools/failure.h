/* SPDX-License-Identifier: MIT */
/*
 * A start that failed, said to people: which step, about what, and what can be done.
 */
#ifndef FAILURE_H
#define FAILURE_H

#include <uspawn.h>

struct redirects;

/*
 * One line on standard error. argv: what was to run; redirects, and said, the names of the options that asked
 * for each step, by its number / 10, may be NULL. That of the exec is one whose value the program may have been meant
 * to be. Returns what env(1) would exit with: 127 if the program is not there, 126 if it cannot be run, 125 if it did
 * not come to that.
 */
int failure_report(const struct uspawn_failure *f, const struct uspawn_request *request, char *const *argv,
		   const struct redirects *redirects, const char *const *said);

/* The same without the line. */
int failure_exit_code(const struct uspawn_failure *f);

#endif
