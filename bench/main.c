/* SPDX-License-Identifier: MIT */
/* The command line. Exit codes: 0, 1 if a measurement failed, 2 if the command was wrong; then nothing was written. */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "bench.h"
#include "commands.h"

static const char help[] =
	"Usage: uspawn-bench start [--samples N] [--fds N] [--rss MIB] [--live N] [common options]\n"
	"       uspawn-bench rate  [--inflight N] [--live N] [--threads N] [--processes N] [--seconds S]\n"
	"                          [--fds N] [--rss MIB] [common options]\n"
	"\n"
	"How long does it take to start a process here, in each way there is?\n"
	"\n"
	"  start   one child at a time: until the call returns (R), until the child was waited for (C)\n"
	"  rate    children a second, several at once\n"
	"\n"
	"What the starting process looks like:\n"
	"  --fds N        with N more open descriptors [0]\n"
	"  --rss MIB      with so much memory touched [0]\n"
	"  --live N       with N idle children, which uspawn-async watches on its ring [0]\n"
	"  --inflight N   rate: N running children at once [16]\n"
	"  --threads N    rate: N threads that each do this, in one process [1]\n"
	"  --processes N  rate: N such processes at once [1]\n"
	"\n"
	"How much is measured:\n"
	"  --samples N    start: starts of each contestant [2000]\n"
	"  --seconds S    rate: for each contestant [2]\n"
	"\n"
	"Common options:\n"
	"  --only A,B     only these contestants\n"
	"  --json FILE    write the result to FILE, too\n"
	"  --help         this text\n"
	"\n"
	"All contestants start the same small static program, and every single child is checked to have run. They "
	"take\n"
	"turns, each in a process of its own, so that noise hits all alike; percentiles are shown, never means.\n"
	"\n"
	"Contestants:\n";

__attribute__((format(printf, 1, 2), noreturn)) static void wrong(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("uspawn-bench: ", stderr);
	vfprintf(stderr, format, args);
	fputs("\n", stderr);
	va_end(args);
	exit(2);
}

static void print_help(void)
{
	fputs(help, stdout);
	for (size_t i = 0; i < ncontestants; i++)
		printf("  %-14s %s\n", contestants[i]->name, contestants[i]->about);
	printf("\nExample: with 10,000 open files, uspawn against libc\n"
	       "  uspawn-bench start --fds 10000 --only posix_spawn,uspawn\n");
}

static double number(const char *option, const char *text, double least, double most)
{
	char *end;
	double n = strtod(text, &end);

	if (end == text || *end || !(n >= least && n <= most))
		wrong("--%s %s: a number from %g to %.0f is needed", option, text, least, most);
	return n;
}

static uint32_t whole_number(const char *option, const char *text, uint32_t least, uint32_t most)
{
	double n = number(option, text, least, most);

	if (n != (uint32_t)n)
		wrong("--%s %s: a whole number is needed", option, text);
	return (uint32_t)n;
}

/* Everything after the command. */
static void parse(struct run *run, int argc, char **argv, const char **only, const char **json)
{
	struct setting *s = &run->setting;
	enum { FDS, RSS, LIVE, INFLIGHT, THREADS, PROCESSES, SAMPLES, SECONDS, ONLY, JSON, HELP };
	static const struct option options[] = {
		[FDS] = { "fds", 1 },           [RSS] = { "rss", 1 },         [LIVE] = { "live", 1 },
		[INFLIGHT] = { "inflight", 1 }, [THREADS] = { "threads", 1 }, [PROCESSES] = { "processes", 1 },
		[SAMPLES] = { "samples", 1 },   [SECONDS] = { "seconds", 1 }, [ONLY] = { "only", 1 },
		[JSON] = { "json", 1 },         [HELP] = { "help", 0 },       { 0 },
	};
	int c, option;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", options, &option)) != -1) {
		const char *name = options[option].name;

		if (c == ':')
			wrong("%s: needs a value", argv[optind - 1]);
		if (c)
			wrong("%s: unknown option; see uspawn-bench --help", argv[optind - 1]);
		if (run->measure == START ? option >= INFLIGHT && option <= PROCESSES : option == SAMPLES)
			wrong("--%s: has no meaning for %s; see uspawn-bench --help", name, argv[0]);
		if (run->measure == START && option == SECONDS)
			wrong("--seconds: has no meaning for start; there it is --samples");
		switch (option) {
		case FDS:
			s->fds = whole_number(name, optarg, 0, 1u << 30);
			break;
		case RSS:
			s->rss_mib = whole_number(name, optarg, 0, 1u << 24);
			break;
		case LIVE:
			s->live = whole_number(name, optarg, 0, 1u << 22);
			break;
		case INFLIGHT:
			s->inflight = whole_number(name, optarg, 1, 4096);
			break;
		case THREADS:
			s->threads = whole_number(name, optarg, 1, 256);
			break;
		case PROCESSES:
			s->processes = whole_number(name, optarg, 1, MAX_PROCESSES);
			break;
		case SAMPLES:
			run->samples = whole_number(name, optarg, 1, 10000000);
			break;
		case SECONDS:
			run->seconds = number(name, optarg, 0.1, 3600);
			break;
		case ONLY:
			*only = optarg;
			break;
		case JSON:
			*json = optarg;
			break;
		case HELP:
			print_help();
			exit(0);
		}
	}
	if (optind < argc)
		wrong("%s: not an option; see uspawn-bench --help", argv[optind]);
}

int main(int argc, char **argv)
{
	struct run run = {
		.setting = { .inflight = 1, .threads = 1, .processes = 1 },
		.samples = 2000,
		.seconds = 2,
	};
	const char *only = NULL, *json = NULL;
	char why[256];
	int r;

	if (argc < 2 || !strcmp(argv[1], "--help")) {
		print_help();
		return argc < 2 ? 2 : 0;
	}
	if (!strcmp(argv[1], "compare"))
		return compare_main(argc - 1, argv + 1);
	if (!strcmp(argv[1], "csv"))
		return csv_main(argc - 1, argv + 1);
	if (!strcmp(argv[1], "report"))
		return report_main(argc - 1, argv + 1);
	if (!strcmp(argv[1], "rate"))
		run.measure = RATE, run.setting.inflight = 16;
	else if (strcmp(argv[1], "start"))
		wrong("%s: no such command; it is start or rate, see uspawn-bench --help", argv[1]);
	parse(&run, argc - 1, argv + 1, &only, &json);
	if (contestants_select(&run, only, why, sizeof(why)) < 0)
		wrong("--only: %s", why);
	if (!machine_allows(&run.setting, run.nentries * run.setting.processes, why, sizeof(why)))
		wrong("%s", why);
	if ((r = programs_find()) < 0)
		wrong("the programs 'tiny' and 'idle' are not beside uspawn-bench: %s", strerror(-r));
	if (json && (r = json_check(json)) < 0)
		wrong("--json %s: %s", json, strerror(-r));
	machine_describe(&run.machine);
	r = conduct(&run);
	if (r >= 0)
		report(&run);
	if (r >= 0 && json && (r = json_save(json, &run)) < 0)
		fprintf(stderr, "uspawn-bench: --json %s: %s\n", json, strerror(-r));
	for (uint32_t i = 0; i < run.nentries; i++)
		free(run.entries[i].samples);
	return r < 0 ? 1 : 0;
}
