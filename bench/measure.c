/* SPDX-License-Identifier: MIT */
/*
 * One case. The contestants take turns of a few starts each, so that noise is spread over all and each meets the
 * machine as often fast as slow. And everything is done in slices, each with new processes: where the kernel happened
 * to put a process's memory makes it faster or slower by a percent for all its life, which is not the contestant's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "run.h"

enum {
	WARM_UP_NS = 300000000, /* processors that have slept take thousands of starts to be as fast as they get */
	MOST_SAMPLES = 10000,   /* enough for p99.9 */
	LEAST_TURNS = 10,
};
static const double budget_ns = 40e9; /* what a command may take if nobody says how many samples */

static struct answer answer;

static const char *error_text(int r)
{
	return r == -EPROTO ? "a child did not run" : r == -EPIPE ? "its process died" : strerror(-r);
}

/* What goes wrong from now on is the end of the run, and said here. */
static int ask_entry(struct entry *entry, const struct order *order, double *rate)
{
	int r = ask(entry, order, &answer, rate);

	if (r < 0)
		fprintf(stderr, "uspawn-bench: %s: %s\n", entry->name, error_text(r));
	return r;
}

static void leave_out(struct entry *entry, int error)
{
	entry_close(entry);
	fprintf(stderr, "uspawn-bench: left out: %s: %s\n", entry->name, error_text(error));
}

/* Those that cannot run here are left out by name, if that is known from the beginning. */
static int open_entries(struct run *run)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < run->nentries; i++) {
		struct entry entry = run->entries[i];
		int r = entry_open(&entry, run);

		if (r < 0) {
			leave_out(&entry, r);
			continue;
		}
		run->entries[n++] = entry;
		if (entry.contestant == &run->entries[i].reaped)
			run->entries[n - 1].contestant = &run->entries[n - 1].reaped;
	}
	run->nentries = n;
	return n ? 0 : -ENOENT;
}

/* In another order than before: which process was made first is not the contestant's, either. */
static int open_again(struct run *run, uint32_t slice)
{
	for (uint32_t i = 0; i < run->nentries; i++) {
		struct entry *entry = &run->entries[(slice + i) % run->nentries];
		int r = entry_open(entry, run);

		if (r < 0) {
			leave_out(entry, r);
			return r;
		}
	}
	return 0;
}

static void close_entries(struct run *run)
{
	for (uint32_t i = 0; i < run->nentries; i++)
		entry_close(&run->entries[i]);
}

/* E has starts of its own, of a child that looks at the clock. It is only the tiny one's. */
static uint32_t kinds_of(const struct run *run, enum order_kind kinds[2])
{
	if (run->task.measure == REAP) {
		kinds[0] = DO_ENDS;
		return 1;
	}
	kinds[0] = DO_STARTS;
	kinds[1] = DO_ENTRIES;
	return run->task.setting.child == TINY ? 2 : 1;
}

static int warm_up(struct run *run, uint64_t ns)
{
	struct order order = { .kind = DO_RATE, .count = run->batch, .ns = 20000000 };
	uint64_t end = now_ns() + ns, t0;
	enum order_kind kinds[2];
	uint32_t turns = 0;
	double rate;
	int r = 0;

	for (uint32_t i = 0; i < run->nentries; i++)
		run->entries[i].turn_ns = 0;
	do {
		for (uint32_t i = 0; r >= 0 && i < run->nentries; i++) {
			uint32_t n = run->task.measure == RATE ? 1 : kinds_of(run, kinds);

			t0 = now_ns();
			for (uint32_t k = 0; r >= 0 && k < n; k++) {
				if (run->task.measure != RATE)
					order.kind = kinds[k];
				r = ask_entry(&run->entries[i], &order, &rate);
			}
			run->entries[i].turn_ns += now_ns() - t0;
		}
		turns++;
	} while (r >= 0 && now_ns() < end);
	for (uint32_t i = 0; i < run->nentries; i++)
		run->entries[i].turn_ns /= turns;
	return r;
}

