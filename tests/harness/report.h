/* SPDX-License-Identifier: MIT */
/*
 * What a witness (witness.c) said. It writes to a file in memory that it opens by its path below /proc, so a report
 * takes no descriptor of the child's, and no order of closing pipes can hang it.
 */
#ifndef TESTS_REPORT_H
#define TESTS_REPORT_H

#include <stddef.h>

struct report {
	int file;
	char where[48]; /* the argument of the witness's order */
	char *argv[4];  /* of a witness that does nothing but report */
	char *text;     /* lines, a NUL after each */
	size_t size;
};

/* struct report closed at the end of its block */
#define REPORT __attribute__((cleanup(report_close))) struct report

void report_open(struct report *r);
void report_close(struct report *r);

/* After the witness's end. Asserts that the report is whole. */
void report_read(struct report *r);

/* NULL: no such fact. */
const char *report_find(const struct report *r, const char *key);

/* Asserts that there is one. */
const char *report_value(const struct report *r, const char *key);
long report_number(const struct report *r, const char *key);
unsigned long long report_hex(const struct report *r, const char *key);

struct report_fd {
	unsigned long long dev, ino;
	char access[4]; /* r, w, rw */
	int flags, status;
	char target[512];
};

/* 0: it was not open. */
int report_fd(const struct report *r, int fd, struct report_fd *ret);

/* All descriptor numbers in order, as "0 1 2". */
const char *report_fds(const struct report *r);

/* Asserts that the child's descriptor was the file that `mine` is here. */
void report_assert_file(const struct report *r, int fd, int mine);

#endif
