/* SPDX-License-Identifier: MIT */
/* Parts of a tag: 1 and up are pipes, by argument; then, in the same order, descriptors that outputs are written to. */
#include <errno.h>
#include <stdlib.h>

#include "carelist.h"
#include "sys.h"

#define PART_SINK  (1 + PLAN_ARGS)
#define PART_TREE  (1 + 2 * PLAN_ARGS)
#define PART_SHIFT 32
#define AT_ONCE    80 /* more than what the poller reads into */

void carelist_init(struct carelist *list)
{
	*list = (struct carelist){ .busy_end = &list->busy };
}

void carelist_done(struct carelist *list)
{
	free(list->deadlines.heap);
	free(list->scratch.bytes);
}

int carelist_make_room(struct carelist *list)
{
	int r = scratch_get(&list->scratch);

	return r < 0 ? r : deadlines_reserve(&list->deadlines, list->ncares + 1);
}

/* ---- The queue ---- */

void carelist_wake(struct carelist *list, struct care *care)
{
	if (care->busy)
		return;
	care->busy = 1;
	care->next_busy = NULL;
	*list->busy_end = care;
	list->busy_end = &care->next_busy;
	list->nbusy++;
}

static void dequeue(struct carelist *list, struct care **at)
{
	struct care *care = *at;

	*at = care->next_busy;
	if (list->busy_end == &care->next_busy)
		list->busy_end = at;
	care->busy = 0;
	list->nbusy--;
}

void carelist_add(struct carelist *list, struct care *care, uint64_t tag)
{
	list->ncares++;
	care->tag = tag;
	carelist_look(list, care);
}

void carelist_remove(struct carelist *list, struct care *care)
{
	struct care **at = &list->busy;

	deadlines_set(&list->deadlines, care, CARE_NEVER);
	list->ncares--;
	if (!care->busy)
		return;
	while (*at != care)
		at = &(*at)->next_busy;
	dequeue(list, at);
}

/* ---- Watching ---- */

static uint64_t part_tag(const struct care *care, unsigned part)
{
	return care->tag | (uint64_t)part << PART_SHIFT;
}

static int watch_pipe(struct care *care, struct stream *stream, struct poller *poller)
{
	uint64_t tag = part_tag(care, 1u + stream->n);
	int r = -EOPNOTSUPP;

	stream_check(stream);
	if (stream->fd < 0 || stream->last)
		return 0;
	if (!stream->feeds && output_is_direct(&stream->output) && poller->kind->read && !stream->cannot_be_read)
		r = poller->kind->read(poller, stream->fd, tag);
	stream->read_for_us = r == 0;
	if (r == -EOPNOTSUPP)
		r = poller->kind->watch(poller, stream->fd, tag, stream->feeds ? POLLER_WRITE : POLLER_AGAIN);
	stream->watched = r == 0;
	return r;
}

static int watch_sink(struct care *care, struct stream *stream, struct poller *poller)
{
	int r;

	if (!stream->blocked || stream->sink_watched)
		return 0;
	r = poller->kind->watch(poller, stream->output.fd, part_tag(care, PART_SINK + stream->n), POLLER_WRITE);
	stream->sink_watched = r == 0;
	return r;
}

int carelist_watch(struct carelist *list, struct care *care, struct poller *poller)
{
	int failed = 0;

	care->tree.watched = 0;
	care->tree.ready = 1;
	for (uint32_t i = 0; i < care->nstreams; i++) {
		int r = watch_pipe(care, &care->streams[i], poller);

		care->streams[i].sink_watched = 0;
		if (r == 0)
			r = watch_sink(care, &care->streams[i], poller);
		if (r == -ESTALE)
			return r;
		if (r < 0)
			failed = r;
	}
	carelist_wake(list, care);
	return failed;
}

static int unwatch_pipe(struct care *care, struct stream *stream, struct poller *poller)
{
	int r = 0;

	if (stream->watched)
		r = poller->kind->unwatch(poller, stream->fd, part_tag(care, 1u + stream->n));
	stream->watched = 0;
	return r == -ESTALE ? r : 0;
}

