/* SPDX-License-Identifier: MIT */
/*
 * uspawn-bench compare: is anything slower than it was?
 *
 * Two files were made at different times, when the machine was not equally fast. What both times were measured beside a
 * contestant that the code under test cannot change is therefore taken relative to that, batch by batch: `floor`, which
 * knows neither uspawn nor libc, else posix_spawn. A difference counts if the whole interval of the quotient lies
 * beyond the smallest difference that matters.
 */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bootstrap.h"
#include "commands.h"
#include "refuse.h"
#include "result.h"

static const char help[] =
	"Usage: uspawn-bench compare [--threshold PERCENT] [--only A,B] OLD NEW\n"
	"\n"
	"Is anything slower than it was? OLD and NEW are files that --json wrote, of the same command.\n"
	"\n"
	"  --threshold P  the smallest difference that matters, in percent [3]\n"
	"  --only A,B     only these contestants\n"
	"  --help         this text\n"
	"\n"
	"Each contestant is taken relative to floor (else posix_spawn) of the same file, batch by batch, so\n"
	"that a machine that was slower the second time does not look like slower code. slower, faster: the\n"
	"whole 95 % interval of NEW/OLD lies beyond the threshold; same: it does not.\n"
	"\n"
	"Exit code: 0 nothing is slower, 1 something is, 2 the files cannot be compared.\n"
	"\n"
	"Example: uspawn-bench start --json old.json; git pull; ninja -C build;\n"
	"         uspawn-bench start --json new.json; uspawn-bench compare old.json new.json\n";

enum { RATES = NQUANTITIES }; /* one more kind of figure, of which more is better */

struct comparison {
	const struct result *old, *new;
	const struct result_case *a, *b; /* the case at hand, in either */
	double matters;
	const char *only;
	FILE *out;
	int slower, faster, same;
};

static const json_t *batches(const struct figures *f, int kind)
{
	return !f ? NULL : kind == RATES ? f->rates : f->times[kind].batches;
}

static bool measured(const struct figures *f, int kind)
{
	return kind == RATES ? !isnan(f->rate) : f->times[kind].measured;
}

/* In microseconds, or children a second. */
static double shown(const struct figures *f, int kind)
{
	return kind == RATES ? f->rate : f->times[kind].p50 / 1e3;
}

/* The contestant that the others are taken relative to, or NULL. */
static const char *reference(const struct comparison *c, int kind)
{
	static const char *const names[] = { "floor", "posix_spawn" };

	for (size_t i = 0; i < 2; i++)
		if (batches(case_find(c->a, names[i]), kind) && batches(case_find(c->b, names[i]), kind))
			return names[i];
	return NULL;
}

/* Logarithms of the batches, relative to those of the same moment. Returns how many, 0 without memory. */
static size_t logarithms(double **ret, const json_t *list, const json_t *base)
{
	size_t n = json_array_size(list), used = 0;

	if (base && json_array_size(base) < n)
		n = json_array_size(base);
	*ret = calloc(n + 1, sizeof(**ret));
	for (size_t i = 0; *ret && i < n; i++) {
		double value = list_at(list, i), of_base = base ? list_at(base, i) : 1;

		if (value > 0 && of_base > 0)
			(*ret)[used++] = log(value / of_base);
	}
	return used;
}

static int too_few(const struct comparison *c, size_t nold, size_t nnew, const char *name)
{
	bool old = nold < FEWEST_BATCHES;
	char title[256];

	case_title(old ? c->a : c->b, true, title, sizeof(title));
	return refuse("%s: %s: %s has %zu batches, of which %d are needed: measure it again with more --samples",
		      old ? c->old->path : c->new->path, title, name, old ? nold : nnew, FEWEST_BATCHES);
}

static const char *verdict(struct comparison *c, const struct quotient *q, int kind)
{
	double low = kind == RATES ? 1 / q->interval.high : q->interval.low;
	double high = kind == RATES ? 1 / q->interval.low : q->interval.high;

	if (low > 1 + c->matters)
		return c->slower++, "SLOWER";
	if (high < 1 / (1 + c->matters))
		return c->faster++, "faster";
	return c->same++, "same";
}

