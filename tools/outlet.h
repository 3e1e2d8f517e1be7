/* SPDX-License-Identifier: MIT */
/*
 * Writing to what may have no room: a pipe, a terminal, a socket, set non-blocking by somebody else or not. One waits
 * for it, and may look after other things meanwhile.
 */
#ifndef OUTLET_H
#define OUTLET_H

#include <stdbool.h>
#include <stdio.h>

/* Takes any amount at once. */
bool outlet_never_blocks(int fd);

/* At least PIPE_BUF bytes of it, within so many ms. */
bool outlet_has_room(int fd, int ms);

/* A stream that writes to fd and closes it. NULL: errno says why. */
FILE *outlet_new(int fd);

/* What such streams do when fd has no room, instead of waiting. false: this stream is given up, and fclose() fails. */
void outlet_wait_by(bool (*wait)(void *data, int fd), void *data);

#endif
