/* SPDX-License-Identifier: MIT */
/* An eventfd of an io_uring is worth nothing once a filter refuses io_uring, but somebody's loop has it by then. */
#include <sys/epoll.h>

#include "clone.h"
#include "front.h"

static int add(int set, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	return sys_epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
}

/* Around fd; where there is no epoll, nobody could turn to it either. */
static int stand_before(struct front *front, int fd)
{
	int set = sys_above_stdio(sys_epoll_create1(EPOLL_CLOEXEC)), r;

	if (set < 0)
		return clone_unsupported(set) ? fd : set;
	r = add(set, fd);
	if (r < 0) {
		sys_close(set);
		return clone_unsupported(r) ? fd : r;
	}
	sys_own(&front->set, set);
	return set;
}

int front_fd(struct front *front, struct poller *poller)
{
	int fd = poller->kind->fd(poller);

	if (fd < 0)
		return fd;
	if (sys_owned_fd(&front->set) >= 0)
		return front->set.fd;
	return poller->kind->lasts ? fd : stand_before(front, fd);
}

int front_turn(struct front *front, struct poller *poller)
{
	int fd;

	if (!sys_still_owned(&front->set))
		return 0;
	fd = poller->kind->fd(poller);
	return fd < 0 ? fd : add(front->set.fd, fd);
}
