/* SPDX-License-Identifier: MIT */
/* The command list: everything that can be named. */
#include <string.h>
#include "axis.h"
#include "options.h"
#include "refuse.h"

static void list_contestants(void)
{
	puts("Contestants (--only A,B):");
	for (size_t i = 0; i < ncontestants; i++) {
		const struct contestant *c = contestants[i];
		const char *why = contestant_hindrance(c);
		const char *version = c->version ? c->version() : "";

		printf("  %-14s %s", c->name, c->about);
		if (*version)
			printf(" (%s)", version);
		if (c->measures == ONLY_NAMED)
			printf(" [only if named]");
		else if (c->measures)
			printf(" [%s unless named]", measure_names[c->measures == 1u << REAP ? REAP : START]);
		if (why)
			printf(": left out, %s", why);
		puts("");
	}
}

static void list_axes(void)
{
	puts("\nAxes (sweep AXIS=VALUE,... or --AXIS VALUE):");
	for (size_t i = 0; i < naxes; i++) {
		printf("  %-14s %s (", axes[i].name, axes[i].about);
		for (int m = 0, n = 0; m < NMEASURES; m++)
			if (axes[i].measures & 1u << m)
				printf("%s%s", n++ ? ", " : "", measure_names[m]);
		puts(")");
	}
}

int list_main(int argc, char **argv)
{
	int r;

	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		puts("Usage: uspawn-bench list\n\nContestants, those that cannot run here, and axes with their "
		     "values.");
		return 0;
	}
	if (argc > 1)
		return refuse("%s: list takes no options", argv[1]);
	r = programs_find();
	if (r < 0)
		return refuse("its programs are not beside uspawn-bench: %s", strerror(-r));
	puts("Measures: start, rate, reap\n");
	list_contestants();
	list_axes();
	return 0;
}
