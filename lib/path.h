/* SPDX-License-Identifier: MIT */
/* The paths a file name may mean. Pure: knows neither plans nor system calls. */
#ifndef USPAWN_PATH_H
#define USPAWN_PATH_H

#include <stddef.h>

/* Where a search goes that names no directories: as execvp(3) without PATH. */
#define PATH_DEFAULT "/bin:/usr/bin"

/* How many candidates, and how many bytes for all of them, ends included. */
struct path_size {
	size_t count, bytes;
};

struct path_size path_measure(const char *file, const char *search);

/*
 * Writes the candidates of `file` to `bytes` and their addresses, then NULL, to `ret`; both as large as measured, and
 * one more address. A file with a slash, or without a search, is its own only candidate. None looks like an option.
 */
void path_list(const char *file, const char *search, char *bytes, const char **ret);

#endif
