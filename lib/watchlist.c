/* SPDX-License-Identifier: MIT */
/* A poller that is lost (its thread ended, or a filter came) is made anew from the table. */
#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>

#include "clone.h"
#include "handle.h"
#include "poller.h"
#include "sys_io.h"
#include "wait.h"
#include "watchlist.h"

#define ENTRIES_MIN 64
#define ENTRIES_MAX 65536 /* to begin with */

/* ---- The table ---- */

void watchlist_free(struct watchlist *list, struct entry *entry)
{
	if (entry->ticked)
		list->nticked--;
	if (entry->state == ENTRY_LIVE)
		list->nlive--;
	else
		list->nsilent--;
	table_give_back(&list->table, entry);
}

/* ---- Watching ---- */

void watchlist_start_timer(struct watchlist *list)
{
	struct itimerspec tick = { .it_interval.tv_nsec = WATCHLIST_TICK_NS, .it_value.tv_nsec = WATCHLIST_TICK_NS };
	int r = -EMFILE;

	if (list->timer_is_watched)
		return;
	if (sys_owned_fd(&list->timer) < 0)
		sys_own(&list->timer, sys_above_stdio(sys_timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)));
	if (list->timer.fd >= 0) {
		sys_timerfd_settime(list->timer.fd, &tick);
		list->timer_tag += 1ull << 32;
		r = list->poller->kind->watch(list->poller, list->timer.fd, list->timer_tag, POLLER_AGAIN);
	}
	list->timer_is_watched |= r == 0;
	if (r == -ESTALE) {
		watchlist_rewatch(list); /* who is still to be looked at starts it again */
	} else if (r < 0) {
		/* For the lack that made it needed it may not be watched either: then each wait is a short one. */
		sys_close_owned(&list->timer);
		list->poller->kind->wake(list->poller);
	}
}

void watchlist_stop_timer(struct watchlist *list)
{
	int r;

	if (list->timer.fd < 0)
		return;
	r = list->poller->kind->unwatch(list->poller, list->timer.fd, list->timer_tag);
	list->timer_is_watched = 0;
	sys_close_owned(&list->timer);
	if (r == -ESTALE)
		watchlist_rewatch(list);
}

static int pidfd_of(const struct entry *entry)
{
	return entry->state == ENTRY_LIVE ? entry->child->pidfd : entry->pidfd;
}

void watchlist_check_pidfd(struct entry *entry)
{
	if (entry->state == ENTRY_LIVE)
		wait_check_pidfd(entry->child);
	else if (entry->pidfd >= 0 && sys_is_lost(entry->pidfd, &entry->inode))
		entry->pidfd = -1;
}

void watchlist_tick(struct watchlist *list, struct entry *entry)
{
	if (entry->ticked)
		return;
	entry->ticked = 1;
	if (list->nticked++ == 0)
		watchlist_start_timer(list);
}

/* What became of watching something of it. */
void watchlist_watched(struct watchlist *list, struct entry *entry, int r)
{
	if (r == -ESTALE)
		watchlist_rewatch(list);
	else if (r < 0)
		watchlist_tick(list, entry);
}

struct care *watchlist_care(const struct entry *entry)
{
	return entry->state == ENTRY_LIVE ? handle_of(entry->child)->care : NULL;
}

void watchlist_watch(struct watchlist *list, struct entry *entry, enum poller_watch how)
{
	int fd = pidfd_of(entry), r = -EBADF;

	entry->how = (uint8_t)how;
	if (fd >= 0)
		r = list->poller->kind->watch(list->poller, fd, table_tag(&list->table, entry, 0), how);
	entry->watched = r == 0;
	watchlist_watched(list, entry, r);
}

static void watch_care(struct watchlist *list, struct entry *entry, struct care *care)
{
	watchlist_watched(list, entry, carelist_watch(&list->cares, care, list->poller));
}

/* The poller is new and knows nobody. If it is lost once more on the way, the inner call has done it all. */
void watchlist_rewatch(struct watchlist *list)
{
	uint32_t generation = ++list->generation;

	list->nticked = 0;
	list->timer_is_watched = 0;
	list->clock_ns = CARE_NEVER;
	for (uint32_t i = 0; i < list->table.nentries && generation == list->generation; i++) {
		struct entry *entry = &list->table.entries[i];
		struct care *care = watchlist_care(entry);

		entry->watched = entry->ticked = 0;
		if (entry->state != ENTRY_FREE)
			watchlist_check_pidfd(entry);
		if (entry->state != ENTRY_FREE && !(care && care->exited))
			watchlist_watch(list, entry, POLLER_ONCE);
		if (care && generation == list->generation)
			watch_care(list, entry, care);
	}
}

