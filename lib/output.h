/* SPDX-License-Identifier: MIT */
/*
 * What becomes of the bytes that were read from one child: how they are counted, capped and cut to lines. Those that
 * go to memory or straight to a callback are taken as they come. Others are held until whoever gets them has room: the
 * reader stops meanwhile, and with it the child.
 */
#ifndef USPAWN_OUTPUT_H
#define USPAWN_OUTPUT_H

#include <uspawn.h>

#include "sys.h"

struct output {
	struct uspawn_output *to; /* the caller's; or `own`, where it has none */
	struct uspawn_output own;
	uint64_t head, tail; /* as they can be had */
	uint64_t size;       /* of what memory was grown to */
	uint64_t handed;     /* bytes, to a callback, a descriptor or events */
	uint64_t nowhere;    /* of these, what there was nobody to give to */
	char *held;
	uint32_t held_size, nheld, at; /* held[at .. nheld) is not handed on yet */
	uint32_t searched;             /* before it no newline is held */
	int fd;                        /* a dup of the caller's, or -1 */
	struct sys_inode inode;        /* of its file */
	uint8_t kind;                  /* enum pipe_kind */
	uint8_t grows, events, lines;
	uint8_t closed; /* nothing more comes */
};

/*
 * fd counts as to->fd: that or a copy of it. `events`: what nobody else wants goes to events. -EINVAL, -EBADF, -EMFILE:
 * nothing is left behind.
 */
int output_open(struct output *ret, struct uspawn_output *to, int fd, int events);

/* A dup, and its enum pipe_kind. -EINVAL: a write to it might block; -EBADF, -EMFILE. */
int output_copy_descriptor(int fd, uint8_t *retkind);

/* Is everything taken as it comes? */
int output_is_direct(const struct output *o);

/* Takes all of it. Not 0: no more is wanted. */
int output_take(struct output *o, const char *bytes, size_t n);

/* Room for more that is to be held; *retn 0: none now. -ENOMEM. */
int output_room(struct output *o, char **ret, size_t *retn);

/* So much of the room was filled. */
void output_filled(struct output *o, size_t n);

/* Hands on what is held: 0: as far as it goes. -EAGAIN: the descriptor has no room. Other: no more is wanted. */
int output_hand_on(struct output *o);

/* The next piece for an event, or 0: there is none yet. */
size_t output_piece(struct output *o, const char **ret);

/* Is there something that only waits to be handed on? */
int output_is_held(const struct output *o);

/* No more comes: what is in memory is put in order, what was held and not handed on is counted as dropped. */
void output_close(struct output *o);

#endif
