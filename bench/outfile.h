/* SPDX-License-Identifier: MIT */
/* Files that appear whole or not at all. */
#ifndef OUTFILE_H
#define OUTFILE_H

#include <stddef.h>

/* Makes the directory if its parent is there, and tries whether files can be made in it. 0 or -errno. */
int folder_prepare(const char *folder);

/*
 * A plain file is replaced: 0 or -errno, and then what was there before is still there. Whatever else the name stands
 * for (a link, /dev/stdout, a FIFO) is written to as it is, behind what standard output has if that is the same file.
 */
int file_save(const char *path, const char *data, size_t size);

/* Whether that could be done: 0 or -errno. */
int file_check(const char *path);

/* The same for folder/name. */
int file_replace(const char *folder, const char *name, const char *data, size_t size);

#endif
