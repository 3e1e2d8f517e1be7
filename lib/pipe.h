/* SPDX-License-Identifier: MIT */
/* Writing where nobody may read any more: never a signal, never a wait. */
#ifndef USPAWN_PIPE_H
#define USPAWN_PIPE_H

#include <stddef.h>

enum pipe_kind { PIPE_OTHER, PIPE_SOCKET, PIPE_FILE /* regular */, PIPE_BLOCKS };

/* What writing to it is like; PIPE_BLOCKS: a blocking pipe or terminal. -EBADF. */
int pipe_kind(int fd);

/* How many bytes were written; -EAGAIN: no room; -EPIPE: nobody reads. */
long pipe_write(int fd, const void *bytes, size_t n, enum pipe_kind kind);

#endif
