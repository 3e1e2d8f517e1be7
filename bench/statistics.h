/* SPDX-License-Identifier: MIT */
/* What many times say. Percentiles and medians, never means: one migration in a thousand would decide a mean. */
#ifndef BENCH_STATISTICS_H
#define BENCH_STATISTICS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

enum { RESAMPLES = 1000 };

struct interval { /* 95 % */
	double low, high;
};

/* Times in the order in which they were taken, in batches of `batch`; a slice is what the same process took. */
struct times {
	const uint64_t *values;
	uint32_t n, batch;
	const uint32_t *slice_ends; /* in batches */
	uint32_t nslices;
};

/* statistics.c */
uint64_t *sorted_copy(const uint64_t *values, uint32_t n); /* NULL: no memory. To be freed */
uint64_t percentile(const uint64_t *sorted, uint32_t n, uint32_t thousandths);
int percentile_known(uint32_t n, uint32_t thousandths); /* enough samples: 10 beyond it */
double median(const double *values, uint32_t n);        /* of 1024 at most */

/*
 * interval.c: the p50 of RESAMPLES times as many batches, drawn from these; the same draws for every contestant, since
 * a batch of one and the same batch of another met the same machine. Returns how many it made, 0 with fewer than two
 * batches.
 */
uint32_t resample(double ret[RESAMPLES], const struct times *times);
uint32_t resample_rates(double ret[RESAMPLES], const double *rates, uint32_t n);
struct interval interval_of(double *draws, uint32_t n, double value); /* contains the value; sorts the draws */

/* histogram.c */
json_t *histogram(const uint64_t *sorted, uint32_t n); /* [[from, to, count], ...] */
int two_modes(const uint64_t *sorted, uint32_t n, uint64_t modes[2]);
uint32_t outliers(const uint64_t *sorted, uint32_t n); /* above five times the p50 */

#endif
