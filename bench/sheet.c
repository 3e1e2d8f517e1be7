/* SPDX-License-Identifier: MIT */
/* Everything is drawn for a wide window and again for a phone, because letters do not shrink well. */
#include <math.h>
#include <string.h>
#include "scale.h"
#include "look.h"
#include "sheet.h"

static const struct figures *figures_of(const struct sheet *s, size_t which_case, const char *name)
{
	const struct figures *f = case_find(&s->section->cases[which_case], name);

	if (!f)
		return NULL;
	if (s->kind == RATES)
		return isnan(f->rate) ? NULL : f;
	return f->times[s->kind].measured ? f : NULL;
}

/* In what is drawn: microseconds or children a second. */
static double middle_of(const struct sheet *s, const struct figures *f, struct interval *ret)
{
	const struct times *t = &f->times[s->kind == RATES ? 0 : s->kind];
	double value = s->kind == RATES ? f->rate : t->p50 / 1e3;

	*ret = s->kind == RATES ? f->rate_interval
				: (struct interval){ t->p50_interval.low / 1e3, t->p50_interval.high / 1e3 };
	if (isnan(ret->low) || ret->low > value || ret->high < value)
		*ret = (struct interval){ value, value };
	return value;
}

/* Every contestant of the section that has such figures, in the order of its first case. */
void sheet_collect(struct sheet *s)
{
	for (size_t i = 0; i < s->section->ncases; i++)
		for (size_t k = 0; k < s->section->cases[i].ncontestants; k++) {
			const char *name = s->section->cases[i].contestants[k].name;
			bool known = !figures_of(s, i, name) || s->nnames == MOST_CONTESTANTS;

			for (unsigned int n = 0; n < s->nnames; n++)
				known |= !strcmp(s->names[n], name);
			if (!known)
				s->names[s->nnames++] = name;
		}
}

/* On a phone the names stand in two columns below the plot. */
static void begin(struct sheet *s)
{
	unsigned int rows = (s->nnames + 1) / 2, below = s->narrow ? 20 * rows + 72 : 0;
	unsigned int width = s->narrow ? 380 : 860, height = s->narrow        ? 275 + below
							     : s->nnames > 12 ? 130 + 26 * s->nnames
									      : 430;

	fprintf(s->script,
		"set encoding utf8\nset terminal svg size %u,%u dynamic noenhanced rounded linewidth 1 "
		"font 'system-ui,sans-serif,%d' name 'p%u'\n"
		"set border 3 lw 1\nset tics nomirror out scale 0.6\nset grid lc rgb '#909090' lw 0.5 dt '.'\n",
		width, height, s->narrow ? 13 : 14, s->section->number);
	if (s->narrow)
		fprintf(s->script,
			"set rmargin 3\nset bmargin at screen %.4f\n"
			"set key at screen 0.5,0.01 center bottom vertical maxrows %u Left reverse samplen 2.5\n",
			(double)below / height, rows);
	else
		fputs("set key outside right top Left reverse samplen 3.5 spacing 1.25\n", s->script);
	for (unsigned int i = 0; i < s->nnames; i++)
		look_line(s->script, i + 1, s->names[i]);
}

/* ---- By percentile ---- */

/* Where a share of all lies when each nine is as wide as the one before. */
static double nines(double share)
{
	return -log10(1 - share);
}

/* The buckets of a histogram as points, up to where fewer than ten samples are left. */
static double put_curve(struct sheet *s, unsigned int n, const struct times *t, struct interval *range)
{
	double total = 0, seen = 0, x = 0, last = -1;
	size_t size = json_array_size(t->histogram);

	for (size_t i = 0; i < size; i++)
		total += list_at(json_array_get(t->histogram, i), 2);
	fprintf(s->script, "$curve%u << END\n", n);
	for (size_t i = 0; i < size; i++) {
		const json_t *bucket = json_array_get(t->histogram, i);
		double value = (list_at(bucket, 0) + list_at(bucket, 1)) / 2e3;

		seen += list_at(bucket, 2);
		if (total - seen < 10 && i)
			break;
		x = nines(fmin(seen / total, 1 - 1e-9));
		range->low = fmin(range->low, value);
		range->high = fmax(range->high, value);
		if (x - last > 0.004) {
			fprintf(s->script, "%.4f %.4f\n", x, value);
			last = x;
		}
	}
	fputs("END\n", s->script);
	return x;
}

/* The table's percentiles, as marks on the curve. */
static void put_marks(struct sheet *s, unsigned int n, const struct times *t)
{
	const double points[][2] = { { 0.5, t->p50 }, { 0.9, t->p90 }, { 0.99, t->p99 }, { 0.999, t->p999 } };

	fprintf(s->script, "$marks%u << END\n", n);
	for (size_t i = 0; i < 4; i++)
		if (!isnan(points[i][1]))
			fprintf(s->script, "%.4f %.4f\n", nines(points[i][0]), points[i][1] / 1e3);
	fputs("END\n", s->script);
}

