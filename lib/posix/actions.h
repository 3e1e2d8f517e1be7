/* SPDX-License-Identifier: MIT */
/*
 * posix_spawn_file_actions_t. Libc's part of an object is kept by libc itself, and our list beside it in the room that
 * libc leaves free: so whoever gets the object from us, libc or another library, reads it rightly, and an object that
 * libc alone has made or changed shows by what it was when we saw it last.
 */
#ifndef POSIX_ACTIONS_H
#define POSIX_ACTIONS_H

#include <spawn.h>
#include <uspawn.h>

enum actions_kind {
	ACTIONS_OURS,  /* the list says it all */
	ACTIONS_LIBCS, /* only libc knows what is in it */
};

enum actions_kind actions_read(const posix_spawn_file_actions_t *object, const struct uspawn_action **ret,
			       uint32_t *retn);

/* Holds something that this libc has no function for. */
int actions_beyond_libc(const posix_spawn_file_actions_t *object);

#endif
