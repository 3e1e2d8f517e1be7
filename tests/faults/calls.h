/* SPDX-License-Identifier: MIT */
/*
 * System calls as something that may fail: which shortages the kernel can answer to each, and how an answer of ours is
 * put in its place.
 */
#ifndef TESTS_FAULTS_CALLS_H
#define TESTS_FAULTS_CALLS_H

#include <stdint.h>
#include <sys/types.h>

enum { NERRORS = 6 };
extern const int errors[NERRORS];
extern const char *const error_names[NERRORS];

/* A system call as a tracer sees it. */
struct call {
	long nr;
	uint64_t args[6];
};

/* What the scene's process says to the tracer: faults are wanted from BEGIN to END, but not of what is its own. */
enum mark { MARK_OWN, MARK_LIBRARY, MARK_BEGIN, MARK_END, MARK_MALLOC };
int call_is_mark(const struct call *call, enum mark *ret);
void call_mark(enum mark mark);

/* malloc(3) and its like: no system call, but it asks the tracer by a mark. */
enum { CALL_MALLOC = 1 << 20 };

const char *call_name(long nr);

/* The kernel may answer error n to it. */
int call_may_answer(const struct call *call, int n);

/* The one error whose step is known by the call alone, if the start fails. 0: any. */
uint32_t call_step(long nr);

/* Gets memory, a number, a process: what stays scarce once it is. */
int call_takes(long nr);

/* At its entry: the call is not made (those that give back are). At its exit: this is what it returned. 0 or -1. */
int call_prevent(pid_t tid, const struct call *call);
int call_answer(pid_t tid, const struct call *call, int error);

#endif
