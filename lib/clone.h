/* SPDX-License-Identifier: MIT */
/* One attempt to make a child, on one rung; what this kernel refused; signals blocked around it. */
#ifndef USPAWN_CLONE_H
#define USPAWN_CLONE_H

#include <uspawn.h>

#include "child.h"

struct birth {
	struct child_start *start;
	void *stack; /* where it begins */
	size_t stack_size;
	/* async: cleared by the kernel when the child has left the shared memory. vfork, if wanted: till then its pid
	 */
	volatile uint32_t *settled;
	uint8_t wants_pidfd;
	uint8_t copies_table; /* the child keeps what the caller has open */
	uint8_t keeps_low;    /* below the cut, at least */
	int cgroup;           /* what it is born in; -1: the caller's */
	uint64_t flags;       /* beyond the rung's: namespaces, an end with the pidfd. Their errors are the request's */
	const int32_t *set_tid;
	uint32_t nset_tid;
	/* set on success */
	int pid;
	int pidfd; /* -1: not wanted, or this kernel has none */
};

/*
 * 0, or -errno. Writes the switches of birth->start. With async it returns while the child still runs on the shared
 * memory, otherwise when it has exec'd or ended (vfork, clone), or at once (fork).
 */
int clone_attempt(struct birth *birth, enum uspawn_rung rung);

/* Does this error say "not here", so that a slower rung may do? Anything else is about the request or the moment. */
int clone_unsupported(int error);

/* What a refusal is remembered by, so that it is not met again at each start. */
void clone_refused(enum uspawn_rung rung);
int clone_is_refused(enum uspawn_rung rung);

/* The same for birth in a cgroup, which only the vfork rung gives. */
void clone_cgroup_refused(void);
/* Can it do what only clone3 takes? */
int clone_has_flags(enum uspawn_rung rung, const struct birth *birth);

int clone_has_cgroup(enum uspawn_rung rung);

/* A shared descriptor table could not be cut: from now on it is copied. */
void clone_cut_refused(void);

/* The next child is the first of a PID namespace: if that ends, there can be no other. */
int clone_next_is_init(void);

/* The fastest rung that USPAWN_RUNG in the environment allows; read once. */
enum uspawn_rung clone_cap(void);

/* It says fork: no call is made that is younger than pidfds, for a filter may kill for it. */
int clone_keeps_to_old_calls(void);

/*
 * All signals but SIGSYS, the C library's own too: a handler must never run in a child. (A filter that traps a system
 * call kills a caller that blocks SIGSYS.)
 */
void clone_block_signals(uint64_t *retmask);
void clone_restore_signals(const uint64_t *mask);

#endif
