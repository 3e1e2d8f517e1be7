/* SPDX-License-Identifier: MIT */
/*
 * Makes the workers, then lets one at a time do a little: BATCH starts, or a slice of the time. Noise of the machine is
 * thus spread over all contestants, and a contestant meets the machine as often fast as slow.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bench.h"

enum { WARM_UP_NS = 300000000 };

static int worker_new(struct entry *entry, const struct setting *setting)
{
	int socks[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks) < 0)
		return -errno;
	fflush(NULL);
	pid = fork();
	if (!pid) { /* keeps nothing but its own end: the others' must end with the conductor */
		dup3(socks[1], 3, O_CLOEXEC);
		close_range(4, ~0u, 0);
		worker_main(3, entry->contestant, setting);
	}
	close(socks[1]);
	if (pid < 0) {
		close(socks[0]);
		return -errno;
	}
	entry->socks[entry->nworkers] = socks[0];
	entry->pids[entry->nworkers++] = pid;
	return 0;
}

static void entry_close(struct entry *entry)
{
	for (uint32_t i = 0; i < entry->nworkers; i++)
		close(entry->socks[i]);
	for (uint32_t i = 0; i < entry->nworkers; i++)
		waitpid(entry->pids[i], NULL, 0);
	entry->nworkers = 0;
}

/* The workers of an entry run at the same time. Returns what the last one said, with the children of all. */
static int listen_to(struct entry *entry, struct answer *ret, double *rate)
{
	uint32_t count = 0;
	int r = 0;

	*rate = 0;
	for (uint32_t i = 0; i < entry->nworkers; i++) {
		if (recv(entry->socks[i], ret, sizeof(*ret), 0) != sizeof(*ret))
			ret->error = -EPIPE;
		if (ret->error < 0) {
			r = ret->error;
			continue;
		}
		count += ret->count;
		if (ret->ns)
			*rate += ret->count * 1e9 / ret->ns;
		if (*ret->remark)
			memcpy(entry->remark, ret->remark, sizeof(entry->remark));
	}
	ret->count = count;
	return r;
}

static int ask(struct entry *entry, const struct order *order, struct answer *ret, double *rate)
{
	for (uint32_t i = 0; i < entry->nworkers; i++)
		if (send(entry->socks[i], order, sizeof(*order), MSG_NOSIGNAL) < 0)
			return -errno;
	return listen_to(entry, ret, rate);
}

/* Ready when every worker has told so. */
static int entry_open(struct entry *entry, const struct run *run)
{
	struct answer answer;
	double rate;
	int r = 0;

	for (uint32_t i = 0; r >= 0 && i < run->setting.processes; i++)
		r = worker_new(entry, &run->setting);
	return r < 0 ? r : listen_to(entry, &answer, &rate);
}

/* One order to one entry. What goes wrong from now on is the end of the run, and said here. */
static int ask_entry(struct entry *entry, const struct order *order, struct answer *ret, double *rate)
{
	int r = ask(entry, order, ret, rate);

	if (r < 0)
		fprintf(stderr, "uspawn-bench: %s: %s\n", entry->contestant->name,
			r == -EPROTO ? "a child did not run" : strerror(-r));
	return r;
}

/* Processors that have slept take thousands of starts to become as fast as they will be. */
static int warm_up(struct run *run)
{
	const struct order order = { .measure = run->measure, .count = BATCH, .ns = 20000000 };
	uint64_t end = now_ns() + WARM_UP_NS;
	struct answer answer;
	double rate;
	int r = 0;

	while (r >= 0 && now_ns() < end)
		for (uint32_t i = 0; r >= 0 && i < run->nentries; i++)
			r = ask_entry(&run->entries[i], &order, &answer, &rate);
	return r;
}

static int conduct_starts(struct run *run)
{
	struct answer answer;
	double rate;

	for (uint32_t done = 0; done < run->samples;) {
		struct order order = { .measure = START, .count = run->samples - done };

		if (order.count > BATCH)
			order.count = BATCH;
		done += order.count;
		for (uint32_t i = 0; i < run->nentries; i++) {
			struct entry *entry = &run->entries[i];
			int r = ask_entry(entry, &order, &answer, &rate);

			if (r < 0)
				return r;
			memcpy(entry->samples + entry->nsamples, answer.samples, order.count * sizeof(*entry->samples));
			entry->nsamples += order.count;
		}
	}
	return 0;
}

static int conduct_rates(struct run *run)
{
	struct order order = { .measure = RATE, .ns = (uint64_t)(run->seconds * 1e9 / ROUNDS) };
	struct answer answer;

	for (uint32_t round = 0; round < ROUNDS; round++)
		for (uint32_t i = 0; i < run->nentries; i++) {
			struct entry *entry = &run->entries[i];
			int r = ask_entry(entry, &order, &answer, &entry->rates[round]);

			if (r < 0)
				return r;
			entry->children += answer.count;
		}
	return 0;
}

/* Those that cannot run here are left out by name. */
static int open_entries(struct run *run)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < run->nentries; i++) {
		struct entry entry = run->entries[i];
		int r = entry_open(&entry, run);

		if (r < 0) {
			fprintf(stderr, "uspawn-bench: left out: %s: %s\n", entry.contestant->name,
				r == -EPROTO ? "its child did not run" : strerror(-r));
			entry_close(&entry);
			continue;
		}
		run->entries[n++] = entry;
	}
	run->nentries = n;
	return n ? 0 : -ENOENT;
}

int conduct(struct run *run)
{
	int r = open_entries(run);

	for (uint32_t i = 0; r >= 0 && i < run->nentries; i++) {
		run->entries[i].samples = calloc(run->samples, sizeof(struct sample));
		if (!run->entries[i].samples)
			r = -ENOMEM;
	}
	if (r >= 0)
		r = warm_up(run);
	if (r >= 0)
		r = run->measure == START ? conduct_starts(run) : conduct_rates(run);
	for (uint32_t i = 0; i < run->nentries; i++)
		entry_close(&run->entries[i]);
	return r;
}
