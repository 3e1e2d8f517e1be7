/* SPDX-License-Identifier: MIT */
/* Which plots a section has: of every figure that was measured, one that is wide and one that is narrow. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "gnuplot.h"
#include "plot.h"
#include "refuse.h"
#include "sheet.h"

static int draw(struct sheet *s, sheet_script *script, bool narrow, const char *name, char **ret)
{
	const char *labels[3 * MOST_CONTESTANTS];
	char *text = NULL, id[80];
	bool drawable;
	size_t size;
	int r = 0;

	s->narrow = narrow;
	s->script = open_memstream(&text, &size);
	if (!s->script)
		return refuse("report: no memory");
	drawable = script(s);
	fputc('\n', s->script);
	fclose(s->script);
	snprintf(id, sizeof(id), "%s%s-", name, narrow ? "-narrow" : "");
	if (drawable)
		r = gnuplot_draw(ret, text, id, labels, sheet_plots(s, script, labels));
	free(text);
	return r;
}

static int add_plot(struct section *section, int kind)
{
	struct sheet s = { .section = section, .kind = kind };
	struct plot *plot = &section->plots[section->nplots];
	const struct result_case *c = section->cases;
	bool sweep = c->axis != NULL;
	sheet_script *script = sweep ? sheet_sweep : kind == RATES ? sheet_bars : sheet_curves;
	const char *what = kind == RATES ? "rate" : quantities[kind].key;
	int r;

	sheet_collect(&s);
	if (!s.nnames)
		return 0;
	snprintf(plot->name, sizeof(plot->name), "%u-%.20s-%s%s%.20s", section->number, c->measure, what,
		 sweep ? "-" : "", sweep ? c->axis : "");
	for (char *at = plot->name; *at; at++)
		if (!isalnum((unsigned char)*at) && !strchr("_-", *at))
			*at = '-';
	if (kind == RATES)
		snprintf(plot->title, sizeof(plot->title), "Children a second");
	else
		snprintf(plot->title, sizeof(plot->title), "%s, %s", quantities[kind].title,
			 sweep ? "median" : "by percentile");
	r = draw(&s, script, false, plot->name, &plot->wide);
	if (r || !plot->wide)
		return r;
	section->nplots++;
	return draw(&s,
		    sweep           ? sheet_sweep
		    : kind == RATES ? sheet_bars
				    : sheet_curves,
		    true, plot->name, &plot->narrow);
}

int section_draw(struct section *section)
{
	int r = 0;

	for (int kind = 0; !r && kind <= RATES; kind++)
		r = add_plot(section, kind);
	return r;
}

void section_done(struct section *section)
{
	for (unsigned int i = 0; i < section->nplots; i++) {
		free(section->plots[i].wide);
		free(section->plots[i].narrow);
	}
	section->nplots = 0;
}
