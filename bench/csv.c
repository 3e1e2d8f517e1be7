/* SPDX-License-Identifier: MIT */
/*
 * uspawn-bench csv: result files as a table for other programs, a line a figure: whoever draws or sums does not have
 * to take columns apart. What a file does not have is an empty field.
 */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "commands.h"
#include "refuse.h"
#include "result.h"

static const char help[] =
	"Usage: uspawn-bench csv FILE...\n"
	"\n"
	"Writes what FILEs from --json contain to standard output, as comma-separated values (RFC 4180), a line\n"
	"for each contestant and figure. value is the median of times, in microseconds; low and high are its\n"
	"95 % interval. Histograms and batches are in the JSON only.\n"
	"\n"
	"Example: uspawn-bench csv result.json | grep uspawn-async\n";

/* The settings that are columns, always all and in this order. */
static const char *const settings[] = { "rss", "huge", "fds",         "threads", "processes", "inflight", "live",
					"env", "argv", "path_misses", "child",   "reaper",    "rate",     "burst" };
enum { NSETTINGS = sizeof(settings) / sizeof(*settings) };

static void put_text(FILE *out, const char *text)
{
	if (!strpbrk(text, ",\"\r\n")) {
		fputs(text, out);
		return;
	}
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"')
			fputc('"', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

static void put_number(FILE *out, double value)
{
	fputc(',', out);
	if (!isnan(value))
		fprintf(out, "%.15g", value);
}

static void put_value(FILE *out, const json_t *value)
{
	if (json_is_number(value)) {
		put_number(out, json_number_value(value));
		return;
	}
	fputc(',', out);
	if (json_is_string(value))
		put_text(out, json_string_value(value));
	else if (json_is_boolean(value))
		fputs(json_is_true(value) ? "true" : "false", out);
}

static void put_header(FILE *out)
{
	fputs("file,measure", out);
	for (int i = 0; i < NSETTINGS; i++)
		fprintf(out, ",setting_%s", settings[i]);
	fputs(",axis,axis_value,contestant,samples,figure,unit,value,low,high,min,p90,p99,p999,max,ratio,ratio_low,"
	      "ratio_high,ratio_to\n",
	      out);
}

/* What every line of a contestant begins with. */
static void put_beginning(FILE *out, const struct result *result, const struct result_case *c, const struct figures *f)
{
	put_text(out, result->path);
	fputc(',', out);
	put_text(out, c->measure);
	for (int i = 0; i < NSETTINGS; i++)
		put_value(out, json_object_get(c->setting, settings[i]));
	fputc(',', out);
	put_text(out, c->axis ? c->axis : "");
	fputc(',', out);
	put_text(out, c->label);
	fputc(',', out);
	put_text(out, f->name);
	put_number(out, f->samples);
}

/* The end of a line. */
static void put_ratio(FILE *out, double ratio, struct interval interval, const char *to)
{
	put_number(out, ratio);
	put_number(out, interval.low);
	put_number(out, interval.high);
	fputc(',', out);
	put_text(out, to ? to : "");
	fputc('\n', out);
}

static void put_times(FILE *out, const char *key, const struct times *t)
{
	const double figures[] = { t->p50, t->p50_interval.low, t->p50_interval.high, t->min, t->p90, t->p99, t->p999,
				   t->max };

	fprintf(out, ",%s,us", key);
	for (size_t i = 0; i < sizeof(figures) / sizeof(*figures); i++)
		put_number(out, figures[i] / 1e3);
	put_ratio(out, t->ratio, t->ratio_interval, t->ratio_to);
}

static void put_single(FILE *out, const char *key, const char *unit, double value, struct interval interval)
{
	fputc(',', out);
	put_text(out, key);
	fprintf(out, ",%s", unit);
	put_number(out, value);
	put_number(out, interval.low);
	put_number(out, interval.high);
	fputs(",,,,,", out); /* no percentiles */
}

static void put_figures(FILE *out, const struct result *result, const struct result_case *c, const struct figures *f)
{
	static const struct interval none = { NAN, NAN };
	const char *key;
	json_t *value;

	for (int q = 0; q < NQUANTITIES; q++)
		if (f->times[q].measured) {
			put_beginning(out, result, c, f);
			put_times(out, quantities[q].key, &f->times[q]);
		}
	if (!isnan(f->rate)) {
		put_beginning(out, result, c, f);
		put_single(out, "rate", "children/s", f->rate, f->rate_interval);
		put_ratio(out, f->rate_ratio, f->rate_ratio_interval, f->rate_ratio_to);
	}
	json_object_foreach ((json_t *)f->per_start, key, value)
		if (json_is_number(value)) {
			put_beginning(out, result, c, f);
			put_single(out, key, strstr(key, "_us") ? "us/start" : "1/start", json_number_value(value),
				   none);
			put_ratio(out, NAN, none, NULL);
		}
}

void csv_put(FILE *out, const struct result *results, size_t n)
{
	put_header(out);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < results[i].ncases; k++) {
			const struct result_case *c = &results[i].cases[k];

			for (size_t m = 0; m < c->ncontestants; m++)
				put_figures(out, &results[i], c, &c->contestants[m]);
		}
}

int csv_main(int argc, char **argv)
{
	static const struct option options[] = { { "help", 0, 0, 'h' }, { 0 } };
	struct result *results;
	int option, n = 0, r = 2;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (option != 'h')
			return refuse_option(option, argv);
		fputs(help, stdout);
		return 0;
	}
	if (optind == argc)
		return refuse("csv: a file is needed; see uspawn-bench csv --help");
	results = calloc((size_t)(argc - optind), sizeof(*results));
	while (results && optind + n < argc && result_read(&results[n], argv[optind + n]))
		n++;
	if (optind + n == argc) {
		csv_put(stdout, results, (size_t)n);
		r = 0; /* but for what main() says of the output */
	}
	while (n)
		result_done(&results[--n]);
	free(results);
	return r;
}
