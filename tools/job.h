/* SPDX-License-Identifier: MIT */
/*
 * One item from the moment it is taken from the input until nothing is left to say about it: its child, and what that
 * writes where it is collected.
 */
#ifndef JOB_H
#define JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uspawn.h>

#include "spool.h"

struct printer;

struct job {
	struct uspawn_child child;
	struct job *next, *prev; /* on one of the pool's lists */
	struct job *behind;      /* on one of the printer's */
	char *item;              /* a copy */
	size_t size;
	uint64_t seq;
	unsigned tries;
	uint64_t start; /* which of the pool's */
	bool timed_out, out_of_memory;
	int64_t began, began_us; /* monotonic; since 1970, if it will be logged */
	int64_t wall;            /* once ended, if it will be logged */
	int64_t due;             /* when to send the next signal; 0: never */
	int due_signal;
	int cell; /* its control group, while it runs; 0: none */

	/* of its output; [0] is standard output, [1] standard error */
	struct printer *printer;
	struct uspawn_output outputs[2];
	struct stream streams[2];
	uint64_t received;  /* bytes of standard output */
	bool queued, ended; /* for the printer; nothing more comes */
	uint8_t which;      /* of the streams: is being printed */
	bool inside[2];     /* a line that has its tag */
	size_t tag_at;      /* so much of a tag is out */
};

#endif
