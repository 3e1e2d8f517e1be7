/* SPDX-License-Identifier: MIT */
/*
 * How many items have ended and how many of them failed, what became of the first of these, and whether that is enough.
 */
#ifndef TALLY_H
#define TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "each.h"
#include "job.h"

struct tally {
	uint64_t done, failed;
	char first[160]; /* what became of the first item that failed */
};

bool job_failed(const struct job *job);

/* It has ended for good. */
void tally_add(struct tally *t, const struct job *job);

bool tally_halts(const struct tally *t, const struct halt *halt);

/* One line about what failed, if anything did. */
void tally_say(const struct tally *t);

#endif
