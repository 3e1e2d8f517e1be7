/* SPDX-License-Identifier: MIT */
/*
 * Everything a child can be given, each in a request of its own: a row of docs/attributes.md. For tests of what is true
 * of all of them; that each has its effect is shown by the test that the page names.
 */
#ifndef TESTS_ATTRIBUTES_H
#define TESTS_ATTRIBUTES_H

#include <uspawn.h>

struct attribute {
	const char *name; /* as the page has it */
	uint32_t step;    /* where it would fail */
	struct uspawn_request request;
	int (*open)(void); /* what args->fds[0] is, or NULL */
};

/* Ends with a NULL name; in the order of the steps. */
extern const struct attribute attributes[];

/* What to give a start: the descriptor that it needs, as argument 0. Skips nothing; -1 where there can be none. */
int attribute_open(const struct attribute *a);

#endif