static int make_room(struct run *run)
{
	static const uint32_t metrics[NMEASURES] = {
		[START] = 1u << RETURN | 1u << ENTRY | 1u << CYCLE,
		[REAP] = 1u << NOTIFIED | 1u << REAPED,
	};
	const struct setting *s = &run->task.setting;
	uint32_t wanted = metrics[run->task.measure];

	if (s->rate || s->burst)
		wanted |= 1u << LATE;
	if (s->child != TINY)
		wanted &= ~(1u << ENTRY);
	for (uint32_t i = 0; i < run->nentries; i++)
		for (int m = 0; m < NMETRICS; m++) {
			if (!(wanted & 1u << m) || (m == REAPED && !run->entries[i].contestant->notified_ns))
				continue;
			run->entries[i].values[m] = calloc(run->taken, sizeof(uint64_t));
			if (!run->entries[i].values[m])
				return -ENOMEM;
		}
	return 0;
}

/* As many samples as were asked for, or as there is time for; and how long that will take. */
static double plan(struct run *run, uint64_t open_ns, uint32_t *slices)
{
	double turn = 0, turns, budget = budget_ns / run->ncases;

	for (uint32_t i = 0; i < run->nentries; i++)
		turn += (double)run->entries[i].turn_ns;
	*slices = SLICES;
	while (*slices > 2 && (double)open_ns * *slices > budget / 4)
		--*slices;
	if (run->task.measure == RATE)
		return (double)open_ns / 1e9 * *slices + run->seconds * run->nentries;
	turns = (budget - (double)open_ns * *slices) / turn;
	if (run->samples)
		turns = (run->samples + run->batch - 1) / run->batch;
	else if (turns > MOST_SAMPLES / run->batch)
		turns = MOST_SAMPLES / run->batch;
	else if (turns < LEAST_TURNS)
		turns = LEAST_TURNS;
	run->taken = (uint32_t)turns * run->batch;
	if (run->samples && !run->task.setting.burst)
		run->taken = run->samples;
	if (*slices > (uint32_t)turns)
		*slices = (uint32_t)turns;
	return (turns * turn + (double)open_ns * *slices) / 1e9;
}

/*
 * Each round has an order of its own, drawn by chance: who always came after a contestant that forks would always find
 * caches full of its copies. The same in every run: a run that is repeated differs by the machine alone.
 */
static uint64_t draw(uint64_t *state) /* splitmix64 */
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static void shuffle(uint32_t order[MAX_ENTRIES], uint32_t n, uint64_t round)
{
	uint64_t state = round << 32;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = (uint32_t)(draw(&state) % (i + 1));

		order[i] = order[at];
		order[at] = i;
	}
}

static void keep(struct run *run, struct entry *entry, enum order_kind kind)
{
	static const uint32_t metrics[] = {
		[DO_STARTS] = 1u << LATE | 1u << RETURN | 1u << CYCLE,
		[DO_ENTRIES] = 1u << ENTRY,
		[DO_ENDS] = 1u << NOTIFIED | 1u << REAPED,
	};

	for (int m = 0; m < NMETRICS; m++)
		for (uint32_t i = 0; entry->values[m] && metrics[kind] & 1u << m && i < answer.count; i++)
			if (entry->counts[m] < run->taken)
				entry->values[m][entry->counts[m]++] = answer.samples[i].ns[m];
	if (kind == DO_ENTRIES)
		return;
	entry->children += answer.count;
	entry->usage.user_us += answer.usage.user_us;
	entry->usage.system_us += answer.usage.system_us;
	entry->usage.child_us += answer.usage.child_us;
	entry->usage.voluntary += answer.usage.voluntary;
	entry->usage.involuntary += answer.usage.involuntary;
	entry->usage.faults += answer.usage.faults;
}

