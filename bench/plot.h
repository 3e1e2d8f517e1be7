/* SPDX-License-Identifier: MIT */
/* The plots of a case, or of the cases of a sweep. */
#ifndef PLOT_H
#define PLOT_H

#include "result.h"

enum { MAX_PLOTS = NQUANTITIES + 2 };

struct plot {
	char title[160];
	char name[64]; /* of its file, without .svg */
	char *wide, *narrow;
};

/*
 * The cases that belong together: one, or those of a sweep. `number` keeps names apart. All that can be drawn of them
 * is appended; returns 0, or 2 after one line. plots_done() also then.
 */
struct section {
	const struct result *result;
	const struct result_case *cases;
	size_t ncases;
	unsigned int number;
	struct plot plots[MAX_PLOTS];
	unsigned int nplots;
};
int section_draw(struct section *section);
void section_done(struct section *section);

#endif
