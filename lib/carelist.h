/* SPDX-License-Identifier: MIT */
/*
 * The cares of a ring: what they have open is watched, what is due is done, and those that have something to do or to
 * say wait in a queue, so that none is served twice while another waits.
 */
#ifndef USPAWN_CARELIST_H
#define USPAWN_CARELIST_H

#include "deadlines.h"
#include "poller.h"

struct carelist {
	struct deadlines deadlines;
	struct care *busy, **busy_end;
	uint32_t nbusy, ncares;
	struct scratch scratch;
};

void carelist_init(struct carelist *list);
void carelist_done(struct carelist *list);

/* So that the next carelist_add() cannot fail. */
int carelist_make_room(struct carelist *list);

/* `tag` is that of part 0 of the child's entry. */
void carelist_add(struct carelist *list, struct care *care, uint64_t tag);

/* Watches everything it has open. -errno: that could not be, so it is to be looked at now and then; -ESTALE as is. */
int carelist_watch(struct carelist *list, struct care *care, struct poller *poller);

/* Something of it is ready. The same results. */
int carelist_take(struct carelist *list, struct care *care, struct poller *poller, unsigned part,
		  const struct poller_ready *ready);

/* It has something to do, or to say. */
void carelist_wake(struct carelist *list, struct care *care);

/* What it has open may be ready, all of it. */
void carelist_look(struct carelist *list, struct care *care);

/* Nothing of it is watched from now on. -ESTALE. */
int carelist_unwatch(struct care *care, struct poller *poller);

/* The ring is about to go: what its poller had read; and the care is a blocking wait's. */
void carelist_take_rest(struct care *care, unsigned part, const struct poller_ready *ready);
void carelist_hand_back(struct care *care);

void carelist_remove(struct carelist *list, struct care *care);

/* When the first is due, or CARE_NEVER. */
int64_t carelist_due(const struct carelist *list);

/* Before it expires: what its child has written by now is read here, however late we are. -errno: perhaps not all. */
int carelist_settle(struct carelist *list, struct care *care, struct poller *poller);

/* What is due is done; nobody is idle who has not been settled. The results of carelist_watch(). */
int carelist_expire(struct carelist *list, struct care *care, struct poller *poller, int64_t now_ns, int settled);

/*
 * Serves up to *left of the queue, and takes them off *left; up to n events. An END is the last of this call, and is
 * left to the caller to carry out. *retr: -ESTALE, or as it was.
 */
uint32_t carelist_tell(struct carelist *list, struct poller *poller, struct uspawn_event *events, uint32_t n,
		       uint32_t *left, int *retr);

#endif
