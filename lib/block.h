/* SPDX-License-Identifier: MIT */
/*
 * What a relay is told, in memory that its parent and it have both mapped: the report, and behind it instructions,
 * arguments and environment. The parent writes pointers as the relay will see them.
 */
#ifndef USPAWN_BLOCK_H
#define USPAWN_BLOCK_H

#include <stddef.h>

#include "child.h"
#include "plan.h"

/* In the relay. It is linked to a low address, and the kernel puts nothing between that and the upper end. */
#define BLOCK_AT 0x1000000000ul

/* The exit code of a relay that can never say when it has exec'd. */
#define BLOCK_NO_LOCK 126

/* So that nothing else is taken for one: whoever can name the relay can run it. */
#define BLOCK_MAGIC \
	(0x75737077ull << 32 | (uint64_t)sizeof(struct block_head) << 16 | (uint64_t)sizeof(struct child_instr))

struct block_head {
	uint64_t magic, size;
	struct child_report report;
	struct child_start start;
};

struct block {
	int fd;
	size_t size;
	struct block_head *head; /* as the parent has it mapped */
};

/* An empty one: close-on-exec, above stdio and on no target. */
int block_open(struct block *ret, const struct uspawn_plan *plan);

/* Copies what is left of the program from `first` up to `end`, and whatever it needs of `start`. */
int block_fill(struct block *block, const struct child_start *start, const struct child_instr *first,
	       const struct child_instr *end);

/*
 * When the first stage has left the shared memory: waits until the relay has exec'd, failed or ended. -ENOEXEC: it
 * could not begin; -ENOSYS: it never can.
 */
int block_wait(struct block *block, int pid);

void block_close(struct block *block);

#endif
