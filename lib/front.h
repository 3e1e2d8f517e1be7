/* SPDX-License-Identifier: MIT */
/* What others poll instead of a ring: one descriptor, also when the ring's poller has to be another one. */
#ifndef USPAWN_FRONT_H
#define USPAWN_FRONT_H

#include "poller.h"
#include "sys.h"

struct front {
	struct sys_owned set; /* an epoll set around the poller's descriptor; -1: not needed */
};

/* Readable when the poller's descriptor is; or -errno, -ESTALE among them, as from the poller. */
int front_fd(struct front *front, struct poller *poller);

/* Another poller from now on. -errno: nothing has changed. */
int front_turn(struct front *front, struct poller *poller);

#endif
