/* SPDX-License-Identifier: MIT */
/*
 * Wait until any of many descriptors is ready: io_uring (uring.c), or epoll (epoll.c) where that cannot be had. What
 * comes back is a hint, and the tag the descriptor was watched with; 0 is no tag. Where the poller can read by itself,
 * what it has read comes back.
 */
#ifndef USPAWN_POLLER_H
#define USPAWN_POLLER_H

#include <stdint.h>

struct poller;

enum poller_watch {
	POLLER_ONCE,   /* one tag, then it may be forgotten. -EEXIST: it is watched, by this tag or another */
	POLLER_AGAIN,  /* each time something happens to it, and not because it still is readable */
	POLLER_WRITE,  /* the same of being writable */
	POLLER_URGENT, /* the same of a file of the kernel's that has changed: POLLPRI */
};

struct poller_ready {
	uint64_t tag;      /* 0: nobody's */
	const char *bytes; /* read: valid until the next next_ready() */
	int32_t n;         /* how many; 0: end-of-file; -errno: read no more. -ENOBUFS: no more until asked again */
	uint8_t is_read;
	uint8_t stopped; /* nothing more comes unless asked again */
};

/* Any of these may say -ESTALE: it belonged to another thread; it is this one's now, and nothing is watched any more.
 */
struct poller_kind {
	int (*watch)(struct poller *poller, int fd, uint64_t tag, enum poller_watch how);
	/* Reads until end-of-file. NULL, -EOPNOTSUPP: it cannot. */
	int (*read)(struct poller *poller, int fd, uint64_t tag);
	/*
	 * Reads no more. Up to n of what it has read come back, in order: the last of all is `stopped`, and if that is
	 * not among them, the rest comes with another call or with next_ready().
	 */
	int (*stop_reading)(struct poller *poller, uint64_t tag, struct poller_ready *ready, unsigned n);
	/* Of a descriptor that stays open; for one about to be closed, after ONCE need not be called. */
	int (*unwatch)(struct poller *poller, int fd, uint64_t tag);
	/*
	 * Up to n, waiting for the first up to timeout_ns (negative: for ever). 0: none; time is up, say. -EINTR: a
	 * signal handler ran.
	 */
	int (*next_ready)(struct poller *poller, struct poller_ready *ready, unsigned n, int64_t timeout_ns);
	/* Readable when next_ready() has something to say, */
	int (*fd)(struct poller *poller);
	/* and until the next one, because something could not be watched. */
	void (*wake)(struct poller *poller);
	void (*free)(struct poller *poller);
	int lasts; /* no filter takes it away */
};

struct poller {
	const struct poller_kind *kind;
	int is_foreign; /* someone else waits for its descriptor */
	int is_forked;  /* in a forked copy of the process: only to be freed */
};

/* `expected` is how many may be ready at once. -errno: there is none here. */
struct io_uring_sqe;
void uring_prep_poll(struct io_uring_sqe *sqe, int fd); /* the caller's; its user_data stays */
int uring_new(struct poller **ret, uint32_t expected);
int epoll_new(struct poller **ret);
void blind_init(struct poller *poller); /* needs nothing, and can nothing but wait */

#endif