void watchlist_unwatch(struct watchlist *list, struct entry *entry)
{
	uint64_t tag = table_tag(&list->table, entry, 0);

	while (entry->watched && list->poller->kind->unwatch(list->poller, pidfd_of(entry), tag) == -ESTALE)
		watchlist_rewatch(list); /* it, too */
}

void watchlist_add(struct watchlist *list, struct uspawn_child *child)
{
	struct entry *entry = table_take(&list->table);
	struct handle *handle = handle_of(child);
	uint32_t generation = list->generation;

	entry->state = ENTRY_LIVE;
	entry->child = child;
	handle->list = list;
	handle->entry = (uint32_t)(entry - list->table.entries);
	handle->flags |= HANDLE_WATCHED;
	list->nlive++;
	if (handle->care) { /* before anything is watched: the poller may be made anew, for all that it has */
		handle->care->child = child;
		carelist_add(&list->cares, handle->care, table_tag(&list->table, entry, 0));
	}
	watchlist_watch(list, entry, POLLER_ONCE);
	if (handle->care && generation == list->generation)
		watch_care(list, entry, handle->care);
	if (handle->care)
		watchlist_set_clock(list);
}

int watchlist_make_room(struct watchlist *list, int cared)
{
	int r = list->table.first_free == TABLE_FULL ? table_grow(&list->table, list->table.nentries * 2) : 0;

	return r == 0 && cared ? carelist_make_room(&list->cares) : r;
}

/* Whoever polls the ring's descriptor must come back in time, and at once while something is left to do. */
void watchlist_set_clock(struct watchlist *list)
{
	int64_t cares = list->cares.nbusy ? 1 : carelist_due(&list->cares);
	int64_t due = cares < list->also_due_ns ? cares : list->also_due_ns < 1 ? 1 : list->also_due_ns;
	struct itimerspec at = { .it_value = sys_timespec(due) };
	int r = -EMFILE;

	if (!list->poller->is_foreign || due >= list->clock_ns)
		return;
	if (sys_owned_fd(&list->clock) < 0)
		sys_own(&list->clock, sys_above_stdio(sys_timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)));
	list->has_no_clock = list->clock.fd < 0;
	if (list->clock.fd >= 0) {
		sys_timerfd_settime_at(list->clock.fd, &at);
		r = list->poller->kind->watch(list->poller, list->clock.fd, WATCHLIST_CLOCK_TAG, POLLER_ONCE);
	}
	if (r == -ESTALE)
		watchlist_rewatch(list);
	if (r < 0 && r != -EEXIST)
		list->poller->kind->wake(list->poller); /* too early, which harms nobody */
	else
		list->clock_ns = due;
}

void watchlist_wake(struct watchlist *list)
{
	list->also_due_ns = 0;
	watchlist_set_clock(list);
}

void watchlist_cut_off_ended(struct watchlist *list)
{
	list->cut_off_ended = 1;
	for (uint32_t i = 0; i < list->table.nentries; i++) {
		struct care *care = watchlist_care(&list->table.entries[i]);

		if (care) {
			care_drain_no_more(care);
			carelist_wake(&list->cares, care);
		}
	}
}

/* ---- Making and ending ---- */

static int choose_poller(struct poller **ret, uint32_t children, uint32_t flags)
{
	/* Who asks for the plainest way to start, since a filter kills for the others, gets the plainest ring. */
	int plain = flags & USPAWN_RING_EPOLL || clone_keeps_to_old_calls();
	int r = plain ? -ENOSYS : uring_new(ret, children);

	return r < 0 ? epoll_new(ret) : r;
}

int watchlist_init(struct watchlist *list, const volatile uint32_t *here, uint32_t children, uint32_t flags)
{
	uint32_t n = children < ENTRIES_MIN ? ENTRIES_MIN : children > ENTRIES_MAX ? ENTRIES_MAX : children;
	int r;

	*list = (struct watchlist){ .table.first_free = TABLE_FULL,
				    .front.set.fd = -1,
				    .timer.fd = -1,
				    .timer_tag = WATCHLIST_TICK_TAG,
				    .clock.fd = -1,
				    .clock_ns = CARE_NEVER,
				    .also_due_ns = CARE_NEVER,
				    .here = here };
	carelist_init(&list->cares);
	blind_init(&list->blind);
	r = table_grow(&list->table, n);
	if (r == 0)
		r = choose_poller(&list->poller, children, flags);
	if (r < 0)
		free(list->table.entries);
	return r;
}

