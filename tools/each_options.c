/* SPDX-License-Identifier: MIT */
/*
 * The command line of "uspawn each". Names are those of xargs(1) and GNU parallel(1) where these have one.
 */
#include "each.h"
#include "commands.h"
#include "duration.h"
#include "options.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { HALT = 256, JOBLOG, JSON, KEEP_EMPTY, NO_PROGRESS, PROGRESS, RETRIES, TIMEOUT };

static const struct option known[] = {
	{ "arg-file", required_argument, NULL, 'a' },
	{ "halt", required_argument, NULL, HALT },
	{ "help", no_argument, NULL, 'h' },
	{ "joblog", required_argument, NULL, JOBLOG },
	{ "jobs", required_argument, NULL, 'j' },
	{ "json", required_argument, NULL, JSON },
	{ "keep-empty", no_argument, NULL, KEEP_EMPTY },
	{ "kill-after", required_argument, NULL, 'k' },
	{ "max-procs", required_argument, NULL, 'j' },
	{ "no-progress", no_argument, NULL, NO_PROGRESS },
	{ "null", no_argument, NULL, '0' },
	{ "progress", no_argument, NULL, PROGRESS },
	{ "replace", required_argument, NULL, 'I' },
	{ "retries", required_argument, NULL, RETRIES },
	{ "timeout", required_argument, NULL, TIMEOUT },
	{ "verbose", no_argument, NULL, 't' },
	{ NULL, 0, NULL, 0 },
};

static uint32_t processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) ? 1 : (uint32_t)CPU_COUNT(&set);
}

/* Each child that runs costs a descriptor; a few are the program's. */
static uint32_t as_many_as_possible(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur < 65)
		return 1;
	return limit.rlim_cur > 65536 ? 65536 : (uint32_t)limit.rlim_cur - 64;
}

static int parse_jobs(struct each_options *o, const char *text)
{
	uint64_t n;

	if (number_parse(text, 0, 1000000, &n))
		return refuse_value("--jobs", text, "a number, or 0 for as many as descriptors allow");
	o->jobs = n ? (uint32_t)n : as_many_as_possible();
	return -1;
}

static int parse_halt(struct halt *ret, const char *text)
{
	struct halt halt = { .now = !strncmp(text, "now,", 4) };
	const char *value = strstr(text, ",fail=");
	char number[24];
	size_t len;

	if (!strcmp(text, "never")) {
		*ret = halt;
		return -1;
	}
	len = value ? strlen(value += 6) : 0;
	if (!len || len >= sizeof(number) || value - text != (halt.now ? 9 : 10) ||
	    (!halt.now && strncmp(text, "soon,", 5)))
		goto refuse;
	halt.percent = value[len - 1] == '%';
	snprintf(number, sizeof(number), "%.*s", (int)len - halt.percent, value);
	if (number_parse(number, 1, halt.percent ? 100 : UINT64_MAX, &halt.failures))
		goto refuse;
	*ret = halt;
	return -1;
refuse:
	return refuse_value("--halt", text, "never, soon,fail=N, now,fail=N, soon,fail=N% or now,fail=N%");
}

static int option(struct each_options *o, int opt, char *value)
{
	switch (opt) {
	case 'h':
		return print_help(help_each);
	case '0':
		o->separator = 0;
		return -1;
	case 'a':
		o->arg_file = value;
		return -1;
	case 'I':
		o->mark = value;
		return *value ? -1 : refuse_value("--replace", value, "a word that stands for the item, such as {}");
	case 'j':
		return parse_jobs(o, value);
	case 'k':
		return duration_parse(value, &o->kill_after) ? refuse_value("--kill-after", value, DURATION_FORM) : -1;
	case 't':
		o->verbose = true;
		return -1;
	case HALT:
		return parse_halt(&o->halt, value);
	case JOBLOG:
		o->joblog = value;
		return -1;
	case JSON:
		o->json = value;
		return -1;
	case KEEP_EMPTY:
		o->keep_empty = true;
		return -1;
	case NO_PROGRESS:
	case PROGRESS:
		o->progress = opt == PROGRESS;
		o->no_progress = opt == NO_PROGRESS;
		return -1;
	case RETRIES:
		return number_parse(value, 0, UINT32_MAX, &o->retries)
			       ? refuse_value("--retries", value, "a number: how often more a failed item is tried")
			       : -1;
	default:
		return duration_parse(value, &o->timeout) ? refuse_value("--timeout", value, DURATION_FORM) : -1;
	}
}

int each_options(struct each_options *o, int argc, char **argv)
{
	int opt, code;

	*o = (struct each_options){ .separator = '\n', .mark = "{}", .jobs = processors(), .kill_after = 5 * NS_PER_S };
	while ((opt = getopt_long(argc, argv, "+:0I:P:a:hj:k:t", known, NULL)) != -1) {
		if (opt == 'P') /* xargs(1) */
			opt = 'j';
		code = opt == '?' || opt == ':' ? refuse_option(opt, argv, known) : option(o, opt, optarg);
		if (code >= 0)
			return code;
	}
	o->command = argv + optind;
	if (!*o->command) {
		complain("a command is missing: uspawn each [OPTION]... -- COMMAND [ARG|{}]...");
		return EXIT_OWN_ERROR;
	}
	return -1;
}
