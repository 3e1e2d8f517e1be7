/* SPDX-License-Identifier: MIT */
/* How a command says that it cannot be done: one line, and exit code 2. */
#ifndef REFUSE_H
#define REFUSE_H

/* Prints "uspawn-bench: ", the text and a newline to standard error. Returns 2. */
__attribute__((format(printf, 1, 2))) int refuse(const char *format, ...);

/* The same for what getopt_long reports by ':' or '?'. argv[0]: the command. */
int refuse_option(int option, char **argv);

#endif
