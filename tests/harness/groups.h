/* SPDX-License-Identifier: MIT */
/* Control groups of version 2 to test with. */
#ifndef TESTS_GROUPS_H
#define TESTS_GROUPS_H

#include <stddef.h>

/* A group of the test's own, below the one that it is in. */
struct own_group {
	char path[512];
	const char *name; /* as /proc/self/cgroup ends */
	int fd;
};
#define GROUP __attribute__((cleanup(group_remove))) struct own_group

/* The path of the one that the test is in: its length, 0 where there is none. */
int group_own(char *ret, size_t size);

/* Skips the test where there can be none. */
void group_make(struct own_group *g);
void group_remove(struct own_group *g);

#endif
