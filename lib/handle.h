/* SPDX-License-Identifier: MIT */
/*
 * What is behind the opaque part of a uspawn_child: who is using its pidfd, and who else knows of it.
 *
 * The gate counts the callers that are inside (waiters, killers). The one that leaves last after the end was collected
 * closes the pidfd, so that no signal ever goes to a number that was opened anew. No lock: uspawn_kill() may run in a
 * signal handler. The phase has one collector at a time, since an exit status can be taken only once.
 */
#ifndef USPAWN_HANDLE_H
#define USPAWN_HANDLE_H

#include <stdatomic.h>
#include <uspawn.h>

struct care;
struct queued;
struct slot;
struct watchlist;

enum handle_phase { PHASE_UNSET, PHASE_RUNNING, PHASE_COLLECTING, PHASE_ENDED };

enum handle_flags {
	HANDLE_BORROWED = 1 << 0, /* the pidfd is the caller's */
	HANDLE_LEADS = 1 << 1,    /* a group of its own was asked for */
	HANDLE_FAILED = 1 << 2,   /* child->failure says why the program never ran */
	HANDLE_WATCHED = 1 << 3,  /* its end comes as an event of the ring */
	HANDLE_CARED = 1 << 4,    /* the pidfd stays open until the END: its group can be met after the exit */
	HANDLE_DETACHED = 1 << 5, /* others reap it: its number may be a stranger's by now */
};

#define GATE_ENDED  0x40000000u
#define GATE_CLOSED 0x80000000u

struct handle {
	_Atomic uint32_t gate;
	_Atomic uint32_t phase; /* enum handle_phase; a futex word */
	_Atomic uint32_t flags;
	uint32_t entry; /* of the list */
	struct watchlist *list;
	struct slot *slot;     /* an asynchronous start that is not known to have left it */
	struct care *care;     /* NULL: it is only waited for */
	int32_t tree;          /* its cgroup's directory, closed with the pidfd; 0: none */
	int64_t gone_ns;       /* others were seen to have its status; 0: no */
	struct queued *queued; /* it is not started yet, or could not be */
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

/* What failed and was allowed to; the first of all is kept. */
static inline void handle_note(struct uspawn_child *child, int errnum, uint32_t step, uint32_t index)
{
	if (errnum && !child->failure.errnum)
		child->failure = (struct uspawn_failure){ .errnum = errnum, .step = step, .index = index };
}

/* Running, from now on. */
static inline void handle_begin(struct uspawn_child *child, int pid, int pidfd, uint32_t rung, uint32_t flags)
{
	void *data = child->data;

	*child = (struct uspawn_child){
		.pidfd = pidfd, .pid = pid, .state = USPAWN_RUNNING, .rung = rung, .data = data
	};
	handle_of(child)->flags = flags;
	atomic_store(&handle_of(child)->phase, PHASE_RUNNING);
}

/* A child that never was one: ended, because of this. */
static inline void handle_fail(struct uspawn_child *child, const struct uspawn_failure *failure)
{
	void *data = child->data;

	*child = (struct uspawn_child){ .pidfd = -1, .state = USPAWN_ENDED, .data = data, .failure = *failure };
	child->exit.code = USPAWN_FAILED;
	child->exit.status = failure->errnum;
	atomic_store(&handle_of(child)->gate, GATE_ENDED | GATE_CLOSED);
	atomic_store(&handle_of(child)->phase, PHASE_ENDED);
}

/* Unset: owns nothing, names nothing. Its data stays. */
static inline void handle_clear(struct uspawn_child *child)
{
	void *data = child->data;

	*child = (struct uspawn_child){ .pidfd = -1, .data = data };
}

#endif
