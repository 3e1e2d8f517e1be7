/* SPDX-License-Identifier: MIT */
/* Ends, as event loops learn of them. One way is one pair of functions: to watch a child, and to wait for any. */
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "reaper.h"

enum { OP_WAITID = 50 }; /* IORING_OP_WAITID, Linux 6.7: newer than the headers here */

struct watch {
	pid_t pid;
	int pidfd;
	siginfo_t info; /* the ring writes it */
};

struct reapers {
	uint32_t nslots, nending; /* of children that come and go: only those are reported */
	uint32_t next;            /* BLOCKING: the one whose turn it is */
	uint64_t notified_ns;
	struct io_uring ring;
	int epfd, options;
	struct watch watches[];
};

static int reapers_open(void **ret, const struct setting *setting)
{
	uint32_t n = setting->inflight + setting->live;
	struct reapers *s = calloc(1, sizeof(*s) + n * sizeof(s->watches[0]));

	if (!s)
		return -ENOMEM;
	s->nslots = n;
	s->nending = setting->inflight;
	s->epfd = s->ring.ring_fd = -1;
	s->options = setting->threads > 1 ? __WNOTHREAD : 0;
	*ret = s;
	return 0;
}

static void reapers_close(void *self)
{
	struct reapers *s = self;

	if (s->ring.ring_fd >= 0)
		io_uring_queue_exit(&s->ring);
	if (s->epfd >= 0)
		close(s->epfd);
	for (uint32_t i = 0; i < s->nslots; i++)
		if (s->watches[i].pidfd > 0)
			close(s->watches[i].pidfd);
	free(s);
}

static uint64_t notified_at(void *self)
{
	return ((struct reapers *)self)->notified_ns;
}

static int ran(const siginfo_t *info)
{
	return info->si_code == CLD_EXITED && info->si_status == TOKEN ? 0 : -EPROTO;
}

static int keep(struct reapers *s, uint32_t slot, pid_t pid, int pidfd)
{
	s->watches[slot].pid = pid;
	s->watches[slot].pidfd = pidfd;
	return 0;
}

/* After a notification, or in place of one. */
static int collect(struct reapers *s, uint32_t slot)
{
	struct watch *w = &s->watches[slot];
	siginfo_t info = { 0 };
	long r = w->pidfd > 0 ? syscall(SYS_waitid, P_PIDFD, w->pidfd, &info, WEXITED | __WALL, NULL)
			      : syscall(SYS_waitid, P_PID, w->pid, &info, WEXITED | __WALL, NULL);

	if (w->pidfd > 0)
		close(w->pidfd);
	w->pidfd = 0;
	return r < 0 ? -errno : ran(&info);
}

/* ---- One after the other ------------------------------------------------------------------------------------ */

static int blocking_add(void *self, uint32_t slot, pid_t pid, int pidfd)
{
	return keep(self, slot, pid, pidfd);
}

static int blocking_wait(void *self, uint32_t *ended)
{
	struct reapers *s = self;

	*ended = s->next;
	s->next = (s->next + 1) % s->nending;
	return collect(s, *ended);
}

/* ---- io_uring ----------------------------------------------------------------------------------------------- */

