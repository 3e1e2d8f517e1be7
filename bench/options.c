/* SPDX-License-Identifier: MIT */
/* An option for each axis, and those that say how much is measured. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include "axis.h"
#include "options.h"
#include "refuse.h"

enum { SAMPLES, SECONDS, ONLY, SLOWED, JSON, HELP, NOTHERS, MOST_OPTIONS = 48 };

static const struct option others[NOTHERS] = {
	[SAMPLES] = { "samples", 1 }, [SECONDS] = { "seconds", 1 }, [ONLY] = { "only", 1 },
	[SLOWED] = { "slowed", 1 },   [JSON] = { "json", 1 },       [HELP] = { "help", 0 },
};

void options_help(const char *command)
{
	static const char *const what[NMEASURES] = {
		"Usage: uspawn-bench start [OPTION]...\n\n"
		"One child at a time: until the call returns (R), until the child's first\n"
		"instruction (E), until the child was waited for (C).\n",
		"Usage: uspawn-bench rate [OPTION]...\n\n"
		"Children a second, several at once.\n",
		"Usage: uspawn-bench reap [OPTION]...\n\n"
		"From a child's exit until its parent knows (N), and from there until it was\n"
		"waited for (W).\n",
	};
	int measure = !strcmp(command, "rate") ? RATE : !strcmp(command, "reap") ? REAP : START;

	if (!strcmp(command, "sweep"))
		puts("Usage: uspawn-bench sweep AXIS=VALUE,VALUE... start|rate|reap [OPTION]...\n\n"
		     "The measure for each value of an axis: any of these settings.");
	else
		puts(what[measure]);
	puts("What the starting process and its child look like:");
	for (size_t i = 0; i < naxes; i++)
		if (!strcmp(command, "sweep") || axes[i].measures & 1u << measure)
			printf("  --%-14s %s\n", axes[i].name, axes[i].about);
	puts("\nHow much is measured:\n"
	     "  --samples N      start, reap: starts of each contestant [10000 if there is time]\n"
	     "  --seconds S      rate: for each contestant [2]\n"
	     "  --only A,B       only these contestants; the same again is a check of the benchmark\n"
	     "  --json FILE      write the result to FILE, too\n"
	     "  --slowed NAME    this contestant waits 5 us more: does 'compare' notice?");
	puts("\nExample:");
	if (!strcmp(command, "sweep"))
		puts("  uspawn-bench sweep fds=10,1000,10000 start --only posix_spawn,uspawn --json fds.json");
	else
		printf("  uspawn-bench %s --fds 10000 --only posix_spawn,uspawn\n", command);
}

static int number(const char *name, const char *text, double least, double most, double *ret)
{
	char *end;

	*ret = strtod(text, &end);
	if (end == text || *end || !(*ret >= least && *ret <= most))
		return refuse("--%s %s: a number from %g to %.0f is needed", name, text, least, most);
	return 0;
}

static int take_other(struct run *run, int option, const char *text)
{
	const char *name = others[option].name;
	int r;
	double n;

	switch (option) {
	case SAMPLES:
		if (run->task.measure == RATE)
			return refuse("--samples: has no meaning for rate; there it is --seconds");
		r = number(name, text, 1, 10000000, &n);
		if (!r && n != (uint32_t)n)
			r = refuse("--samples %s: a whole number is needed", text);
		run->samples = r ? 0 : (uint32_t)n;
		return r;
	case SECONDS:
		if (run->task.measure != RATE)
			return refuse("--seconds: has no meaning for %s; there it is --samples",
				      measure_names[run->task.measure]);
		return number(name, text, 0.1, 3600, &run->seconds);
	case ONLY:
		run->only = text;
		return 0;
	case SLOWED:
		run->slowed = text;
		return 0;
	case JSON:
		run->json = text;
		return 0;
	}
	return 1;
}

static int take_axis(struct run *run, const struct axis *axis, const char *text)
{
	char why[256];
	uint32_t value;

	if (axis == run->axis)
		return refuse("--%s: the sweep sets it; leave out one of them", axis->name);
	if (axis_parse(axis, (enum measure)run->task.measure, text, strlen(text), &value, why, sizeof(why)) < 0)
		return refuse("--%s", why);
	axis_set(axis, &run->task.setting, value);
	return 0;
}

int options_parse(struct run *run, int argc, char **argv)
{
	struct option options[MOST_OPTIONS] = { 0 };
	int c, option, r = 0;

	for (size_t i = 0; i < naxes; i++)
		options[i] = (struct option){ axes[i].name, 1, NULL, 0 };
	memcpy(options + naxes, others, sizeof(others));
	opterr = 0;
	optind = 0;
	while (!r && (c = getopt_long(argc, argv, "+:h", options, &option)) != -1) {
		if (c == 'h')
			return 1;
		if (c)
			return refuse_option(c, argv);
		r = option < (int)naxes ? take_axis(run, &axes[option], optarg)
					: take_other(run, option - (int)naxes, optarg);
	}
	if (!r && optind < argc)
		r = refuse("%s: not an option; see uspawn-bench %s --help", argv[optind], argv[0]);
	return r;
}
