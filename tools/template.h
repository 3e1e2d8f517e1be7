/* SPDX-License-Identifier: MIT */
/*
 * A command with a gap: each item fills it, and a new argv comes out.
 */
#ifndef TEMPLATE_H
#define TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

struct template
{
	char **words; /* the caller's */
	size_t n;
	const char *mark; /* "{}" */
	bool anywhere;    /* the mark is in some word; else the item goes to the end */
	bool in_program;  /* in the first one: each item is another program */
	char **argv;
	char *text; /* the words that were filled, one after the other */
	size_t size;
};

/* words ends with NULL and stays as it is. 0 or -ENOMEM. */
int template_new(struct template *t, char **words, const char *mark);

/* The argv for an item, until the next call. NULL: no memory. */
char **template_fill(struct template *t, char *item);

void template_done(struct template *t);

#endif