static int unwatch_sink(struct care *care, struct stream *stream, struct poller *poller)
{
	int r = 0;

	if (stream->sink_watched)
		r = poller->kind->unwatch(poller, stream->output.fd, part_tag(care, PART_SINK + stream->n));
	stream->sink_watched = 0;
	return r == -ESTALE ? r : 0;
}

int carelist_unwatch(struct care *care, struct poller *poller)
{
	int stale = 0;

	if (care->tree.watched)
		stale = poller->kind->unwatch(poller, care->tree.events, part_tag(care, PART_TREE)) == -ESTALE ? -ESTALE
													       : 0;
	care->tree.watched = 0;
	for (uint32_t i = 0; i < care->nstreams; i++)
		stale |= unwatch_pipe(care, &care->streams[i], poller) | unwatch_sink(care, &care->streams[i], poller);
	return stale;
}

void carelist_look(struct carelist *list, struct care *care)
{
	care_look(care);
	carelist_wake(list, care);
}

static void take_bytes(struct care *care, struct stream *stream, const struct poller_ready *ready)
{
	if (ready->n >= 0) {
		stream_take(stream, ready->bytes, ready->n);
		care_heard(care);
	} else if (ready->n != -ENOBUFS && ready->n != -ECANCELED) {
		stream->cannot_be_read = 1; /* not in this way */
	}
}

static int take_read(struct care *care, struct stream *stream, struct poller *poller, const struct poller_ready *ready)
{
	if (stream->fd < 0)
		return 0;
	take_bytes(care, stream, ready);
	if (stream->fd < 0) {
		stream->watched = !ready->stopped;
		return unwatch_pipe(care, stream, poller);
	}
	return ready->stopped ? watch_pipe(care, stream, poller) : 0;
}

int carelist_take(struct carelist *list, struct care *care, struct poller *poller, unsigned part,
		  const struct poller_ready *ready)
{
	unsigned n = part < PART_SINK ? part - 1 : part - PART_SINK;
	struct stream *stream = care->streams;
	int r = 0;

	if (part == PART_TREE) {
		care->tree.ready = 1;
		care->tree.watched = !ready->stopped;
		carelist_wake(list, care);
		return 0;
	}
	while (stream < care->streams + care->nstreams && stream->n != n)
		stream++;
	if (stream == care->streams + care->nstreams)
		return 0;
	carelist_wake(list, care);
	if (part >= PART_SINK) {
		stream->blocked = 0;
		stream->sink_watched = !ready->stopped;
	} else if (ready->is_read && stream->read_for_us) {
		r = take_read(care, stream, poller, ready);
	} else if (stream->fd >= 0) {
		stream->ready = 1;
		if (ready->stopped)
			r = watch_pipe(care, stream, poller);
	}
	return r;
}

void carelist_take_rest(struct care *care, unsigned part, const struct poller_ready *ready)
{
	for (uint32_t i = 0; i < care->nstreams; i++)
		if (care->streams[i].n + 1u == part && ready->n >= 0)
			stream_take(&care->streams[i], ready->bytes, ready->n);
}

void carelist_hand_back(struct care *care)
{
	care->busy = 0;
	care->heap_at = 0;
	care->tree.watched = 0;
	care_look(care);
	for (uint32_t i = 0; i < care->nstreams; i++) {
		struct stream *stream = &care->streams[i];

		stream->watched = stream->sink_watched = stream->read_for_us = 0;
	}
}

/* ---- What is due ---- */

int64_t carelist_due(const struct carelist *list)
{
	struct care *care = deadlines_first(&list->deadlines);

	return care ? care->due_ns : CARE_NEVER;
}

