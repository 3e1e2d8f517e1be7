/* SPDX-License-Identifier: MIT */
/*
 * What `uspawn with --stats` and `--trace` read: a line a start, appended to the file that USPAWN_STATS names, as
 * journal.h says. Nothing is kept open, and no error shows: a start is worth more than its record.
 */
#ifndef POSIX_RECORD_H
#define POSIX_RECORD_H

#include <stdint.h>

#include "call.h"

struct record {
	const char *file; /* NULL: nobody asked */
	const struct call *call;
	int64_t began;
	int elided;
};

void record_begin(struct record *record, const struct call *call);
void record_end(const struct record *record, int errnum, int pid, uint32_t rung);

#endif
