/* SPDX-License-Identifier: MIT */
/* The table for people: one line a contestant, everything in microseconds, and how to read it. */
#include <inttypes.h>
#include <string.h>
#include "bench.h"

static const struct entry *baseline(const struct run *run)
{
	for (uint32_t i = 0; i < run->nentries; i++)
		if (!strcmp(run->entries[i].contestant->name, "posix_spawn"))
			return &run->entries[i];
	return NULL;
}

static void print_times(const struct run *run, const char *title, size_t member)
{
	const struct entry *base = baseline(run);
	struct summary of_base = { 0 }, s;

	if (base)
		summarize(&of_base, base->samples, base->nsamples, member);
	printf("\n%s\n%-14s %8s %8s %8s %8s %9s %12s\n", title, "", "min", "p50", "p90", "p99", "max",
	       base ? "/posix_spawn" : "");
	for (uint32_t i = 0; i < run->nentries; i++) {
		const struct entry *e = &run->entries[i];

		summarize(&s, e->samples, e->nsamples, member);
		printf("%-14s %8.1f %8.1f %8.1f %8.1f %9.1f", e->contestant->name, s.min / 1e3, s.p50 / 1e3,
		       s.p90 / 1e3, s.p99 / 1e3, s.max / 1e3);
		if (base)
			printf(" %12.2f", (double)s.p50 / of_base.p50);
		printf("\n");
	}
}

static void print_rates(const struct run *run)
{
	const struct entry *base = baseline(run);

	printf("\n%-14s %14s %14s %12s\n", "", "children/s", "us a child", base ? "/posix_spawn" : "");
	for (uint32_t i = 0; i < run->nentries; i++) {
		const struct entry *e = &run->entries[i];
		double rate = median(e->rates, ROUNDS);

		printf("%-14s %14.0f %14.1f", e->contestant->name, rate, 1e6 / rate);
		if (base)
			printf(" %12.2f", paired_ratio(e->rates, base->rates, ROUNDS));
		printf("\n");
	}
}

static void print_remarks(const struct run *run)
{
	for (uint32_t i = 0; i < run->nentries; i++)
		if (*run->entries[i].remark)
			printf("%s: %s\n", run->entries[i].contestant->name, run->entries[i].remark);
	if (run->measure == START && run->samples < 1000)
		printf("p99 of %u samples says little: 1000 are needed (--samples)\n", run->samples);
	if (run->machine.load > 0.5 * (double)run->machine.cpus)
		printf("the machine was busy before this began (load %.2f): do not quote these figures\n",
		       run->machine.load);
}

void report(const struct run *run)
{
	const struct machine *m = &run->machine;
	const struct setting *s = &run->setting;

	printf("%s %s, %ld cpus (%s), %s, load %.2f\n", m->kernel, m->arch, m->cpus, m->cpu, m->libc, m->load);
	printf("each worker: %u descriptors, %u MiB, %u living children", s->fds, s->rss_mib, s->live);
	if (run->measure == START) {
		printf("; %u starts of a static program that exits at once\n", run->samples);
		print_times(run, "R, microseconds until the call returns", offsetof(struct sample, return_ns));
		print_times(run, "C, microseconds until the child has ended and was waited for",
			    offsetof(struct sample, cycle_ns));
		printf("\nIn turns, %d starts each, every contestant in a process of its own. /posix_spawn: ratio of "
		       "the p50s,\n"
		       "below 1 is faster than libc.\n",
		       BATCH);
	} else {
		printf(", %u in flight, %u threads, %u processes\n", s->inflight, s->threads, s->processes);
		print_rates(run);
		printf("\nMedian of %d rounds in turns. /posix_spawn: median of the rounds' ratios, above 1 is faster "
		       "than libc.\n",
		       ROUNDS);
	}
	print_remarks(run);
}
