/* SPDX-License-Identifier: MIT */
/* The shape of a distribution: all of it for files, and whether it has two tops. */
#include <math.h>
#include <string.h>
#include "statistics.h"

enum { PARTS = 64 }; /* buckets for each power of two: 1 to 1.6 % wide. Below PARTS, one for each nanosecond */

/* [from, to) of the bucket of a value. */
static void bucket(uint64_t value, uint64_t *from, uint64_t *to)
{
	uint64_t width = 1;

	while (value / width >= 2 * PARTS)
		width *= 2;
	*from = value / width * width;
	*to = *from + width;
}

json_t *histogram(const uint64_t *sorted, uint32_t n)
{
	json_t *list = json_array();
	uint64_t from, to;

	for (uint32_t i = 0, begin; i < n;) {
		begin = i;
		bucket(sorted[i], &from, &to);
		while (i < n && sorted[i] < to)
			i++;
		json_array_append_new(list, json_pack("[I,I,i]", (json_int_t)from, (json_int_t)to, (int)(i - begin)));
	}
	return list;
}

uint32_t outliers(const uint64_t *sorted, uint32_t n)
{
	uint64_t limit = 5 * percentile(sorted, n, 500);
	uint32_t count = 0;

	while (count < n && sorted[n - 1 - count] > limit)
		count++;
	return count;
}

/*
 * Two tops, each with a tenth of the samples on its side, at least 15 % apart, and between them a valley less than half
 * as high as the lower of both. Heights are counts in steps of 5 %, smoothed over three.
 */
int two_modes(const uint64_t *sorted, uint32_t n, uint64_t modes[2])
{
	enum { STEPS = 256 };
	const double step = log(1.05);
	double low = log((double)sorted[0] + 1), heights[STEPS + 2] = { 0 }, smooth[STEPS] = { 0 };
	uint32_t counts[STEPS] = { 0 }, first = 0, second = 0, below = 0;
	double best = 0;

	if (n < 200)
		return 0;
	for (uint32_t i = 0; i < n; i++) {
		double at = (log((double)sorted[i] + 1) - low) / step;
		uint32_t k = at < STEPS - 1 ? (uint32_t)at : STEPS - 1;

		counts[k]++;
		heights[k + 1]++;
	}
	for (uint32_t k = 0; k < STEPS; k++) {
		smooth[k] = (heights[k] + 2 * heights[k + 1] + heights[k + 2]) / 4;
		if (smooth[k] > smooth[first])
			first = k;
	}
	for (uint32_t k = 0; k < STEPS; k++) { /* the other top: the one that rises highest above its valley */
		uint32_t a = k < first ? k : first, b = k < first ? first : k;
		double valley = smooth[k];

		for (uint32_t i = a; i <= b; i++)
			valley = fmin(valley, smooth[i]);
		if (b - a >= 3 && valley < smooth[k] / 2 && smooth[k] - valley > best) {
			best = smooth[k] - valley;
			second = k;
		}
	}
	if (best <= 0)
		return 0;
	if (second < first) {
		uint32_t swap = first;
		first = second;
		second = swap;
	}
	for (uint32_t k = 0, valley = first; k < second; k++) {
		if (k > first && smooth[k] < smooth[valley])
			valley = k;
		if (k + 1 == second)
			for (uint32_t i = 0; i <= valley; i++)
				below += counts[i];
	}
	modes[0] = (uint64_t)exp(low + (first + 0.5) * step);
	modes[1] = (uint64_t)exp(low + (second + 0.5) * step);
	return below >= n / 10 && n - below >= n / 10;
}
