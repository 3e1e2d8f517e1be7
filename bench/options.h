/* SPDX-License-Identifier: MIT */
/* The commands that measure, and what they all understand. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include "run.h"

/* Each returns the program's exit code and reads argv after its own name. */
int start_main(int argc, char **argv);
int rate_main(int argc, char **argv);
int reap_main(int argc, char **argv);
int sweep_main(int argc, char **argv);
int list_main(int argc, char **argv);

/* options.c: 0, or 2 after one line that says what is wrong; 1: help was asked for. argv[0] is the command. */
int options_parse(struct run *run, int argc, char **argv);
void options_help(const char *command);

/* The command as it was typed. main.c */
extern const char *command_line;

#endif
