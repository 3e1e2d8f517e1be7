/* SPDX-License-Identifier: MIT */
/*
 * One poll per descriptor on one io_uring. A one-shot poll first: it goes away by itself with the exit it reports. Only
 * a child that is readable and not to be had (a tracer holds it) gets a multishot one, which does not spin.
 *
 * The ring is made for one issuer with deferred task work, which no foreign epoll sees: who asks for a descriptor gets
 * an eventfd, and from then on polls are submitted at once. A ring that is used by another thread, or whose thread has
 * ended, is made anew for this one.
 */
#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "buffers.h"
#include "iouring.h"
#include "poller.h"
#include "sys.h"

#define CQ_ENTRIES_MIN 512
#define CQ_ENTRIES_MAX 32768

#define OP_READ_MULTISHOT 49 /* 6.7 */

#define FAR_NS (INT64_MAX / 4) /* the kernel adds its clock to it, and the sum must fit */

#define LOOKS 4 /* for the last word of what was cancelled: one will do */

struct uring {
	struct poller poller;
	struct io_uring ring;
	struct sys_owned own; /* the ring's descriptor */
	uint32_t cq_entries;
	struct sys_owned event; /* the eventfd; -1: nobody has asked */
	struct buffers buffers;
	struct poller_ready rest[BUFFERS_N]; /* read by an io_uring that is gone */
	unsigned nrest;
};

static void ring_bell(const struct uring *u)
{
	const uint64_t one = 1;

	if (sys_still_owned(&u->event))
		sys_write(u->event.fd, &one, sizeof(one));
}

/* After completions were taken, since posting them rings it, too; what came meanwhile rings it anew. */
static void silence_bell(const struct uring *u)
{
	uint64_t count;

	if (sys_still_owned(&u->event))
		sys_read(u->event.fd, &count, sizeof(count));
	if (io_uring_cq_ready(&u->ring) ||
	    __atomic_load_n(u->ring.sq.kflags, __ATOMIC_ACQUIRE) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW))
		ring_bell(u);
}

static struct poller_ready ready_of(struct uring *u, const struct io_uring_cqe *cqe)
{
	struct poller_ready ready = { .tag = cqe->user_data, .n = cqe->res };

	ready.stopped = !(cqe->flags & IORING_CQE_F_MORE);
	/* A poll has bits to say. */
	ready.is_read = cqe->res <= 0 || cqe->flags & IORING_CQE_F_BUFFER;
	if (cqe->flags & IORING_CQE_F_BUFFER)
		ready.bytes = buffers_show(&u->buffers, cqe->flags >> IORING_CQE_BUFFER_SHIFT);
	return ready;
}

/* What it has read is out of the pipes already. */
static void keep_rest(struct uring *u, struct io_uring *old)
{
	struct io_uring_cqe *cqe;
	unsigned head;

	io_uring_for_each_cqe (old, head, cqe)
		if (cqe->flags & IORING_CQE_F_BUFFER && u->nrest < BUFFERS_N) {
			u->rest[u->nrest] = ready_of(u, cqe);
			u->rest[u->nrest++].stopped = 0;
		}
	buffers_forget(&u->buffers);
}

/* For the thread that calls now. Nothing is watched afterwards. */
static int reopen(struct uring *u)
{
	struct io_uring old = u->ring;
	struct sys_owned old_own = u->own;
	int r = iouring_open(&u->ring, &u->own, u->cq_entries);

	if (r < 0) {
		u->ring = old;
		u->own = old_own;
		return r;
	}
	keep_rest(u, &old);
	iouring_close(&old, &old_own);
	if (u->event.fd >= 0) {
		r = SYS_KEEP_ERRNO(io_uring_register_eventfd(&u->ring, u->event.fd));
		ring_bell(u);
	}
	return r < 0 ? r : -ESTALE;
}

static int submitted(struct uring *u, int r)
{
	if (r == -EEXIST || r == -EBADR) /* another thread's; or some of its news are lost */
		return reopen(u);
	/* No room for completions is no error: they are about to be taken. Nor is a lack: what is queued stays so. */
	return r >= 0 || r == -EINTR || r == -ETIME || r == -EBUSY || r == -EAGAIN || r == -ENOMEM ? 0 : r;
}

/* The host has closed it, and may have a ring of its own there. */
static int is_lost(const struct uring *u)
{
	return !sys_still_owned(&u->own);
}

static int submit(struct uring *u)
{
	if (is_lost(u))
		return -EBADF;
	return submitted(u, SYS_KEEP_ERRNO(io_uring_submit(&u->ring)));
}

static int submit_and_look(struct uring *u)
{
	if (is_lost(u))
		return -EBADF;
	return submitted(u, SYS_KEEP_ERRNO(io_uring_submit_and_get_events(&u->ring)));
}

