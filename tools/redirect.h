/* SPDX-License-Identifier: MIT */
/*
 * Where the child's descriptors come from, as the options --stdin, --stdout, --stderr and --fd say it.
 */
#ifndef REDIRECT_H
#define REDIRECT_H

#include <stdbool.h>

#include <uspawn.h>

struct redirects {
	struct uspawn_fd *fds;
	const char **said; /* the option of each, for the line that says it failed */
	uint32_t n;
};

#define REDIRECT_FORM    "a file, null, close, fd:N, or read:, write:, append: or rw: before a file"
#define REDIRECT_FD_FORM "TARGET=SOURCE, where SOURCE is N, null, close, or read:, write:, append: or rw: before a file"

/* A file without a word before it is read as descriptor 0 and written as 1 and 2. 0, -EINVAL or -ENOMEM. */
int redirect_add(struct redirects *r, const char *option, int target, const char *source);

/* The same from "TARGET=SOURCE". A file needs its word, since a number does not say what it is for. */
int redirect_add_mapping(struct redirects *r, const char *mapping);

/* Is there an entry for this descriptor of the child's? */
bool redirects_name(const struct redirects *r, int target);

/* Was this one closed when uspawn was started, but is now ours? main() holds the places of 0, 1 and 2. */
bool redirect_was_closed(int fd);

/* One that was not written as text. 0 or -ENOMEM. */
int redirect_append(struct redirects *r, const char *option, const struct uspawn_fd *fd);

void redirects_done(struct redirects *r);

#endif
