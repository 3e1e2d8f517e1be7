/* SPDX-License-Identifier: MIT */
/*
 * The children whose ends a ring waits for, on a poller. An entry outlives its child where the child was let go: then
 * it reaps it without a word. What cannot be polled (no pidfd, a poller that is full) is looked at by a timer.
 */
#ifndef USPAWN_WATCHLIST_H
#define USPAWN_WATCHLIST_H

#include "carelist.h"
#include "front.h"
#include "sys.h"
#include "table.h"

#define WATCHLIST_TICK_NS   5000000    /* how often to look at what cannot be polled */
#define WATCHLIST_TICK_TAG  UINT32_MAX /* with the number of the timer above it */
#define WATCHLIST_CLOCK_TAG (UINT32_MAX - 1)

struct watchlist {
	struct poller *poller;
	struct poller blind; /* until another can be had */
	struct front front;
	struct table table;
	struct carelist cares;
	uint32_t nlive, nsilent, nticked;
	uint32_t next_ticked; /* where the next look begins */
	uint32_t ndrained;    /* live ones whose process has ended */
	uint32_t generation;  /* of the poller */
	struct sys_owned timer;
	struct sys_owned clock; /* for whoever polls the ring's descriptor: rings when a care is due */
	int64_t clock_ns;       /* what it is set to, or CARE_NEVER */
	uint64_t timer_tag;
	int timer_is_watched;
	int has_no_clock;    /* one could not be had: who polls is called too early */
	int64_t also_due_ns; /* the ring has something to do then */
	int cut_off_ended;   /* nobody waits for pipes of the ended */
	int turn;
	const volatile uint32_t *here; /* the ring's: 0 in a forked copy of the process */
};

/* `flags` are the ring's. -errno: nothing is left behind. */
int watchlist_init(struct watchlist *list, const volatile uint32_t *here, uint32_t children, uint32_t flags);

/* Children go on as children without a ring. */
void watchlist_done(struct watchlist *list);

/* So that the next watchlist_add() cannot fail; `cared`: of a child with a care. */
int watchlist_make_room(struct watchlist *list, int cared);
void watchlist_add(struct watchlist *list, struct uspawn_child *child);

/* The entry goes on without the child, to reap it when it ends. */
void watchlist_let_go(struct uspawn_child *child);

/*
 * Up to n events, waiting for something to happen up to timeout_ns (negative: for ever). *retidle: nothing did. With 0
 * and not idle something happened that is no event: ask again.
 */
int watchlist_wait(struct watchlist *list, struct uspawn_event *events, uint32_t n, int64_t timeout_ns, int *retidle);

/* From now on nobody waits for the pipes of those whose process has ended. */
void watchlist_cut_off_ended(struct watchlist *list);

/* Whoever polls the ring's descriptor is to come back at once. */
void watchlist_wake(struct watchlist *list);

/* No descriptor could be had to wait with. */
int watchlist_is_blind(const struct watchlist *list);

/* Readable when watchlist_wait() has something to say; or -errno. */
int watchlist_fd(struct watchlist *list);

/* ---- Between its two rooms: who is watched (watchlist.c), and what comes of it (harvest.c) ---- */

/* The child of this entry, or what is done for it. */
struct care *watchlist_care(const struct entry *entry);
void watchlist_watch(struct watchlist *list, struct entry *entry, enum poller_watch how);
void watchlist_unwatch(struct watchlist *list, struct entry *entry);

/* Its pidfd becomes -1 if the host has closed it. */
void watchlist_check_pidfd(struct entry *entry);

/* It is to be looked at now and then, too. */
void watchlist_tick(struct watchlist *list, struct entry *entry);

/* What became of watching something of the entry's care. */
void watchlist_watched(struct watchlist *list, struct entry *entry, int r);

/* The poller is new and knows nobody. */
void watchlist_rewatch(struct watchlist *list);

/* The entry is off the list. */
void watchlist_free(struct watchlist *list, struct entry *entry);
void watchlist_start_timer(struct watchlist *list);
void watchlist_stop_timer(struct watchlist *list);

/* Whoever polls the ring's descriptor must come back when a care is due, or has something to do. */
void watchlist_set_clock(struct watchlist *list);

/* io_uring was there and is no more. */
int watchlist_replace_poller(struct watchlist *list);

/* What the poller has read already. */
void harvest_rest(struct watchlist *list);

#endif