/* Without a descriptor (-1) its waiter looks now and then. */
void uring_prep_poll(struct io_uring_sqe *sqe, int fd)
{
	static struct __kernel_timespec tick = { .tv_nsec = 5000000 }; /* which only the kernel reads */
	uint64_t kept = sqe->user_data;

	if (fd >= 0)
		io_uring_prep_poll_add(sqe, fd, POLLIN);
	else
		io_uring_prep_timeout(sqe, &tick, 0, 0);
	sqe->user_data = kept;
}

static int get_sqe(struct uring *u, struct io_uring_sqe **ret)
{
	int r;

	*ret = io_uring_get_sqe(&u->ring);
	if (*ret)
		return 0;
	r = submit(u);
	if (r < 0)
		return r;
	*ret = io_uring_get_sqe(&u->ring);
	return *ret ? 0 : -EAGAIN;
}

/* Whoever polls the eventfd may not come back before it says something: also for what the kernel did not take yet. */
static int submit_now(struct uring *u)
{
	int r;

	if (u->event.fd < 0)
		return 0;
	r = submit(u);
	if (io_uring_sq_ready(&u->ring))
		ring_bell(u);
	return r;
}

static int watch(struct poller *poller, int fd, uint64_t tag, enum poller_watch how)
{
	struct uring *u = (struct uring *)poller;
	struct io_uring_sqe *sqe;
	int r = get_sqe(u, &sqe);

	if (r < 0)
		return r;
	if (how == POLLER_ONCE)
		io_uring_prep_poll_add(sqe, fd, POLLIN);
	else
		io_uring_prep_poll_multishot(sqe, fd,
					     how == POLLER_WRITE    ? POLLOUT
					     : how == POLLER_URGENT ? POLLPRI
								    : POLLIN);
	sqe->user_data = tag;
	return submit_now(u);
}

/* 6.7 */
static int read_all(struct poller *poller, int fd, uint64_t tag)
{
	struct uring *u = (struct uring *)poller;
	struct io_uring_sqe *sqe = NULL;
	int r = u->buffers.registered ? 0 : is_lost(u) ? -EBADF : buffers_register(&u->buffers, &u->ring);

	if (r == 0)
		r = get_sqe(u, &sqe);
	if (r < 0)
		return r;
	io_uring_prep_rw(OP_READ_MULTISHOT, sqe, fd, NULL, 0, -1ull);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->user_data = tag;
	return submit_now(u);
}

static int unwatch(struct poller *poller, int fd, uint64_t tag)
{
	struct uring *u = (struct uring *)poller;
	struct io_uring_sqe *sqe;
	/* What is not submitted yet may be the watch itself: its descriptor must not be another file by then. */
	int waiting = io_uring_sq_ready(&u->ring) != 0, r = get_sqe(u, &sqe);

	(void)fd;
	if (r < 0)
		return r;
	/* A removal of the poll would fail where it has just become ready. */
	io_uring_prep_cancel64(sqe, tag, 0);
	sqe->user_data = 0;
	return u->event.fd < 0 && !waiting ? 0 : submit(u);
}

/* Others stay where they are, and in order; what is taken out has no tag any more. */
static unsigned take_completions_of(struct uring *u, uint64_t tag, struct poller_ready *ready, unsigned n)
{
	struct io_uring_cqe *cqe;
	unsigned head, nready = 0;

	io_uring_for_each_cqe (&u->ring, head, cqe)
		if (cqe->user_data == tag && nready < n) {
			ready[nready++] = ready_of(u, cqe);
			cqe->user_data = 0;
		}
	return nready;
}

static int stop_reading(struct poller *poller, uint64_t tag, struct poller_ready *ready, unsigned n)
{
	struct uring *u = (struct uring *)poller;
	unsigned nready = 0;
	int r = u->nrest ? -EAGAIN : unwatch(poller, -1, tag); /* the rest is older */

	for (int looks = 0; r == 0 && looks < LOOKS && nready < n; looks++) {
		r = submit_and_look(u);
		if (r == 0)
			nready += take_completions_of(u, tag, ready + nready, n - nready);
		if (nready && ready[nready - 1].stopped)
			break;
	}
	return nready ? (int)nready : r;
}

/*
 * -EINTR: a signal handler ran. Where something was submitted with the wait the kernel says how much, and not why the
 * wait ended; liburing waits again then, unless there is a timeout, which is what it says has passed.
 */
