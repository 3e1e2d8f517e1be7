/* SPDX-License-Identifier: MIT */
/*
 * A forked copy of the test, for what would spoil the test process itself: lowered limits, other ids, a namespace. It
 * cannot use Criterion's asserts, whose connection belongs to the test; copy_assert() ends it with a line instead,
 * also a program that is no copy.
 */
#ifndef TESTS_COPY_H
#define TESTS_COPY_H

/* Runs fn in a copy, asserts that it came to its end, and skips the test if the copy says so. */
void copy_run(void (*fn)(void));

/* How a process ends that a copy has made. */
__attribute__((noreturn)) void copy_end(void);

__attribute__((noreturn)) void copy_fail(const char *file, int line, const char *what);
__attribute__((noreturn)) void copy_skip(const char *why);

#define copy_assert(condition)                                     \
	do {                                                       \
		if (!(condition))                                  \
			copy_fail(__FILE__, __LINE__, #condition); \
	} while (0)

#endif
