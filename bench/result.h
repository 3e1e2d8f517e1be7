/* SPDX-License-Identifier: MIT */
/*
 * A result file, "uspawn-bench/1", as those that look at one need it.
 *
 * Everything has been checked when it was read: what stands here has its type and its range. Strings and lists belong
 * to the result. Times are nanoseconds; what a file does not have is NAN or NULL.
 */
#ifndef RESULT_H
#define RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <jansson.h>

enum quantity { RETURN, ENTRY, CYCLE, NOTIFIED, REAPED, LATE, NQUANTITIES };

struct quantity_words {
	const char *key;   /* in a file, without "_ns" */
	const char *title; /* as a heading */
	const char *axis;
};
extern const struct quantity_words quantities[NQUANTITIES];

struct interval {
	double low, high;
};

struct times {
	bool measured;
	double min, p50, p90, p99, p999, max; /* NAN: too few samples for it */
	struct interval p50_interval;
	double ratio; /* to the reference of the run; NAN for the reference itself */
	struct interval ratio_interval;
	const char *ratio_to;
	const json_t *batches;   /* numbers above 0 */
	const json_t *histogram; /* [lower, upper, count], ascending */
};

struct figures {
	const char *name, *about, *remark;
	double samples;
	struct times times[NQUANTITIES];
	double rate; /* children a second */
	struct interval rate_interval;
	double rate_ratio; /* as that of times */
	struct interval rate_ratio_interval;
	const char *rate_ratio_to;
	const json_t *rates;
	const json_t *per_start; /* names and numbers */
	const json_t *warnings;  /* strings */
};

struct result_case {
	const char *measure;
	const json_t *setting;
	const char *axis; /* NULL unless it is part of a sweep */
	double position;
	char label[64];
	struct figures *contestants;
	size_t ncontestants;
};

struct result {
	const char *path;
	json_t *root;
	const json_t *environment;
	struct result_case *cases;
	size_t ncases;
};

/* csv.c: these results as comma-separated values, with a header. */
void csv_put(FILE *out, const struct result *results, size_t n);

/* All of it or nothing: false after one line that names the file and the line or the field. */
bool result_read(struct result *ret, const char *path);
void result_done(struct result *result);

/* case.c */
bool same_case(const struct result_case *a, const struct result_case *b);
const struct figures *case_find(const struct result_case *c, const char *name);

/* A case in words, "start, fds 10000": what is not as usual; on request without what the sweep changes. */
void case_title(const struct result_case *c, bool with_axis, char *ret, size_t size);

/* Value i of a list of numbers that was checked. */
static inline double list_at(const json_t *list, size_t i)
{
	return json_number_value(json_array_get(list, i));
}

#endif
