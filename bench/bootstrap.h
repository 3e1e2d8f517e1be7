/* SPDX-License-Identifier: MIT */
/* How much of a difference between two runs is chance. */
#ifndef BOOTSTRAP_H
#define BOOTSTRAP_H

#include <stdbool.h>
#include <stddef.h>
#include "result.h"

enum { FEWEST_BATCHES = 5 }; /* below, nothing can be said */

struct quotient {
	double value;
	struct interval interval; /* 95 % */
};

/*
 * exp(median(b) - median(a)) of two runs' batches, whose logarithms these are, each in the order of time. The same
 * numbers give the same answer. -ENOMEM, or -ERANGE with too few batches.
 */
int bootstrap_quotient(struct quotient *ret, const double *a, size_t na, const double *b, size_t nb);

#endif