/* This slice's part of the samples; fewer when the machine became slower than planned, one turn at least. */
static int take_turns(struct run *run, uint32_t slice, uint32_t slices, uint64_t begun_ns, uint32_t *done)
{
	uint64_t deadline = begun_ns + (uint64_t)(budget_ns / run->ncases * (slice + 1) / slices);
	uint32_t turns = (run->taken + run->batch - 1) / run->batch;
	uint32_t until = (uint32_t)((uint64_t)turns * (slice + 1) / slices);
	enum order_kind kinds[2];
	uint32_t n = kinds_of(run, kinds), turn[MAX_ENTRIES];
	double rate;
	int r = 0;

	for (uint32_t first = *done; r >= 0 && *done < until; ++*done) {
		struct order order = { .count = run->batch };

		if (!run->samples && *done > first && now_ns() > deadline)
			break;
		if ((*done + 1) * run->batch > run->taken)
			order.count = run->taken - *done * run->batch;
		shuffle(turn, run->nentries, *done);
		for (uint32_t i = 0; r >= 0 && i < run->nentries; i++)
			for (uint32_t k = 0; r >= 0 && k < n; k++) {
				order.kind = kinds[k];
				r = ask_entry(&run->entries[turn[i]], &order, &rate);
				if (r >= 0)
					keep(run, &run->entries[turn[i]], order.kind);
			}
		progress_show(run, (double)*done / turns);
	}
	run->slice_ends[run->nslices++] = *done;
	return r;
}

/* RATE: all of SLICES times are measured, in as many processes as there is time for. */
static int take_rates(struct run *run, uint32_t slice, uint32_t slices, uint32_t *done)
{
	struct order order = { .kind = DO_RATE, .ns = (uint64_t)(run->seconds * 1e9 / SLICES) };
	uint32_t until = SLICES * (slice + 1) / slices, turn[MAX_ENTRIES];
	int r = 0;

	for (; r >= 0 && *done < until; ++*done) {
		shuffle(turn, run->nentries, *done);
		for (uint32_t i = 0; r >= 0 && i < run->nentries; i++) {
			struct entry *entry = &run->entries[turn[i]];

			r = ask_entry(entry, &order, &entry->rates[*done]);
			if (r >= 0)
				keep(run, entry, DO_RATE);
			progress_show(run, (*done + (double)i / run->nentries) / SLICES);
		}
	}
	return r;
}

static void count_all_calls(struct run *run)
{
	const struct setting *s = &run->task.setting;
	int can = s->processes == 1 && !s->burst && !s->rate && (run->task.measure != RATE || s->threads == 1);

	for (uint32_t i = 0; i < run->nentries; i++)
		run->entries[i].calls =
			can ? count_calls(&run->entries[i], run->task.measure == REAP ? DO_ENDS : DO_STARTS) : -1;
}

int measure_case(struct run *run)
{
	uint64_t begun_ns = now_ns(), opened_ns;
	uint32_t slices = 1, done = 0;
	int r = 0;

	run->nslices = 0;
	for (uint32_t slice = 0; r >= 0 && slice < slices; slice++) {
		r = slice ? open_again(run, slice) : open_entries(run);
		opened_ns = now_ns();
		if (r >= 0)
			r = warm_up(run, slice ? 0 : WARM_UP_NS);
		if (r >= 0 && !slice) {
			progress_begin(run, plan(run, opened_ns - begun_ns, &slices));
			r = run->task.measure == RATE ? 0 : make_room(run);
		}
		if (r >= 0)
			r = run->task.measure == RATE ? take_rates(run, slice, slices, &done)
						      : take_turns(run, slice, slices, begun_ns, &done);
		if (r >= 0 && slice + 1 == slices)
			count_all_calls(run);
		close_entries(run);
	}
	if (!run->samples && run->task.measure != RATE)
		run->taken = done * run->batch;
	progress_end();
	return r;
}
