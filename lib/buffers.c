/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "buffers.h"
#include "sys.h"

#define RING_SIZE (BUFFERS_N * sizeof(struct io_uring_buf))

static void add(struct buffers *buffers, unsigned id, int at)
{
	io_uring_buf_ring_add(buffers->ring, buffers->memory + id * BUFFERS_SIZE, BUFFERS_SIZE, (unsigned short)id,
			      io_uring_buf_ring_mask(BUFFERS_N), at);
}

static int is_shown(const struct buffers *buffers, unsigned id)
{
	for (unsigned i = 0; i < buffers->nout; i++)
		if (buffers->out[i] == id)
			return 1;
	return 0;
}

static int allocate(struct buffers *buffers)
{
	void *map;
	int r = sys_mmap(RING_SIZE + BUFFERS_N * BUFFERS_SIZE, MAP_PRIVATE, -1, &map);

	if (r < 0)
		return r;
	/* In a forked copy of the process they would be written by the original's io_uring. */
	sys_madvise(map, RING_SIZE + BUFFERS_N * BUFFERS_SIZE, MADV_DONTFORK);
	buffers->ring = map;
	buffers->memory = (char *)map + RING_SIZE;
	return 0;
}

int buffers_register(struct buffers *buffers, struct io_uring *ring)
{
	struct io_uring_buf_reg reg = { .ring_entries = BUFFERS_N };
	int n = 0;

	if (buffers->registered)
		return 0;
	if (!buffers->ring && allocate(buffers) < 0)
		return -EOPNOTSUPP;
	reg.ring_addr = (uintptr_t)buffers->ring;
	io_uring_buf_ring_init(buffers->ring);
	if (SYS_KEEP_ERRNO(io_uring_register_buf_ring(ring, &reg, 0)) < 0)
		return -EOPNOTSUPP;
	for (unsigned id = 0; id < BUFFERS_N; id++)
		if (!is_shown(buffers, id))
			add(buffers, id, n++);
	io_uring_buf_ring_advance(buffers->ring, n);
	buffers->registered = 1;
	return 0;
}

void buffers_forget(struct buffers *buffers)
{
	buffers->registered = 0;
}

const char *buffers_show(struct buffers *buffers, unsigned id)
{
	buffers->out[buffers->nout++] = (uint16_t)id;
	return buffers->memory + id * BUFFERS_SIZE;
}

void buffers_return(struct buffers *buffers)
{
	if (!buffers->nout)
		return;
	for (unsigned i = 0; buffers->registered && i < buffers->nout; i++)
		add(buffers, buffers->out[i], (int)i);
	if (buffers->registered)
		io_uring_buf_ring_advance(buffers->ring, (int)buffers->nout);
	buffers->nout = 0;
}

void buffers_free(struct buffers *buffers)
{
	if (buffers->ring)
		sys_munmap(buffers->ring, RING_SIZE + BUFFERS_N * BUFFERS_SIZE);
}
