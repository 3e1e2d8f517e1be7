/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include "statistics.h"

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

uint64_t *sorted_copy(const uint64_t *values, uint32_t n)
{
	uint64_t *copy = calloc(n ? n : 1, sizeof(*copy));

	if (!copy)
		return NULL;
	memcpy(copy, values, n * sizeof(*copy));
	qsort(copy, n, sizeof(*copy), by_count);
	return copy;
}

/* The smallest value that `thousandths` of all do not exceed. */
uint64_t percentile(const uint64_t *sorted, uint32_t n, uint32_t thousandths)
{
	uint64_t rank = ((uint64_t)n * thousandths + 999) / 1000;

	return sorted[rank ? rank - 1 : 0];
}

int percentile_known(uint32_t n, uint32_t thousandths)
{
	return (uint64_t)n * (1000 - thousandths) >= 10 * 1000;
}

double median(const double *values, uint32_t n)
{
	double sorted[1024];

	memcpy(sorted, values, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), by_value);
	return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}