bool sheet_curves(struct sheet *s)
{
	struct interval range = { INFINITY, 0 };
	double end = 1;

	begin(s);
	for (unsigned int i = 0; i < s->nnames; i++) {
		const struct times *t = &figures_of(s, 0, s->names[i])->times[s->kind];

		end = fmax(end, put_curve(s, i + 1, t, &range));
		put_marks(s, i + 1, t);
	}
	if (!(range.high > 0))
		return false;
	fprintf(s->script,
		"set xrange [0:%.3f]\nset xtics ('50 %%%%' 0.30103, '90 %%%%' 1, '99 %%%%' 2, '99.9 %%%%' 3, "
		"'99.99 %%%%' 4, '99.999 %%%%' 5)\n",
		end);
	fputs(s->narrow ? "set xlabel 'percentile of the starts'\n"
			: "set xlabel 'percentile of the starts (each nine as wide as the one before)'\n",
	      s->script);
	scale_times(s->script, quantities[s->kind].axis, range, s->narrow);
	fputs("plot ", s->script);
	for (unsigned int i = 1; i <= s->nnames; i++)
		fprintf(s->script, "$curve%u with lines ls %u notitle, $marks%u with points ls %u notitle, ", i, i, i,
			i);
	for (unsigned int i = 1; i <= s->nnames; i++) {
		fprintf(s->script, "%skeyentry with linespoints ls %u title ", i > 1 ? ", " : "", i);
		put_word(s->script, s->names[i - 1]);
	}
	return true;
}

/* ---- Against an axis ---- */

bool sheet_sweep(struct sheet *s)
{
	struct interval range = { INFINITY, 0 };
	struct scale axis;

	begin(s);
	scale_init(&axis, s->section->cases, s->section->ncases);
	for (unsigned int i = 0; i < s->nnames; i++) {
		double aside = axis.words ? ((i + 0.5) / s->nnames - 0.5) * 0.7 : 0;

		fprintf(s->script, "$curve%u << END\n", i + 1);
		for (size_t k = 0; k < s->section->ncases; k++) {
			const struct figures *f = figures_of(s, k, s->names[i]);
			struct interval interval;
			double value = f ? middle_of(s, f, &interval) : NAN;

			if (isnan(value))
				continue;
			fprintf(s->script, "%.5f %.4f %.4f %.4f\n", scale_place(&axis, k) + aside, value, interval.low,
				interval.high);
			range.low = fmin(range.low, interval.low);
			range.high = fmax(range.high, interval.high);
		}
		fputs("END\n", s->script);
	}
	if (!(range.high > 0))
		return false;
	scale_put(s->script, &axis, s->narrow);
	if (s->kind == RATES)
		scale_rates(s->script, range, s->narrow);
	else
		scale_times(s->script, quantities[s->kind].axis, range, s->narrow);
	fputs("plot ", s->script);
	for (unsigned int i = 1; i <= s->nnames; i++) {
		fprintf(s->script, "%s$curve%u with %s ls %u title ", i > 1 ? ", " : "", i,
			axis.words ? "yerrorbars" : "yerrorlines", i);
		put_word(s->script, s->names[i - 1]);
	}
	return true;
}

/* ---- Bars ---- */

bool sheet_bars(struct sheet *s)
{
	double most = 0;

	begin(s);
	for (unsigned int i = 0; i < s->nnames; i++) {
		struct interval interval;
		double value = middle_of(s, figures_of(s, 0, s->names[i]), &interval), y = -(double)i;

		fprintf(s->script, "$bar%u << END\n%.1f %g 0 %.1f %g %g %.1f %.1f\nEND\n", i + 1, value, y, value,
			y - 0.36, y + 0.36, interval.low, interval.high);
		most = fmax(most, interval.high);
	}
	if (!(most > 0))
		return false;
	fprintf(s->script, "unset key\n%sset xrange [0:%g]\nset yrange [%g:0.6]\nset xlabel 'children a second'\n",
		s->narrow ? "set bmargin at screen 0.2\n" : "", most * 1.18, 0.4 - (double)s->nnames);
	fprintf(s->script,
		"set format x '%%.0f'\nset xtics %g\nset grid noytics\nset style fill solid 0.55 noborder\nset ytics "
		"scale 0 (",
		scale_step(most, s->narrow ? 4 : 9));
	for (unsigned int i = 0; i < s->nnames; i++) {
		fputs(i ? ", " : "", s->script);
		put_tick(s->script, s->names[i]);
		fprintf(s->script, " -%u", i);
	}
	fputs(")\nplot ", s->script);
	for (unsigned int i = 1; i <= s->nnames; i++)
		fprintf(s->script, "$bar%u using 1:2:3:4:5:6 with boxxyerror ls %u, ", i, i);
	for (unsigned int i = 1; i <= s->nnames; i++)
		fprintf(s->script,
			"%s$bar%u using 1:2:7:8 with xerrorbars lc rgb 'black' lw 1.2 pt 0 ps 0, '' using "
			"8:2:(sprintf(' %%.0f', $1)) with labels left offset 0.3,0",
			i > 1 ? ", " : "", i);
	return true;
}

/* Of a curve also its marks and its name, of a bar also its interval and its number. */
unsigned int sheet_plots(const struct sheet *s, sheet_script *script, const char *ret[3 * MOST_CONTESTANTS])
{
	unsigned int n = s->nnames;

	for (unsigned int i = 0; i < 3 * n; i++)
		ret[i] = s->names[script == sheet_bars ? (i < n ? i : (i - n) / 2) : i < 2 * n ? i / 2 : i - 2 * n];
	if (script != sheet_sweep)
		return 3 * n;
	memcpy(ret, s->names, n * sizeof(*ret));
	return n;
}
