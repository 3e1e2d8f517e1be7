/* SPDX-License-Identifier: MIT */
/*
 * Memory that the kernel reads into by itself: io_uring's provided buffers (5.19), a ring of them for each io_uring,
 * made with the first pipe that is read. The memory outlives the io_uring, since what is in it may not be taken yet.
 */
#ifndef USPAWN_BUFFERS_H
#define USPAWN_BUFFERS_H

#include <liburing.h>

#define BUFFERS_N    64
#define BUFFERS_SIZE 16384

struct buffers {
	struct io_uring_buf_ring *ring; /* NULL: none yet */
	char *memory;
	uint8_t registered;
	uint16_t out[BUFFERS_N]; /* taken, and shown to somebody */
	unsigned nout;
};

/* -EOPNOTSUPP: not in this kernel. */
int buffers_register(struct buffers *buffers, struct io_uring *ring);

/* All of them are the kernel's again, but those that are kept. */
void buffers_forget(struct buffers *buffers);

/* Shows one; it comes back with the next buffers_return(). */
const char *buffers_show(struct buffers *buffers, unsigned id);
void buffers_return(struct buffers *buffers);

/* Not in a forked copy of the process, which has them not. */
void buffers_free(struct buffers *buffers);

#endif
