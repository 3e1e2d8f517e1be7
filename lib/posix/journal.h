/* SPDX-License-Identifier: MIT */
/*
 * Appending a line to a file that another process may keep, from within any call of any program: no signal comes of
 * it, no cancellation, and no wait. What cannot be written is lost. Safe in a signal handler.
 */
#ifndef POSIX_JOURNAL_H
#define POSIX_JOURNAL_H

#include <stddef.h>

/*
 * `where` is a path, or DEV:INO:PATH: then nothing but that inode is written to, since /proc/PID/fd/N is another file
 * once PID is another process. Only regular files are written to, in one write. errno may change.
 */
void journal_add(const char *where, const char *line, size_t length);

#endif
