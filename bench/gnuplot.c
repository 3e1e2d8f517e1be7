/* SPDX-License-Identifier: MIT */
/*
 * gnuplot draws in black on nothing and gives everything its own colour. A style sheet of ours in the picture changes
 * these colours where the reader's screen is dark, so that one picture does for both.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <uspawn.h>
#include "gnuplot.h"
#include "look.h"
#include "refuse.h"

static int start(struct uspawn_child *child, int in, int err, int *out)
{
	const struct uspawn_fd fds[] = { { 0, .fd = USPAWN_ARG(0) },
					 { 1, USPAWN_WRITE_END, .fd = USPAWN_ARG(1) },
					 { 2, .fd = USPAWN_ARG(2) } };
	char *argv[] = { "gnuplot", "--default-settings", "-", NULL };
	char *setenv[] = { "LC_ALL=C", NULL };
	int args[] = { in, -1, err };
	int r = uspawn(child, USPAWN(request, .argv = argv, .fds = fds, .nfds = 3),
		       USPAWN(args, .fds = args, .nfds = 3, .setenv = setenv));

	*out = args[1];
	return r;
}

/* Everything until the end, as a string. NULL without memory. */
static char *read_all(int fd)
{
	char *text = NULL, buffer[65536];
	size_t size;
	FILE *out = open_memstream(&text, &size);
	ssize_t n;

	if (!out)
		return NULL;
	while ((n = read(fd, buffer, sizeof(buffer))) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			fwrite(buffer, 1, (size_t)n, out);
	if (fclose(out) || n < 0) {
		free(text);
		text = NULL;
	}
	return text;
}

/* What it complained about: the last line that is not empty and no pointer at a column. */
static void first_words(int err, char *ret, size_t size)
{
	char *text = lseek(err, 0, SEEK_SET) ? NULL : read_all(err), *at = text, *line;

	snprintf(ret, size, "it did not say why");
	while ((line = strsep(&at, "\n")))
		if (line[strspn(line, " \t^")])
			snprintf(ret, size, "%s", line);
	free(text);
}

static int run(char **ret, const char *script)
{
	int in = memfd_create("script", MFD_CLOEXEC), err = memfd_create("complaint", MFD_CLOEXEC), out = -1,
	    r = -errno;
	struct uspawn_child child;
	char why[256];

	if (in >= 0 && err >= 0) {
		r = write(in, script, strlen(script)) == (ssize_t)strlen(script) && !lseek(in, 0, SEEK_SET) ? 0
													    : -errno;
		r = r ? r : start(&child, in, err, &out);
	}
	if (r == -ENOENT)
		r = refuse("report: gnuplot, which draws the plots, is not installed: apt-get install gnuplot-nox");
	else if (r < 0)
		r = refuse("report: gnuplot cannot be started: %s", strerror(-r));
	else {
		*ret = read_all(out);
		close(out);
		uspawn_wait(&child, -1);
		if (child.exit.code != USPAWN_EXITED || child.exit.status || !*ret) {
			first_words(err, why, sizeof(why));
			r = refuse("report: gnuplot failed: %s", why);
			free(*ret);
			*ret = NULL;
		}
	}
	if (in >= 0)
		close(in);
	if (err >= 0)
		close(err);
	return r;
}

void put_escaped(FILE *out, const char *text)
{
	for (; *text; text++)
		switch (*text) {
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '&':
			fputs("&amp;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default: /* XML has no word for the others */
			fputc((unsigned char)*text < ' ' && !strchr("\t\n", *text) ? '?' : *text, out);
		}
}

static int begins(const char *line, const char *with)
{
	return !strncmp(line, with, strlen(with));
}

/* A line with the marks renamed that would be the same in every picture. */
static void put_line(FILE *out, const char *line, const char *id)
{
	const char *mark;

	for (; (mark = strstr(line, "gp")); line = mark + 2) {
		fwrite(line, 1, (size_t)(mark - line), out);
		if (begins(mark, "gpPt") || begins(mark, "gpDot"))
			fputs(id, out);
		fputs("gp", out);
	}
	fprintf(out, "%s\n", line);
}

/* gnuplot's picture as it should be: its own title and names, our style, no filters that nothing uses, and
 * no white below a mark, which would show on a dark screen. */
static void tidy(FILE *out, char *svg, const char *id, const char *const *names, unsigned int nnames)
{
	unsigned int plot = 0;
	bool in_filter = false;
	char *line;

	while ((line = strsep(&svg, "\n"))) {
		if (strstr(line, "<filter "))
			in_filter = true;
		if (begins(line, ">")) {
			fputs(" role=\"img\">\n<style>\n", out);
			look_styles(out);
			fputs("</style>\n", out);
		} else if (begins(line, "<?xml")) {
			fputs("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n", out);
		} else if (begins(line, "\t<g id=")) {
			fputs("<g><title>", out);
			put_escaped(out, plot < nnames ? names[plot] : "");
			fputs("</title>\n", out);
			plot++;
		} else if (begins(line, "<g id=")) {
			fputs("<g>\n", out);
		} else if (*line && !in_filter && !begins(line, "<desc>") && !begins(line, "<title>") &&
			   !strstr(line, "color='white'/>")) {
			put_line(out, line, id);
		}
		if (strstr(line, "</filter>"))
			in_filter = false;
	}
}

int gnuplot_draw(char **ret, const char *script, const char *id, const char *const *names, unsigned int nnames)
{
	char *svg = NULL;
	size_t size;
	FILE *out;
	int r = run(&svg, script);

	if (r)
		return r;
	out = open_memstream(ret, &size);
	if (!out) {
		free(svg);
		return refuse("report: no memory");
	}
	tidy(out, svg, id, names, nnames);
	fclose(out);
	free(svg);
	return 0;
}
