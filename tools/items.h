/* SPDX-License-Identifier: MIT */
/*
 * Items of input, one at a time: lines, or what stands between NUL bytes. Memory holds one buffer, which grows only to
 * take the longest item that can be an argument. One that cannot is cut off behind a byte too many.
 */
#ifndef ITEMS_H
#define ITEMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct items {
	int fd;
	char separator;
	bool keep_empty;
	bool at_end; /* of the input: nothing more will be read */
	char *buffer;
	size_t size, used;    /* of the buffer */
	size_t longest;       /* bytes of an item that are kept */
	size_t next, scanned; /* where the next item begins, and up to where no separator is */
	uint64_t taken;
	uint64_t total; /* how many there are in all, once known; else 0 */
};

/* fd stays the caller's. 0 or -errno. */
int items_open(struct items *items, int fd, char separator, bool keep_empty);

/*
 * 1: *ret is an item, as a string, until the next call. 0: items_read() first. -ENODATA: there are no more.
 * -EILSEQ: a line holds a NUL byte, which no argument can.
 */
int items_next(struct items *items, char **ret);

/* Reads what is there; blocks if nothing is, so poll(2) first. 0 or -errno. */
int items_read(struct items *items);

/* Whether reading ahead costs no memory: more input can be had, and half of the buffer is free. */
bool items_could_read(const struct items *items);

/* For a progress bar: looks through a regular file once to know how many there are. Does nothing for other input. */
void items_count(struct items *items);

void items_done(struct items *items);

#endif
