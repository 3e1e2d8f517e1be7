/* SPDX-License-Identifier: MIT */
/* The table of --stats, and the trace of --trace: Chrome's JSON, which Perfetto and chrome://tracing open. */
#include "options.h"
#include "with.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <uspawn.h>

/* ---- The table ---- */

static int by_number(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double us(int64_t ns)
{
	return (double)ns / 1000;
}

/* One line for the starts of a rung that ran. */
static void write_rung(FILE *out, const struct log *log, uint32_t rung, int64_t *took)
{
	size_t n = 0;

	for (size_t i = 0; i < log->n; i++)
		if (!log->starts[i].error && log->starts[i].rung == rung)
			took[n++] = log->starts[i].took_ns;
	if (!n)
		return;
	qsort(took, n, sizeof(*took), by_number);
	fprintf(out, "%-7s %8zu %9.1f %9.1f %9.1f %9.1f\n", rung ? rung_name(rung) : "libc", n, us(took[n / 2]),
		us(took[n * 9 / 10]), us(took[n * 99 / 100]), us(took[n - 1]));
}

void stats_write(FILE *out, const struct log *log)
{
	size_t failed = 0, elided = 0;
	int64_t *took = malloc((log->n + 1) * sizeof(*took));

	for (size_t i = 0; i < log->n; i++) {
		failed += log->starts[i].error != 0;
		elided += log->starts[i].elided;
	}
	fprintf(out, "%zu starts, %zu failed, %zu without the shell they asked for\n", log->n, failed, elided);
	if (took && log->n > failed) {
		fprintf(out, "rung      starts    p50 us    p90 us    p99 us    max us\n");
		for (uint32_t rung = 0; rung <= USPAWN_RUNG_FORK; rung++)
			write_rung(out, log, rung, took);
	}
	free(took);
}

/* ---- The trace ---- */

static void write_string(FILE *out, const char *text)
{
	putc('"', out);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putc('\\', out);
		putc(*text, out); /* printable ASCII: record.c has seen to that */
	}
	putc('"', out);
}

/* Rows of one starting process: a job takes the first that is free. */
struct rows {
	int parent;
	int64_t *busy_until;
	unsigned n;
};

struct table {
	struct rows *rows;
	unsigned n;
};

static struct rows *rows_of(struct table *table, int parent)
{
	struct rows *more;

	for (unsigned i = 0; i < table->n; i++)
		if (table->rows[i].parent == parent)
			return &table->rows[i];
	more = realloc(table->rows, (table->n + 1) * sizeof(*more));
	if (!more)
		return NULL;
	table->rows = more;
	table->rows[table->n] = (struct rows){ .parent = parent };
	return &table->rows[table->n++];
}

static unsigned take_row(struct table *table, const struct started *s, int64_t until)
{
	struct rows *rows = rows_of(table, s->parent);
	int64_t *more;
	unsigned row = 0;

	while (rows && row < rows->n && rows->busy_until[row] > s->began_ns)
		row++;
	if (rows && row == rows->n) {
		more = realloc(rows->busy_until, (rows->n + 1) * sizeof(*more));
		if (!more)
			return row;
		rows->busy_until = more;
		rows->n++;
	}
	if (rows)
		rows->busy_until[row] = until;
	return row;
}

/* A build tool's command is what it gave the shell. */
static const char *command_name(const struct started *s)
{
	static const char shell[] = "/bin/sh -c ";

	return strncmp(s->command, shell, sizeof(shell) - 1) == 0 ? s->command + sizeof(shell) - 1 : s->command;
}

static void write_start(FILE *out, const struct started *s, int64_t until, unsigned row)
{
	fprintf(out, "{\"ph\":\"X\",\"cat\":\"process\",\"name\":");
	write_string(out, command_name(s));
	fprintf(out, ",\"pid\":%d,\"tid\":%u,\"ts\":%.3f,\"dur\":%.3f,\"args\":{\"pid\":%d,\"start_us\":%.3f,\"rung\":",
		s->parent, row + 1, us(s->began_ns), us(until - s->began_ns), s->pid, us(s->took_ns));
	write_string(out, s->rung ? rung_name(s->rung) : "libc");
	if (s->elided)
		fprintf(out, ",\"without_shell\":true");
	if (s->error)
		fprintf(out, ",\"errno\":%d", s->error);
	if (s->ended_ns && WIFEXITED(s->status))
		fprintf(out, ",\"exit\":%d", WEXITSTATUS(s->status));
	else if (s->ended_ns)
		fprintf(out, ",\"signal\":%d", WTERMSIG(s->status));
	if (s->maxrss_kib)
		fprintf(out, ",\"maxrss_kib\":%ld", s->maxrss_kib);
	fprintf(out, "}}");
}

void trace_write(FILE *out, const struct log *log)
{
	struct table table = { 0 };

	fprintf(out, "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[");
	for (size_t i = 0; i < log->n; i++) {
		const struct started *s = &log->starts[i];
		int64_t until = s->ended_ns ? s->ended_ns : s->began_ns + s->took_ns;

		fprintf(out, "%s\n", i ? "," : "");
		write_start(out, s, until, take_row(&table, s, until));
	}
	for (unsigned i = 0; i < table.n; i++) {
		for (unsigned row = 0; row < table.rows[i].n; row++)
			fprintf(out,
				",\n{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":%d,\"tid\":%u,\"args\":{\"name\":"
				"\"job slot %u\"}}",
				table.rows[i].parent, row + 1, row + 1);
		free(table.rows[i].busy_until);
	}
	free(table.rows);
	fprintf(out, "\n]}\n");
}
