/* SPDX-License-Identifier: MIT */
/*
 * Contestants that are made of two: one starts, a reaper of reaper.h waits. The reapers by themselves, which wait for
 * clone3's children and take part in `reap`; and with --reaper any contestant whose children can be waited for by pid.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "bench.h"
#include "reaper.h"

struct reaped {
	const struct contestant *starter;
	void *self;
	const struct reaper *reaper;
	void *state;
};

static void reaped_close(void *self)
{
	struct reaped *p = self;

	if (p->state)
		p->reaper->close(p->state);
	if (p->self)
		p->starter->close(p->self);
	free(p);
}

static int reaped_open(void **ret, const struct contestant *contestant, const struct setting *setting)
{
	struct reaped *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->starter = contestant->starter;
	p->reaper = reapers[contestant->kind];
	r = p->starter->open(&p->self, p->starter, setting);
	if (r >= 0)
		r = p->reaper->open(&p->state, setting);
	if (r < 0) {
		reaped_close(p);
		return r;
	}
	*ret = p;
	return 0;
}

static int reaped_start(void *self, uint32_t slot, enum program program)
{
	struct reaped *p = self;
	int r = p->starter->start(p->self, slot, program), pidfd = -1;
	pid_t pid;

	if (r < 0)
		return r;
	pid = p->starter->pid(p->self, slot);
	if (p->starter->pidfd)
		pidfd = p->starter->pidfd(p->self, slot);
	else if (p->reaper->wants_pidfd && (pidfd = (int)syscall(SYS_pidfd_open, pid, 0)) < 0)
		return -errno;
	return p->reaper->add(p->state, slot, pid, pidfd);
}

static int reaped_wait(void *self, uint32_t *ended)
{
	struct reaped *p = self;

	return p->reaper->wait(p->state, ended);
}

static pid_t reaped_pid(void *self, uint32_t slot)
{
	struct reaped *p = self;

	return p->starter->pid(p->self, slot);
}

static uint64_t reaped_notified(void *self)
{
	struct reaped *p = self;

	return p->reaper->notified_ns(p->state);
}

extern const struct contestant clone3_contestant;

#define REAPED(label, number, text, bits)                                                                           \
	{                                                                                                           \
		.name = label, .about = text, .kind = number, .starter = &clone3_contestant, .open = reaped_open,   \
		.start = reaped_start, .wait = reaped_wait, .pid = reaped_pid,                                      \
		.notified_ns = number == BLOCKING ? NULL : reaped_notified, .close = reaped_close, .measures = bits \
	}

extern const struct contestant blocking_contestant, ring_poll_contestant, ring_waitid_contestant, epoll_contestant,
	sigchld_contestant;

const struct contestant blocking_contestant = REAPED("blocking", BLOCKING, "waitid of the one child", 1 << REAP);
const struct contestant ring_poll_contestant = REAPED("ring-poll", RING_POLL,
						      "io_uring: POLL_ADD on its pidfd, then waitid", 1 << REAP);
const struct contestant ring_waitid_contestant = REAPED("ring-waitid", RING_WAITID, "io_uring: WAITID (Linux 6.7)",
							1 << REAP);
const struct contestant epoll_contestant = REAPED("epoll", EPOLL, "epoll on its pidfd, then waitid", 1 << REAP);
const struct contestant sigchld_contestant = REAPED("sigchld", ON_SIGCHLD,
						    "SIGCHLD, then waitpid(-1) until none is left", 1 << REAP);

int contestant_reaped(struct contestant *ret, const struct contestant *contestant, enum reaper_kind reaper)
{
	static const struct contestant base = REAPED(NULL, EPOLL, NULL, 0);

	if (!contestant->by_pid)
		return -EOPNOTSUPP;
	*ret = base;
	ret->name = contestant->name;
	ret->about = contestant->about;
	ret->version = contestant->version;
	ret->starter = contestant;
	ret->kind = reaper;
	if (reaper == BLOCKING)
		ret->notified_ns = NULL;
	return 0;
}
