/* SPDX-License-Identifier: MIT */
/*
 * What an asynchronous start leaves behind until its child has left the shared memory: stack, report, program, and the
 * descriptors and the plan it reads. The kernel clears a word of the slot then (CLONE_CHILD_CLEARTID): settled.
 *
 * A slot's memory is our own mapping, so that nobody unmaps it, with a guard page, and wiped in a forked copy of the
 * process, where no child runs on it. Slots are never unmapped, only used again: uspawn_settle() looks at all of them
 * from any thread without a lock.
 */
#ifndef USPAWN_SLOT_H
#define USPAWN_SLOT_H

#include "child.h"
#include "fds.h"

struct slot_memory {
	volatile uint32_t settled; /* 0: yes */
	struct child_report report;
	struct child_start start;
	char room[] __attribute__((aligned(16)));
};

struct slot_pool;

/* Who brings the report home has the slot to itself meanwhile, be it the ring's thread or the one that took the status.
 */
enum slot_child {
	SLOT_FORGOTTEN, /* nobody waits for what it reports */
	SLOT_CLAIMED,
	SLOT_LEFT, /* what it held is let go, too */
};

struct slot {
	struct slot *next;      /* in a pool's list */
	struct slot_pool *pool; /* where it is busy */
	struct slot *next_all;  /* every slot of the process */
	_Atomic uint32_t taken;
	int pid;
	struct slot_memory *memory; /* NULL: could not be had */
	void *stack;
	size_t stack_size, room_size;
	void *more_room;          /* malloc'd, where the program is longer than the slot */
	_Atomic(uintptr_t) child; /* a struct uspawn_child, or enum slot_child */
	uint32_t is_holding;      /* descriptors that others may wait to see closed */
	struct uspawn_plan *plan;
	struct fds fds;
};

/* The slots of one ring: one thread at a time. */
struct slot_pool {
	int apart; /* who waits for its children need not be that thread */
	struct slot *idle;
	struct slot *busy, **busy_end; /* a queue */
	uint32_t nbusy, nholding;      /* the busy ones; those that are holding */
};

void slot_pool_init(struct slot_pool *pool, int apart);

/* An idle slot, with room for `room` bytes. NULL: none can be had. */
struct slot *slot_take(struct slot_pool *pool, size_t room);
void *slot_room(const struct slot *slot);

/* Never started: back to the idle ones. */
void slot_untake(struct slot_pool *pool, struct slot *slot);

/* Started: from now on the pool looks after it. */
void slot_started(struct slot_pool *pool, struct slot *slot);

/* Takes back what children have left, looking at a few, in turn, or at all. */
void slot_harvest(struct slot_pool *pool, int all);

/* The child has ended, so it has left its slot, whatever the word says: brings its report home. */
void slot_settle(struct slot *slot);

/* The same from a thread that need not be the pool's: the slot itself stays busy until that one looks. */
void slot_vacate(struct uspawn_child *child);

/* Has it said that it cannot run the program? It has ended then, or does so now. From any thread. */
int slot_has_failed(const struct uspawn_child *child);

/* Nobody waits for the child any more. From any thread. */
void slot_forget(struct uspawn_child *child);

/* Waits for all and gives the slots back to the process. `forked`: in a copy of the process, which only lets go. */
void slot_pool_done(struct slot_pool *pool, int forked);

/* Every slot of the process; timeout as uspawn_settle(). */
int slot_settle_all(int64_t timeout_ns);

#endif
