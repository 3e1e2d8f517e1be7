/* SPDX-License-Identifier: MIT */
/*
 * What a ring's poller brings, and what of that are events. Whoever has a care waits in its queue; the plain ends of
 * others are events at once.
 */
#include <errno.h>

#include "handle.h"
#include "poller.h"
#include "wait.h"
#include "watchlist.h"

#define BATCH 64

/* ---- Ends ---- */

/* Off the list. */
static void end_of(struct watchlist *list, struct entry *entry, struct uspawn_event *event)
{
	struct uspawn_child *child = entry->child;

	watchlist_free(list, entry);
	handle_of(child)->flags &= ~(uint32_t)HANDLE_WATCHED;
	handle_of(child)->list = NULL;
	wait_closed(child);
	*event = (struct uspawn_event){ .child = child, .type = USPAWN_EVENT_END };
}

static int collect(struct watchlist *list, struct entry *entry)
{
	struct uspawn_child *child = entry->child;
	struct uspawn_exit exit;
	int ended;

	if (entry->state == ENTRY_LIVE) {
		int entered = wait_enter(child) == 0;

		ended = wait_collect(child, handle_of(child)->flags & HANDLE_READABLE ? WAIT_ENDED : WAIT_LOOK) == 1;
		if (ended && (entry->how == POLLER_AGAIN || handle_of(child)->flags & HANDLE_BORROWED))
			watchlist_unwatch(list, entry);
		if (entered)
			wait_leave(child);
	} else {
		watchlist_check_pidfd(entry);
		ended = wait_reap(&entry->pidfd, entry->pid, 0, &exit);
		if (ended && entry->how == POLLER_AGAIN)
			watchlist_unwatch(list, entry);
		if (ended && entry->pidfd >= 0)
			sys_close(entry->pidfd);
	}
	/* Readable, but not to be had: from now on only news. */
	if (!ended && !entry->ticked && entry->how == POLLER_ONCE)
		watchlist_watch(list, entry, POLLER_AGAIN);
	/* No news need come of whom another has to reap, and does not. */
	if (!ended && entry->state == ENTRY_LIVE && handle_of(child)->gone_ns)
		watchlist_tick(list, entry);
	return ended;
}

/* Has it ended? 1 if that is an event. */
static int look(struct watchlist *list, struct entry *entry, struct uspawn_event *event)
{
	struct care *care = watchlist_care(entry);

	if (care) {
		if (!care->exited && collect(list, entry)) {
			if (list->cut_off_ended)
				care_drain_no_more(care);
			care_exited(care);
			list->ndrained++;
			carelist_wake(&list->cares, care);
		}
		return 0;
	}
	if (!collect(list, entry))
		return 0;
	if (entry->state != ENTRY_LIVE) {
		watchlist_free(list, entry);
		return 0;
	}
	end_of(list, entry, event);
	return 1;
}

/* ---- What is ready ---- */

static uint32_t look_at_ticked(struct watchlist *list, struct uspawn_event *events, uint32_t n)
{
	uint64_t count;
	uint32_t nevents = 0;

	if (sys_still_owned(&list->timer))
		sys_read(list->timer.fd, &count, sizeof(count));
	/* On from where the last look ended, so that who comes first does not hide the others. */
	for (uint32_t i = 0; i < list->table.nentries && nevents < n; i++) {
		struct entry *entry = &list->table.entries[list->next_ticked++ % list->table.nentries];

		if (!entry->ticked)
			continue;
		if (watchlist_care(entry))
			carelist_look(&list->cares, watchlist_care(entry));
		nevents += (uint32_t)look(list, entry, &events[nevents]);
	}
	if (list->nticked == 0)
		watchlist_stop_timer(list);
	else
		watchlist_start_timer(list);
	return nevents;
}

static uint32_t take(struct watchlist *list, const struct poller_ready *ready, int nready, struct uspawn_event *events,
		     uint32_t n)
{
	uint32_t nevents = 0;
	int ticked = 0, useless = 0;

	for (int i = 0; i < nready; i++) {
		int refused = ready[i].n < 0 && ready[i].n != -ECANCELED;
		int is_tick = (uint32_t)ready[i].tag == WATCHLIST_TICK_TAG;
		unsigned part;
		struct entry *entry = table_find(&list->table, ready[i].tag, &part);
		struct care *care = entry ? watchlist_care(entry) : NULL;

		/* What was polled has ended: no stop of it can be taken any more. */
		if (entry && !part && ready[i].n >= 0 && entry->state == ENTRY_LIVE)
			handle_of(entry->child)->flags |= HANDLE_READABLE;
		/* It cannot be polled: asked again, it would say so again. */
		if (entry && !part && refused)
			watchlist_tick(list, entry);
		useless |= refused && (is_tick || ready[i].tag == WATCHLIST_CLOCK_TAG);
		/* Also one that was for ever, for lack of room for its news. */
		if (entry && !part && ready[i].stopped && ready[i].n != -ECANCELED)
			entry->how = POLLER_ONCE;
		if (is_tick) {
			ticked = 1;
			if (ready[i].stopped &&
			    ready[i].tag == list->timer_tag) /* not one before it, which we canceled */
				list->timer_is_watched = 0;
		} else if (ready[i].tag == WATCHLIST_CLOCK_TAG)
			list->clock_ns = CARE_NEVER;
		else if (entry && !part && nevents < n)
			nevents += (uint32_t)look(list, entry, &events[nevents]);
		else if (care && part)
			watchlist_watched(list, entry,
					  carelist_take(&list->cares, care, list->poller, part, &ready[i]));
	}
	if (ticked)
		nevents += look_at_ticked(list, events + nevents, n - nevents);
	if (useless) { /* its own timers cannot be polled either */
		harvest_rest(list);
		watchlist_replace_poller(list);
	}
	return nevents;
}

