/* SPDX-License-Identifier: MIT */
/* Files that appear whole or not at all. */
#ifndef OUTFILE_H
#define OUTFILE_H

#include <stddef.h>

/* Makes the directory if its parent is there, and tries whether files can be made in it. 0 or -errno. */
int folder_prepare(const char *folder);

/* Replaces folder/name. 0 or -errno, and then what was there before is still there. */
int file_replace(const char *folder, const char *name, const char *data, size_t size);

#endif
