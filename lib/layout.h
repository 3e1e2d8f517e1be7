/* SPDX-License-Identifier: MIT */
/* Where a plan keeps what it copies from a request: pointers first, bytes behind them, in its one allocation. */
#ifndef USPAWN_LAYOUT_H
#define USPAWN_LAYOUT_H

#include <stdint.h>
#include <string.h>

#define LAYOUT_ALIGN 8

struct layout {
	char **pointers;
	char *bytes;
	int borrow; /* used in place: the plan does not outlive the call */
};

/* What layout_keep() and layout_claim() take of the bytes at most. */
static inline size_t layout_size(size_t size)
{
	return size ? size + LAYOUT_ALIGN - 1 : 0;
}

/* Aligned for any integer. */
static inline void *layout_claim(struct layout *at, size_t size)
{
	char *ret = (char *)(((uintptr_t)at->bytes + LAYOUT_ALIGN - 1) & ~(uintptr_t)(LAYOUT_ALIGN - 1));

	at->bytes = ret + size;
	return ret;
}

/* NULL stays NULL. */
static inline const void *layout_keep(struct layout *at, const void *data, size_t size)
{
	return data && !at->borrow ? memcpy(layout_claim(at, size), data, size) : data;
}

static inline char *layout_keep_string(struct layout *at, const char *string)
{
	size_t size;
	char *ret = at->bytes;

	if (!string || at->borrow)
		return (char *)string;
	size = strlen(string) + 1;
	at->bytes += size;
	return memcpy(ret, string, size);
}

#endif
