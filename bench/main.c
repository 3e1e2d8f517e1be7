/* SPDX-License-Identifier: MIT */
/* The commands. Exit codes: 0, 1 if a measurement failed, 2 if the command was wrong or its result was not written. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "commands.h"
#include "options.h"
#include "refuse.h"

static const struct command_line_word {
	const char *name;
	int (*function)(int argc, char **argv);
	const char *help;
} commands[] = {
	{ "start", start_main, "until the call returns, until the child runs, until it was waited for" },
	{ "rate", rate_main, "children a second, several at once" },
	{ "reap", reap_main, "from a child's exit until its parent knows" },
	{ "sweep", sweep_main, "one of these for several values of a setting" },
	{ "list", list_main, "contestants and settings" },
	{ "compare", compare_main, "two results: is anything slower?" },
	{ "report", report_main, "plots of results, and a page" },
	{ "csv", csv_main, "results for a spreadsheet" },
};
enum { NCOMMANDS = sizeof(commands) / sizeof(commands[0]) };

const char *command_line;

static void print_help(void)
{
	puts("Usage: uspawn-bench COMMAND [OPTION]...\n\n"
	     "How long does it take to start a process here, in each way there is?\n");
	for (int i = 0; i < NCOMMANDS; i++)
		printf("  %-8s %s\n", commands[i].name, commands[i].help);
	puts("\nAll contestants start the same small program, and every single child is checked\n"
	     "to have run. They take turns, in processes of their own, so that noise hits all\n"
	     "alike; percentiles are shown, never means. Each command has a --help.\n\n"
	     "Examples:\n"
	     "  uspawn-bench start\n"
	     "  uspawn-bench start --fds 10000 --only posix_spawn,uspawn\n"
	     "  uspawn-bench sweep fds=10,1000,10000 start --json fds.json");
}

static const char *join(int argc, char **argv)
{
	static char text[4096];
	size_t used = (size_t)snprintf(text, sizeof(text), "uspawn-bench");

	for (int i = 1; i < argc && used < sizeof(text); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, " %s", argv[i]);
	return text;
}

/* A socket in the place of a closed standard descriptor would stay open in the workers, which wait for its end. */
static void hold_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_PATH | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

static int command(int argc, char **argv)
{
	if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		print_help();
		return argc < 2 ? 2 : 0;
	}
	command_line = join(argc, argv);
	for (int i = 0; i < NCOMMANDS; i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].function(argc - 1, argv + 1);
	return refuse("%s: no such command; see uspawn-bench --help", argv[1]);
}

/* What was printed is the result, or what was asked for: it must not be lost unseen. */
int main(int argc, char **argv)
{
	int code;

	hold_standard_descriptors();
	code = command(argc, argv);
	errno = 0;
	if (fflush(stdout) || ferror(stdout))
		return refuse("standard output: %s", errno ? strerror(errno) : "could not be written in full");
	return code;
}
