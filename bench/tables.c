/* SPDX-License-Identifier: MIT */
/* A table for each figure: a line a contestant, and in a sweep a line for each of its values. */
#include <math.h>
#include <string.h>
#include "look.h"
#include "tables.h"

/* A number with thousands set apart, in as many digits as are worth reading. */
static void put_figure(FILE *out, double value)
{
	char text[64], *at = text;
	size_t whole;

	if (isnan(value)) {
		fputs("–", out);
		return;
	}
	snprintf(text, sizeof(text), "%.*f", fabs(value) < 10 ? 2 : fabs(value) < 1000 ? 1 : 0, value);
	for (whole = strcspn(text, "."); whole > 0; whole--) {
		fputc(*at++, out);
		if (whole % 3 == 1 && whole > 1 && at[-1] != '-')
			fputs("&#8239;", out); /* a narrow space that does not break */
	}
	fputs(at, out);
}

static void put_cell(FILE *out, double value)
{
	fputs("<td>", out);
	put_figure(out, value);
	fputs("</td>", out);
}

static void put_with_interval(FILE *out, double value, struct interval interval)
{
	fputs("<td><b>", out);
	put_figure(out, value);
	fputs("</b>", out);
	if (!isnan(interval.low)) {
		fputs(" <small>", out);
		put_figure(out, interval.low);
		fputs(" to ", out);
		put_figure(out, interval.high);
		fputs("</small>", out);
	}
	fputs("</td>", out);
}

static void put_table_head(FILE *out, const struct section *s, const char *const *columns)
{
	fputs("<div class=\"scroll\" tabindex=\"0\"><table><thead><tr>", out);
	if (s->cases->axis)
		put_words(out, "th", s->cases->axis);
	fputs("<th>contestant</th>", out);
	for (; *columns; columns++)
		fprintf(out, "<th>%s</th>", *columns);
	fputs("</tr></thead><tbody>\n", out);
}

static void put_row_head(FILE *out, const struct section *s, size_t i, const struct figures *f)
{
	fputs("<tr>", out);
	if (s->cases->axis)
		put_words(out, "th", s->cases[i].label);
	put_words(out, "th", f->name);
}

static void put_times_row(FILE *out, const struct times *t)
{
	put_cell(out, t->min / 1e3);
	put_with_interval(out, t->p50 / 1e3,
			  (struct interval){ t->p50_interval.low / 1e3, t->p50_interval.high / 1e3 });
	put_cell(out, t->p90 / 1e3);
	put_cell(out, t->p99 / 1e3);
	put_cell(out, t->p999 / 1e3);
	put_cell(out, t->max / 1e3);
}

/* kind: enum quantity, or NQUANTITIES for rates. */
static bool has(const struct figures *f, int kind)
{
	return kind == NQUANTITIES ? !isnan(f->rate) : f->times[kind].measured;
}

static const char *reference_of(const struct section *s, int kind)
{
	for (size_t i = 0; i < s->ncases; i++)
		for (size_t k = 0; k < s->cases[i].ncontestants; k++) {
			const struct figures *f = &s->cases[i].contestants[k];
			const char *name = kind == NQUANTITIES ? f->rate_ratio_to : f->times[kind].ratio_to;

			if (name)
				return name;
		}
	return NULL;
}

static void put_kind_head(FILE *out, const struct section *s, int kind, const char *base)
{
	static const char *const of_times[] = {
		"min", "p50, 95 % interval", "p90", "p99", "p99.9", "max", "ratio", NULL
	};
	static const char *const of_rates[] = { "children a second, 95 % interval", "ratio", NULL };

	fputs("<h4>", out);
	put_escaped(out, kind < NQUANTITIES ? quantities[kind].title : "Children a second");
	fputs(kind < NQUANTITIES ? ", microseconds" : "", out);
	if (base) {
		fputs(kind < NQUANTITIES ? "; ratio of p50 to " : "; median of the slices' ratios to ", out);
		put_escaped(out, base);
	}
	fputs("</h4>\n", out);
	put_table_head(out, s, kind < NQUANTITIES ? of_times : of_rates);
}

static void put_kind_row(FILE *out, const struct figures *f, int kind, const char *base)
{
	bool rate = kind == NQUANTITIES;

	if (rate)
		put_with_interval(out, f->rate, f->rate_interval);
	else
		put_times_row(out, &f->times[kind]);
	if (base && !strcmp(base, f->name))
		fputs("<td>1</td>", out);
	else
		put_with_interval(out, rate ? f->rate_ratio : f->times[kind].ratio,
				  rate ? f->rate_ratio_interval : f->times[kind].ratio_interval);
	fputs("</tr>\n", out);
}

static void put_kind(FILE *out, const struct section *s, int kind)
{
	const char *base = reference_of(s, kind);
	bool begun = false;

	for (size_t i = 0; i < s->ncases; i++)
		for (size_t k = 0; k < s->cases[i].ncontestants; k++) {
			const struct figures *f = &s->cases[i].contestants[k];

			if (!has(f, kind))
				continue;
			if (!begun)
				put_kind_head(out, s, kind, base);
			begun = true;
			put_row_head(out, s, i, f);
			put_kind_row(out, f, kind, base);
		}
	if (begun)
		fputs("</tbody></table></div>\n", out);
}

/* What a start costs besides time: the columns are those that the first contestant has. */
static void put_costs(FILE *out, const struct section *s)
{
	const char *columns[32], *key;
	json_t *value;
	size_t n = 0;

	for (size_t i = 0; i < s->ncases && !n; i++)
		for (size_t k = 0; k < s->cases[i].ncontestants && !n; k++)
			json_object_foreach ((json_t *)s->cases[i].contestants[k].per_start, key, value)
				if (n < 31)
					columns[n++] = key;
	if (!n)
		return;
	fputs("<h4>What a start costs: processor time of the parent and of the child, and events</h4>\n"
	      "<div class=\"scroll\" tabindex=\"0\"><table><thead><tr>",
	      out);
	if (s->cases->axis)
		put_words(out, "th", s->cases->axis);
	fputs("<th>contestant</th><th>samples</th>", out);
	for (size_t i = 0; i < n; i++)
		put_words(out, "th", columns[i]);
	fputs("</tr></thead><tbody>\n", out);
	for (size_t i = 0; i < s->ncases; i++)
		for (size_t k = 0; k < s->cases[i].ncontestants; k++) {
			const struct figures *f = &s->cases[i].contestants[k];

			put_row_head(out, s, i, f);
			put_cell(out, f->samples);
			for (size_t m = 0; m < n; m++) {
				value = json_object_get(f->per_start, columns[m]);
				put_cell(out, json_is_number(value) ? json_number_value(value) : NAN);
			}
			fputs("</tr>\n", out);
		}
	fputs("</tbody></table></div>\n", out);
}

void tables_put(FILE *out, const struct section *s)
{
	for (int kind = 0; kind <= NQUANTITIES; kind++)
		put_kind(out, s, kind);
	put_costs(out, s);
}
