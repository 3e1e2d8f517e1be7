/* SPDX-License-Identifier: MIT */
/*
 * The table is the list's own: a tag is an index and a generation, never a child's address, since uspawn_done() frees
 * that memory while a completion is under way; and a poller that is lost (its thread ended, or a filter came) is made
 * anew from the table.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>

#include "clone.h"
#include "handle.h"
#include "poller.h"
#include "wait.h"
#include "watchlist.h"

#define ENTRIES_MIN 64
#define ENTRIES_MAX 65536 /* to begin with */
#define BATCH       64
#define TICK_NS     5000000 /* how often to look at what cannot be polled */
#define NO_ENTRY    UINT32_MAX
#define TICK_TAG    UINT64_MAX

enum entry_state { ENTRY_FREE, ENTRY_LIVE, ENTRY_SILENT };

struct entry {
	struct uspawn_child *child; /* live: whose end is an event */
	int pidfd, pid;             /* silent: what is reaped without a word */
	uint32_t generation;
	uint32_t next_free;
	uint8_t state;
	uint8_t how;    /* enum poller_watch */
	uint8_t ticked; /* not polled, but looked at */
};

/* ---- The table ---- */

static uint64_t tag_of(const struct watchlist *list, uint32_t i)
{
	return (uint64_t)list->entries[i].generation << 32 | (i + 1);
}

static struct entry *entry_of(struct watchlist *list, uint64_t tag)
{
	uint32_t i = (uint32_t)tag - 1;
	struct entry *entry = i < list->nentries ? &list->entries[i] : NULL;

	return entry && entry->state != ENTRY_FREE && entry->generation == tag >> 32 ? entry : NULL;
}

static int grow_table(struct watchlist *list, uint32_t n)
{
	int saved = errno;
	struct entry *entries = realloc(list->entries, n * sizeof(*entries));

	errno = saved;
	if (!entries)
		return -ENOMEM;
	list->entries = entries;
	for (uint32_t i = n; i-- > list->nentries;) {
		entries[i] = (struct entry){ .next_free = list->first_free };
		list->first_free = i;
	}
	list->nentries = n;
	return 0;
}

static void free_entry(struct watchlist *list, struct entry *entry)
{
	if (entry->ticked)
		list->nticked--;
	if (entry->state == ENTRY_LIVE)
		list->nlive--;
	else
		list->nsilent--;
	*entry = (struct entry){ .generation = entry->generation + 1, .next_free = list->first_free };
	list->first_free = (uint32_t)(entry - list->entries);
}

/* ---- Watching ---- */

static void start_timer(struct watchlist *list)
{
	struct itimerspec tick = { .it_interval.tv_nsec = TICK_NS, .it_value.tv_nsec = TICK_NS };

	if (list->timer.fd < 0)
		sys_own(&list->timer, sys_above_stdio(sys_timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)));
	if (list->timer.fd >= 0) {
		sys_timerfd_settime(list->timer.fd, &tick);
		list->poller->kind->watch(list->poller, list->timer.fd, TICK_TAG, POLLER_AGAIN);
	}
}

static void stop_timer(struct watchlist *list)
{
	if (list->timer.fd < 0)
		return;
	list->poller->kind->unwatch(list->poller, list->timer.fd, TICK_TAG);
	sys_close_owned(&list->timer);
}

static int pidfd_of(const struct entry *entry)
{
	return entry->state == ENTRY_LIVE ? entry->child->pidfd : entry->pidfd;
}

static void tick(struct watchlist *list, struct entry *entry)
{
	entry->ticked = 1;
	if (list->nticked++ == 0)
		start_timer(list);
}

static void rewatch_all(struct watchlist *list);

static void watch(struct watchlist *list, struct entry *entry, enum poller_watch how)
{
	int fd = pidfd_of(entry), r = -EBADF;

	entry->how = (uint8_t)how;
	if (fd >= 0)
		r = list->poller->kind->watch(list->poller, fd, tag_of(list, (uint32_t)(entry - list->entries)), how);
	if (r == -ESTALE)
		rewatch_all(list);
	else if (r < 0)
		tick(list, entry);
}

