/* SPDX-License-Identifier: MIT */
/* What "uspawn with" was asked for, and what the preloaded libraries have written down. */
#ifndef WITH_H
#define WITH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct with {
	char **argv;
	const char *stats, *trace; /* files; NULL: not asked for; stats "": standard error */
	FILE *stats_to, *trace_to; /* the same, open */
	bool elide_shell, system;
	bool lacks_stats; /* the program may have been meant to be that file: seems_a_value() */
};

/* Sets the environment that the program is to have; report: where records go, NULL: nowhere. Complains itself. */
int preload(const struct with *with, const char *report);

/* A start, as its line says; and its end, where somebody waited for it. */
struct started {
	int64_t began_ns, took_ns, ended_ns; /* ended_ns 0: not known */
	int parent, pid, error, status;
	uint32_t rung;
	bool elided;
	long maxrss_kib; /* 0: not known */
	char *command;
};

struct log {
	struct started *starts;
	size_t n;
};

/* 0 or -errno. Starts are in the order of their beginning. */
int log_read(struct log *ret, FILE *file);
void log_done(struct log *log);

void stats_write(FILE *out, const struct log *log);
void trace_write(FILE *out, const struct log *log);

#endif
