/* SPDX-License-Identifier: MIT */
/*
 * uspawn-bench report: plots, and a page. Everything is made in memory first, so that whatever is wrong with a file or
 * with gnuplot is known before the first file is written.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "commands.h"
#include "outfile.h"
#include "page.h"
#include "plot.h"
#include "refuse.h"

static const char help[] =
	"Usage: uspawn-bench report -o DIR FILE...\n"
	"\n"
	"Draws what FILEs from --json contain: DIR/index.html, a page that needs no network, and its plots as\n"
	"DIR/*.svg, each also as *-narrow.svg for small screens. Files of the same name are replaced.\n"
	"\n"
	"  -o, --output DIR  where to; made if it is not there\n"
	"  --help            this text\n"
	"\n"
	"gnuplot draws: apt-get install gnuplot-nox\n"
	"\n"
	"Example: uspawn-bench sweep fds=10,1000,10000 start --json fds.json\n"
	"         uspawn-bench report -o fds fds.json\n";

static bool same_sweep(const struct result_case *a, const struct result_case *b)
{
	return a->axis && b->axis && !strcmp(a->axis, b->axis) && !strcmp(a->measure, b->measure);
}

/* Appends a section for each case or sweep of the result. */
static unsigned int divide(const struct result *result, struct section *sections, unsigned int n)
{
	for (size_t i = 0; i < result->ncases; i++) {
		if (i && same_sweep(&result->cases[i - 1], &result->cases[i])) {
			sections[n - 1].ncases++;
			continue;
		}
		sections[n] =
			(struct section){ .result = result, .cases = &result->cases[i], .ncases = 1, .number = n + 1 };
		n++;
	}
	return n;
}

static int write_one(const char *folder, const char *name, const char *extension, const char *data)
{
	char file[128];
	int r;

	snprintf(file, sizeof(file), "%s%s", name, extension);
	r = file_replace(folder, file, data, strlen(data));
	return r < 0 ? refuse("report: %s/%s: %s", folder, file, strerror(-r)) : 0;
}

static int write_all(const char *folder, const struct section *sections, unsigned int n)
{
	char *page = NULL;
	size_t size;
	FILE *out = open_memstream(&page, &size);
	int r = 0;

	if (!out)
		return refuse("report: no memory");
	page_put(out, sections, n);
	fclose(out);
	for (unsigned int i = 0; !r && i < n; i++)
		for (unsigned int k = 0; !r && k < sections[i].nplots; k++) {
			const struct plot *plot = &sections[i].plots[k];

			r = write_one(folder, plot->name, ".svg", plot->wide);
			r = r ? r : write_one(folder, plot->name, "-narrow.svg", plot->narrow);
		}
	r = r ? r : write_one(folder, "index", ".html", page);
	free(page);
	return r;
}

static int publish(const char *folder, const struct result *results, size_t nresults)
{
	struct section *sections;
	unsigned int n = 0;
	size_t most = 1;
	int r = 0;

	for (size_t i = 0; i < nresults; i++)
		most += results[i].ncases;
	sections = calloc(most, sizeof(*sections));
	if (!sections)
		return refuse("report: no memory");
	for (size_t i = 0; i < nresults; i++)
		n = divide(&results[i], sections, n);
	for (unsigned int i = 0; !r && i < n; i++)
		r = section_draw(&sections[i]);
	if (!r && !n)
		r = refuse("report: the files have no cases");
	if (!r) {
		r = folder_prepare(folder);
		r = r < 0 ? refuse("report: %s: %s", folder, strerror(-r)) : write_all(folder, sections, n);
	}
	if (!r)
		printf("%s/index.html\n", folder);
	for (unsigned int i = 0; i < n; i++)
		section_done(&sections[i]);
	free(sections);
	return r;
}

int report_main(int argc, char **argv)
{
	static const struct option options[] = { { "output", 1, 0, 'o' }, { "help", 0, 0, 'h' }, { 0 } };
	const char *folder = NULL;
	struct result *results;
	int option, n = 0, r = 2;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":o:h", options, NULL)) != -1) {
		if (option == 'o') {
			folder = optarg;
			continue;
		}
		if (option != 'h')
			return refuse_option(option, argv);
		fputs(help, stdout);
		return 0;
	}
	if (!folder)
		return refuse(
			"report: -o DIR is needed, where the plots and the page go; see uspawn-bench report --help");
	if (optind == argc)
		return refuse("report: a file is needed; see uspawn-bench report --help");
	results = calloc((size_t)(argc - optind), sizeof(*results));
	while (results && optind + n < argc && result_read(&results[n], argv[optind + n]))
		n++;
	if (optind + n == argc)
		r = publish(folder, results, (size_t)n);
	while (n)
		result_done(&results[--n]);
	free(results);
	return r;
}