/* The poller is new and knows nobody. */
static void rewatch_all(struct watchlist *list)
{
	list->nticked = 0;
	for (uint32_t i = 0; i < list->nentries; i++) {
		list->entries[i].ticked = 0;
		if (list->entries[i].state != ENTRY_FREE)
			watch(list, &list->entries[i], list->entries[i].how);
	}
}

static void unwatch(struct watchlist *list, struct entry *entry)
{
	uint64_t tag = tag_of(list, (uint32_t)(entry - list->entries));

	if (!entry->ticked && list->poller->kind->unwatch(list->poller, pidfd_of(entry), tag) == -ESTALE)
		rewatch_all(list);
}

void watchlist_add(struct watchlist *list, struct uspawn_child *child)
{
	uint32_t i = list->first_free;
	struct entry *entry = &list->entries[i];
	struct handle *handle = handle_of(child);

	list->first_free = entry->next_free;
	entry->state = ENTRY_LIVE;
	entry->child = child;
	handle->list = list;
	handle->entry = i;
	handle->flags |= HANDLE_WATCHED;
	list->nlive++;
	watch(list, entry, POLLER_ONCE);
}

int watchlist_make_room(struct watchlist *list)
{
	return list->first_free == NO_ENTRY ? grow_table(list, list->nentries * 2) : 0;
}

/* ---- Making and ending ---- */

static int choose_poller(struct poller **ret, uint32_t children, uint32_t flags)
{
	/* Who asks for the plainest way to start, since a filter kills for the others, gets the plainest ring. */
	int plain = flags & USPAWN_RING_EPOLL || clone_cap() == USPAWN_RUNG_FORK;
	int r = plain ? -ENOSYS : uring_new(ret, children);

	return r < 0 ? epoll_new(ret) : r;
}

int watchlist_init(struct watchlist *list, const volatile uint32_t *here, uint32_t children, uint32_t flags)
{
	uint32_t n = children < ENTRIES_MIN ? ENTRIES_MIN : children > ENTRIES_MAX ? ENTRIES_MAX : children;
	int r;

	*list = (struct watchlist){ .first_free = NO_ENTRY, .timer.fd = -1, .here = here };
	r = grow_table(list, n);
	if (r == 0)
		r = choose_poller(&list->poller, children, flags);
	if (r < 0)
		free(list->entries);
	return r;
}

static void hand_back(struct entry *entry, int forked)
{
	struct uspawn_exit exit;

	if (entry->state == ENTRY_LIVE) {
		handle_of(entry->child)->flags &= ~(uint32_t)HANDLE_WATCHED;
		handle_of(entry->child)->list = NULL;
	} else if (entry->state == ENTRY_SILENT) {
		if (!forked)
			wait_reap(entry->pidfd, entry->pid, 0, &exit);
		if (entry->pidfd >= 0)
			sys_close(entry->pidfd);
	}
}

void watchlist_done(struct watchlist *list)
{
	for (uint32_t i = 0; i < list->nentries; i++)
		hand_back(&list->entries[i], !*list->here);
	sys_close_owned(&list->timer);
	list->poller->kind->free(list->poller);
	free(list->entries);
}

/* ---- Children ---- */

void watchlist_let_go(struct uspawn_child *child)
{
	struct handle *handle = handle_of(child);
	struct watchlist *list = handle->list;
	struct entry *entry = &list->entries[handle->entry];
	int borrowed = (handle->flags & HANDLE_BORROWED) != 0, pidfd = child->pidfd;

	if (borrowed && *list->here) {
		unwatch(list, entry);
		pidfd = sys_fcntl(pidfd, F_DUPFD_CLOEXEC, 3);
	} else if (borrowed) {
		pidfd = -1; /* the poller is another process's */
	}
	list->nlive--;
	list->nsilent++;
	entry->state = ENTRY_SILENT;
	entry->child = NULL;
	entry->pidfd = pidfd;
	entry->pid = child->pid;
	if (borrowed && pidfd >= 0)
		watch(list, entry, POLLER_ONCE);
	else if (borrowed)
		free_entry(list, entry);
}

