/* SPDX-License-Identifier: MIT */
/*
 * "uspawn with": a program under the posix_spawn replacement. Without a report it becomes the program; with one it
 * waits, since only then everything has been written down: in a file in memory, which the libraries below find by the
 * environment.
 */
#include "with.h"
#include "commands.h"
#include "failure.h"
#include "options.h"
#include "record.h"
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uspawn.h>

#define LOOK_MS    10
#define NEEDS_FILE "a file; of descriptor N that is /dev/fd/N"

enum { ELIDE_SHELL = 256, STATS, SYSTEM, TRACE };

static const struct option known[] = {
	{ "elide-shell", no_argument, NULL, ELIDE_SHELL }, { "help", no_argument, NULL, 'h' },
	{ "stats", optional_argument, NULL, STATS },       { "system", no_argument, NULL, SYSTEM },
	{ "trace", required_argument, NULL, TRACE },       { NULL, 0, NULL, 0 },
};

bool with_has(const char *name, size_t len)
{
	return options_have(known, name, len);
}

/* As other commands have it. */
static bool is_descriptor(const char *name)
{
	return !strncmp(name, "fd:", 3);
}

/* -1: go on. Else the exit code. */
static int read_options(struct with *with, int argc, char **argv)
{
	int option, last = 0;

	for (; (option = next_option(argc, argv, "+:h", known)) != -1; last = option) {
		switch (option) {
		case ELIDE_SHELL:
			with->elide_shell = true;
			break;
		case SYSTEM:
			with->system = true;
			break;
		case STATS:
			with->stats = optarg ? optarg : "";
			if (optarg && !*optarg)
				return refuse_value("--stats", "", "a file; for standard error, leave out the =");
			if (optarg && is_descriptor(optarg))
				return refuse_value("--stats", optarg, NEEDS_FILE);
			break;
		case TRACE:
			with->trace = optarg;
			if (!optarg || !*optarg)
				return refuse_value("--trace", "", "a file");
			if (is_descriptor(optarg))
				return refuse_value("--trace", optarg, NEEDS_FILE);
			break;
		case 'h':
			return print_help(help_with);
		default:
			return refuse_option(option, argv, known);
		}
	}
	if (!argv[optind]) {
		complain("a program is missing: uspawn with [OPTION]... -- PROGRAM [ARG]...");
		return EXIT_OWN_ERROR;
	}
	with->argv = argv + optind;
	with->lacks_stats = last == STATS && seems_a_value(with->argv);
	return -1;
}

/* ---- Running it ---- */

/* A script's interpreter would take it for an option. */
static const char *here(const char *name)
{
	return *name == '-' || *name == '+' ? "./" : "";
}

/* As the library does it: a report must not decide what runs. Returns an errno. */
static int search(char **argv)
{
	const char *entry = getenv("PATH");
	char path[PATH_MAX];
	int last = ENOENT;
	bool denied = false;

	if (!entry)
		entry = "/bin:/usr/bin";
	for (;; entry++) {
		int length = (int)strcspn(entry, ":");
		int size = snprintf(path, sizeof(path), "%s%.*s/%s", here(entry), length ? length : 1,
				    length ? entry : ".", argv[0]);

		errno = ENAMETOOLONG;
		if (size < (int)sizeof(path))
			execv(path, argv);
		last = errno;
		denied |= last == EACCES;
		if (last != EACCES && last != ENOENT && last != ENOTDIR && last != ESTALE && last != ENODEV &&
		    last != ETIMEDOUT && last != ENAMETOOLONG)
			return last;
		entry += length;
		if (!*entry)
			return denied ? EACCES : last;
	}
}

static int become(char **argv)
{
	struct uspawn_request request = { .size = sizeof(request), .argv = argv };
	struct uspawn_failure failure = { .step = USPAWN_STEP_EXEC };
	char path[PATH_MAX];

	if (*argv[0] && !strchr(argv[0], '/')) {
		failure.errnum = search(argv);
	} else {
		snprintf(path, sizeof(path), "%s%s", here(argv[0]), argv[0]);
		execv(*here(argv[0]) ? path : argv[0], argv);
		failure.errnum = errno;
	}
	return failure_report(&failure, &request, argv, NULL, NULL);
}

/* Returns whether one of them was the interrupt key. */
static bool hand_on(struct uspawn_child *child, int signals)
{
	bool terminal, interrupted = false;
	int signo;

	while ((signo = signal_take(signals, &terminal)) > 0) {
		if (child->state != USPAWN_ENDED && !signal_is_known_to(child->pid, signo, terminal))
			signal_send(child, signo, 0);
		interrupted |= signo == SIGINT && terminal;
	}
	return interrupted;
}

static int wait_for(struct uspawn_child *child, int signals, bool *retinterrupted)
{
	struct pollfd p[] = { { .fd = signals, .events = POLLIN }, { .events = POLLIN } };
	bool interrupted = false;

	while (uspawn_wait(child, 0) == 0) {
		/* No pidfd, or one that is readable while a tracer in another process holds the dead child. */
		p[1].fd = p[1].revents ? -1 : child->pidfd;
		if (poll(p, 2, p[1].fd < 0 ? LOOK_MS : -1) > 0 && p[0].revents)
			interrupted |= hand_on(child, signals);
	}
	interrupted |= hand_on(child, signals);
	*retinterrupted = interrupted && child->exit.code == USPAWN_KILLED && child->exit.status == SIGINT;
	if (child->exit.code == USPAWN_UNKNOWN) {
		complain("the command has ended, but somebody else took its status");
		return EXIT_OWN_ERROR;
	}
	return child->exit.code == USPAWN_EXITED ? child->exit.status : EXIT_SIGNAL + child->exit.status;
}

