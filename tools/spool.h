/* SPDX-License-Identifier: MIT */
/*
 * Output that waits to be printed. Little of it is memory; the rest is in one file that has no name, so that neither
 * much output nor many who wait take memory or descriptors.
 */
#ifndef SPOOL_H
#define SPOOL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct spool {
	int fd;          /* -1: no file was needed yet */
	uint32_t blocks; /* of the file, in use or free */
	uint32_t *free, nfree, free_size;
	size_t memory; /* of all its streams */
	char *page;    /* a part of the block that was read last */
	uint32_t page_of;
	size_t page_at, page_end;
};

/* Bytes that go in at one end and out at the other: those in the file first, then those in memory. Zero is empty. */
struct stream {
	uint32_t *blocks, nblocks;
	uint64_t front, filed; /* the file's part: from front on it is still to be taken */
	char *data;
	size_t at, len, size;
	uint64_t lines; /* how many of the bytes that are there are whole lines */
};

void spool_open(struct spool *spool);
void spool_close(struct spool *spool);

/* Where the file is: a directory. */
const char *spool_folder(void);

uint64_t stream_length(const struct stream *s);

/* 0, or -errno of the file, or -ENOMEM. */
int stream_append(struct spool *spool, struct stream *s, const char *bytes, size_t n);

/* Bytes at the front, at least one if there are any; not always all. *ret is good until the next call. Or -errno. */
ssize_t stream_look(struct spool *spool, const struct stream *s, const char **ret);

/* They were taken: no more than the last look has shown. */
void stream_skip(struct spool *spool, struct stream *s, size_t n);

/* Nothing will be appended any more: keeps no more memory than it needs, and none if others need it. 0 or -errno. */
int stream_settle(struct spool *spool, struct stream *s);

void stream_drop(struct spool *spool, struct stream *s);

#endif