/* ---- Waiting ---- */

/* Has it ended? Then it is off the list: 1 if that is an event. */
static int look(struct watchlist *list, struct entry *entry, struct uspawn_event *event)
{
	struct uspawn_child *child = entry->child;
	struct uspawn_exit exit;
	int live = entry->state == ENTRY_LIVE, ended;

	if (live) {
		wait_enter(child);
		ended = wait_collect(child, 0);
		if (ended && (entry->how == POLLER_AGAIN || handle_of(child)->flags & HANDLE_BORROWED))
			unwatch(list, entry);
		wait_leave(child);
	} else {
		ended = wait_reap(entry->pidfd, entry->pid, 0, &exit);
		if (ended && entry->how == POLLER_AGAIN)
			unwatch(list, entry);
		if (ended && entry->pidfd >= 0)
			sys_close(entry->pidfd);
	}
	if (!ended) {
		/* Readable, but not to be had: from now on only news. */
		if (!entry->ticked && entry->how == POLLER_ONCE)
			watch(list, entry, POLLER_AGAIN);
		return 0;
	}
	free_entry(list, entry);
	if (!live)
		return 0;
	handle_of(child)->flags &= ~(uint32_t)HANDLE_WATCHED;
	handle_of(child)->list = NULL;
	*event = (struct uspawn_event){ .child = child, .type = USPAWN_EVENT_END };
	return 1;
}

static uint32_t look_at_ticked(struct watchlist *list, struct uspawn_event *events, uint32_t n)
{
	uint64_t count;
	uint32_t nevents = 0;

	if (sys_still_owned(&list->timer))
		sys_read(list->timer.fd, &count, sizeof(count));
	for (uint32_t i = 0; i < list->nentries && nevents < n; i++)
		if (list->entries[i].ticked)
			nevents += (uint32_t)look(list, &list->entries[i], &events[nevents]);
	if (list->nticked == 0)
		stop_timer(list);
	return nevents;
}

static uint32_t take(struct watchlist *list, const uint64_t *tags, int ntags, struct uspawn_event *events, uint32_t n)
{
	uint32_t nevents = 0;
	int ticked = 0;

	for (int i = 0; i < ntags; i++) {
		struct entry *entry = entry_of(list, tags[i]);

		if (tags[i] == TICK_TAG)
			ticked = 1;
		else if (entry && nevents < n)
			nevents += (uint32_t)look(list, entry, &events[nevents]);
	}
	if (ticked && list->nticked)
		nevents += look_at_ticked(list, events + nevents, n - nevents);
	return nevents;
}

/* io_uring was there and is no more. What is polled goes to epoll, which is in every kernel. */
static int replace_poller(struct watchlist *list)
{
	struct poller *old = list->poller;
	int r = epoll_new(&list->poller);

	if (r < 0) {
		list->poller = old;
		return r;
	}
	old->kind->free(old);
	rewatch_all(list);
	return 0;
}

int watchlist_wait(struct watchlist *list, struct uspawn_event *events, uint32_t n, int64_t timeout_ns, int *retidle)
{
	uint64_t tags[BATCH];
	/* Without a timer, for lack of descriptors, what cannot be polled is looked at here. */
	int blind = list->nticked && list->timer.fd < 0;
	int cut_short = blind && (timeout_ns < 0 || timeout_ns > TICK_NS);
	int ntags = list->poller->kind->next_ready(list->poller, tags, n < BATCH ? n : BATCH,
						   cut_short ? TICK_NS : timeout_ns);
	uint32_t nevents;

	*retidle = ntags == 0 && !cut_short;
	if (ntags == -ESTALE) {
		rewatch_all(list);
		return 0;
	}
	if (ntags < 0)
		return replace_poller(list);
	nevents = take(list, tags, ntags, events, n);
	if (blind)
		nevents += look_at_ticked(list, events + nevents, n - nevents);
	return (int)nevents;
}
