/* SPDX-License-Identifier: MIT */
/*
 * What the rooms of the program share: its commands, its own exit codes, and the one way it speaks about trouble.
 * The program uses nothing of the library but <uspawn.h>, as any other client.
 */
#ifndef COMMANDS_H
#define COMMANDS_H

#include <stdbool.h>
#include <stddef.h>

/* What shells, env(1), timeout(1) and xargs(1) have taught people to expect. */
enum exit_code {
	EXIT_ITEM_FAILED = 123,
	EXIT_TIMED_OUT = 124,
	EXIT_OWN_ERROR = 125,
	EXIT_CANNOT_RUN = 126,
	EXIT_NOT_FOUND = 127,
	EXIT_SIGNAL = 128, /* and the signal's number */
};

int run_main(int argc, char **argv);
int each_main(int argc, char **argv);
int with_main(int argc, char **argv);
int probe_main(int argc, char **argv);

/* Has that command an option by this name, of len letters? */
bool run_has(const char *name, size_t len);
bool each_has(const char *name, size_t len);
bool with_has(const char *name, size_t len);
bool probe_has(const char *name, size_t len);

/* The commands that have it: "'uspawn run' and 'uspawn each' have it". False: none. */
bool who_has(char *ret, size_t size, const char *name, size_t len);

extern const char help_program[], help_each[], help_with[], help_probe[];

/* One line on standard error, after "uspawn COMMAND: ". */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Writes to standard output and sees that it got there. Returns an exit code. */
int print_help(const char *text);

/* The same for "run": of a group of its options, of all, or, if it is NULL, of those that everybody needs. */
int print_run_help(const char *group);

#endif
