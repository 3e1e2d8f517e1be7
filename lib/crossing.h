/* SPDX-License-Identifier: MIT */
/*
 * The exec of the relay in the middle of a program: what must be kept over it, and is put back after it, so that the
 * steps behind it find what they would have found without.
 */
#ifndef USPAWN_CROSSING_H
#define USPAWN_CROSSING_H

#include "sys_creds.h"
#include "writer.h"

/* A capability of a caller that is not root is lost at an exec unless it is ambient. */
struct carried {
	uint8_t raises, restores;
	struct sys_caps raised, original;
	uint64_t raised_ambient, original_ambient;
};

struct crossing {
	int block, image; /* descriptors, above stdio and on no target */
	char *argv[4];    /* the relay's */
	struct carried caps;
	/* set when the program is written: the relay's part of it */
	const struct child_instr *first, *end;
};

#define CROSSING_INSTRUCTIONS 8

/* Of the calling thread. -EPERM: an exec in between would change its rights or its ids. */
int crossing_read_caps(struct carried *ret);

/* Writes both sides of the exec. */
void crossing_put(struct writer *w);

#endif
