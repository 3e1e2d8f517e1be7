/* SPDX-License-Identifier: MIT */
/*
 * The children write to the same terminal, and nobody tells us when. So the bar has the last row to itself: everything
 * above is made the region that scrolls (DECSTBM), and the cursor is put back where a child has left it.
 */
#include "progress.h"
#include "duration.h"
#include "outlet.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { LAST_WAIT_MS = 1000 };

#define FIRST_NS (500 * NS_PER_MS)

void progress_begin(struct progress *p, bool forced)
{
	const char *term = getenv("TERM");

	*p = (struct progress){ .began = now_ns(), .columns = 80 };
	p->terminal = isatty(STDERR_FILENO) && term && *term && strcmp(term, "dumb");
	p->on = forced || p->terminal;
	p->every = p->terminal ? 100 * NS_PER_MS : NS_PER_S;
	p->drawn = p->began + FIRST_NS - p->every;
}

/* If there is room: no bar is worth more waiting. */
static void write_all(const char *text, size_t len, int ms)
{
	ssize_t n;

	if (!outlet_has_room(STDERR_FILENO, ms))
		return;
	for (; len; text += n, len -= (size_t)n) {
		n = write(STDERR_FILENO, text, len);
		if (n <= 0)
			return; /* a bar that cannot be drawn is no reason to stop */
	}
}

/* Makes room for the bar: again if the size of the terminal has changed, which makes it forget the region. */
static void make_room(struct progress *p)
{
	struct winsize size = { 0 };
	char text[64];
	int n;

	ioctl(STDERR_FILENO, TIOCGWINSZ, &size);
	if (!size.ws_col || !size.ws_row)
		size = (struct winsize){ .ws_col = 80, .ws_row = 24 };
	if (size.ws_row == p->rows && size.ws_col == p->columns)
		return;
	p->rows = size.ws_row;
	p->columns = size.ws_col;
	/* one line down, which scrolls if there is none; setting the region moves the cursor, so it is kept; up again
	 */
	n = snprintf(text, sizeof(text), "\033D\0337\033[1;%dr\0338\033[A", p->rows - 1);
	write_all(text, (size_t)n, 0);
}

static void clock_text(char *to, size_t size, uint64_t seconds)
{
	if (seconds >= 3600)
		snprintf(to, size, "%" PRIu64 ":%02d:%02d", seconds / 3600, (int)(seconds / 60 % 60),
			 (int)(seconds % 60));
	else
		snprintf(to, size, "%d:%02d", (int)(seconds / 60), (int)(seconds % 60));
}

/* "[====>    ]", as wide as the rest of the line leaves, or nothing. */
static int bar_text(char *to, unsigned columns, uint64_t done, uint64_t total)
{
	unsigned width = columns > 43 ? 40 : columns > 3 ? columns - 3 : 0, full;

	if (width < 5 || !total)
		return 0;
	full = (unsigned)(done * width / total);
	to[0] = '[';
	for (unsigned i = 0; i < width; i++)
		to[1 + i] = i < full ? '=' : i == full ? '>' : ' ';
	to[1 + width] = ']';
	to[2 + width] = ' ';
	return (int)width + 3;
}

/* At most columns - 1 characters: one in the last column would wrap. */
static int line_text(char *to, size_t size, const struct progress *p, const struct progress_count *c, int64_t now)
{
	char rest[128], elapsed[32];
	double seconds = (double)(now - p->began) / 1e9, rate = (double)c->done / seconds;
	uint64_t total = c->total > c->done ? c->total : c->done;
	int n = 0, room;

	if (c->total) {
		clock_text(elapsed, sizeof(elapsed), rate > 0 ? (uint64_t)((double)(total - c->done) / rate + 0.5) : 0);
		room = snprintf(rest, sizeof(rest),
				"%3d%% %" PRIu64 "/%" PRIu64 ", %u running, %" PRIu64 " failed, %.*f/s, ETA %s",
				(int)(c->done * 100 / (total ? total : 1)), c->done, total, c->running, c->failed,
				rate < 10, rate, c->done ? elapsed : "?");
	} else {
		clock_text(elapsed, sizeof(elapsed), (uint64_t)seconds);
		room = snprintf(rest, sizeof(rest), "%" PRIu64 " done, %u running, %" PRIu64 " failed, %.*f/s, %s",
				c->done, c->running, c->failed, rate < 10, rate, elapsed);
	}
	room = p->columns - 1 - room;
	if (room > 0)
		n = bar_text(to, (unsigned)room, c->done, c->total ? total : 0);
	return n + snprintf(to + n, size - (size_t)n, "%.*s", p->columns - 1, rest);
}

int64_t progress_draw(struct progress *p, const struct progress_count *count)
{
	char text[512];
	int64_t now;
	int n = 0;

	if (!p->on)
		return -1;
	now = now_ns();
	if (now - p->drawn < p->every)
		return p->every - (now - p->drawn);
	p->drawn = now;
	if (p->terminal) {
		if (tcgetpgrp(STDERR_FILENO) != getpgrp())
			return p->every; /* in the background: somebody else has the terminal */
		make_room(p);
		n = snprintf(text, sizeof(text), "\0337\033[%d;1H\033[K", p->rows);
	}
	n += line_text(text + n, sizeof(text) - (size_t)n - 4, p, count, now);
	n += snprintf(text + n, sizeof(text) - (size_t)n, p->terminal ? "\0338" : "\n");
	write_all(text, (size_t)n, 0);
	return p->every;
}

void progress_hide(struct progress *p)
{
	char text[64];
	int n;

	if (!p->rows)
		return;
	n = snprintf(text, sizeof(text), "\0337\033[%d;1H\033[K\033[r\0338", p->rows);
	write_all(text, (size_t)n, LAST_WAIT_MS); /* without it the terminal does not scroll as before */
	p->rows = 0;
}