/* One line of the table. Returns 0 or the exit code. */
static int compare_one(struct comparison *c, const char *name, int kind, const char *base)
{
	const struct figures *old = case_find(c->a, name), *new = case_find(c->b, name);
	bool is_base = base && !strcmp(base, name);
	const json_t *old_base = base && !is_base ? batches(case_find(c->a, base), kind) : NULL;
	const json_t *new_base = base && !is_base ? batches(case_find(c->b, base), kind) : NULL;
	double *a = NULL, *b = NULL;
	size_t na = logarithms(&a, batches(old, kind), old_base), nb = logarithms(&b, batches(new, kind), new_base);
	struct quotient q;
	int r = bootstrap_quotient(&q, a, na, b, nb);

	free(a);
	free(b);
	if (r < 0)
		return too_few(c, na, nb, name);
	fprintf(c->out, "  %-16s %10.*f %10.*f %9.3f   %.3f to %.3f   %s\n", name, kind == RATES ? 0 : 2,
		shown(old, kind), kind == RATES ? 0 : 2, shown(new, kind), q.value, q.interval.low, q.interval.high,
		is_base ? "the reference" : verdict(c, &q, kind));
	return 0;
}

static bool chosen(const char *only, const char *name)
{
	size_t n = strlen(name);

	if (!only)
		return true;
	for (const char *at = only; (at = strstr(at, name)); at += n)
		if ((at == only || at[-1] == ',') && (at[n] == ',' || !at[n]))
			return true;
	return false;
}

static bool has_contestant(const struct result *r, const char *name)
{
	for (size_t i = 0; i < r->ncases; i++)
		if (case_find(&r->cases[i], name))
			return true;
	return false;
}

/* 0, or the exit code: a name that is in neither file is a slip of the pen. */
static int check_only(const struct comparison *c)
{
	char name[128];
	int n;

	for (const char *at = c->only; at && *at; at += n + (at[n] == ',')) {
		n = (int)strcspn(at, ",");
		snprintf(name, sizeof(name), "%.*s", n, at);
		if (!has_contestant(c->old, name) && !has_contestant(c->new, name))
			return refuse("--only %s: there is no such contestant in %s, nor in %s", name, c->old->path,
				      c->new->path);
	}
	return 0;
}

static int compare_kind(struct comparison *c, int kind)
{
	const char *base = reference(c, kind);
	bool titled = false;

	for (size_t i = 0; i < c->a->ncontestants; i++) {
		const struct figures *old = &c->a->contestants[i], *new = case_find(c->b, old->name);
		bool is_base = base && !strcmp(base, old->name);
		int r;

		if (!new || !measured(old, kind) || !measured(new, kind) || (!is_base && !chosen(c->only, old->name)))
			continue;
		if (!titled)
			fprintf(c->out, "\n%s\n  %-16s %10s %10s %9s   %s\n",
				kind == RATES ? "Children a second" : quantities[kind].title,
				base ? "" : "(no reference)", kind == RATES ? "OLD" : "OLD us",
				kind == RATES ? "NEW" : "NEW us", "NEW/OLD", "95 % interval    verdict");
		titled = true;
		r = compare_one(c, old->name, kind, base);
		if (r)
			return r;
	}
	if (titled && !base)
		fputs("  Neither floor nor posix_spawn is in both: a slower machine looks like slower code here.\n",
		      c->out);
	else if (titled)
		fprintf(c->out, "  NEW/OLD of all but %s is relative to %s.\n", base, base);
	return 0;
}

static void name_lonely(const struct comparison *c, const struct result_case *here, const struct result_case *there,
			const char *which)
{
	for (size_t i = 0; i < here->ncontestants; i++)
		if (!case_find(there, here->contestants[i].name) && chosen(c->only, here->contestants[i].name))
			fprintf(c->out, "  only in %s: %s\n", which, here->contestants[i].name);
}

