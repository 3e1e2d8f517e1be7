/* SPDX-License-Identifier: MIT */
/* The tables for people: one line a contestant, times in microseconds, and how to read it. */
#include <string.h>
#include "axis.h"
#include "run.h"

static double number_of(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static const char *name_of(const json_t *contestant)
{
	return json_string_value(json_object_get(contestant, "name"));
}

/* In microseconds; "-": too few samples to know it. */
static void print_time(const json_t *d, const char *key, int width)
{
	const json_t *value = json_object_get(d, key);

	if (json_is_number(value))
		printf(" %*.1f", width, json_number_value(value) / 1e3);
	else
		printf(" %*s", width, "-");
}

static void print_interval(const json_t *d, const char *key)
{
	const json_t *i = json_object_get(d, key);

	if (json_is_array(i))
		printf(" [%.2f, %.2f]", json_number_value(json_array_get(i, 0)),
		       json_number_value(json_array_get(i, 1)));
}

/* Half the width of the interval, where there is one. */
static void print_plus_minus(const json_t *d)
{
	const json_t *i = json_object_get(d, "p50_interval");
	double low = json_number_value(json_array_get(i, 0)), high = json_number_value(json_array_get(i, 1));

	if (json_is_array(i))
		printf(" %6.1f", (high - low) / 2e3);
	else
		printf(" %6s", "-");
}

static const char *title_of_ratio(const struct run *run)
{
	static char text[48];

	snprintf(text, sizeof(text), "/%s", entry_reference(run)->name);
	return text;
}

static void print_times(const struct run *run, const json_t *list, enum metric m)
{
	const json_t *c, *d;
	int measured = 0;
	size_t i;

	json_array_foreach((json_t *)list, i, c) measured |= json_object_get(c, metric_words[m].key) != NULL;
	if (!measured)
		return;
	printf("\n%s\n%-14s %8s %8s %6s %8s %8s %8s %9s  %s\n", metric_words[m].title, "", "min", "p50", "+-", "p90",
	       "p99", "p99.9", "max", run->nentries > 1 ? title_of_ratio(run) : "");
	json_array_foreach((json_t *)list, i, c)
	{
		d = json_object_get(c, metric_words[m].key);
		if (!d)
			continue;
		printf("%-14s", name_of(c));
		print_time(d, "min", 8);
		print_time(d, "p50", 8);
		print_plus_minus(d);
		print_time(d, "p90", 8);
		print_time(d, "p99", 8);
		print_time(d, "p999", 8);
		print_time(d, "max", 9);
		if (json_object_get(d, "ratio"))
			printf("  %.2f", number_of(d, "ratio"));
		print_interval(d, "ratio_interval");
		printf("\n");
	}
}

static void print_rates(const struct run *run, const json_t *list)
{
	const json_t *c;
	size_t i;

	printf("\n%-14s %12s %12s %12s  %s\n", "", "children/s", "+-", "us a child",
	       run->nentries > 1 ? title_of_ratio(run) : "");
	json_array_foreach((json_t *)list, i, c)
	{
		const json_t *interval = json_object_get(c, "rate_interval");
		double rate = number_of(c, "rate");

		printf("%-14s %12.0f %12.0f %12.1f", name_of(c), rate,
		       (json_number_value(json_array_get(interval, 1)) -
			json_number_value(json_array_get(interval, 0))) /
			       2,
		       1e6 / rate);
		if (json_object_get(c, "rate_ratio"))
			printf("  %.2f", number_of(c, "rate_ratio"));
		print_interval(c, "rate_ratio_interval");
		printf("\n");
	}
}

static void print_per_start(const json_t *list)
{
	const json_t *c, *p;
	size_t i;

	printf("\nEach start: microseconds of processor time, then how often\n%-14s %8s %8s %8s %10s %12s %8s %8s\n",
	       "", "user", "system", "child", "switches", "involuntary", "faults", "calls");
	json_array_foreach((json_t *)list, i, c)
	{
		p = json_object_get(c, "per_start");
		printf("%-14s %8.1f %8.1f %8.1f %10.2f %12.2f %8.1f", name_of(c), number_of(p, "user_us"),
		       number_of(p, "system_us"), number_of(p, "child_us"), number_of(p, "voluntary_switches"),
		       number_of(p, "involuntary_switches"), number_of(p, "minor_faults"));
		if (json_object_get(p, "system_calls"))
			printf(" %8.1f\n", number_of(p, "system_calls"));
		else
			printf(" %8s\n", "-");
	}
}

/* All of them are in the JSON. Here those about the one metric that a reader looks at first. */
static int worth_a_line(const char *warning)
{
	return strncmp(warning, "R", 1) && strncmp(warning, "E", 1) && strncmp(warning, "l", 1);
}

static void print_remarks(const json_t *list)
{
	const json_t *c, *text;
	size_t i, k;

	json_array_foreach((json_t *)list, i, c)
	{
		if (json_object_get(c, "remark"))
			printf("%s: %s\n", name_of(c), json_string_value(json_object_get(c, "remark")));
		json_array_foreach(json_object_get(c, "warnings"), k, text) if (worth_a_line(json_string_value(text)))
			printf("%s: %s\n", name_of(c), json_string_value(text));
	}
}

void table_header(const struct run *run)
{
	const struct machine *m = &run->machine;

	printf("%s %s, %ld cpus (%s), %s, load %.2f\n", m->kernel, m->arch, m->cpus, m->cpu, m->libc, m->load);
	printf("measuring itself takes %.2f us of each C: %.0f ns for each look at the clock\n",
	       run->own_cost.sample_ns / 1e3, run->own_cost.clock_ns);
	fflush(stdout);
}

/* What is not as usual. */
static void print_setting(const struct run *run)
{
	struct setting usual = { .threads = 1, .processes = 1, .inflight = run->task.measure == RATE ? 16 : 1 };
	const char *between = ": ";
	char buffer[32];

	printf("\n== %s", measure_names[run->task.measure]);
	for (size_t i = 0; i < naxes; i++) {
		uint32_t value = axis_get(&axes[i], &run->task.setting);

		if (value == axis_get(&axes[i], &usual))
			continue;
		printf("%s%s %s", between, axes[i].name, axis_label(&axes[i], value, buffer, sizeof(buffer)));
		between = ", ";
	}
	if (run->task.measure == RATE)
		printf(" (%.1f s each)\n", run->seconds);
	else
		printf(" (%u samples each)\n", run->taken);
}

void table_case(const struct run *run, const json_t *result)
{
	const json_t *list = json_object_get(result, "contestants");

	print_setting(run);
	for (int m = 0; m < NMETRICS; m++)
		print_times(run, list, (enum metric)m);
	if (run->task.measure == RATE)
		print_rates(run, list);
	print_per_start(list);
	print_remarks(list);
	if (run->task.measure != RATE && run->taken < 10000)
		printf("-: a percentile needs ten samples beyond it, p99.9 10,000 in all (--samples)\n");
	fflush(stdout);
}

static const json_t *contestant_of(const json_t *result, const char *name)
{
	const json_t *c;
	size_t i;

	json_array_foreach(json_object_get(result, "contestants"), i, c) if (!strcmp(name_of(c), name)) return c;
	return NULL;
}

/* One table for a metric: a line for each contestant, a column for each value. */
static void print_sweep(const struct run *run, const json_t *root, const char *title, const char *key)
{
	const json_t *cases = json_object_get(root, "cases"), *result, *c;
	size_t i, k;

	printf("\n%s, by %s\n%-14s", title, run->axis->name, "");
	json_array_foreach((json_t *)cases, i, result)
		printf(" %11s", json_string_value(json_object_get(json_object_get(result, "axis"), "label")));
	printf("\n");
	json_array_foreach(json_object_get(json_array_get(cases, 0), "contestants"), k, c)
	{
		const char *name = name_of(c);

		printf("%-14s", name);
		json_array_foreach((json_t *)cases, i, result)
		{
			const json_t *at = contestant_of(result, name), *d = json_object_get(at, key);

			if (json_is_object(d))
				print_time(d, "p50", 11);
			else if (json_is_number(d))
				printf(" %11.0f", json_number_value(d));
			else
				printf(" %11s", "-");
		}
		printf("\n");
	}
}

void table_sweep(const struct run *run, const json_t *root)
{
	const json_t *first = json_array_get(
		json_object_get(json_array_get(json_object_get(root, "cases"), 0), "contestants"), 0);
	char title[96];

	printf("\n== all: p50\n");
	for (int m = 0; m < NMETRICS; m++)
		if (json_object_get(first, metric_words[m].key)) {
			snprintf(title, sizeof(title), "%s", metric_words[m].title);
			print_sweep(run, root, title, metric_words[m].key);
		}
	if (json_object_get(first, "rate"))
		print_sweep(run, root, "children a second", "rate");
}

void table_footer(const json_t *root)
{
	const json_t *environment = json_object_get(root, "environment"), *text;
	size_t i;

	printf("\nIn turns, every contestant in processes of its own; every child was checked to have run.\n"
	       "+-: half of the 95 %% interval. The last column: ratio of the p50s (rate: median of the ratios of "
	       "its slices) and its 95 %% interval.\n");
	json_array_foreach(json_object_get(environment, "warnings"), i, text)
		printf("warning: %s\n", json_string_value(text));
}
