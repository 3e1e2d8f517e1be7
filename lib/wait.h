/* SPDX-License-Identifier: MIT */
/* The end of one process: by pidfd where there is one, never by "any child". */
#ifndef USPAWN_WAIT_H
#define USPAWN_WAIT_H

#include <uspawn.h>

enum wait_how {
	WAIT_LOOK,
	WAIT_BLOCK, /* until it has ended; takes the stops of a child that this process traces, for a call less */
	WAIT_ENDED, /* its pidfd was readable, so that no stop can be taken with the end: a call less */
};

/*
 * Takes the status if it has ended, and no stop, which is for whoever traces it, but for WAIT_BLOCK. 1: ended, *ret is
 * written; 0: running. USPAWN_UNKNOWN: someone else took it. *pidfd becomes -1 if it is none any more.
 */
int wait_reap(int *pidfd, int pid, enum wait_how how, struct uspawn_exit *ret);

/* It becomes -1 if the host has closed it, so that nothing waits for what is there now. */
void wait_check_pidfd(struct uspawn_child *child);

/*
 * The same for a child, once: 1 when it has ended, whoever saw it. 0: running, or handle->gone_ns says since when
 * someone else is known to have its status, whose record is still to come. -EBUSY: another thread is at it.
 */
int wait_collect(struct uspawn_child *child, enum wait_how how);

/*
 * 1: its pidfd says within that time, or for ever (INT64_MAX), that it has ended, or the host has closed that number;
 * *rethow is how to ask.
 */
int wait_poll(const struct uspawn_child *child, int64_t timeout_ns, enum wait_how *rethow);

/* uspawn_wait() of a running child that nothing else is done for. */
int wait_until(struct uspawn_child *child, int64_t timeout_ns);

/* Callers inside a child's calls. 0: come in. -ESRCH: its end was collected. */
int wait_enter(struct uspawn_child *child);
void wait_leave(struct uspawn_child *child);

/* Until nobody is inside a child whose end was collected: it owns nothing any more, and may start again. */
void wait_closed(struct uspawn_child *child);

/* Nobody comes in after us; the last one out closes what it owns. And both at once. */
void wait_bar(struct uspawn_child *child);
void wait_shut(struct uspawn_child *child);

/* A child that never ran, or was let go: its status is nobody's. */
void wait_discard(int pidfd, int pid);

#endif
