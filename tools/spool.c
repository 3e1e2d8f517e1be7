/* SPDX-License-Identifier: MIT */
/*
 * The file is cut into blocks, which a stream gets one by one and gives back as they are taken. A block that was given
 * back is punched out of the file, so that what was printed already need never reach a disk.
 */
#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	BLOCK = 64 * 1024,
	KEPT = 64 * 1024,       /* a stream has at most so much in memory, */
	KEPT_LITTLE = 4 * 1024, /* or this, where all together have more than */
	ALL_KEPT = 16 * 1024 * 1024,
	SMALLEST = 256,
};

void spool_open(struct spool *spool)
{
	*spool = (struct spool){ .fd = -1 };
}

void spool_close(struct spool *spool)
{
	if (spool->fd >= 0)
		close(spool->fd);
	free(spool->free);
	free(spool->page);
	spool_open(spool);
}

const char *spool_folder(void)
{
	const char *folder = getenv("TMPDIR");

	return folder && *folder ? folder : P_tmpdir;
}

/* Where a file system has no nameless files, it has the name for a moment. */
static int open_named(void)
{
	char name[4096];
	int fd;

	if (snprintf(name, sizeof(name), "%s/uspawn-XXXXXX", spool_folder()) >= (int)sizeof(name))
		return -ENAMETOOLONG;
	fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	unlink(name);
	return fd;
}

static int open_file(struct spool *spool)
{
	if (spool->fd >= 0)
		return 0;
	spool->fd = open(spool_folder(), O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
	if (spool->fd < 0)
		spool->fd = open_named();
	return spool->fd < 0 ? spool->fd : 0;
}

/* ---- Blocks ---- */

static int new_block(struct spool *spool, struct stream *s)
{
	uint32_t *blocks = s->blocks;

	if (!(s->nblocks & (s->nblocks - 1))) /* a power of two: it is full */
		blocks = realloc(blocks, (s->nblocks ? s->nblocks * 2 : 1) * sizeof(*blocks));
	if (!blocks)
		return -ENOMEM;
	s->blocks = blocks;
	blocks[s->nblocks++] = spool->nfree ? spool->free[--spool->nfree] : spool->blocks++;
	return 0;
}

static void free_block(struct spool *spool, uint32_t block)
{
	uint32_t *grown;

	if (spool->page_of == block)
		spool->page_end = 0;
	fallocate(spool->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)block * BLOCK, BLOCK);
	if (spool->nfree == spool->free_size) {
		grown = realloc(spool->free, (spool->free_size * 2 + 16) * sizeof(*grown));
		if (!grown)
			return; /* it stays a hole */
		spool->free = grown;
		spool->free_size = spool->free_size * 2 + 16;
	}
	spool->free[spool->nfree++] = block;
}

static off_t place_of(const struct stream *s, uint64_t at)
{
	return (off_t)s->blocks[at / BLOCK] * BLOCK + (off_t)(at % BLOCK);
}

static int file_bytes(struct spool *spool, struct stream *s, const char *bytes, size_t n)
{
	int r = open_file(spool);
	ssize_t written;
	size_t part;

	while (n && !r) {
		if (s->filed == (uint64_t)s->nblocks * BLOCK && (r = new_block(spool, s)))
			break;
		part = BLOCK - s->filed % BLOCK;
		written = pwrite(spool->fd, bytes, part < n ? part : n, place_of(s, s->filed));
		if (written < 0 && errno != EINTR)
			r = -errno;
		if (written <= 0)
			continue;
		s->filed += (size_t)written;
		bytes += written;
		n -= (size_t)written;
	}
	return r;
}

/* All that is in the file was taken, or is not wanted. */
static void drop_file(struct spool *spool, struct stream *s)
{
	for (uint64_t i = s->front / BLOCK; i < s->nblocks; i++)
		free_block(spool, s->blocks[i]);
	free(s->blocks);
	s->blocks = NULL;
	s->nblocks = 0;
	s->front = s->filed = 0;
}

/* ---- Memory ---- */

static void drop_memory(struct spool *spool, struct stream *s)
{
	free(s->data);
	spool->memory -= s->size;
	s->data = NULL;
	s->at = s->len = s->size = 0;
}

