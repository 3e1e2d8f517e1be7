/* SPDX-License-Identifier: MIT */
/*
 * Results for programs: schema "uspawn-bench/1". Fields may be added; those that are there keep their meaning. A case
 * is turned into JSON as soon as it is measured, and its samples are freed; tables are printed from it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uspawn.h>
#include "axis.h"
#include "run.h"
#include "statistics.h"

const struct metric_words metric_words[NMETRICS] = {
	[LATE] = { "late_ns", "late: from when it was due until the call began" },
	[RETURN] = { "return_ns", "R: until the call returned" },
	[ENTRY] = { "entry_ns", "E: until the child's first instruction" },
	[CYCLE] = { "cycle_ns", "C: until the child had ended and was waited for" },
	[NOTIFIED] = { "notified_ns", "N: from the child's exit until its parent knew" },
	[REAPED] = { "reaped_ns", "W: from there until the child was waited for" },
};

static json_t *interval_json(struct interval i)
{
	return json_pack("[f,f]", i.low, i.high);
}

static void set_percentile(json_t *d, const char *key, const uint64_t *sorted, uint32_t n, uint32_t thousandths)
{
	json_object_set_new(d, key,
			    percentile_known(n, thousandths) || thousandths == 500
				    ? json_integer((json_int_t)percentile(sorted, n, thousandths))
				    : json_null());
}

static json_t *batches_json(const struct times *t)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < t->n; i += t->batch) {
		uint32_t n = t->n - i < t->batch ? t->n - i : t->batch;
		uint64_t *sorted = sorted_copy(t->values + i, n);

		json_array_append_new(list, json_integer(sorted ? (json_int_t)percentile(sorted, n, 500) : 0));
		free(sorted);
	}
	return list;
}

static void warn(json_t *warnings, const uint64_t *sorted, uint32_t n, const char *what)
{
	uint32_t far = outliers(sorted, n);
	uint64_t modes[2];

	if (two_modes(sorted, n, modes))
		json_array_append_new(warnings, json_sprintf("%s has two modes: %.0f us and %.0f us", what,
							     (double)modes[0] / 1e3, (double)modes[1] / 1e3));
	if (far > 10 && far > n / 100)
		json_array_append_new(warnings,
				      json_sprintf("%s: %u of %u took more than five times the p50", what, far, n));
}

/* of_base: the reference's draws and p50; NULL for the reference itself. draws: this one's. */
static void set_ratio(json_t *d, const char *prefix, double value, const double *draws, uint32_t ndraws, double base,
		      const double *of_base, const char *name)
{
	double ratios[RESAMPLES];
	char key[32];

	if (!of_base || base <= 0)
		return;
	snprintf(key, sizeof(key), "%sratio", prefix);
	json_object_set_new(d, key, json_real(value / base));
	for (uint32_t i = 0; i < ndraws; i++)
		ratios[i] = of_base[i] > 0 ? draws[i] / of_base[i] : 1;
	snprintf(key, sizeof(key), "%sratio_interval", prefix);
	if (ndraws)
		json_object_set_new(d, key, interval_json(interval_of(ratios, ndraws, value / base)));
	snprintf(key, sizeof(key), "%sratio_to", prefix);
	json_object_set_new(d, key, json_string(name));
}

static json_t *times_json(const struct run *run, const struct entry *e, enum metric m, const struct entry *base,
			  json_t *warnings)
{
	struct times t = { e->values[m], e->counts[m], run->batch, run->slice_ends, run->nslices };
	struct times b = { base->values[m], base->counts[m], run->batch, run->slice_ends, run->nslices };
	uint64_t *sorted = sorted_copy(t.values, t.n), *of_base = b.values ? sorted_copy(b.values, b.n) : NULL;
	static double draws[RESAMPLES], base_draws[RESAMPLES];
	uint32_t n = resample(draws, &t);
	json_t *d = json_object();
	double p50;

	if (sorted && t.n) {
		p50 = (double)percentile(sorted, t.n, 500);
		json_object_set_new(d, "min", json_integer((json_int_t)sorted[0]));
		set_percentile(d, "p50", sorted, t.n, 500);
		set_percentile(d, "p90", sorted, t.n, 900);
		set_percentile(d, "p99", sorted, t.n, 990);
		set_percentile(d, "p999", sorted, t.n, 999);
		json_object_set_new(d, "max", json_integer((json_int_t)sorted[t.n - 1]));
		if (e != base && of_base && b.n) {
			resample(base_draws, &b);
			set_ratio(d, "", p50, draws, n, (double)percentile(of_base, b.n, 500), base_draws, base->name);
		}
		if (n)
			json_object_set_new(d, "p50_interval", interval_json(interval_of(draws, n, p50)));
		json_object_set_new(d, "batches", batches_json(&t));
		json_object_set_new(d, "histogram", histogram(sorted, t.n));
		warn(warnings, sorted, t.n, (char[]){ metric_words[m].title[0], 0 });
	}
	free(of_base);
	free(sorted);
	return d;
}

