/* SPDX-License-Identifier: MIT */
/* A flood is read a part at a time, so that it delays nobody else; what cannot be handed on is not read. */
#include <errno.h>
#include <stdlib.h>

#include "pipe.h"
#include "stream.h"
#include "sys.h"

#define SCRATCH_SIZE 65536
#define ROUNDS       4

int scratch_get(struct scratch *scratch)
{
	int saved = errno;

	if (!scratch->bytes) {
		scratch->bytes = malloc(SCRATCH_SIZE);
		scratch->size = scratch->bytes ? SCRATCH_SIZE : 0;
		errno = saved;
	}
	return scratch->bytes ? 0 : -ENOMEM;
}

void stream_open(struct stream *stream, int fd)
{
	stream->fd = fd;
	sys_inode(fd, &stream->inode);
}

static void close_end(struct stream *stream)
{
	sys_close_kept(stream->fd, &stream->inode);
	stream->fd = -1;
	stream->output.closed = 1;
}

static void set_error(struct stream *stream, int error)
{
	struct output *output = &stream->output;

	(output->to ? output->to : &output->own)->error = error;
}

void stream_check(struct stream *stream)
{
	if (stream->fd < 0 || !sys_is_lost(stream->fd, &stream->inode))
		return;
	stream->fd = -1;
	stream->output.closed = 1;
	if (!stream->feeds)
		set_error(stream, -EBADF);
}

/* ---- Writing ---- */

static enum stream_state feed(struct stream *stream)
{
	int rounds = 0;

	while (stream->fd >= 0 && stream->left && stream->ready) {
		if (rounds++ == ROUNDS)
			return STREAM_MORE;
		size_t n = stream->left < SIZE_MAX / 2 ? (size_t)stream->left : SIZE_MAX / 2;
		long r = pipe_write(stream->fd, stream->input, n, PIPE_OTHER);

		if (r >= 0) {
			stream->input += r;
			stream->left -= (uint64_t)r;
		} else if (r == -EAGAIN) {
			stream->ready = 0;
		} else if (r == -ENOMEM) {
			return STREAM_MORE; /* the kernel's, for a page of the pipe: nothing would say when to go on */
		} else if (r != -EINTR) {
			close_end(stream); /* nobody reads it any more, which harms nobody */
		}
	}
	if (!stream->left)
		close_end(stream);
	return stream->fd < 0 ? STREAM_OVER : STREAM_WAITS;
}

/* ---- Reading ---- */

/* One read. 0: nothing came of it, for now or for ever. */
static int read_once(struct stream *stream, struct scratch *scratch, uint64_t *retbytes)
{
	struct output *output = &stream->output;
	int direct = output_is_direct(output);
	char *room;
	size_t size;
	long n;

	if (direct) {
		room = scratch->bytes;
		size = scratch->size;
	} else if (output_room(output, &room, &size) < 0) {
		close_end(stream);
		return 0;
	}
	if (!size)
		return 0;
	n = sys_read(stream->fd, room, size);
	if (n == -EINTR)
		return 1;
	if (n == -EAGAIN) {
		stream->ready = 0;
		return 0;
	}
	if (n <= 0) {
		if (n < 0)
			set_error(stream, (int)n);
		close_end(stream);
		return 0;
	}
	*retbytes += (uint64_t)n;
	stream->left -= (uint64_t)n < stream->left ? (uint64_t)n : stream->left;
	if (!direct)
		output_filled(output, (size_t)n);
	else if (output_take(output, room, (size_t)n))
		close_end(stream);
	return 1;
}

static void hand_on(struct stream *stream)
{
	int r = stream->blocked ? -EAGAIN : output_hand_on(&stream->output);

	stream->blocked = r == -EAGAIN;
	if (r < 0 && r != -EAGAIN) {
		stream->output.at = stream->output.nheld;
		close_end(stream);
	}
}

enum stream_state stream_pump(struct stream *stream, struct scratch *scratch, uint64_t *retbytes)
{
	int rounds = 0;

	if (!stream->read_for_us) /* that goes on without the number */
		stream_check(stream);
	if (stream->feeds)
		return feed(stream);
	/* It stops without a byte to read, or without room: because of what the descriptor or the events hold back. */
	do {
		hand_on(stream);
		if (rounds++ == ROUNDS)
			return STREAM_MORE;
	} while (stream->fd >= 0 && stream->ready && !stream->read_for_us && read_once(stream, scratch, retbytes));
	hand_on(stream);
	return stream_is_over(stream) ? STREAM_OVER : STREAM_WAITS;
}

void stream_take(struct stream *stream, const char *bytes, int n)
{
	if (stream->fd < 0)
		return;
	if (n <= 0) {
		if (n < 0)
			set_error(stream, n);
		close_end(stream);
	} else if (output_take(&stream->output, bytes, (size_t)n)) {
		close_end(stream);
	}
}

int stream_is_over(const struct stream *stream)
{
	return stream->fd < 0 && (stream->feeds || !output_is_held(&stream->output));
}

int stream_is_dry(struct stream *stream)
{
	int held = 0;

	if (stream->fd < 0 || stream->feeds || stream->blocked || !stream->ready)
		return 1;
	if (!stream->last) {
		sys_ioctl(stream->fd, FIONREAD, &held);
		stream->last = 1;
		stream->left = (uint64_t)held + 1; /* and the end, if it has come */
	}
	return !stream->left;
}

void stream_cut_off(struct stream *stream)
{
	struct output *output = &stream->output;

	if (stream_is_over(stream))
		return;
	if (output->to && (stream->fd >= 0 || stream->blocked)) /* else it only waits to be told */
		output->to->cut_off = 1;
	close_end(stream);
	if (stream->feeds)
		return;
	hand_on(stream);
	if (stream->blocked)
		output->at = output->nheld;
}

void stream_close(struct stream *stream)
{
	close_end(stream);
	if (!stream->feeds)
		output_close(&stream->output);
}
