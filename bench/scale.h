/* SPDX-License-Identifier: MIT */
/* Axes: logarithmic where values span decades, with numbers that people say. */
#ifndef SCALE_H
#define SCALE_H

#include "result.h"

/* What a sweep changes, from left to right. */
struct scale {
	const struct result_case *cases;
	size_t ncases;
	bool words; /* the values are names: they only stand beside each other */
	bool log;
	double zero; /* where a 0 stands on a logarithmic axis */
};

/* A string of gnuplot's, in which nothing but the quote itself means anything. */
void put_word(FILE *script, const char *text);
void put_tick(FILE *script, const char *text); /* for a tick, where % means something */

void scale_init(struct scale *ret, const struct result_case *cases, size_t ncases);
double scale_place(const struct scale *axis, size_t which_case);

/* The horizontal axis of a sweep. */
void scale_put(FILE *script, const struct scale *axis, bool narrow);

/* The vertical axis for what lies in the range. Times: in microseconds. */
void scale_times(FILE *script, const char *what, struct interval range, bool narrow);
void scale_rates(FILE *script, struct interval range, bool narrow);

/* From tick to tick, so that no more than so many lie between 0 and most. */
double scale_step(double most, unsigned int ticks);

#endif
