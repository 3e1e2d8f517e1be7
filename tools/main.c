/* SPDX-License-Identifier: MIT */
/*
 * The program's front door: picks the command, answers --help and --version. Everything else is in the command's room.
 */
#include "commands.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <uspawn.h>

static const struct command {
	const char *name;
	int (*main)(int argc, char **argv);
	bool (*has)(const char *name, size_t len);
	const char *help; /* NULL: in groups, print_run_help() */
} commands[] = {
	{ "run", run_main, run_has, NULL },
	{ "each", each_main, each_has, help_each },
	{ "with", with_main, with_has, help_with },
	{ "probe", probe_main, probe_has, help_probe },
};

enum { COMMANDS = sizeof(commands) / sizeof(*commands) };

static const struct command *current;

void complain(const char *format, ...)
{
	va_list args;
	char line[4096];

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	for (char *c = line; *c; c++) /* a name may hold anything: still one line, and none of it moves the cursor */
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	fprintf(stderr, "uspawn%s%s: %s\n", current ? " " : "", current ? current->name : "", line);
}

int print_help(const char *text)
{
	if (fputs(text, stdout) < 0 || fflush(stdout)) {
		complain("standard output: %s", strerror(errno));
		return EXIT_OWN_ERROR;
	}
	return EXIT_SUCCESS;
}

static int print_version(void)
{
	char text[64];
	uint32_t v = uspawn_version();

	snprintf(text, sizeof(text), "uspawn %u.%u.%u\n", v >> 16, v >> 8 & 255, v & 255);
	return print_help(text);
}

/*
 * A file that takes the place of a closed standard descriptor would be read or written as that. What holds it can be
 * neither (O_PATH), as if it were closed. The child sees none.
 */
static void hold_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_PATH | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(name, commands[i].name))
			return &commands[i];
	return NULL;
}

bool who_has(char *ret, size_t size, const char *name, size_t len)
{
	const char *owners[COMMANDS] = { NULL }, *before = "";
	size_t n = 0, at = 0;

	for (size_t i = 0; i < COMMANDS; i++)
		if (commands[i].has(name, len))
			owners[n++] = commands[i].name;
	for (size_t i = 0; i < n && at < size; i++) {
		at += (size_t)snprintf(ret + at, size - at, "%s'uspawn %s'", before, owners[i]);
		before = i + 2 < n ? ", " : " and ";
	}
	if (at < size)
		snprintf(ret + at, size - at, n > 1 ? " have it" : " has it");
	return n > 0;
}

static int refuse_word(const char *word, const char *next)
{
	complain("%s: '%s' does not belong behind it; see 'uspawn --help'", word, next);
	return EXIT_OWN_ERROR;
}

/* "help", "help COMMAND", "help run GROUP". */
static int help(int argc, char **argv)
{
	const struct command *asked = argc > 2 ? find_command(argv[2]) : NULL;
	int most = !asked ? 2 : asked->help ? 3 : 4;

	if (argc > most)
		return refuse_word(argv[1], argv[most]);
	if (asked && !asked->help)
		return print_run_help(argc > 3 ? argv[3] : NULL);
	return print_help(asked ? asked->help : help_program);
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : NULL;
	const struct command *asked;

	hold_standard_descriptors();
	if (!word) {
		complain("a command is missing: run, each, with or probe; 'uspawn --help' explains them");
		return EXIT_OWN_ERROR;
	}
	if (!strcmp(word, "--version") || !strcmp(word, "-V"))
		return argc > 2 ? refuse_word(word, argv[2]) : print_version();
	if (!strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help"))
		return help(argc, argv);
	asked = find_command(word);
	if (!asked) {
		complain("%s: no such %s; it is run, each, with or probe, see 'uspawn --help'", word,
			 *word == '-' ? "option before the command" : "command");
		return EXIT_OWN_ERROR;
	}
	current = asked;
	return current->main(argc - 1, argv + 1);
}