static int resize(struct spool *spool, struct stream *s, size_t size)
{
	char *data = realloc(s->data, size);

	if (!data)
		return -ENOMEM;
	spool->memory += size;
	spool->memory -= s->size;
	s->data = data;
	s->size = size;
	return 0;
}

static int keep(struct spool *spool, struct stream *s, const char *bytes, size_t n)
{
	size_t size = s->size ? s->size : SMALLEST;
	int r;

	if (s->at && s->len + n > s->size) {
		memmove(s->data, s->data + s->at, s->len - s->at);
		s->len -= s->at;
		s->at = 0;
	}
	while (size < s->len + n)
		size *= 2;
	r = size > s->size ? resize(spool, s, size) : 0;
	if (r)
		return r;
	memcpy(s->data + s->len, bytes, n);
	s->len += n;
	return 0;
}

/* ---- Both ---- */

uint64_t stream_length(const struct stream *s)
{
	return s->filed - s->front + s->len - s->at;
}

static int put(struct spool *spool, struct stream *s, const char *bytes, size_t n)
{
	size_t most = spool->memory > ALL_KEPT ? KEPT_LITTLE : KEPT;
	int r;

	if (s->len - s->at + n <= most)
		return keep(spool, s, bytes, n);
	r = file_bytes(spool, s, s->data + s->at, s->len - s->at);
	if (r)
		return r;
	s->at = s->len = 0;
	return n > most / 2 ? file_bytes(spool, s, bytes, n) : keep(spool, s, bytes, n);
}

int stream_append(struct spool *spool, struct stream *s, const char *bytes, size_t n)
{
	const char *newline = memrchr(bytes, '\n', n);
	uint64_t before = stream_length(s);
	int r = put(spool, s, bytes, n);

	if (!r && newline)
		s->lines = before + (uint64_t)(newline + 1 - bytes);
	return r;
}

/* A block is read once, however little of it is taken at a time. */
static ssize_t look_in_file(struct spool *spool, const struct stream *s, const char **ret)
{
	uint32_t block = s->blocks[s->front / BLOCK];
	size_t at = s->front % BLOCK, end = BLOCK;
	ssize_t r;

	if (s->filed - s->front < end - at)
		end = at + (size_t)(s->filed - s->front);
	if (!spool->page)
		spool->page = malloc(BLOCK);
	if (!spool->page)
		return -ENOMEM;
	if (spool->page_of != block || at < spool->page_at || at >= spool->page_end) {
		do
			r = pread(spool->fd, spool->page + at, end - at, (off_t)block * BLOCK + (off_t)at);
		while (r < 0 && errno == EINTR);
		if (r <= 0)
			return r < 0 ? -errno : -EIO;
		spool->page_of = block;
		spool->page_at = at;
		spool->page_end = at + (size_t)r;
	}
	*ret = spool->page + at;
	return (ssize_t)((spool->page_end < end ? spool->page_end : end) - at);
}

ssize_t stream_look(struct spool *spool, const struct stream *s, const char **ret)
{
	if (s->filed)
		return look_in_file(spool, s, ret);
	*ret = s->data + s->at;
	return (ssize_t)(s->len - s->at);
}

void stream_skip(struct spool *spool, struct stream *s, size_t n)
{
	s->lines -= s->lines < n ? s->lines : n;
	if (!s->filed) {
		s->at += n;
		return;
	}
	s->front += n;
	if (!(s->front % BLOCK))
		free_block(spool, s->blocks[s->front / BLOCK - 1]);
	if (s->front == s->filed)
		drop_file(spool, s);
}

int stream_settle(struct spool *spool, struct stream *s)
{
	size_t n = s->len - s->at;
	int r = 0;

	if (n && spool->memory > ALL_KEPT)
		r = file_bytes(spool, s, s->data + s->at, n);
	else if (n && n < s->size / 2)
		return s->at ? 0 : resize(spool, s, n);
	else if (n)
		return 0;
	if (!r)
		drop_memory(spool, s);
	return r;
}

void stream_drop(struct spool *spool, struct stream *s)
{
	drop_file(spool, s);
	drop_memory(spool, s);
	s->lines = 0;
}