static const struct result_case *partner(const struct result *result, const struct result_case *c)
{
	for (size_t i = 0; i < result->ncases; i++)
		if (same_case(&result->cases[i], c))
			return &result->cases[i];
	return NULL;
}

static void name_lonely_cases(const struct comparison *c, const struct result *here, const struct result *there,
			      const char *which)
{
	char title[256];

	for (size_t i = 0; i < here->ncases; i++)
		if (!partner(there, &here->cases[i])) {
			case_title(&here->cases[i], true, title, sizeof(title));
			fprintf(c->out, "\nonly in %s: %s\n", which, title);
		}
}

/* What makes two files hard to compare. */
static void name_differences(const struct comparison *c)
{
	static const char *const keys[] = { "machine", "cpu", "cpus", "kernel", "libc", "governor" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		const json_t *a = json_object_get(c->old->environment, keys[i]);
		const json_t *b = json_object_get(c->new->environment, keys[i]);

		if (a && b && !json_equal(a, b))
			fprintf(c->out, "not the same %s: the machine is compared, too\n", keys[i]);
	}
	for (int i = 0; i < 2; i++) {
		const struct result *result = i ? c->new : c->old;
		const json_t *list = json_object_get(result->environment, "warnings");

		for (size_t k = 0; k < json_array_size(list); k++)
			fprintf(c->out, "%s: %s\n", result->path, json_string_value(json_array_get(list, k)));
	}
}

static int compare_files(struct comparison *c)
{
	char title[256];
	int r;

	name_differences(c);
	for (size_t i = 0; i < c->old->ncases; i++) {
		c->a = &c->old->cases[i];
		c->b = partner(c->new, c->a);
		if (!c->b)
			continue;
		case_title(c->a, true, title, sizeof(title));
		fprintf(c->out, "\n== %s\n", title);
		for (int kind = 0; kind <= RATES; kind++) {
			r = compare_kind(c, kind);
			if (r)
				return r;
		}
		name_lonely(c, c->a, c->b, "OLD");
		name_lonely(c, c->b, c->a, "NEW");
	}
	name_lonely_cases(c, c->old, c->new, "OLD");
	name_lonely_cases(c, c->new, c->old, "NEW");
	if (!(c->slower + c->faster + c->same))
		return refuse("%s and %s have nothing in common that could be compared", c->old->path, c->new->path);
	fprintf(c->out, "\n%d slower, %d faster, %d same; less than %g %% does not matter\n", c->slower, c->faster,
		c->same, c->matters * 100);
	return c->slower > 0;
}

/* The table is shown when it is known that there is one. */
static int compare_shown(struct comparison *c)
{
	char *text = NULL;
	size_t size;
	int r;

	c->out = open_memstream(&text, &size);
	if (!c->out)
		return refuse("compare: no memory");
	r = compare_files(c);
	fclose(c->out);
	if (r != 2 && (fputs(text, stdout) < 0 || fflush(stdout)))
		r = refuse("compare: standard output: %m");
	free(text);
	return r;
}

int compare_main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "threshold", 1, 0, 't' }, { "only", 1, 0, 'o' }, { "help", 0, 0, 'h' }, { 0 }
	};
	struct comparison c = { .matters = 0.03 };
	struct result old, new;
	char *end;
	int option, r = 2;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (option) {
		case 't':
			c.matters = strtod(optarg, &end) / 100;
			if (end == optarg || *end || !(c.matters >= 0 && c.matters <= 10))
				return refuse("--threshold %s: a percentage from 0 to 1000 is needed", optarg);
			break;
		case 'o':
			c.only = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		default:
			return refuse_option(option, argv);
		}
	}
	if (argc - optind != 2)
		return refuse("compare: two files are needed, OLD and NEW; see uspawn-bench compare --help");
	if (!result_read(&old, argv[optind]))
		return 2;
	if (result_read(&new, argv[optind + 1])) {
		c.old = &old;
		c.new = &new;
		r = check_only(&c) ? 2 : compare_shown(&c);
		result_done(&new);
	}
	result_done(&old);
	return r;
}
