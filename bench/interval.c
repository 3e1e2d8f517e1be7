/* SPDX-License-Identifier: MIT */
/*
 * Bootstrap intervals. Samples of one batch resemble each other, and so do batches of one process; drawing single
 * samples would make an interval too narrow by far. So slices are drawn, a slice being as many batches as one process
 * made, and batches from a slice.
 */
#include <stdlib.h>
#include <string.h>
#include "run.h"
#include "statistics.h"

enum { WORK = 20000000 }; /* samples looked at for one interval: with very many samples fewer draws are enough */

struct ranked {
	uint64_t value;
	uint32_t batch;
};

static int by_rank(const void *a, const void *b)
{
	uint64_t x = ((const struct ranked *)a)->value, y = ((const struct ranked *)b)->value;

	return (x > y) - (x < y);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static uint32_t next_random(uint64_t *state) /* splitmix64, public domain */
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (uint32_t)((z ^ (z >> 31)) >> 32);
}

/* How often each batch is drawn. Depends on the slices and the seed alone. */
static void draw(uint32_t *weights, const struct times *times, uint32_t nbatches, uint64_t seed)
{
	memset(weights, 0, nbatches * sizeof(*weights));
	for (uint32_t i = 0; i < times->nslices; i++) {
		uint32_t slice = next_random(&seed) % times->nslices;
		uint32_t from = slice ? times->slice_ends[slice - 1] : 0, n = times->slice_ends[slice] - from;

		for (uint32_t k = 0; k < n; k++)
			weights[from + next_random(&seed) % n]++;
	}
}

static double weighted_p50(const struct ranked *ranked, const struct times *times, const uint32_t *weights)
{
	uint64_t all = 0, seen = 0;

	for (uint32_t i = 0; i < times->n; i++)
		all += weights[i / times->batch];
	for (uint32_t i = 0; i < times->n; i++)
		if ((seen += weights[ranked[i].batch]) * 2 >= all)
			return (double)ranked[i].value;
	return 0;
}

uint32_t resample(double ret[RESAMPLES], const struct times *times)
{
	uint32_t nbatches = (times->n + times->batch - 1) / times->batch, n = 0, wanted = RESAMPLES;
	struct ranked *ranked = calloc(times->n + 1, sizeof(*ranked));
	uint32_t *weights = calloc(nbatches + 1, sizeof(*weights));

	if (times->n > WORK / RESAMPLES)
		wanted = WORK / times->n > 200 ? WORK / times->n : 200;
	if (ranked && weights && nbatches > 1) {
		for (uint32_t i = 0; i < times->n; i++)
			ranked[i] = (struct ranked){ times->values[i], i / times->batch };
		qsort(ranked, times->n, sizeof(*ranked), by_rank);
		for (; n < wanted; n++) {
			draw(weights, times, nbatches, n);
			ret[n] = weighted_p50(ranked, times, weights);
		}
	}
	free(ranked);
	free(weights);
	return n;
}

uint32_t resample_rates(double ret[RESAMPLES], const double *rates, uint32_t n)
{
	double drawn[SLICES];

	for (uint32_t i = 0; i < RESAMPLES; i++) {
		uint64_t seed = i;

		for (uint32_t k = 0; k < n; k++)
			drawn[k] = rates[next_random(&seed) % n];
		ret[i] = median(drawn, n);
	}
	return RESAMPLES;
}

struct interval interval_of(double *draws, uint32_t n, double value)
{
	struct interval ret;

	qsort(draws, n, sizeof(*draws), by_value);
	ret = (struct interval){ draws[n / 40], draws[n - 1 - n / 40] };
	if (ret.low > value)
		ret.low = value;
	if (ret.high < value)
		ret.high = value;
	return ret;
}
