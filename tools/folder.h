/* SPDX-License-Identifier: MIT */
/*
 * "--output": a directory with two files for each item, whose names are safe whatever the item is.
 */
#ifndef FOLDER_H
#define FOLDER_H

#include <stdint.h>

/* Opens the directory, and makes it if it is not there. Returns a descriptor, or -errno. */
int folder_open(const char *path);

/* Files for what an item writes to standard output and standard error; overwrites them. 0 or -errno: none is open. */
int folder_files(int folder, uint64_t seq, const char *item, int fds[2]);

#endif
