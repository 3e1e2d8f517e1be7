/* SPDX-License-Identifier: MIT */
/* What the program is called with: argv, the environment, and argv once more for a shell. */
#ifndef USPAWN_STRINGS_H
#define USPAWN_STRINGS_H

#include "writer.h"

/* `copies`: the child may read it after the call has returned, so the arguments' strings are copied, too. */
size_t strings_size(const struct uspawn_plan *plan, const struct uspawn_args *args, int copies);

/* Last of all that is written. */
void strings_put(struct child_start *ret, struct writer *w, const struct uspawn_args *args, int copies);

#endif
