/* SPDX-License-Identifier: MIT */
/*
 * The command line of "uspawn each". Names are those of xargs(1) and GNU parallel(1) where these have one.
 */
#include "each.h"
#include "commands.h"
#include "duration.h"
#include "options.h"
#include "record.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum {
	GROUP = 256,
	HALT,
	JOBLOG,
	JSON,
	KEEP_EMPTY,
	KILL_AFTER,
	LINE_BUFFER,
	MEMORY_MAX,
	NO_PROGRESS,
	OUTPUT,
	PROGRESS,
	RESUME,
	RESUME_FAILED,
	RETRIES,
	TAG,
	TIMEOUT
};

static const struct option known[] = {
	{ "arg-file", required_argument, NULL, 'a' },
	{ "group", no_argument, NULL, GROUP },
	{ "halt", required_argument, NULL, HALT },
	{ "help", no_argument, NULL, 'h' },
	{ "joblog", required_argument, NULL, JOBLOG },
	{ "jobs", required_argument, NULL, 'j' },
	{ "json", required_argument, NULL, JSON },
	{ "keep-empty", no_argument, NULL, KEEP_EMPTY },
	{ "keep-order", no_argument, NULL, 'k' },
	{ "kill-after", required_argument, NULL, KILL_AFTER },
	{ "line-buffer", no_argument, NULL, LINE_BUFFER },
	{ "max-procs", required_argument, NULL, 'j' },
	{ "memory-max", required_argument, NULL, MEMORY_MAX },
	{ "no-progress", no_argument, NULL, NO_PROGRESS },
	{ "null", no_argument, NULL, '0' },
	{ "output", required_argument, NULL, OUTPUT },
	{ "progress", no_argument, NULL, PROGRESS },
	{ "replace", required_argument, NULL, 'I' },
	{ "resume", no_argument, NULL, RESUME },
	{ "resume-failed", no_argument, NULL, RESUME_FAILED },
	{ "retries", required_argument, NULL, RETRIES },
	{ "tag", no_argument, NULL, TAG },
	{ "timeout", required_argument, NULL, TIMEOUT },
	{ "ungroup", no_argument, NULL, 'u' },
	{ "verbose", no_argument, NULL, 't' },
	{ NULL, 0, NULL, 0 },
};

bool each_has(const char *name, size_t len)
{
	return options_have(known, name, len);
}

static uint32_t processors(void)
{
	cpu_set_t set[8]; /* the kernel wants room for all that it may have */

	return sched_getaffinity(0, sizeof(set), set) ? 1 : (uint32_t)CPU_COUNT_S(sizeof(set), set);
}

/* Each child that runs costs a descriptor, and two more where its output is collected; a few are the program's. */
static uint32_t as_many_as_possible(uint32_t each)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur < 64 + each)
		return 1;
	return (uint32_t)((limit.rlim_cur > 65536 ? 65536 : limit.rlim_cur) - 64) / each;
}

