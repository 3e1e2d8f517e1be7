/* SPDX-License-Identifier: MIT */
/* First how it was measured, since figures without that mean nothing; then each case: plots, then all figures. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "look.h"
#include "page.h"

static void put_words(FILE *out, const char *tag, const char *text)
{
	fprintf(out, "<%s>", tag);
	put_escaped(out, text);
	fprintf(out, "</%s>\n", tag);
}

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

/* ---- How it was measured ---- */

static void put_known(FILE *out, const json_t *environment, const char *key, const char *words, const char *unit)
{
	const json_t *value = json_object_get(environment, key);

	if (!json_is_string(value) && !json_is_number(value))
		return;
	put_words(out, "dt", words);
	fputs("<dd>", out);
	if (json_is_string(value))
		put_escaped(out, json_string_value(value));
	else
		fprintf(out, "%.6g%s", json_number_value(value), unit);
	fputs("</dd>\n", out);
}

static void put_environment(FILE *out, const struct result *result)
{
	const json_t *e = result->environment, *list = json_object_get(e, "warnings");
	const json_t *cost = json_object_get(e, "own_cost_ns");
	const char *command = json_string_value(json_object_get(e, "command"));

	if (command)
		put_words(out, "pre", command);
	for (size_t i = 0; i < json_array_size(list); i++) {
		fputs("<p class=\"warning\">", out);
		put_escaped(out, json_string_value(json_array_get(list, i)));
		fputs("</p>\n", out);
	}
	fputs("<dl>\n", out);
	put_known(out, e, "date", "measured", "");
	put_known(out, e, "version", "uspawn", "");
	put_known(out, e, "cpu", "processor", "");
	put_known(out, e, "cpus", "processors", "");
	put_known(out, e, "governor", "frequency governor", "");
	put_known(out, e, "memory_mib", "memory", " MiB");
	put_known(out, e, "kernel", "kernel", "");
	put_known(out, e, "machine", "machine", "");
	put_known(out, e, "libc", "C library", "");
	put_known(out, e, "load", "load before", "");
	put_known(out, e, "busy", "taken by other programs, share of the processors", "");
	put_known(out, cost, "clock", "a look at the clock", " ns");
	put_known(out, cost, "sample", "the benchmark's own part of a sample", " ns");
	fputs("</dl>\n", out);
}

/* ---- Figures ---- */

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

static void put_times_row(FILE *out, const struct times *t, bool of_reference)
{
	put_cell(out, t->min / 1e3);
	put_with_interval(out, t->p50 / 1e3,
			  (struct interval){ t->p50_interval.low / 1e3, t->p50_interval.high / 1e3 });
	put_cell(out, t->p90 / 1e3);
	put_cell(out, t->p99 / 1e3);
	put_cell(out, t->p999 / 1e3);
	put_cell(out, t->max / 1e3);
	if (of_reference)
		fputs("<td>1</td>", out);
	else
		put_with_interval(out, t->ratio, t->ratio_interval);
}

/* kind: enum quantity, or NQUANTITIES for rates. */
static bool has(const struct figures *f, int kind)
{
	return kind == NQUANTITIES ? !isnan(f->rate) : f->times[kind].measured;
}

static const char *reference_of(const struct section *s, int kind)
{
	for (size_t i = 0; i < s->ncases; i++)
		for (size_t k = 0; k < s->cases[i].ncontestants; k++)
			if (s->cases[i].contestants[k].times[kind].ratio_to)
				return s->cases[i].contestants[k].times[kind].ratio_to;
	return NULL;
}

