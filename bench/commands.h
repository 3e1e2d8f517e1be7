/* SPDX-License-Identifier: MIT */
/* The commands that look at result files. Each returns the program's exit code and reads argv after its own name. */
#ifndef COMMANDS_H
#define COMMANDS_H

int compare_main(int argc, char **argv);
int csv_main(int argc, char **argv);
int report_main(int argc, char **argv);

#endif
