/* SPDX-License-Identifier: MIT */
/*
 * The children whose ends a ring waits for, on a poller. An entry outlives its child where the child was let go: then
 * it reaps it without a word. What cannot be polled (no pidfd, a poller that is full) is looked at by a timer.
 */
#ifndef USPAWN_WATCHLIST_H
#define USPAWN_WATCHLIST_H

#include <uspawn.h>

#include "sys.h"

struct poller;
struct entry;

struct watchlist {
	struct poller *poller;
	struct entry *entries;
	uint32_t nentries, first_free;
	uint32_t nlive, nsilent, nticked;
	struct sys_owned timer;
	const volatile uint32_t *here; /* the ring's: 0 in a forked copy of the process */
};

/* `flags` are the ring's. -errno: nothing is left behind. */
int watchlist_init(struct watchlist *list, const volatile uint32_t *here, uint32_t children, uint32_t flags);

/* Children go on as children without a ring. */
void watchlist_done(struct watchlist *list);

/* So that the next watchlist_add() cannot fail. */
int watchlist_make_room(struct watchlist *list);
void watchlist_add(struct watchlist *list, struct uspawn_child *child);

/* The entry goes on without the child, to reap it when it ends. */
void watchlist_let_go(struct uspawn_child *child);

/*
 * Up to n events, waiting for something to happen up to timeout_ns (negative: for ever). *retidle: nothing did. With 0
 * and not idle something happened that is no event: ask again.
 */
int watchlist_wait(struct watchlist *list, struct uspawn_event *events, uint32_t n, int64_t timeout_ns, int *retidle);

#endif