static void set_rates(json_t *c, const struct entry *e, const struct entry *base)
{
	double draws[RESAMPLES], base_draws[RESAMPLES], pairs[SLICES], rate = median(e->rates, SLICES);
	json_t *rates = json_array();
	uint32_t n;

	for (int i = 0; i < SLICES; i++) {
		json_array_append_new(rates, json_real(e->rates[i]));
		pairs[i] = base->rates[i] > 0 ? e->rates[i] / base->rates[i] : 0;
	}
	json_object_set_new(c, "rate", json_real(rate));
	n = resample_rates(draws, e->rates, SLICES);
	json_object_set_new(c, "rate_interval", interval_json(interval_of(draws, n, rate)));
	if (e != base) { /* each slice against the same slice: what slowed the machine then slowed both */
		n = resample_rates(base_draws, pairs, SLICES);
		for (uint32_t i = 0; i < n; i++)
			draws[i] = 1;
		set_ratio(c, "rate_", median(pairs, SLICES), base_draws, n, 1, draws, base->name);
	}
	json_object_set_new(c, "rates", rates);
}

static json_t *per_start_json(const struct entry *e)
{
	const struct usage *u = &e->usage;
	double n = e->children ? e->children : 1;
	json_t *p = json_pack("{s:f,s:f,s:f,s:f,s:f,s:f}", "user_us", (double)u->user_us / n, "system_us",
			      (double)u->system_us / n, "child_us", (double)u->child_us / n, "voluntary_switches",
			      (double)u->voluntary / n, "involuntary_switches", (double)u->involuntary / n,
			      "minor_faults", (double)u->faults / n);

	if (e->calls >= 0)
		json_object_set_new(p, "system_calls", json_real(e->calls));
	return p;
}

static json_t *contestant_json(const struct run *run, const struct entry *e, const struct entry *base)
{
	json_t *c = json_object(), *warnings = json_array();
	const char *version = e->contestant->version ? e->contestant->version() : "";
	char about[160];

	snprintf(about, sizeof(about), "%s%s%s%s", e->contestant->about, *version ? " (" : "", version,
		 *version ? ")" : "");
	json_object_set_new(c, "name", json_string(e->name));
	json_object_set_new(c, "about", json_string(about));
	if (*e->remark)
		json_object_set_new(c, "remark", json_string(e->remark));
	json_object_set_new(c, "samples", json_integer(run->task.measure == RATE ? e->children : run->taken));
	for (int m = 0; m < NMETRICS; m++)
		if (e->values[m] && e->counts[m])
			json_object_set_new(c, metric_words[m].key, times_json(run, e, (enum metric)m, base, warnings));
	if (run->task.measure == RATE)
		set_rates(c, e, base);
	json_object_set_new(c, "per_start", per_start_json(e));
	if (run->slowed && !strcmp(run->slowed, e->name))
		json_array_append_new(warnings, json_string("slowed by 5 us, to test a comparison"));
	json_object_set_new(c, "warnings", warnings);
	return c;
}

static json_t *setting_json(const struct setting *s)
{
	json_t *j = json_object();

	for (size_t i = 0; i < naxes; i++) {
		char key[32];
		uint32_t value = axis_get(&axes[i], s);

		snprintf(key, sizeof(key), "%s", axes[i].name);
		for (char *at = key; *at; at++)
			*at = *at == '-' ? '_' : *at;
		if (axes[i].member == offsetof(struct setting, huge))
			json_object_set_new(j, "huge", json_boolean(value));
		else
			json_object_set_new(j, key,
					    axes[i].words ? json_string(axes[i].words[value]) : json_integer(value));
	}
	return j;
}

json_t *json_begin(const struct run *run)
{
	const struct machine *m = &run->machine;
	json_t *environment = json_object();
	uint32_t version = uspawn_version();

#define SET(key, value) json_object_set_new(environment, key, value)
	SET("date", json_string(run->date));
	SET("command", json_string(run->command));
	SET("version", json_sprintf("%u.%u.%u", version >> 16, version >> 8 & 0xff, version & 0xff));
	SET("kernel", json_string(m->kernel));
	SET("machine", json_string(m->arch));
	SET("cpu", json_string(m->cpu));
	SET("cpus", json_integer(m->cpus));
	SET("memory_mib", json_integer(m->memory_mib));
	SET("libc", json_string(m->libc));
	if (*m->governor)
		SET("governor", json_string(m->governor));
	SET("load", json_real(m->load));
	SET("own_cost_ns", json_pack("{s:f,s:f}", "clock", run->own_cost.clock_ns, "sample", run->own_cost.sample_ns));
#undef SET
	return json_pack("{s:s,s:o,s:[]}", "schema", "uspawn-bench/1", "environment", environment, "cases");
}

int json_add_case(json_t *root, const struct run *run)
{
	json_t *c = json_object(), *list = json_array();
	const struct entry *base = entry_reference(run);
	char buffer[32];

	json_object_set_new(c, "measure", json_string(measure_names[run->task.measure]));
	json_object_set_new(c, "setting", setting_json(&run->task.setting));
	if (run->axis) {
		uint32_t value = run->values[run->at];

		json_object_set_new(c, "axis",
				    json_pack("{s:s,s:I,s:s}", "name", run->axis->name, "value",
					      (json_int_t)(run->axis->words ? run->at : value), "label",
					      axis_label(run->axis, value, buffer, sizeof(buffer))));
	}
	for (uint32_t i = 0; i < run->nentries; i++)
		json_array_append_new(list, contestant_json(run, &run->entries[i], base));
	json_object_set_new(c, "contestants", list);
	return json_array_append_new(json_object_get(root, "cases"), c) < 0 ? -ENOMEM : 0;
}
