/* SPDX-License-Identifier: MIT */
/* The poller of who has no descriptor left for any other: everything is looked at, every few milliseconds. */
#include <errno.h>

#include "poller.h"
#include "sys.h"

#define LOOK_NS 5000000

static int watch(struct poller *poller, int fd, uint64_t tag, enum poller_watch how)
{
	(void)poller, (void)fd, (void)tag, (void)how;
	return -EMFILE;
}

static int unwatch(struct poller *poller, int fd, uint64_t tag)
{
	(void)poller, (void)fd, (void)tag;
	return 0;
}

static int next_ready(struct poller *poller, struct poller_ready *ready, unsigned n, int64_t timeout_ns)
{
	struct timespec slice = sys_timespec(timeout_ns < 0 || timeout_ns > LOOK_NS ? LOOK_NS : timeout_ns);

	(void)poller, (void)ready, (void)n;
	return sys_nanosleep(&slice) == -EINTR ? -EINTR : 0;
}

static int descriptor(struct poller *poller)
{
	(void)poller;
	return -EMFILE;
}

static void nothing(struct poller *poller)
{
	(void)poller;
}

static const struct poller_kind kind = {
	.watch = watch,
	.unwatch = unwatch,
	.next_ready = next_ready,
	.fd = descriptor,
	.wake = nothing,
	.free = nothing,
};

void blind_init(struct poller *poller)
{
	*poller = (struct poller){ .kind = &kind };
}
