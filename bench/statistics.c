/* SPDX-License-Identifier: MIT */
/* Percentiles and medians, never means: one migration or page fault in a thousand would decide a mean. */
#include <stdlib.h>
#include <string.h>
#include "bench.h"

static int by_count(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The smallest value that `thousandths` of all do not exceed. */
static uint64_t percentile(const uint64_t *sorted, uint32_t n, uint32_t thousandths)
{
	uint64_t rank = ((uint64_t)n * thousandths + 999) / 1000;

	return sorted[rank ? rank - 1 : 0];
}

/* member: which number of a sample, by its offset. All zero without samples or memory. */
void summarize(struct summary *ret, const struct sample *samples, uint32_t n, size_t member)
{
	uint64_t *v = calloc(n ? n : 1, sizeof(*v));

	memset(ret, 0, sizeof(*ret));
	if (v && n) {
		for (uint32_t i = 0; i < n; i++)
			memcpy(&v[i], (const char *)&samples[i] + member, sizeof(*v));
		qsort(v, n, sizeof(*v), by_count);
		*ret = (struct summary){
			.min = v[0],
			.p50 = percentile(v, n, 500),
			.p90 = percentile(v, n, 900),
			.p99 = percentile(v, n, 990),
			.p999 = percentile(v, n, 999),
			.max = v[n - 1],
		};
	}
	free(v);
}

double median(const double *values, uint32_t n)
{
	double sorted[ROUNDS];

	memcpy(sorted, values, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), by_value);
	return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

/* Each round against the same round of another: what slowed the machine then slowed both. */
double paired_ratio(const double *values, const double *base, uint32_t n)
{
	double ratios[ROUNDS];

	for (uint32_t i = 0; i < n; i++)
		ratios[i] = base[i] > 0 ? values[i] / base[i] : 0;
	return median(ratios, n);
}