static int ring_open(void **ret, const struct setting *setting)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE,
		.cq_entries = setting->inflight + setting->live + 64,
	};
	struct reapers *s;
	void *made;
	int r = reapers_open(&made, setting);

	if (r < 0)
		return r;
	s = made;
	r = io_uring_queue_init_params(64, &s->ring, &p);
	if (r < 0) {
		s->ring.ring_fd = -1;
		reapers_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

static int ring_submit(struct reapers *s, struct io_uring_sqe *sqe, uint32_t slot)
{
	int r;

	io_uring_sqe_set_data64(sqe, slot);
	r = io_uring_submit(&s->ring);
	return r < 0 ? r : 0;
}

static int ring_poll_add(void *self, uint32_t slot, pid_t pid, int pidfd)
{
	struct reapers *s = self;
	struct io_uring_sqe *sqe = io_uring_get_sqe(&s->ring);

	keep(s, slot, pid, pidfd);
	io_uring_prep_poll_add(sqe, pidfd, POLLIN);
	return ring_submit(s, sqe, slot);
}

static int ring_waitid_add(void *self, uint32_t slot, pid_t pid, int pidfd)
{
	struct reapers *s = self;
	struct io_uring_sqe *sqe = io_uring_get_sqe(&s->ring);

	keep(s, slot, pid, pidfd);
	io_uring_prep_rw(OP_WAITID, sqe, pid, NULL, P_PID, 0);
	sqe->file_index = WEXITED | __WALL;
	sqe->addr2 = (uintptr_t)&s->watches[slot].info;
	return ring_submit(s, sqe, slot);
}

/* What the next completion says, and of whom. */
static int ring_next(struct reapers *s, uint32_t *slot)
{
	struct io_uring_cqe *cqe;
	int r;

	do
		r = io_uring_wait_cqe(&s->ring, &cqe);
	while (r == -EINTR);
	if (r < 0)
		return r;
	s->notified_ns = now_ns();
	*slot = (uint32_t)io_uring_cqe_get_data64(cqe);
	r = cqe->res;
	io_uring_cqe_seen(&s->ring, cqe);
	return r;
}

static int ring_poll_wait(void *self, uint32_t *ended)
{
	int r = ring_next(self, ended);

	return r < 0 ? r : collect(self, *ended);
}

static int ring_waitid_wait(void *self, uint32_t *ended)
{
	struct reapers *s = self;
	int r = ring_next(s, ended);
	struct watch *w = &s->watches[*ended];

	if (w->pidfd > 0)
		close(w->pidfd);
	w->pidfd = 0;
	return r < 0 ? r : ran(&w->info);
}

/* ---- epoll -------------------------------------------------------------------------------------------------- */

static int epoll_open(void **ret, const struct setting *setting)
{
	int r = reapers_open(ret, setting);

	if (r < 0)
		return r;
	((struct reapers *)*ret)->epfd = epoll_create1(EPOLL_CLOEXEC);
	return ((struct reapers *)*ret)->epfd < 0 ? -errno : 0;
}

/* Once only: a close does not end the watch while a child that is being started holds a copy of the pidfd. */
static int epoll_add(void *self, uint32_t slot, pid_t pid, int pidfd)
{
	struct reapers *s = self;
	struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT, .data.u32 = slot };

	keep(s, slot, pid, pidfd);
	return epoll_ctl(s->epfd, EPOLL_CTL_ADD, pidfd, &event) < 0 ? -errno : 0;
}

static int epoll_wait_any(void *self, uint32_t *ended)
{
	struct reapers *s = self;
	struct epoll_event event;
	int n;

	do
		n = epoll_wait(s->epfd, &event, 1, -1);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	s->notified_ns = now_ns();
	*ended = event.data.u32;
	return collect(s, *ended);
}

/* ---- SIGCHLD ------------------------------------------------------------------------------------------------ */

static int sigchld_open(void **ret, const struct setting *setting)
{
	sigset_t set;

	if (setting->threads > 1) /* a signal comes to any thread, which may not wait for the others' children */
		return -EOPNOTSUPP;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return reapers_open(ret, setting);
}

/* Several ends may be one signal: waitpid first, and wait for a signal only if there is nothing to collect. */
static int sigchld_wait(void *self, uint32_t *ended)
{
	struct reapers *s = self;
	sigset_t set;
	int status;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	s->notified_ns = 0;
	while ((pid = waitpid(-1, &status, WNOHANG | __WALL)) == 0) {
		while (sigwaitinfo(&set, NULL) < 0)
			;
		s->notified_ns = now_ns();
	}
	if (pid < 0)
		return -errno;
	if (!s->notified_ns)
		s->notified_ns = now_ns();
	for (*ended = 0; *ended < s->nending && s->watches[*ended].pid != pid; ++*ended)
		;
	if (*ended == s->nending)
		return -EPROTO;
	if (s->watches[*ended].pidfd > 0)
		close(s->watches[*ended].pidfd);
	s->watches[*ended].pidfd = 0;
	return WIFEXITED(status) && WEXITSTATUS(status) == TOKEN ? 0 : -EPROTO;
}

const struct reaper *const reapers[NREAPERS] = {
	[BLOCKING] = &(struct reaper){ 0, reapers_open, blocking_add, blocking_wait, notified_at, reapers_close },
	[RING_POLL] = &(struct reaper){ 1, ring_open, ring_poll_add, ring_poll_wait, notified_at, reapers_close },
	[RING_WAITID] = &(struct reaper){ 0, ring_open, ring_waitid_add, ring_waitid_wait, notified_at, reapers_close },
	[EPOLL] = &(struct reaper){ 1, epoll_open, epoll_add, epoll_wait_any, notified_at, reapers_close },
	[ON_SIGCHLD] = &(struct reaper){ 0, sigchld_open, blocking_add, sigchld_wait, notified_at, reapers_close },
};
