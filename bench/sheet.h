/* SPDX-License-Identifier: MIT */
/* What is drawn, as scripts for gnuplot. */
#ifndef SHEET_H
#define SHEET_H

#include "plot.h"

enum { MOST_CONTESTANTS = 64, RATES = NQUANTITIES };

/* A plot in the making. */
struct sheet {
	FILE *script;
	bool narrow;
	const char *names[MOST_CONTESTANTS]; /* what is drawn, in this order */
	unsigned int nnames;
	const struct section *section;
	int kind; /* enum quantity, or RATES */
};

/* Finds out which contestants have such figures. */
void sheet_collect(struct sheet *sheet);

/* Writes a script. Returns false if there is nothing to draw. */
typedef bool sheet_script(struct sheet *sheet);
sheet_script sheet_curves; /* times by percentile, of a single case */
sheet_script sheet_bars;   /* rates, of a single case */
sheet_script sheet_sweep;  /* medians against the axis */

/* What gnuplot counts as plots of the script, by the contestant that they show: their number. */
unsigned int sheet_plots(const struct sheet *sheet, sheet_script *script, const char *ret[3 * MOST_CONTESTANTS]);

#endif