static void hand_back(struct entry *entry, int forked)
{
	struct care *care = watchlist_care(entry);
	struct uspawn_exit exit;

	if (care)
		carelist_hand_back(care);
	if (entry->state == ENTRY_LIVE) {
		handle_of(entry->child)->flags &= ~(uint32_t)HANDLE_WATCHED;
		handle_of(entry->child)->list = NULL;
	} else if (entry->state == ENTRY_SILENT) {
		watchlist_check_pidfd(entry);
		if (!forked)
			wait_reap(&entry->pidfd, entry->pid, 0, &exit);
		if (entry->pidfd >= 0)
			sys_close(entry->pidfd);
	}
}

void watchlist_done(struct watchlist *list)
{
	if (*list->here && list->cares.ncares)
		harvest_rest(list);
	for (uint32_t i = 0; i < list->table.nentries; i++)
		hand_back(&list->table.entries[i], !*list->here);
	sys_close_owned(&list->timer);
	sys_close_owned(&list->clock);
	sys_close_owned(&list->front.set);
	list->poller->is_forked = !*list->here;
	list->poller->kind->free(list->poller);
	carelist_done(&list->cares);
	free(list->table.entries);
}

/* ---- Children ---- */

void watchlist_let_go(struct uspawn_child *child)
{
	struct handle *handle = handle_of(child);
	struct watchlist *list = handle->list;
	struct entry *entry = &list->table.entries[handle->entry];
	struct care *care = handle->care;
	int borrowed = (handle->flags & HANDLE_BORROWED) != 0, pidfd;

	wait_check_pidfd(child);
	pidfd = child->pidfd;
	if (care) {
		int ended = care->exited;

		while (*list->here && carelist_unwatch(care, list->poller) == -ESTALE)
			watchlist_rewatch(list); /* its pipes, too */
		carelist_remove(&list->cares, care);
		list->ndrained -= ended ? 1 : 0;
		care_free(care);
		if (ended) {
			watchlist_free(list, entry);
			return;
		}
	}
	if (borrowed && *list->here) {
		watchlist_unwatch(list, entry);
		pidfd = sys_dup_from(pidfd, 3);
	} else if (borrowed) {
		pidfd = -1; /* the poller is another process's */
	}
	handle->flags |= HANDLE_BORROWED; /* of the entry */
	list->nlive--;
	list->nsilent++;
	entry->state = ENTRY_SILENT;
	entry->child = NULL;
	entry->inode = handle->inode;
	entry->pidfd = pidfd < 0 ? -1 : pidfd; /* for lack of a number it is looked at by its pid */
	entry->pid = child->pid;
	if (borrowed && *list->here)
		watchlist_watch(list, entry, POLLER_ONCE);
	else if (borrowed)
		watchlist_free(list, entry);
	else if (pidfd < 0 && *list->here)
		watchlist_tick(list, entry); /* closed by the host: epoll has forgotten it */
}

static int turn_to_epoll(struct watchlist *list)
{
	struct poller *poller;
	int r = epoll_new(&poller);

	if (r < 0)
		return r;
	r = front_turn(&list->front, poller);
	if (r < 0) {
		poller->kind->free(poller);
		return r;
	}
	list->poller->kind->free(list->poller);
	list->poller = poller;
	watchlist_rewatch(list);
	return 0;
}

int watchlist_is_blind(const struct watchlist *list)
{
	return list->poller == &list->blind;
}

/* What is polled goes to epoll, which is in every kernel. What lacks for it may be what the old poller has. */
int watchlist_replace_poller(struct watchlist *list)
{
	int r = turn_to_epoll(list);

	if (r == 0 || watchlist_is_blind(list) || !sys_is_lack(r))
		return r;
	if (list->cares.ncares)
		harvest_rest(list);
	list->poller->kind->free(list->poller);
	list->poller = &list->blind;
	if (turn_to_epoll(list) < 0)
		watchlist_rewatch(list);
	return 0;
}

int watchlist_fd(struct watchlist *list)
{
	int fd = front_fd(&list->front, list->poller), r;

	if (fd == -ESTALE) {
		watchlist_rewatch(list);
		fd = front_fd(&list->front, list->poller);
	}
	if (fd >= 0 || !(clone_unsupported(fd) || fd == -EBADF)) /* -EBADF: the host has closed it */
		return fd;
	r = watchlist_replace_poller(list);
	return r < 0 ? r : front_fd(&list->front, list->poller);
}