/* ---- What is due ---- */

static struct entry *entry_of(struct watchlist *list, const struct care *care)
{
	return &list->table.entries[handle_of(care->child)->entry];
}

static void expire(struct watchlist *list)
{
	int64_t now = carelist_due(&list->cares) == CARE_NEVER ? 0 : sys_now_ns();

	while (carelist_due(&list->cares) <= now) {
		struct care *care = deadlines_first(&list->cares.deadlines);
		struct entry *entry = entry_of(list, care);
		struct uspawn_event none;
		int r = carelist_settle(&list->cares, care, list->poller);

		if (r == -ESTALE)
			watchlist_rewatch(list);
		look(list, entry, &none); /* if it has ended, it was in time: also while a callback ran */
		watchlist_watched(list, entry, carelist_expire(&list->cares, care, list->poller, now, r == 0));
	}
}

/* ---- The queue ---- */

static uint32_t tell(struct watchlist *list, struct uspawn_event *events, uint32_t n, uint32_t *left)
{
	uint32_t nevents = 0;

	while (*left && nevents < n) {
		int r = 0;
		uint32_t told = carelist_tell(&list->cares, list->poller, events + nevents, n - nevents, left, &r);
		struct uspawn_event *last = &events[nevents + told - 1];

		nevents += told;
		if (r == -ESTALE)
			watchlist_rewatch(list);
		if (told && last->type == USPAWN_EVENT_END) {
			struct care *care = handle_of(last->child)->care;
			struct entry *entry = entry_of(list, care);

			carelist_remove(&list->cares, care);
			list->ndrained--;
			care_free(care);
			end_of(list, entry, last);
		}
	}
	return nevents;
}

void harvest_rest(struct watchlist *list)
{
	struct poller_ready ready[BATCH];
	int nready;

	while ((nready = list->poller->kind->next_ready(list->poller, ready, BATCH, 0)) > 0)
		for (int i = 0; i < nready; i++) {
			unsigned part;
			struct entry *entry = table_find(&list->table, ready[i].tag, &part);

			if (entry && part && watchlist_care(entry) && ready[i].is_read)
				carelist_take_rest(watchlist_care(entry), part, &ready[i]);
		}
}

/* How long to wait: no longer than until a care is due. */
static int64_t bounded(struct watchlist *list, int64_t timeout_ns)
{
	int64_t due = carelist_due(&list->cares), left;

	if (list->also_due_ns < due)
		due = list->also_due_ns;

	if (list->cares.nbusy)
		return 0;
	if (due == CARE_NEVER || timeout_ns == 0)
		return timeout_ns;
	left = due - sys_now_ns();
	if (left < 0)
		left = 0;
	return timeout_ns < 0 || timeout_ns > left ? left : timeout_ns;
}

int watchlist_wait(struct watchlist *list, struct uspawn_event *events, uint32_t n, int64_t timeout_ns, int *retidle)
{
	struct poller_ready ready[BATCH];
	/* Without a timer, for lack of descriptors, what cannot be polled is looked at here. */
	int blind = list->nticked && list->timer.fd < 0;
	int64_t wait_ns = blind && (timeout_ns < 0 || timeout_ns > WATCHLIST_TICK_NS) ? WATCHLIST_TICK_NS : timeout_ns;
	uint32_t left = list->cares.nbusy, told = 0, nevents, room;
	int cared = list->cares.ncares || list->also_due_ns != CARE_NEVER, nready, interrupted;

	if (watchlist_is_blind(list))
		watchlist_replace_poller(list);
	if (left && (list->turn ^= 1))
		told = tell(list, events, n, &left);
	nevents = told;
	if (nevents == n)
		return (int)n;
	if (cared)
		wait_ns = nevents ? 0 : bounded(list, wait_ns);
	/* Who was let go makes no event. */
	room = list->nlive && n - nevents < BATCH ? n - nevents : BATCH;
	nready = list->poller->kind->next_ready(list->poller, ready, room, wait_ns);
	interrupted = nready == -EINTR;
	if (interrupted)
		nready = 0;
	/* Who only looks gets one round: a flood has no end. */
	*retidle = interrupted || (nready == 0 && wait_ns == timeout_ns) ||
		   (cared && timeout_ns == 0 && nready < BATCH);
	if (nready == -ESTALE)
		watchlist_rewatch(list);
	else if (nready < 0)
		nready = watchlist_replace_poller(list);
	if (nready < 0 && nready != -ESTALE)
		return nevents ? (int)nevents : nready;
	nevents += take(list, ready, nready, events + nevents, n - nevents);
	if (blind)
		nevents += look_at_ticked(list, events + nevents, n - nevents);
	if (!cared)
		return (int)nevents;
	if (!told) { /* twice in one call would move what was shown */
		expire(list);
		left = list->cares.nbusy;
		nevents += tell(list, events + nevents, n - nevents, &left);
	}
	watchlist_set_clock(list);
	return (int)nevents;
}
