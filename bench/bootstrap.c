/* SPDX-License-Identifier: MIT */
/*
 * A block bootstrap. What slows a machine lasts longer than a batch, so neighbours resemble each other, and drawing
 * them one by one would make intervals look narrower than they are. Whole blocks are drawn instead, the longer the
 * more neighbours resemble each other.
 */
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "bootstrap.h"

enum { DRAWS = 2000 };

/* A run's batches, as ranks: then the median of a draw is found by counting. */
struct pool {
	const double *values;
	size_t n, block;
	double *sorted;
	uint32_t *rank, *count;
};

static uint64_t next_random(uint64_t *state) /* splitmix64, public domain */
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* How much neighbours resemble each other, from the ranks: an outlier must not hide it. */
static double autocorrelation(const struct pool *p)
{
	double mean = ((double)p->n - 1) / 2, sum = 0, all = 0;

	for (size_t i = 0; i < p->n; i++) {
		double d = p->rank[i] - mean;

		all += d * d;
		if (i)
			sum += d * (p->rank[i - 1] - mean);
	}
	return all > 0 ? sum / all : 0;
}

/*
 * The length that suits a first-order process best (Carlstein 1986), but a tenth of the run at least: so long a
 * contestant has the same process, and no two processes are equally fast.
 */
static size_t block_length(const struct pool *p)
{
	double n = (double)p->n, rho = fmin(fmax(autocorrelation(p), 0), 0.97);
	double best = cbrt(6 * n) * pow(rho / (1 - rho * rho), 2.0 / 3);

	return (size_t)fmax(1, fmin(fmax(best, ceil(n / 10)), n / 5));
}

static void pool_done(struct pool *p)
{
	free(p->sorted);
	free(p->rank);
	free(p->count);
}

static int pool_init(struct pool *p, const double *values, size_t n)
{
	*p = (struct pool){
		.values = values,
		.n = n,
		.sorted = calloc(n, sizeof(*p->sorted)),
		.rank = calloc(n, sizeof(*p->rank)),
		.count = calloc(n, sizeof(*p->count)),
	};
	if (!p->sorted || !p->rank || !p->count)
		return -ENOMEM;
	memcpy(p->sorted, values, n * sizeof(*values));
	qsort(p->sorted, n, sizeof(*p->sorted), by_value);
	for (size_t i = 0; i < n; i++) {
		const double *at = bsearch(&values[i], p->sorted, n, sizeof(*values), by_value);

		p->rank[i] = (uint32_t)(at - p->sorted);
	}
	p->block = block_length(p);
	return 0;
}

static double middle(const struct pool *p)
{
	return p->n % 2 ? p->sorted[p->n / 2] : (p->sorted[p->n / 2 - 1] + p->sorted[p->n / 2]) / 2;
}

/* The median of n batches that are drawn in blocks; the end of the run is joined to its beginning. */
static double draw(struct pool *p, uint64_t *random)
{
	size_t seen = 0, i = 0;

	memset(p->count, 0, p->n * sizeof(*p->count));
	for (size_t drawn = 0; drawn < p->n;) {
		size_t at = next_random(random) % p->n;

		for (size_t k = 0; k < p->block && drawn < p->n; k++, drawn++)
			p->count[p->rank[(at + k) % p->n]]++;
	}
	while ((seen += p->count[i]) * 2 < p->n)
		i++;
	if (seen * 2 > p->n)
		return p->sorted[i];
	for (size_t above = i + 1; above < p->n; above++)
		if (p->count[above])
			return (p->sorted[i] + p->sorted[above]) / 2;
	return p->sorted[i];
}

int bootstrap_quotient(struct quotient *ret, const double *a, size_t na, const double *b, size_t nb)
{
	uint64_t random = 1;
	double draws[DRAWS];
	struct pool old, new;
	int r;

	if (na < FEWEST_BATCHES || nb < FEWEST_BATCHES)
		return -ERANGE;
	r = pool_init(&old, a, na);
	if (r < 0) {
		pool_done(&old);
		return r;
	}
	r = pool_init(&new, b, nb);
	if (!r) {
		for (int i = 0; i < DRAWS; i++)
			draws[i] = draw(&new, &random) - draw(&old, &random);
		qsort(draws, DRAWS, sizeof(*draws), by_value);
		ret->value = exp(middle(&new) - middle(&old));
		ret->interval.low = exp(draws[DRAWS / 40]);
		ret->interval.high = exp(draws[DRAWS - 1 - DRAWS / 40]);
	}
	pool_done(&new);
	pool_done(&old);
	return r;
}
