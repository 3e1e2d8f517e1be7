/* SPDX-License-Identifier: MIT */
/* A line that is written over, and only if a person looks at it. */
#include <unistd.h>
#include "run.h"

static uint64_t shown_ns, begun_ns;
static int on;

static void print_seconds(double seconds)
{
	if (seconds < 1)
		fprintf(stderr, "less than a second");
	else
		fprintf(stderr, "%.0f s", seconds);
}

/* Before anything was measured: a sweep's cases may differ, so it is said for each. */
void progress_begin(const struct run *run, double seconds)
{
	on = isatty(2);
	if (!on)
		return;
	begun_ns = shown_ns = now_ns();
	fprintf(stderr, "\r\033[K%u contestants: about ", run->nentries);
	print_seconds(seconds);
	if (run->ncases > 1)
		fprintf(stderr, ", case %u of %u", run->at + 1, run->ncases);
	fflush(stderr);
}

void progress_show(const struct run *run, double share)
{
	uint64_t now;

	if (!on || share <= 0.02)
		return;
	now = now_ns();
	if (now - shown_ns < 200000000)
		return;
	shown_ns = now;
	fprintf(stderr, "\r\033[K");
	if (run->ncases > 1)
		fprintf(stderr, "case %u of %u: ", run->at + 1, run->ncases);
	fprintf(stderr, "%3.0f %%, about ", 100 * share);
	print_seconds((double)(now - begun_ns) / 1e9 * (1 - share) / share);
	fprintf(stderr, " left");
	fflush(stderr);
}

void progress_end(void)
{
	if (on)
		fprintf(stderr, "\r\033[K");
	on = 0;
}
