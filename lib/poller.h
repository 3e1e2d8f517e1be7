/* SPDX-License-Identifier: MIT */
/*
 * Wait until any of many descriptors is readable: io_uring (uring.c), or epoll (epoll.c) where that cannot be had. What
 * comes back is a hint, and the tag the descriptor was watched with; 0 is no tag.
 */
#ifndef USPAWN_POLLER_H
#define USPAWN_POLLER_H

#include <stdint.h>

struct poller;

enum poller_watch {
	POLLER_ONCE,  /* one tag, then it is forgotten */
	POLLER_AGAIN, /* each time something happens to it, and not because it still is readable */
};

/* Any of these may say -ESTALE: it belonged to another thread; it is this one's now, and nothing is watched any more.
 */
struct poller_kind {
	int (*watch)(struct poller *poller, int fd, uint64_t tag, enum poller_watch how);
	/* Of a descriptor that stays open; for one about to be closed, after POLLER_AGAIN only. */
	int (*unwatch)(struct poller *poller, int fd, uint64_t tag);
	/*
	 * Up to n tags, waiting for the first up to timeout_ns (negative: for ever). 0: none, time is up or a signal
	 * handler ran, say.
	 */
	int (*next_ready)(struct poller *poller, uint64_t *tags, unsigned n, int64_t timeout_ns);
	/* Readable when next_ready() has something to say. */
	int (*fd)(struct poller *poller);
	void (*free)(struct poller *poller);
};

struct poller {
	const struct poller_kind *kind;
};

/* `expected` is how many may be ready at once. -errno: there is none here. */
struct io_uring_sqe;
void uring_prep_poll(struct io_uring_sqe *sqe, int fd); /* the caller's; its user_data stays */
int uring_new(struct poller **ret, uint32_t expected);
int epoll_new(struct poller **ret);

#endif
