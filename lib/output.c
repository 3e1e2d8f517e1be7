/* SPDX-License-Identifier: MIT */
/*
 * Memory is head, then tail: as long as all fits it is filled from the front; then the tail's part is written in turns,
 * and put in order once at the end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "pipe.h"
#include "sys.h"

#define HELD_SIZE    65536
#define LINE_DEFAULT 8192
#define LINE_MAX     (1u << 30)
#define GROW_MIN     4096

/* ---- Opening ---- */

/* A write to it must not block the ring, nor must a switch to non-blocking reach those who share it. */
int output_copy_descriptor(int fd, uint8_t *retkind)
{
	int kind = pipe_kind(fd);

	if (kind < 0)
		return kind;
	if (kind == PIPE_BLOCKS)
		return -EINVAL;
	*retkind = (uint8_t)kind;
	return sys_dup_from(fd, 3);
}

int output_open(struct output *ret, struct uspawn_output *to, int fd, int events)
{
	const uint32_t known = USPAWN_OUTPUT_FD | USPAWN_OUTPUT_LINES;

	*ret = (struct output){ .to = to, .fd = -1, .events = (uint8_t)events };
	if (!to) {
		ret->lines = 0;
		return 0;
	}
	if (to->flags & ~known || (to->fd && !(to->flags & USPAWN_OUTPUT_FD)) ||
	    (to->flags & USPAWN_OUTPUT_FD && (to->callback || to->flags & USPAWN_OUTPUT_LINES)) ||
	    (to->callback_data && !to->callback) || to->line > LINE_MAX || to->reserved[0] || to->reserved[1] ||
	    (to->data && to->head + to->tail < to->head))
		return -EINVAL;
	ret->head = to->head;
	ret->tail = to->head + to->tail < to->head ? UINT64_MAX - to->head : to->tail;
	ret->grows = !to->data;
	ret->events = events && !to->callback && !(to->flags & USPAWN_OUTPUT_FD) && !(to->head | to->tail);
	ret->lines = (to->flags & USPAWN_OUTPUT_LINES) != 0;
	to->len = to->total = to->dropped = 0;
	to->error = 0;
	to->cut_off = 0;
	if (!(to->flags & USPAWN_OUTPUT_FD))
		return 0;
	fd = output_copy_descriptor(fd, &ret->kind);
	if (fd < 0)
		return fd;
	ret->fd = fd;
	sys_inode(fd, &ret->inode);
	return 0;
}

/* Its own memory moves with it, so this is asked for each time. */
static struct uspawn_output *to(struct output *o)
{
	return o->to ? o->to : &o->own;
}

int output_is_direct(const struct output *o)
{
	return o->fd < 0 && !o->events && !(o->lines && o->to->callback);
}

/* ---- Memory ---- */

static int has_memory(struct output *o, uint64_t wanted)
{
	uint64_t size = o->size * 2 > GROW_MIN ? o->size * 2 : GROW_MIN;
	int saved = errno;
	char *data;

	if (!o->grows || wanted <= o->size)
		return 1;
	size = size < wanted ? wanted : size;
	if (size > o->head + o->tail)
		size = o->head + o->tail;
	data = size <= SIZE_MAX / 2 ? realloc(to(o)->data, (size_t)size) : NULL;
	errno = saved;
	if (!data)
		return 0;
	to(o)->data = data;
	o->size = size;
	return 1;
}

static void keep_tail(struct output *o, const char *bytes, uint64_t n)
{
	uint64_t past = to(o)->total - o->head;
	char *tail = to(o)->data + o->head;

	if (n > o->tail) {
		past += n - o->tail;
		bytes += n - o->tail;
		n = o->tail;
	}
	while (n) {
		uint64_t at = past % o->tail, part = o->tail - at < n ? o->tail - at : n;

		memcpy(tail + at, bytes, part);
		past += part;
		bytes += part;
		n -= part;
	}
}

static void keep(struct output *o, const char *bytes, uint64_t n)
{
	uint64_t cap = o->head + o->tail, part;

	if (to(o)->total < cap && !has_memory(o, n < cap - to(o)->total ? to(o)->total + n : cap)) {
		/* What is there stays, as the head; the rest goes by. */
		o->head = to(o)->total;
		o->tail = 0;
		to(o)->error = -ENOMEM;
	}
	part = to(o)->total < o->head ? o->head - to(o)->total : 0;
	if (part > n)
		part = n;
	if (part)
		memcpy(to(o)->data + to(o)->total, bytes, part);
	to(o)->total += part;
	if (n > part && o->tail)
		keep_tail(o, bytes + part, n - part);
	to(o)->total += n - part;
}

static void reverse(char *from, char *end)
{
	while (from < --end) {
		char c = *from;

		*from++ = *end;
		*end = c;
	}
}

static void put_in_order(struct output *o)
{
	uint64_t total = to(o)->total, past = total > o->head ? total - o->head : 0;
	char *tail;

	to(o)->len = total - past + (past < o->tail ? past : o->tail);
	if (past <= o->tail || !o->tail)
		return;
	tail = to(o)->data + o->head;
	reverse(tail, tail + past % o->tail);
	reverse(tail + past % o->tail, tail + o->tail);
	reverse(tail, tail + o->tail);
}

