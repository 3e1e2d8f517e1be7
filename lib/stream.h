/* SPDX-License-Identifier: MIT */
/*
 * The library's end of one pipe: read into an output, or written from the caller's input. It is pumped by whoever
 * waits, a ring or a blocking call, which says when something is ready; nothing here waits.
 */
#ifndef USPAWN_STREAM_H
#define USPAWN_STREAM_H

#include "output.h"
#include "sys.h"

struct stream {
	int fd; /* -1: it is over, but for what its output holds */
	struct sys_inode inode;
	uint8_t n;           /* of its argument */
	uint8_t feeds;       /* written */
	uint8_t ready;       /* the pipe may have bytes, or room */
	uint8_t blocked;     /* the output's descriptor has no room */
	uint8_t read_for_us; /* the poller reads */
	uint8_t said;        /* that it is over */
	uint8_t last;        /* what is in the pipe by now is all that is read */
	/* of a ring's poller */
	uint8_t watched, sink_watched;
	uint8_t cannot_be_read; /* not by the poller */
	struct output output;
	const char *input;
	uint64_t left; /* of the input; or of what is read at the last */
};

/* Bytes go by here when nobody wants them. */
struct scratch {
	char *bytes;
	size_t size;
};
int scratch_get(struct scratch *scratch);

enum stream_state {
	STREAM_WAITS, /* for the pipe, for the output's descriptor, or for an event to be taken */
	STREAM_MORE,  /* there may be more, and others had to wait long enough */
	STREAM_OVER,
};

/* The library's end, from now on the stream's. */
void stream_open(struct stream *stream, int fd);

/* Before the descriptor is used: over, if the host has closed it. */
void stream_check(struct stream *stream);

/* Does what can be done now. *retbytes: how many were read, added. */
enum stream_state stream_pump(struct stream *stream, struct scratch *scratch, uint64_t *retbytes);

/* What the poller has read: n bytes, 0 at end-of-file, or -errno. */
void stream_take(struct stream *stream, const char *bytes, int n);

/* Nothing is left to do, nor to say but that. */
int stream_is_over(const struct stream *stream);

/*
 * May it be cut off? Not while there is, of what was in the pipe when this was first asked, something left that can be
 * taken: that is pumped. What others go on to write does not count.
 */
int stream_is_dry(struct stream *stream);

/* Although others hold the pipe: what is held and can be handed on is, and nothing else. */
void stream_cut_off(struct stream *stream);

void stream_close(struct stream *stream);

#endif
