/* SPDX-License-Identifier: MIT */
/* Errors of the commands that look at result files. */
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include "refuse.h"

int refuse(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("uspawn-bench: ", stderr);
	vfprintf(stderr, format, args);
	fputs("\n", stderr);
	va_end(args);
	return 2;
}

int refuse_option(int option, char **argv)
{
	if (option == ':')
		return refuse("%s: needs a value", argv[optind - 1]);
	/* Within a group of letters the word is still the one before them. */
	if (optopt && optopt < 256 && optopt != 'h' && optopt != 'o')
		return refuse("-%c: unknown option; see uspawn-bench %s --help", optopt, argv[0]);
	return refuse("%s: unknown option; see uspawn-bench %s --help", argv[optind - 1], argv[0]);
}
