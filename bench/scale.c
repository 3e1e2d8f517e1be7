/* SPDX-License-Identifier: MIT */
/* Ticks are chosen here: gnuplot's have only powers of ten on a logarithmic axis, of which there may be one. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "scale.h"

static const struct {
	const char *name, *words;
} axes[] = {
	{ "rss", "memory that the starting process has touched, MiB" },
	{ "pages", "pages of that memory" },
	{ "fds", "open descriptors of the starting process" },
	{ "threads", "threads of the starting process" },
	{ "processes", "starting processes" },
	{ "inflight", "children in flight" },
	{ "live", "idle children beside" },
	{ "env", "environment variables of 32 bytes" },
	{ "argv", "arguments of 32 bytes" },
	{ "path-misses", "folders of PATH searched in vain" },
	{ "child", "what is started" },
	{ "reaper", "how ends are learned" },
	{ "rate", "starts due each second" },
	{ "burst", "starts due at once" },
};

static bool is_number(const char *text)
{
	char *end;

	strtod(text, &end);
	return end != text && !*end;
}

void scale_init(struct scale *ret, const struct result_case *cases, size_t ncases)
{
	double least = INFINITY, most = 0;

	*ret = (struct scale){ .cases = cases, .ncases = ncases };
	for (size_t i = 0; i < ncases; i++) {
		ret->words |= !is_number(cases[i].label) || cases[i].position < 0;
		if (cases[i].position > 0)
			least = fmin(least, cases[i].position);
		most = fmax(most, cases[i].position);
	}
	ret->log = most >= 10 * least;
	ret->zero = log10(least) - 0.7;
}

double scale_place(const struct scale *axis, size_t which_case)
{
	double value = axis->cases[which_case].position;

	if (axis->words)
		return (double)which_case;
	return !axis->log ? value : value > 0 ? log10(value) : axis->zero;
}

static void put_string(FILE *script, const char *text, const char *doubled)
{
	fputc('\'', script);
	for (; *text; text++) {
		if (strchr(doubled, *text))
			fputc(*text, script);
		fputc((unsigned char)*text < ' ' ? '?' : *text, script);
	}
	fputc('\'', script);
}

void put_word(FILE *script, const char *text)
{
	put_string(script, text, "'");
}

void put_tick(FILE *script, const char *text)
{
	put_string(script, text, "'%");
}

static const char *words_of(const char *name)
{
	for (size_t i = 0; i < sizeof(axes) / sizeof(*axes); i++)
		if (!strcmp(axes[i].name, name))
			return axes[i].words;
	return name;
}

void scale_put(FILE *script, const struct scale *axis, bool narrow)
{
	double first = INFINITY, last = -INFINITY, free_from = -INFINITY, width, margin;
	bool comma = false;

	for (size_t i = 0; i < axis->ncases; i++) {
		first = fmin(first, scale_place(axis, i));
		last = fmax(last, scale_place(axis, i));
	}
	width = last > first ? last - first : 1;
	margin = axis->words ? 0.5 : width * 0.04;
	fprintf(script, "set xrange [%g:%g]\nset xlabel ", first - margin, last + margin);
	put_word(script, words_of(axis->cases[0].axis));
	fprintf(script, "\nset xtics %s(", axis->words && narrow ? "rotate by -35 " : "");
	for (size_t i = 0; i < axis->ncases; i++) {
		/* A letter is about a sixtieth of the width of the plot, a thirtieth on a phone. */
		double half = width * (double)strlen(axis->cases[i].label) / (narrow ? 60 : 120);

		if (!axis->words && scale_place(axis, i) - half < free_from)
			continue;
		free_from = scale_place(axis, i) + half;
		fputs(comma ? ", " : "", script);
		put_tick(script, axis->cases[i].label);
		fprintf(script, " %g", scale_place(axis, i));
		comma = true;
	}
	fputs(")\n", script);
}

double scale_step(double most, unsigned int ticks)
{
	double power = pow(10, floor(log10(most / ticks))), least = most / ticks / power;

	return power * (least <= 1 ? 1 : least <= 2 ? 2 : least <= 5 ? 5 : 10);
}

static void put_vertical(FILE *script, struct interval range)
{
	static const double steps[] = { 1, 2, 5 };
	bool comma = false;

	if (range.high < 8 * range.low || range.low <= 0) {
		fprintf(script, "set yrange [0:%g]\n", range.high * 1.08);
		return;
	}
	range = (struct interval){ range.low * 0.85, range.high * 1.18 };
	fprintf(script, "set logscale y\nset yrange [%g:%g]\nset ytics (", range.low, range.high);
	for (int power = (int)floor(log10(range.low)); power <= (int)ceil(log10(range.high)); power++)
		for (int i = 0; i < (range.high > 3000 * range.low ? 1 : 3); i++) {
			double tick = steps[i] * pow(10, power);

			if (tick < range.low || tick > range.high)
				continue;
			fprintf(script, "%s'%.12g' %.12g", comma ? ", " : "", tick, tick);
			comma = true;
		}
	fputs(")\n", script);
}

void scale_times(FILE *script, const char *what, struct interval range, bool narrow)
{
	char label[120];

	put_vertical(script, range);
	snprintf(label, sizeof(label), "%s, microseconds", what);
	fputs("set ylabel ", script);
	put_word(script, narrow ? "microseconds" : label);
	fputs(narrow ? " offset 1,0\n" : "\n", script);
}

void scale_rates(FILE *script, struct interval range, bool narrow)
{
	put_vertical(script, range);
	fprintf(script, "set ylabel 'children a second'%s\n", narrow ? " offset 1,0" : "");
}
