/* SPDX-License-Identifier: MIT */
/*
 * The reader never waits for more than it needs: it hands out what it has, says when it must read, and leaves waiting
 * to the caller, who has children to look after meanwhile.
 */
#include "items.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST_SIZE = 128 * 1024 };

int items_open(struct items *items, int fd, char separator, bool keep_empty)
{
	*items = (struct items){
		.fd = fd,
		.separator = separator,
		.keep_empty = keep_empty,
		.size = FIRST_SIZE,
		.longest = 32 * (size_t)sysconf(_SC_PAGESIZE), /* MAX_ARG_STRLEN, which counts the final NUL */
	};
	items->buffer = malloc(items->size);
	return items->buffer ? 0 : -ENOMEM;
}

/* How many items are in a stretch of input. *begun: the last one has no separator yet. */
static uint64_t count(const struct items *items, const char *text, size_t len, bool *begun)
{
	const char *end = text + len, *stop;
	uint64_t n = 0;

	while (text < end) {
		stop = memchr(text, items->separator, (size_t)(end - text));
		if (!stop) {
			*begun = true;
			break;
		}
		n += items->keep_empty || *begun || stop != text;
		*begun = false;
		text = stop + 1;
	}
	return n;
}

int items_read(struct items *items)
{
	bool begun = false;
	char *grown;
	ssize_t n;

	if (items->next) { /* make room in front first */
		memmove(items->buffer, items->buffer + items->next, items->used - items->next);
		items->used -= items->next;
		items->scanned -= items->next;
		items->next = 0;
	}
	if (items->used + 1 >= items->size) {
		grown = realloc(items->buffer, items->size * 2);
		if (!grown)
			return -ENOMEM;
		items->buffer = grown;
		items->size *= 2;
	}
	n = read(items->fd, items->buffer + items->used, items->size - items->used - 1);
	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -errno;
	items->used += (size_t)n;
	items->at_end = n == 0;
	if (items->at_end && !items->total) {
		items->total = items->taken + count(items, items->buffer, items->used, &begun);
		items->total += begun;
	}
	return 0;
}

/* Of one that is longer than any argument no more is kept: it may have no end at all. */
static int no_end_yet(struct items *items)
{
	if (items->separator && memchr(items->buffer + items->scanned, 0, items->used - items->scanned))
		return -EILSEQ;
	if (items->used - items->next > items->longest)
		items->used = items->next + items->longest;
	items->scanned = items->used;
	return 0;
}

int items_next(struct items *items, char **ret)
{
	char *item, *end;
	size_t len;

	for (;;) {
		item = items->buffer + items->next;
		end = memchr(items->buffer + items->scanned, items->separator, items->used - items->scanned);
		if (!end && !items->at_end)
			return no_end_yet(items);
		if (!end && items->next == items->used)
			return -ENODATA;
		if (!end)
			end = items->buffer + items->used; /* the last one; there is always a byte left for its end */
		len = (size_t)(end - item);
		*end = 0;
		items->next += len + (items->next + len < items->used);
		items->scanned = items->next;
		if (len || items->keep_empty)
			break;
	}
	if (items->separator && memchr(item, 0, len))
		return -EILSEQ;
	if (len > items->longest)
		item[items->longest] = 0;
	items->taken++;
	*ret = item;
	return 1;
}

bool items_could_read(const struct items *items)
{
	return !items->at_end && items->used - items->next < items->size / 2;
}

void items_count(struct items *items)
{
	off_t at = lseek(items->fd, 0, SEEK_CUR);
	uint64_t total = 0;
	bool begun = false;
	struct stat st;
	ssize_t n;

	if (at < 0 || fstat(items->fd, &st) || !S_ISREG(st.st_mode))
		return;
	while ((n = pread(items->fd, items->buffer, items->size, at)) > 0) {
		total += count(items, items->buffer, (size_t)n, &begun);
		at += n;
	}
	items->total = total + begun;
}

void items_done(struct items *items)
{
	free(items->buffer);
	*items = (struct items){ .fd = -1 };
}