/* ---- Handing on ---- */

/* How much of n may still go to the one who gets it. */
static size_t within_limit(struct output *o, size_t n)
{
	uint64_t limit = to(o)->limit;

	return !limit || n <= limit - o->handed ? n : (size_t)(limit - o->handed);
}

static int call_back(struct output *o, const char *bytes, size_t n)
{
	int r;

	n = within_limit(o, n);
	if (!n || !to(o)->callback)
		return 0;
	o->handed += n;
	r = to(o)->callback(to(o)->callback_data, bytes, n);
	if (r)
		to(o)->error = r;
	return r;
}

int output_take(struct output *o, const char *bytes, size_t n)
{
	keep(o, bytes, n);
	return call_back(o, bytes, n);
}

int output_room(struct output *o, char **ret, size_t *retn)
{
	int saved = errno;

	if (!o->held) {
		o->held_size = o->lines && to(o)->line > HELD_SIZE ? (uint32_t)to(o)->line : HELD_SIZE;
		o->held = malloc(o->held_size);
		errno = saved;
		if (!o->held) {
			to(o)->error = -ENOMEM;
			return -ENOMEM;
		}
	}
	if (o->at == o->nheld) {
		o->at = o->nheld = o->searched = 0;
	} else if (o->at && o->nheld == o->held_size) {
		memmove(o->held, o->held + o->at, o->nheld - o->at);
		o->nheld -= o->at;
		o->searched -= o->searched < o->at ? o->searched : o->at;
		o->at = 0;
	}
	*ret = o->held + o->nheld;
	*retn = o->held_size - o->nheld;
	return 0;
}

void output_filled(struct output *o, size_t n)
{
	keep(o, o->held + o->nheld, n);
	o->nheld += (uint32_t)n;
}

/* Of a line's n bytes that are held, those that were not searched before: a long one comes in many parts. */
static const char *find_newline(struct output *o, size_t n)
{
	uint32_t end = o->at + (uint32_t)n, from = o->searched < o->at ? o->at : o->searched;
	const char *newline = from < end ? memchr(o->held + from, '\n', end - from) : NULL;

	o->searched = newline ? (uint32_t)(newline - o->held) : from < end ? end : from;
	return newline;
}

/* How much of what is held is the next piece: a line, as much of it as may be, or anything at all. */
static size_t next_piece(struct output *o)
{
	size_t n = o->nheld - o->at, line = to(o)->line ? (size_t)to(o)->line : LINE_DEFAULT;
	const char *end;

	if (!n || !within_limit(o, n)) {
		o->at = o->nheld;
		return 0;
	}
	if (o->lines) {
		end = find_newline(o, n < line ? n : line);
		if (end)
			n = (size_t)(end + 1 - (o->held + o->at));
		else if (n >= line)
			n = line;
		else if (!o->closed)
			return 0;
	}
	return within_limit(o, n);
}

size_t output_piece(struct output *o, const char **ret)
{
	size_t n = next_piece(o);

	*ret = o->held + o->at;
	o->at += (uint32_t)n;
	o->handed += n;
	return n;
}

int output_hand_on(struct output *o)
{
	size_t n;

	if (o->fd >= 0 && output_is_held(o) && sys_is_replaced(o->fd, &o->inode)) {
		to(o)->error = -EBADF; /* the host has closed it, and what is there is another's */
		return -EBADF;
	}
	while (!o->events && (n = next_piece(o))) {
		const char *piece = o->held + o->at;
		long r = o->fd >= 0 ? pipe_write(o->fd, piece, n, (enum pipe_kind)o->kind) : 0;

		if (r == -EINTR)
			continue;
		if (r == -EAGAIN)
			return -EAGAIN;
		if (r < 0) {
			to(o)->error = (int32_t)r;
			return (int)r;
		}
		if (o->fd >= 0)
			o->handed += (uint64_t)r;
		o->at += (uint32_t)(o->fd >= 0 ? (size_t)r : n);
		if (o->fd < 0 && call_back(o, piece, n))
			return -ECANCELED;
	}
	return 0;
}

int output_is_held(const struct output *o)
{
	return o->nheld > o->at;
}

void output_close(struct output *o)
{
	uint64_t kept, covered;

	put_in_order(o);
	/* From the front what was kept or handed on, whichever is more, and the tail. */
	kept = to(o)->total < o->head ? to(o)->total : o->head;
	covered = kept > o->handed - o->nowhere ? kept : o->handed - o->nowhere;
	to(o)->dropped = to(o)->total - covered;
	to(o)->dropped -= to(o)->dropped < o->tail ? to(o)->dropped : o->tail;
	free(o->held);
	o->held = NULL;
	o->nheld = o->at = o->searched = 0;
	if (o->fd >= 0 && !sys_is_replaced(o->fd, &o->inode))
		sys_close(o->fd);
	o->fd = -1;
}
