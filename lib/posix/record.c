/* SPDX-License-Identifier: MIT */
/*
 * The line: start BEGAN_NS TOOK_NS PARENT PID ERRNO RUNG ELIDED COMMAND. Times are CLOCK_MONOTONIC's, and so the same
 * clock for all processes. In the command bytes below a blank, and above ASCII, are replaced by '?'.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "journal.h"
#include "record.h"

#define COMMAND_BOUND 400

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void record_begin(struct record *record, const struct call *call)
{
	record->file = secure_getenv("USPAWN_STATS");
	record->elided = 0;
	if (!record->file)
		return;
	record->call = call;
	record->began = now_ns();
}

static size_t put_words(char *at, size_t room, char *const *words)
{
	size_t used = 0;

	for (; *words && used + 1 < room; words++) {
		if (used)
			at[used++] = ' ';
		for (const char *c = *words; *c && used < room; c++)
			at[used++] = *c < ' ' || *c > '~' ? '?' : *c;
	}
	return used;
}

void record_end(const struct record *record, int errnum, int pid, uint32_t rung)
{
	char line[160 + COMMAND_BOUND];
	const struct call *call = record->call;
	char *const *words;
	char *program[2];
	int64_t took;
	int saved = errno;
	size_t used;

	if (!record->file)
		return;
	took = now_ns() - record->began;
	program[0] = (char *)(call->program ? call->program : "");
	program[1] = NULL;
	words = call->argv && call->argv[0] ? call->argv : program;
	used = (size_t)snprintf(line, 160, "start %lld %lld %d %d %d %u %d ", (long long)record->began, (long long)took,
				(int)getpid(), pid, errnum, (unsigned)rung, record->elided);
	used += put_words(line + used, COMMAND_BOUND, words);
	line[used++] = '\n';
	journal_add(record->file, line, used);
	errno = saved;
}
