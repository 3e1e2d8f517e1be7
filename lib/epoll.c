/* SPDX-License-Identifier: MIT */
/*
 * Edge-triggered, so that a dead child that a tracer holds, readable and not to be had, wakes nobody twice. A closed
 * pidfd leaves the set by itself.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "poller.h"
#include "sys.h"

#define BATCH    64
#define BELL_TAG 0 /* no entry's */

struct epoll {
	struct poller poller;
	struct sys_owned set;
	struct sys_owned bell; /* an eventfd, once somebody polls the set; -1: there is none */
};

static int watch(struct poller *poller, int fd, uint64_t tag, enum poller_watch how)
{
	struct epoll *e = (struct epoll *)poller;
	/* An edge is both: one at first, one each time. */
	struct epoll_event event = { .events = EPOLLET, .data.u64 = tag };
	int r;

	if (!sys_still_owned(&e->set)) /* the host has closed it, and may have a set of its own there */
		return -EBADF;
	event.events |= how == POLLER_WRITE ? EPOLLOUT : how == POLLER_URGENT ? EPOLLPRI : EPOLLIN;
	r = sys_epoll_ctl(e->set.fd, EPOLL_CTL_ADD, fd, &event);
	if (r == -EEXIST && how != POLLER_ONCE)
		r = sys_epoll_ctl(e->set.fd, EPOLL_CTL_MOD, fd, &event);
	return r;
}

static int unwatch(struct poller *poller, int fd, uint64_t tag)
{
	struct epoll *e = (struct epoll *)poller;
	struct epoll_event event = { 0 };

	(void)tag;
	return sys_still_owned(&e->set) ? sys_epoll_ctl(e->set.fd, EPOLL_CTL_DEL, fd, &event) : -EBADF;
}

static int epoll_wait_ns(int fd, struct epoll_event *events, unsigned n, int64_t timeout_ns)
{
	/* Rounded up: never early. epoll_pwait2 came late (5.11), and a millisecond is what an exit can be waited for.
	 */
	int64_t ms = timeout_ns < 0 ? -1 : timeout_ns / 1000000 + (timeout_ns % 1000000 != 0);

	return sys_epoll_pwait(fd, events, n, ms > INT32_MAX ? INT32_MAX : (int)ms);
}

static int next_ready(struct poller *poller, struct poller_ready *ready, unsigned n, int64_t timeout_ns)
{
	struct epoll *e = (struct epoll *)poller;
	struct epoll_event events[BATCH];
	uint64_t count;
	int nready;

	if (!sys_still_owned(&e->set))
		return -EBADF;
	nready = epoll_wait_ns(e->set.fd, events, n < BATCH ? n : BATCH, timeout_ns);
	for (int i = 0; i < nready; i++) {
		ready[i] = (struct poller_ready){ .tag = events[i].data.u64 };
		if (events[i].data.u64 == BELL_TAG && sys_still_owned(&e->bell))
			sys_read(e->bell.fd, &count, sizeof(count));
	}
	return nready;
}

/* Where eventfds are refused it goes without: memory to watch with is lacking elsewhere. */
static int descriptor(struct poller *poller)
{
	struct epoll *e = (struct epoll *)poller;
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = BELL_TAG };
	int fd, r;

	if (!sys_still_owned(&e->set))
		return -EBADF;
	if (poller->is_foreign)
		return e->set.fd;
	fd = sys_above_stdio(sys_eventfd2(0, EFD_NONBLOCK | EFD_CLOEXEC));
	if (fd >= 0) {
		r = sys_epoll_ctl(e->set.fd, EPOLL_CTL_ADD, fd, &event);
		if (r < 0) {
			sys_close(fd);
			return r;
		}
		sys_own(&e->bell, fd);
	} else if (fd != -ENOSYS && fd != -EPERM && fd != -EINVAL) {
		return fd;
	}
	poller->is_foreign = 1;
	return e->set.fd;
}

static void wake(struct poller *poller)
{
	const struct epoll *e = (struct epoll *)poller;
	const uint64_t one = 1;

	if (sys_still_owned(&e->bell))
		sys_write(e->bell.fd, &one, sizeof(one));
}

static void done(struct poller *poller)
{
	struct epoll *e = (struct epoll *)poller;

	sys_close_owned(&e->bell);
	sys_close_owned(&e->set);
	free(e);
}

int epoll_new(struct poller **ret)
{
	static const struct poller_kind kind = { watch, NULL, NULL, unwatch, next_ready, descriptor, wake, done, 1 };
	int saved = errno, fd;
	struct epoll *e = malloc(sizeof(*e));

	errno = saved;
	if (!e)
		return -ENOMEM;
	e->poller = (struct poller){ .kind = &kind };
	e->bell.fd = -1;
	fd = sys_above_stdio(sys_epoll_create1(EPOLL_CLOEXEC));
	if (fd < 0) {
		free(e);
		return fd;
	}
	sys_own(&e->set, fd);
	*ret = &e->poller;
	return 0;
}
