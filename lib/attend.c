/* SPDX-License-Identifier: MIT */
/* Plain blocking code: one child waited for, with all that is done for it meanwhile, by poll(2). */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "care.h"
#include "handle.h"
#include "sys.h"
#include "wait.h"

#define LITTLE_SIZE   512
#define LOOK_AGAIN_NS 2000000 /* at what cannot be polled, or is ready and not to be had */

/* One pidfd, one tree, and up to two descriptors a stream. */
struct watched {
	struct pollfd polls[2 + 2 * PLAN_ARGS];
	struct stream *streams[2 + 2 * PLAN_ARGS];
	unsigned n;
};

static void watch(struct watched *w, int fd, short events, struct stream *stream)
{
	w->polls[w->n] = (struct pollfd){ .fd = fd, .events = events };
	w->streams[w->n++] = stream;
}

static void list(struct watched *w, struct care *care)
{
	w->n = 0;
	if (!care->exited)
		watch(w, care->child->pidfd, POLLIN, NULL);
	else if (care->has_tree && !care->tree.is_empty)
		watch(w, care->tree.events, POLLPRI, NULL);
	for (uint32_t i = 0; i < care->nstreams; i++) {
		struct stream *stream = &care->streams[i];

		if (stream->fd >= 0 && !stream->ready)
			watch(w, stream->fd, stream->feeds ? POLLOUT : POLLIN, stream);
		if (stream->blocked)
			watch(w, stream->output.fd, POLLOUT, stream);
	}
}

static void take(struct watched *w)
{
	for (unsigned i = 0; i < w->n; i++) {
		struct stream *stream = w->streams[i];

		if (!w->polls[i].revents || !stream)
			continue;
		if (w->polls[i].fd == stream->fd)
			stream->ready = 1;
		else
			stream->blocked = 0;
	}
}

/* Until something is ready or that time has come. */
static void await(struct care *care, int64_t until_ns, int hidden)
{
	int64_t left = until_ns == CARE_NEVER ? CARE_NEVER : until_ns - sys_now_ns();
	struct timespec timeout;
	struct watched w;

	if (left < 0)
		left = 0;
	if (hidden && left > LOOK_AGAIN_NS)
		left = LOOK_AGAIN_NS;
	list(&w, care);
	if (hidden && !care->exited)
		w.polls[0].fd = -1;
	timeout = sys_timespec(left);
	if (sys_ppoll(w.polls, w.n, left == CARE_NEVER ? NULL : &timeout) > 0)
		take(&w);
	care->tree.ready = 1;
}

static void look(struct care *care)
{
	if (!care->exited && wait_collect(care->child, WAIT_LOOK) == 1)
		care_exited(care);
}

/* Readable, and not to be had: a tracer holds it. */
static int is_hidden(const struct care *care)
{
	enum wait_how how = WAIT_LOOK;

	return !care->exited && (care->child->pidfd < 0 || wait_poll(care->child, 0, &how)) &&
	       wait_collect(care->child, how) != 1;
}

/* 1: there may be more to do at once. */
static int serve(struct care *care, struct scratch *scratch)
{
	struct uspawn_event event;
	int more = care_pump(care, scratch);

	while (care_next_event(care, &event))
		if (event.type == USPAWN_EVENT_OUTPUT) { /* nobody to give it to: it made room */
			care_take_back(care, &event);
			more = 1;
		}
	return more;
}

/* Whatever was written by now was in time, and so is who has ended: also while a callback ran for long. */
static void expire(struct care *care, struct scratch *scratch, int64_t now_ns)
{
	care_look(care);
	serve(care, scratch);
	look(care);
	if (care_expire(care, now_ns, 1))
		care_cut_off(care);
}

/* 1: it is over. 0: time is up. */
static int attend(struct care *care, int64_t deadline_ns, struct scratch *scratch)
{
	for (;;) {
		int64_t now, due;
		int more, hidden;

		look(care);
		more = serve(care, scratch);
		if (care_is_over(care))
			return 1;
		now = sys_now_ns();
		if (now >= care_due(care)) {
			expire(care, scratch, now);
			continue;
		}
		if (now >= deadline_ns)
			return 0;
		if (more)
			continue;
		due = care_due(care);
		hidden = is_hidden(care);
		if (!care->exited && handle_state(care->child) == USPAWN_ENDED)
			continue;
		await(care, due < deadline_ns ? due : deadline_ns, hidden);
	}
}

static int begin_to_attend(struct care *care)
{
	int32_t attended = 0, mine = sys_getpid();

	while (!atomic_compare_exchange_strong(&care->attended, &attended, mine))
		if (attended == mine)
			return 0;
	return 1;
}

static int attend_until(struct uspawn_child *child, int64_t timeout_ns)
{
	struct care *care = handle_of(child)->care;
	int64_t now = sys_now_ns();
	struct scratch scratch = { NULL, 0 }, little;
	char bytes[LITTLE_SIZE];
	int r;

	if (!begin_to_attend(care))
		return -EBUSY;
	care->child = child;
	care_look(care); /* what was not ready is not polled by who only looks */
	/* The child runs: lack of memory must not keep its caller from learning how it ends. */
	little = (struct scratch){ bytes, sizeof(bytes) };
	r = scratch_get(&scratch);
	r = attend(care, timeout_ns < 0 || timeout_ns > CARE_NEVER - now ? CARE_NEVER : now + timeout_ns,
		   r < 0 ? &little : &scratch);
	free(scratch.bytes);
	if (r == 1) {
		care_free(care);
		wait_closed(child);
	} else {
		atomic_store(&care->attended, 0);
	}
	return r;
}

int uspawn_wait(struct uspawn_child *child, int64_t timeout_ns)
{
	struct handle *handle = handle_of(child);
	uint32_t state = handle_state(child);

	if (state == USPAWN_UNSET || state > USPAWN_ENDED)
		return -ECHILD;
	if (handle->flags & HANDLE_WATCHED)
		return -EBUSY;
	if (handle->flags & HANDLE_CARED)
		return attend_until(child, timeout_ns);
	return wait_until(child, timeout_ns);
}

int uspawn_run(struct uspawn_child *child, const struct uspawn_request *request, const struct uspawn_args *args)
{
	const struct uspawn_failure unwaitable = { .errnum = EINVAL, .step = USPAWN_STEP_REQUEST };
	int r;

	if (request && request->size >= offsetof(struct uspawn_request, path) && request->flags & USPAWN_PID_ONLY) {
		handle_fail(child, &unwaitable);
		return -EINVAL;
	}
	r = uspawn(child, request, args);
	if (r < 0)
		return r;
	do {
		r = uspawn_wait(child, -1);
	} while (r == 0);
	return r < 0 ? r : 0;
}
