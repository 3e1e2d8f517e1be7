/* SPDX-License-Identifier: MIT */
/*
 * A progress bar at the bottom of the terminal, while the output of the children scrolls above it.
 */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress_count {
	uint64_t done, total; /* total 0: not known */
	uint64_t failed;
	unsigned running;
};

struct progress {
	bool on, terminal;
	unsigned short rows, columns; /* of the terminal; rows 0: no room has been made on it */
	int64_t began, drawn, every;
};

/*
 * Only if standard error is a terminal that knows what a cursor is. Forced on something else, it is a plain line a
 * second. Shown after the first half second.
 */
void progress_begin(struct progress *p, bool forced);

/* Draws, if the last time is long enough ago. Returns after how many ns to come again; negative: never. */
int64_t progress_draw(struct progress *p, const struct progress_count *count);

/* Gives the terminal back as it was. progress_draw() takes it again. */
void progress_hide(struct progress *p);

#endif