static int enter(struct uring *u, int64_t timeout_ns)
{
	int64_t ns = timeout_ns < 0 || timeout_ns > FAR_NS ? FAR_NS : timeout_ns;
	struct __kernel_timespec ts = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };
	struct io_uring_cqe *cqe;
	int64_t until = 0;
	int r;

	if (io_uring_cq_ready(&u->ring))
		return 0;
	if (timeout_ns == 0)
		return submit_and_look(u);
	if (is_lost(u))
		return -EBADF;
	if (ns == FAR_NS)
		until = INT64_MAX;
	else if (io_uring_sq_ready(&u->ring))
		until = sys_now_ns() + ns;
	r = SYS_KEEP_ERRNO(io_uring_submit_and_wait_timeout(&u->ring, &cqe, 1, &ts, NULL));
	if ((r >= 0 || r == -ETIME) && until && !io_uring_cq_ready(&u->ring) && sys_now_ns() < until)
		return -EINTR;
	return r == -EINTR ? r : submitted(u, r);
}

static int next_ready(struct poller *poller, struct poller_ready *ready, unsigned n, int64_t timeout_ns)
{
	struct uring *u = (struct uring *)poller;
	struct io_uring_cqe *cqe;
	unsigned head, seen = 0, nready = 0;
	int r;

	if (!u->nrest)
		buffers_return(&u->buffers);
	for (; nready < n && nready < u->nrest; nready++)
		ready[nready] = u->rest[nready];
	if (nready) {
		u->nrest -= nready;
		memmove(u->rest, u->rest + nready, u->nrest * sizeof(*u->rest));
		return (int)nready;
	}
	r = enter(u, timeout_ns);
	if (r < 0)
		return r;
	io_uring_for_each_cqe (&u->ring, head, cqe) {
		if (nready == n)
			break;
		seen++;
		/* What was canceled, or taken already, is nobody's; but the time is not up. */
		ready[nready++] = cqe->user_data ? ready_of(u, cqe) : (struct poller_ready){ 0 };
	}
	io_uring_cq_advance(&u->ring, seen);
	/* What was read must be where another thread finds it. */
	if (u->buffers.registered && __atomic_load_n(u->ring.sq.kflags, __ATOMIC_ACQUIRE) & IORING_SQ_CQ_OVERFLOW)
		SYS_KEEP_ERRNO(io_uring_get_events(&u->ring));
	if (u->event.fd >= 0) {
		silence_bell(u);
		if (io_uring_sq_ready(&u->ring))
			ring_bell(u);
	}
	return (int)nready;
}

static int descriptor(struct poller *poller)
{
	struct uring *u = (struct uring *)poller;
	int fd, r;

	poller->is_foreign = 1;
	if (is_lost(u))
		return -EBADF;
	if (u->event.fd >= 0 && sys_owned_fd(&u->event) < 0)
		SYS_KEEP_ERRNO(io_uring_unregister_eventfd(&u->ring)); /* which is a stranger's number now */
	if (u->event.fd >= 0)
		return u->event.fd;
	fd = sys_above_stdio(sys_eventfd2(0, EFD_NONBLOCK | EFD_CLOEXEC));
	if (fd < 0)
		return fd;
	r = SYS_KEEP_ERRNO(io_uring_register_eventfd(&u->ring, fd));
	if (r < 0) {
		sys_close(fd);
		return r == -EEXIST ? reopen(u) : r; /* another thread's */
	}
	sys_own(&u->event, fd);
	/* A filter may let rings be made and not used: then nothing would ever ring the bell. */
	r = submit_and_look(u);
	if (r < 0)
		return r;
	ring_bell(u); /* for what was watched before, and is not submitted yet */
	return fd;
}

static void wake(struct poller *poller)
{
	ring_bell((struct uring *)poller);
}

static void done(struct poller *poller)
{
	struct uring *u = (struct uring *)poller;

	sys_close_owned(&u->event);
	iouring_close(&u->ring, &u->own);
	if (!poller->is_forked)
		buffers_free(&u->buffers);
	free(u);
}

int uring_new(struct poller **ret, uint32_t expected)
{
	static const struct poller_kind kind = {
		watch, read_all, stop_reading, unwatch, next_ready, descriptor, wake, done, 0,
	};
	int saved = errno, r;
	struct uring *u = calloc(1, sizeof(*u));

	errno = saved;
	if (!u)
		return -ENOMEM;
	u->poller.kind = &kind;
	u->event.fd = -1;
	u->cq_entries = expected < CQ_ENTRIES_MIN   ? CQ_ENTRIES_MIN
			: expected < CQ_ENTRIES_MAX ? expected
						    : CQ_ENTRIES_MAX;
	r = iouring_open(&u->ring, &u->own, u->cq_entries);
	if (r < 0) {
		free(u);
		return r;
	}
	*ret = &u->poller;
	return 0;
}