static int parse_jobs(struct each_options *o, const char *text)
{
	uint64_t n;

	if (number_parse(text, 0, 1000000, &n))
		return refuse_value("--jobs", text,
				    "a number from 1 to 1000000, or 0 for as many as descriptors allow");
	o->jobs = (uint32_t)n;
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

/* *grouping: the option that has said what is done with output. */
static int option(struct each_options *o, int opt, char *value, const char **grouping)
{
	switch (opt) {
	case 'h':
		return print_help(help_each);
	case '0':
		o->separator = 0;
		return -1;
	case 'a':
		o->arg_file = strcmp(value, "-") ? value : NULL; /* standard input, as of xargs(1) */
		return -1;
	case 'I':
		o->mark = value;
		return *value ? -1 : refuse_value("--replace", value, "a word that stands for the item, such as {}");
	case 'j':
		return parse_jobs(o, value);
	case 'k':
		o->keep_order = true;
		return -1;
	case 't':
		o->verbose = true;
		return -1;
	case 'u':
		o->grouping = UNGROUPED;
		*grouping = "--ungroup";
		return -1;
	case GROUP:
		o->grouping = GROUPED;
		*grouping = "--group";
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
	case KILL_AFTER:
		return duration_parse(value, &o->kill_after) ? refuse_value("--kill-after", value, DURATION_FORM) : -1;
	case LINE_BUFFER:
		o->grouping = LINE_BUFFERED;
		*grouping = "--line-buffer";
		return -1;
	case MEMORY_MAX:
		return size_parse(value, &o->memory_max) ? refuse_value("--memory-max", value, SIZE_FORM) : -1;
	case NO_PROGRESS:
	case PROGRESS:
		o->progress = opt == PROGRESS;
		o->no_progress = opt == NO_PROGRESS;
		return -1;
	case OUTPUT:
		o->output = value;
		return *value ? -1 : refuse_value("--output", value, "a directory; it is made if it is not there");
	case RESUME:
		o->resume = true;
		return -1;
	case RESUME_FAILED:
		o->resume_failed = true;
		return -1;
	case RETRIES:
		return number_parse(value, 0, UINT32_MAX, &o->retries)
			       ? refuse_value("--retries", value,
					      "a number from 0 to 4294967295: how often more a failed item is tried")
			       : -1;
	case TAG:
		o->tag = true;
		return -1;
	default:
		return duration_parse(value, &o->timeout) ? refuse_value("--timeout", value, DURATION_FORM) : -1;
	}
}

static int refuse_pair(const char *option, const char *text)
{
	complain("%s: %s", option, text);
	return EXIT_OWN_ERROR;
}

/* What becomes of the output, when all options are read. */
static int finish_output(struct each_options *o, const char *grouping)
{
	const char *collecting = o->keep_order ? "--keep-order" : o->tag ? "--tag" : NULL;

	if (o->output && (collecting || (grouping && o->grouping != UNGROUPED)))
		return refuse_pair(collecting ? collecting : grouping,
				   "not together with --output, which gives each item files of its own");
	if (collecting && grouping && o->grouping == UNGROUPED)
		return refuse_pair(collecting, "not together with --ungroup; --group and --line-buffer go with it");
	if (collecting && !grouping)
		o->grouping = GROUPED;
	if (!o->jobs)
		o->jobs = as_many_as_possible(o->grouping == UNGROUPED ? 1 : 3);
	return -1;
}

/* -k was the short form of --kill-after once, and still is in "run" */
static int refuse_time_of_k(const char *time)
{
	complain("--keep-order (-k) takes no value: for a time, write --kill-after %s", time);
	return EXIT_OWN_ERROR;
}

static int finish(struct each_options *o, const char *grouping)
{
	const char *resume = o->resume_failed ? "--resume-failed" : "--resume";
	int64_t time;

	if (!*o->command) {
		complain("a program is missing: uspawn each [OPTION]... -- PROGRAM [ARG|{}]...");
		return EXIT_OWN_ERROR;
	}
	if (o->keep_order && !duration_parse(*o->command, &time))
		return refuse_time_of_k(*o->command);
	if ((o->resume || o->resume_failed) && !o->joblog)
		return refuse_pair(resume, "needs --joblog FILE, which says what is done");
	if ((o->resume || o->resume_failed) && !strncmp(o->joblog, "fd:", 3))
		return refuse_pair(resume, "needs a --joblog that can be read: a file, not fd:N");
	if (o->joblog && o->json && record_same_file(o->joblog, o->json))
		return refuse_pair("--json", "not the file of --joblog, which one of them would overwrite");
	return finish_output(o, grouping);
}

int each_options(struct each_options *o, int argc, char **argv)
{
	const char *grouping = NULL;
	int opt, code;

	*o = (struct each_options){ .separator = '\n', .mark = "{}", .jobs = processors(), .kill_after = 5 * NS_PER_S };
	while ((opt = next_option(argc, argv, "+:0I:P:a:hj:ktu", known)) != -1) {
		if (opt == 'P') /* xargs(1) */
			opt = 'j';
		if (opt == '?' && o->keep_order && strchr("123456789", optopt) && optopt)
			return refuse_time_of_k("TIME");
		code = opt == '?' || opt == ':' ? refuse_option(opt, argv, known) : option(o, opt, optarg, &grouping);
		if (code >= 0)
			return code;
	}
	o->command = argv + optind;
	return finish(o, grouping);
}
