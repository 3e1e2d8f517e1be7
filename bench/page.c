/* SPDX-License-Identifier: MIT */
/* First how it was measured, since figures without that mean nothing; then each case: plots, then all figures. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "look.h"
#include "page.h"
#include "tables.h"

void put_words(FILE *out, const char *tag, const char *text)
{
	fprintf(out, "<%s>", tag);
	put_escaped(out, text);
	fprintf(out, "</%s>\n", tag);
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
	else if (*unit == '%')
		fprintf(out, "%.0f&nbsp;%%", json_number_value(value) * 100);
	else
		fprintf(out, json_is_integer(value) ? "%.0f%s" : "%.3g%s", json_number_value(value), unit);
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
	put_known(out, e, "busy", "processors busy with other programs", "%");
	put_known(out, cost, "clock", "a look at the clock", " ns");
	put_known(out, cost, "sample", "the benchmark's own part of a sample", " ns");
	fputs("</dl>\n", out);
}

/* ---- Cases ---- */

static void put_remark(FILE *out, const struct section *s, size_t which_case, const struct figures *f)
{
	size_t n = json_array_size(f->warnings);

	if (!n && !(f->remark && *f->remark))
		return;
	fputs("<li>", out);
	put_escaped(out, s->cases->axis ? s->cases[which_case].label : "");
	fputs(s->cases->axis ? ", <b>" : "<b>", out);
	put_escaped(out, f->name);
	fputs("</b>: ", out);
	put_escaped(out, f->remark ? f->remark : "");
	for (size_t i = 0; i < n; i++) {
		fputs(i || (f->remark && *f->remark) ? "; " : "", out);
		put_escaped(out, json_string_value(json_array_get(f->warnings, i)));
	}
	fputs("</li>\n", out);
}

static void put_remarks(FILE *out, const struct section *s)
{
	bool any = false;

	for (size_t i = 0; i < s->ncases; i++)
		for (size_t k = 0; k < s->cases[i].ncontestants; k++)
			any |= json_array_size(s->cases[i].contestants[k].warnings) > 0 ||
			       s->cases[i].contestants[k].remark;
	if (!any)
		return;
	fputs("<ul class=\"warning\">\n", out);
	for (size_t i = 0; i < s->ncases; i++)
		for (size_t k = 0; k < s->cases[i].ncontestants; k++)
			put_remark(out, s, i, &s->cases[i].contestants[k]);
	fputs("</ul>\n", out);
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
	tables_put(out, s);
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
