/* SPDX-License-Identifier: MIT */
/*
 * Records of how a child ended, for other programs: JSON, and the job log whose columns people's scripts know from GNU
 * parallel. An argument may hold any bytes, so both escape.
 */
#ifndef RECORD_H
#define RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <uspawn.h>

/* What the child itself does not know. */
struct record {
	const struct uspawn_child *child;
	char *const *argv;
	const char *item; /* NULL: there is none */
	uint64_t seq;     /* from 1 */
	unsigned tries;
	int64_t began_us; /* since 1970 */
	int64_t wall_ns;
	uint64_t received; /* bytes of its standard output, where that is collected */
	bool timed_out, out_of_memory;
};

/* "FILE", or "fd:N" for one that is open. Truncates a file, or goes on at its end. NULL: errno says why. */
FILE *record_open(const char *where, bool append);

/* The same in two steps, so that what else is open can be compared before anything is lost. */
FILE *record_open_untouched(const char *where, bool append);

/*
 * Cuts a file off behind so many bytes and goes on there; negative: it begins. fd:N stays as it is, and so does the
 * file of our own output, since a program may be at its end. 0 or -errno.
 */
int record_begin(FILE *file, const char *where, off_t keep);

/* Of standard output and standard error the one that writes to the same regular file, or -1. */
int record_own_output(int fd);

/*
 * Would one overwrite what is written to the other? Not what is no regular file, such as a terminal, nor fd:N. Of files
 * that are not there yet only equal names are seen; the second looks at what was opened, whatever its names.
 */
bool record_same_file(const char *a, const char *b);
bool record_same_open_file(int a, int b);

/* Of two that were opened to be added to: empties both, but not our own output. -EINVAL: they are one. NULL is none. */
int records_begin(FILE *a, FILE *b);

/* A quoted string. A byte that is not UTF-8 becomes \udc80 to \udcff, from which os.fsencode() of Python gets it back.
 */
void json_string(FILE *to, const char *text);

/* One line, one object. */
void record_json(FILE *to, const struct record *r);

void joblog_header(FILE *to);
void joblog_line(FILE *to, const struct record *r);

/* A command as a shell would take it, on one line. */
void shell_words(FILE *to, char *const *argv);

int64_t record_clock_us(void);

#endif
