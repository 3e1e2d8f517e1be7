/* SPDX-License-Identifier: MIT */
/* Text that is added to as snprintf(3) does: what does not fit is counted all the same. */
#ifndef USPAWN_TEXT_H
#define USPAWN_TEXT_H

#include <stddef.h>

struct text {
	char *buf;
	size_t size;
	size_t length; /* of the whole, without the NUL */
};

void text_add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A comma, but not before the first of a list that began at `begin`. */
void text_comma(struct text *t, size_t begin);

#endif
