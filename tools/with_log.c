/* SPDX-License-Identifier: MIT */
/* Reads what the processes below have appended, each a line at a time: lib/posix/record.c and waits.c say which. */
#include "with.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int add(struct log *log, const struct started *start, const char *command)
{
	if ((log->n & (log->n - 1)) == 0) {
		size_t room = log->n ? 2 * log->n : 1;
		struct started *more = realloc(log->starts, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		log->starts = more;
	}
	log->starts[log->n] = *start;
	log->starts[log->n].command = strdup(command);
	return log->starts[log->n++].command ? 0 : -ENOMEM;
}

/* A start may have been written after its end was: both are matched when all has been read. */
struct end {
	int64_t at_ns;
	int parent, pid, status;
	long maxrss_kib;
};

static int by_beginning(const void *a, const void *b)
{
	const struct started *x = a, *y = b;

	return (x->began_ns > y->began_ns) - (x->began_ns < y->began_ns);
}

static int by_process_and_end(const void *a, const void *b)
{
	const struct end *x = a, *y = b;

	if (x->parent != y->parent)
		return x->parent < y->parent ? -1 : 1;
	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return (x->at_ns > y->at_ns) - (x->at_ns < y->at_ns);
}

/* The first end of that process after its start: pids come back. */
static void match(struct log *log, const struct end *ends, size_t n)
{
	for (size_t i = 0; i < log->n; i++) {
		struct started *s = &log->starts[i];
		const struct end wanted = { .parent = s->parent, .pid = s->pid, .at_ns = s->began_ns };
		size_t low = 0, high = n;

		while (low < high) {
			size_t middle = (low + high) / 2;

			if (by_process_and_end(&ends[middle], &wanted) < 0)
				low = middle + 1;
			else
				high = middle;
		}
		if (s->error || !s->pid || low == n || ends[low].parent != s->parent || ends[low].pid != s->pid)
			continue;
		s->ended_ns = ends[low].at_ns;
		s->status = ends[low].status;
		s->maxrss_kib = ends[low].maxrss_kib;
	}
}

static int read_line(struct log *log, const char *line, struct end *end)
{
	struct started s = { 0 };
	long long began, took;
	int elided, command = 0;

	if (sscanf(line, "start %lld %lld %d %d %d %u %d %n", &began, &took, &s.parent, &s.pid, &s.error, &s.rung,
		   &elided, &command) >= 7 &&
	    command) {
		s.began_ns = began;
		s.took_ns = took;
		s.elided = elided;
		return add(log, &s, line + command);
	}
	if (sscanf(line, "end %lld %d %d %d %ld", &began, &end->parent, &end->pid, &end->status, &end->maxrss_kib) != 5)
		return 0;
	end->at_ns = began;
	return 1;
}

int log_read(struct log *ret, FILE *file)
{
	struct end *ends = NULL, end = { 0 };
	size_t n = 0, room = 0;
	char line[1024];
	int r = 0;

	*ret = (struct log){ 0 };
	while (r >= 0 && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		r = read_line(ret, line, &end);
		if (r <= 0)
			continue;
		if (n == room) {
			struct end *more = realloc(ends, (room = room ? 2 * room : 64) * sizeof(*ends));

			if (!more) {
				r = -ENOMEM;
				break;
			}
			ends = more;
		}
		ends[n++] = end;
	}
	if (r >= 0) {
		if (n)
			qsort(ends, n, sizeof(*ends), by_process_and_end);
		if (ret->n)
			qsort(ret->starts, ret->n, sizeof(*ret->starts), by_beginning);
		match(ret, ends, n);
		r = 0;
	}
	free(ends);
	return r;
}

void log_done(struct log *log)
{
	for (size_t i = 0; i < log->n; i++)
		free(log->starts[i].command);
	free(log->starts);
	*log = (struct log){ 0 };
}