/*
 * A report may be a FIFO that nobody reads, so from here on signals end us. Those that have come before were meant for
 * the program, as is the terminal's that has just ended it: the report is still written.
 */
static void stop_listening(int signals, const sigset_t *before)
{
	bool terminal;

	while (signal_take(signals, &terminal) > 0)
		;
	close(signals);
	sigprocmask(SIG_SETMASK, before, NULL);
}

static int run(const struct with *with, bool *retinterrupted)
{
	const char *said[USPAWN_STEP_EXEC / 10 + 1] = { [USPAWN_STEP_EXEC / 10] = with->lacks_stats ? "stats" : NULL };
	struct uspawn_request request = { .size = sizeof(request), .flags = USPAWN_INHERIT_FDS, .argv = with->argv };
	struct uspawn_failure failure;
	struct signal_state state;
	struct uspawn_plan *plan;
	struct uspawn_child child;
	int signals, code;
	sigset_t before;

	signal_state_read(&state);
	request.flags |= USPAWN_SETSIGMASK;
	request.sigmask = state.blocked;
	request.sigignore = state.ignored & SIGNAL_BIT(SIGCHLD); /* not ignored by us any more when it starts */
	if (uspawn_plan_new(&plan, &request, &failure) < 0)
		return failure_report(&failure, &request, with->argv, NULL, NULL);
	sigprocmask(SIG_BLOCK, NULL, &before);
	signals = signal_listen(&state, TO_HAND_ON);
	if (signals < 0) {
		complain("signalfd: %s", strerror(-signals));
		code = EXIT_OWN_ERROR;
	} else if (uspawn_start(&child, plan, NULL) < 0) {
		code = failure_report(&child.failure, &request, with->argv, NULL, said);
	} else {
		code = wait_for(&child, signals, retinterrupted);
	}
	if (signals >= 0)
		stop_listening(signals, &before);
	uspawn_plan_free(plan);
	return code;
}

/* ---- Reports ---- */

/* Added to; but nothing is added to the file of our own output, which the program goes on in: to that it is written. */
static FILE *open_beside(const char *name)
{
	FILE *file = fopen(name, "ae");
	int own = file ? record_own_output(fileno(file)) : -1;

	if (own < 0)
		return file;
	fclose(file);
	own = fcntl(own, F_DUPFD_CLOEXEC, 3);
	return own < 0 ? NULL : fdopen(own, "w");
}

static int open_report(FILE **ret, const char *option, const char *name)
{
	if (!name)
		return 0;
	*ret = *name ? open_beside(name) : stderr;
	if (!*ret) {
		complain("%s: %s: %s", option, name, strerror(errno));
		return -EIO;
	}
	if (*ret == stderr || !record_same_open_file(fileno(*ret), STDIN_FILENO))
		return 0;
	complain("%s: %s: not the file of standard input, which would be overwritten", option, name);
	return -EINVAL;
}

/* What cannot be written is said before a program has run for an hour. */
static int open_reports(struct with *with)
{
	int r;

	if (open_report(&with->stats_to, "--stats", with->stats) < 0 ||
	    open_report(&with->trace_to, "--trace", with->trace) < 0)
		return -EIO;
	r = records_begin(with->stats_to, with->trace_to);
	if (r)
		complain("--trace: %s",
			 r == -EINVAL ? "not the file of --stats, which one of them would overwrite" : strerror(-r));
	return r;
}

static int write_to(FILE *out, const char *option, const char *name, const struct log *log,
		    void (*write_log)(FILE *, const struct log *))
{
	int failed;

	if (!out)
		return 0;
	write_log(out, log);
	failed = ferror(out);
	if ((out != stderr && fclose(out)) || failed) {
		complain("%s: %s: could not be written", option, name);
		return -EIO;
	}
	return 0;
}

static int run_and_report(const struct with *with, int memory)
{
	FILE *file = fdopen(memory, "re");
	struct log log;
	bool interrupted = false;
	int code = run(with, &interrupted);

	signal_block(SIGXFSZ); /* a write says so, too */
	if (!file || log_read(&log, file) < 0) {
		complain("the record of the starts cannot be read: %s", strerror(ENOMEM));
		code = EXIT_OWN_ERROR;
	} else {
		if (write_to(with->stats_to, "--stats", with->stats, &log, stats_write) < 0 ||
		    write_to(with->trace_to, "--trace", with->trace, &log, trace_write) < 0)
			code = EXIT_OWN_ERROR;
		log_done(&log);
	}
	if (file)
		fclose(file);
	if (interrupted)
		signal_die_of_interrupt();
	return code;
}

/* With its inode: what outlives us may find another process's file by that path, and must leave it alone. */
static int name_report(char *ret, size_t size, int memory)
{
	struct stat made;

	if (fstat(memory, &made) < 0)
		return -errno;
	snprintf(ret, size, "%llu:%llu:/proc/%d/fd/%d", (unsigned long long)made.st_dev,
		 (unsigned long long)made.st_ino, getpid(), memory);
	return 0;
}

int with_main(int argc, char **argv)
{
	struct with with = { .argv = argv };
	char report[128];
	int code = read_options(&with, argc, argv), memory;

	if (code >= 0)
		return code;
	if (!with.stats && !with.trace)
		return preload(&with, NULL) < 0 ? EXIT_OWN_ERROR : become(with.argv);
	memory = memfd_create("uspawn-with", MFD_CLOEXEC);
	if (memory < 0 || name_report(report, sizeof(report), memory) < 0) {
		complain("memfd_create: %s", strerror(errno));
		return EXIT_OWN_ERROR;
	}
	if (preload(&with, report) < 0 || open_reports(&with) < 0)
		return EXIT_OWN_ERROR;
	return run_and_report(&with, memory);
}
