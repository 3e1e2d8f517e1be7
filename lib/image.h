/* SPDX-License-Identifier: MIT */
/* The relay (relay.c) as something to exec: a sealed file in memory, or where that may not be executed an installed
 * one. */
#ifndef USPAWN_IMAGE_H
#define USPAWN_IMAGE_H

enum image_kind { IMAGE_MEMORY, IMAGE_FILE, IMAGE_NONE };

/* The library's descriptor of it, close-on-exec, and not to be closed; which kind it is in *retkind. -ENOSYS: none. */
int image_get(enum image_kind *retkind);

/* Would the next try meet it again? */
int image_is_refusal(int error);

/* That kind may not be executed here: from now on it is the next one. */
void image_refused(enum image_kind kind);

#endif