static void put_kind(FILE *out, const struct section *s, int kind)
{
	static const char *const of_rates[] = { "children a second", NULL };
	const char *base = kind < NQUANTITIES ? reference_of(s, kind) : NULL;
	const char *columns[] = { "min", "p50, 95 % interval", "p90", "p99", "p99.9", "max", "ratio", NULL };
	bool begun = false;

	for (size_t i = 0; i < s->ncases; i++)
		for (size_t k = 0; k < s->cases[i].ncontestants; k++) {
			const struct figures *f = &s->cases[i].contestants[k];

			if (!has(f, kind))
				continue;
			if (!begun) {
				fputs("<h4>", out);
				put_escaped(out, kind < NQUANTITIES ? quantities[kind].title : "Children a second");
				fputs(kind < NQUANTITIES ? ", microseconds" : "", out);
				if (base) {
					fputs("; ratio of p50 to ", out);
					put_escaped(out, base);
				}
				fputs("</h4>\n", out);
				put_table_head(out, s, kind < NQUANTITIES ? columns : of_rates);
			}
			begun = true;
			put_row_head(out, s, i, f);
			if (kind < NQUANTITIES)
				put_times_row(out, &f->times[kind], base && !strcmp(base, f->name));
			else
				put_with_interval(out, f->rate, f->rate_interval);
			fputs("</tr>\n", out);
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
			json_object_foreach((json_t *)s->cases[i].contestants[k].per_start, key, value) if (n < 31)
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

static void put_remarks(FILE *out, const struct section *s)
{
	for (size_t i = 0; i < s->ncases; i++)
		for (size_t k = 0; k < s->cases[i].ncontestants; k++) {
			const struct figures *f = &s->cases[i].contestants[k];

			for (size_t m = 0; m <= json_array_size(f->warnings); m++) {
				const char *text = m ? json_string_value(json_array_get(f->warnings, m - 1))
						     : f->remark;

				if (!text || !*text)
					continue;
				fputs(m ? "<p class=\"warning\">" : "<p>", out);
				put_escaped(out, s->cases->axis ? s->cases[i].label : "");
				fputs(s->cases->axis ? ", " : "", out);
				put_escaped(out, f->name);
				fputs(": ", out);
				put_escaped(out, text);
				fputs("</p>\n", out);
			}
		}
}

/* A picture inside the page: without its own prologue and style sheet, which the page has once. */
static void put_picture(FILE *out, const struct plot *plot, const char *svg, const char *class)
{
	const char *end = strstr(svg, "</style>");

	if (!end)
		return;
	fprintf(out, "<svg class=\"%s\" role=\"img\" aria-label=\"", class);
	put_escaped(out, plot->title);
	fputc('"', out);
	svg = strstr(svg, " viewBox");
	fprintf(out, "%.*s>", (int)strcspn(svg, "\n"), svg);
	for (svg = end + strlen("</style>"); (end = strstr(svg, "xlink:href")); svg = end + strlen("xlink:href"))
		fprintf(out, "%.*shref", (int)(end - svg), svg);
	fputs(svg, out);
}

static void put_section(FILE *out, const struct section *s)
{
	char title[256];

	case_title(s->cases, false, title, sizeof(title));
	fprintf(out, "<section>\n<h2>");
	if (s->cases->axis) {
		fputs("Sweep of ", out);
		put_escaped(out, s->cases->axis);
		fputs(": ", out);
	}
	put_escaped(out, title);
	fputs("</h2>\n", out);
	for (unsigned int i = 0; i < s->nplots; i++) {
		const struct plot *plot = &s->plots[i];

		fputs("<figure>\n<figcaption>", out);
		put_escaped(out, plot->title);
		fputs("</figcaption>\n", out);
		put_picture(out, plot, plot->wide, "wide");
		put_picture(out, plot, plot->narrow, "narrow");
		fputs("</figure>\n", out);
	}
	put_remarks(out, s);
	fputs(s->cases->axis ? "<details><summary>All figures</summary>\n"
			     : "<details open><summary>All figures</summary>\n",
	      out);
	for (int kind = 0; kind <= NQUANTITIES; kind++)
		put_kind(out, s, kind);
	put_costs(out, s);
	fputs("</details>\n</section>\n", out);
}

void page_put(FILE *out, const struct section *sections, size_t n)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>uspawn-bench</title>\n<style>\n",
	      out);
	fputs(page_styles, out);
	look_styles(out);
	fputs("</style>\n</head>\n<body>\n<h1>What starting a process costs</h1>\n", out);
	for (size_t i = 0; i < n; i++) {
		if (!i || sections[i].result != sections[i - 1].result) {
			fputs("<header>\n", out);
			put_environment(out, sections[i].result);
			fputs("</header>\n", out);
		}
		put_section(out, &sections[i]);
	}
	fputs("<footer><p>By uspawn-bench, each child checked to have run and waited for. A curve ends where fewer "
	      "than\n"
	      "ten samples are left; the marks on it are p50, p90, p99 and p99.9. Bars and lines through marks show\n"
	      "the 95&nbsp;% interval of a median. A dash: too few samples.\n"
	      "On a logarithmic axis a 0 stands apart, at the left.</p></footer>\n</body>\n</html>\n",
	      out);
}
