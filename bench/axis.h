/* SPDX-License-Identifier: MIT */
/* What a setting is made of: each is an option, and can be swept. */
#ifndef BENCH_AXIS_H
#define BENCH_AXIS_H

#include "bench.h"

struct axis {
	const char *name, *about;
	size_t member; /* of struct setting */
	uint32_t least, most;
	const char *const *words; /* NULL: its values are numbers; else `most` is the last word */
	uint32_t measures;        /* bit n: it has a meaning for enum measure n */
};

extern const struct axis axes[];
extern const size_t naxes;

const struct axis *axis_named(const char *name, size_t length);
uint32_t axis_get(const struct axis *axis, const struct setting *setting);
void axis_set(const struct axis *axis, struct setting *setting, uint32_t value);

/* 0, or -EINVAL and one line that says what is wrong with text (length bytes of it). */
int axis_parse(const struct axis *axis, enum measure measure, const char *text, size_t length, uint32_t *ret, char *why,
	       size_t size);

/* A value as people write it. */
const char *axis_label(const struct axis *axis, uint32_t value, char *buffer, size_t size);

#endif
