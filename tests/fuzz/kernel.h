/* SPDX-License-Identifier: MIT */
/*
 * A kernel that has descriptors, signal masks and one child at a time, which runs to its exec or its end inside the
 * clone. It ends the fuzzer where a child does in its parent's memory or table what it must not.
 */
#ifndef FUZZ_KERNEL_H
#define FUZZ_KERNEL_H

#include <stdint.h>

enum { KERNEL_FDS = 96 };

struct kernel_file {
	int id; /* 0: closed */
	int cloexec;
};

struct kernel_table {
	struct kernel_file fd[KERNEL_FDS];
};

extern struct kernel {
	struct kernel_table parent;
	struct kernel_table seen; /* by the program that the last child ran */
	int ran;                  /* a program has */
	uint64_t mask;            /* of the caller */
	uint64_t seen_mask;
	const char *opened[1024]; /* by id */
	int old;                  /* without what 5.3 to 5.9 brought */
	/* The nth call from now on that may fail does, with that error. */
	struct {
		uint32_t nth;
		int errnum;
	} faults[3];
	uint32_t calls;
	int faulted; /* one did */
} kernel;

/* Everything as new: nothing is open. */
void kernel_reset(void);

int kernel_open(int number, int cloexec);

#endif