/* What is in the pipe must not overtake what the poller has read. */
static int stop_reading(struct care *care, struct stream *stream, struct poller *poller)
{
	struct poller_ready ready[AT_ONCE];
	int n = poller->kind->stop_reading(poller, part_tag(care, 1u + stream->n), ready, AT_ONCE);

	for (int i = 0; i < n; i++)
		take_bytes(care, stream, &ready[i]);
	if (n <= 0 || !ready[n - 1].stopped)
		return n < 0 ? n : -EAGAIN;
	stream->read_for_us = stream->watched = 0;
	return 0;
}

int carelist_settle(struct carelist *list, struct care *care, struct poller *poller)
{
	for (uint32_t i = 0; i < care->nstreams; i++) {
		int r = care->streams[i].read_for_us ? stop_reading(care, &care->streams[i], poller) : 0;

		if (r < 0)
			return r;
	}
	care_look(care);
	care_pump(care, &list->scratch);
	return 0;
}

int carelist_expire(struct carelist *list, struct care *care, struct poller *poller, int64_t now_ns, int settled)
{
	int failed = 0, r;
	int64_t due;

	if (care_expire(care, now_ns, settled)) {
		failed = carelist_unwatch(care, poller);
		care_cut_off(care);
	}
	for (uint32_t i = 0; i < care->nstreams && failed != -ESTALE; i++)
		if (!care->streams[i].watched && (r = watch_pipe(care, &care->streams[i], poller)) < 0)
			failed = r;
	due = care_due(care);
	deadlines_set(&list->deadlines, care, due > now_ns ? due : now_ns + 1); /* once with a call */
	carelist_wake(list, care);
	return failed;
}

/* ---- What is to be done, and said ---- */

/*
 * Pumps; what is over is not watched any more, and what is held back by its receiver is. A descriptor that is still
 * watched when it is closed stays open.
 */
static int serve(struct carelist *list, struct care *care, struct poller *poller, int *retr)
{
	int more = care_pump(care, &list->scratch);

	if (*retr < 0) { /* the poller is a new one, by which all will be watched anew */
		;
	} else if (care->has_tree && care->exited && !care->tree.is_empty && !care->tree.watched) {
		care->tree.watched = 1;
		*retr = poller->kind->watch(poller, care->tree.events, part_tag(care, PART_TREE), POLLER_URGENT);
		more |= *retr < 0 && *retr != -ESTALE;
		*retr = *retr == -ESTALE ? *retr : 0;
	} else if (care->tree.is_empty && care->tree.watched) {
		care->tree.watched = 0;
		*retr = poller->kind->unwatch(poller, care->tree.events, part_tag(care, PART_TREE));
		*retr = *retr == -ESTALE ? *retr : 0;
	}
	for (uint32_t i = 0; i < care->nstreams && *retr == 0; i++) {
		struct stream *stream = &care->streams[i];

		if (stream->fd < 0)
			*retr = unwatch_pipe(care, stream, poller);
		if (*retr == 0 && stream_is_over(stream))
			*retr = unwatch_sink(care, stream, poller);
		if (*retr == 0 && stream->blocked)
			*retr = watch_sink(care, stream, poller);
		if (*retr < 0 && *retr != -ESTALE) {
			more = 1;
			*retr = 0;
		}
	}
	return more;
}

uint32_t carelist_tell(struct carelist *list, struct poller *poller, struct uspawn_event *events, uint32_t n,
		       uint32_t *left, int *retr)
{
	uint32_t nevents = 0;

	while (list->busy && *left && nevents < n) {
		struct care *care = list->busy;
		int more, showed = 0, full = 0;

		dequeue(list, &list->busy);
		--*left;
		more = serve(list, care, poller, retr);
		while (!(full = nevents == n) && care_next_event(care, &events[nevents]))
			showed |= events[nevents++].type == USPAWN_EVENT_OUTPUT;
		deadlines_set(&list->deadlines, care, care_due(care));
		if (!full && !showed && care_is_over(care)) {
			events[nevents++] = (struct uspawn_event){ .child = care->child, .type = USPAWN_EVENT_END };
			return nevents;
		}
		/* What was shown stays where it is until the next call. */
		if (more || full || showed)
			carelist_wake(list, care);
	}
	return nevents;
}
