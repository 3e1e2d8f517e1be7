/* SPDX-License-Identifier: MIT */
/*
 * What is behind the opaque part of a uspawn_child: who is using its pidfd, and who else knows of it.
 *
 * The gate counts the callers that are inside (waiters, killers). The one that leaves last after the end was collected
 * closes the pidfd, so that no signal ever goes to a number that was opened anew; until then nobody is told of the end,
 * since whoever is may start another child in the same place. No lock: uspawn_kill() may run in a signal handler. The
 * phase has one collector at a time, since an exit status can be taken only once.
 */
#ifndef USPAWN_HANDLE_H
#define USPAWN_HANDLE_H

#include <stdatomic.h>
#include <string.h>
#include <uspawn.h>

#include "sys.h"

struct care;
struct queued;
struct slot;
struct watchlist;

/* With PHASE_COLLECTING, above it, the process whose thread collects: a fork takes the word along, not the thread. */
enum handle_phase { PHASE_UNSET, PHASE_RUNNING, PHASE_COLLECTING, PHASE_ENDED };

#define PHASE_BITS 2

enum handle_flags {
	HANDLE_BORROWED = 1 << 0, /* the pidfd is the caller's */
	HANDLE_LEADS = 1 << 1,    /* a group of its own was asked for */
	HANDLE_FAILED = 1 << 2,   /* child->failure says why the program never ran */
	HANDLE_WATCHED = 1 << 3,  /* its end comes as an event of the ring */
	HANDLE_CARED = 1 << 4,    /* the pidfd stays open until the END: its group can be met after the exit */
	HANDLE_DETACHED = 1 << 5, /* others reap it: its number may be a stranger's by now */
	HANDLE_APART = 1 << 6,    /* its slot is of a ring that another thread may be using */
	HANDLE_READABLE = 1 << 7, /* by a ring: its pidfd was, so it has ended, for good */
};

#define GATE_CLOSING 0x20000000u /* by the last one out */
#define GATE_ENDED   0x40000000u
#define GATE_CLOSED  0x80000000u
#define GATE_INSIDE  0x1fffffffu /* how many */

struct handle {
	_Atomic uint32_t gate;
	_Atomic uint32_t phase; /* enum handle_phase; a futex word */
	_Atomic uint32_t flags;
	uint32_t entry; /* of the list */
	struct watchlist *list;
	_Atomic(struct slot *) slot; /* an asynchronous start that is not known to have left it */
	struct care *care;           /* NULL: it is only waited for */
	int32_t tree;                /* its cgroup's directory, closed with the pidfd; 0: none */
	int32_t maker;               /* the process whose threads the gate counts */
	int64_t gone_ns;             /* others were seen to have its status; 0: no */
	struct queued *queued;       /* it is not started yet, or could not be */
	struct sys_inode inode;      /* of the pidfd */
	struct sys_inode tree_inode;
};

_Static_assert(sizeof(struct handle) <= sizeof(((struct uspawn_child *)0)->opaque), "opaque has room");

/* Other threads may ask while the end is being published. */
static inline uint32_t handle_state(const struct uspawn_child *child)
{
	return __atomic_load_n(&child->state, __ATOMIC_ACQUIRE);
}

static inline struct handle *handle_of(const struct uspawn_child *child)
{
	return (struct handle *)child->opaque;
}

/* The host may have closed it, and another child's may be there: what before 6.9 cannot be told. */
static inline int handle_has_pidfd(const struct uspawn_child *child)
{
	return child->pidfd >= 0 && !sys_is_lost(child->pidfd, &handle_of(child)->inode);
}

/* What failed and was allowed to; the first of all is kept. */
static inline void handle_note(struct uspawn_child *child, int errnum, uint32_t step, uint32_t index)
{
	if (errnum && !child->failure.errnum)
		child->failure = (struct uspawn_failure){ .errnum = errnum, .step = step, .index = index };
}

/*
 * Anew, and shut: another thread may be about to signal who was here before. Its data stays. `child` may never have
 * been written to.
 */
static inline struct handle *handle_reset(struct uspawn_child *child)
{
	struct handle *handle = handle_of(child);
	void *data = child->data;

	atomic_store(&handle->gate, GATE_ENDED | GATE_CLOSED);
	memset(child, 0, offsetof(struct uspawn_child, opaque));
	memset((char *)handle + sizeof(handle->gate), 0, sizeof(child->opaque) - sizeof(handle->gate));
	child->pidfd = -1;
	child->data = data;
	return handle;
}

/* Running, from now on. */
static inline void handle_begin(struct uspawn_child *child, int pid, int pidfd, uint32_t rung, uint32_t flags)
{
	struct handle *handle = handle_reset(child);

	child->pid = pid;
	child->pidfd = pidfd;
	child->rung = rung;
	handle->flags = flags;
	handle->maker = sys_getpid();
	if (pidfd >= 0)
		sys_inode(pidfd, &handle->inode);
	atomic_store(&handle->phase, PHASE_RUNNING);
	atomic_store(&handle->gate, 0);
	__atomic_store_n(&child->state, USPAWN_RUNNING, __ATOMIC_RELEASE);
}

/* The process has ended, but its pipes or its tree are in use. */
static inline int handle_end_is_to_come(const struct uspawn_child *child)
{
	return handle_state(child) == USPAWN_ENDED && handle_of(child)->care != NULL;
}

/* A child that never was one: ended, because of this. */
static inline void handle_fail(struct uspawn_child *child, const struct uspawn_failure *failure)
{
	struct uspawn_failure kept = *failure;
	struct handle *handle = handle_reset(child);

	child->failure = kept;
	child->exit.code = USPAWN_FAILED;
	child->exit.status = kept.errnum;
	atomic_store(&handle->phase, PHASE_ENDED);
	__atomic_store_n(&child->state, USPAWN_ENDED, __ATOMIC_RELEASE);
}

/* Unset: owns nothing, names nothing. */
static inline void handle_clear(struct uspawn_child *child)
{
	handle_reset(child);
}

#endif
