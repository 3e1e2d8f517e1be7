/* SPDX-License-Identifier: MIT */
/*
 * What a process has inherited as a subreaper or as pid 1: children that no ring has started. The kernel tells of them
 * by SIGCHLD alone, which is the host's; so they are looked for whenever the ring is asked, and every second. The
 * ring's own children are left to their pidfds. One that stands before a stranger holds it up until the ring has it.
 */
#include "ring.h"
#include "wait.h"

#define LOOK_NS 1000000000

/* 0: nobody has ended, or one that this process traces and that is stopped stands before; -ECHILD: there is no child.
 */
static int next_ended(void)
{
	siginfo_t info = { 0 };
	int r = sys_waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL, NULL);

	return r < 0 ? r : sys_is_end(&info) ? info.si_pid : 0;
}

static int is_ours(const struct uspawn_ring *ring, int pid)
{
	const struct table *table = &ring->list.table;

	for (uint32_t i = 0; i < table->nentries; i++) {
		const struct entry *entry = &table->entries[i];
		const struct care *care = watchlist_care(entry);

		if (care && care->exited) /* its status was taken: the number may be another's */
			continue;
		if (entry->state != ENTRY_FREE && pid == (entry->state == ENTRY_LIVE ? entry->child->pid : entry->pid))
			return 1;
	}
	return 0;
}

uint32_t reaper_tell(struct uspawn_ring *ring, struct uspawn_event *events, uint32_t n)
{
	uint32_t nevents = 0;

	if (!ring->reaper)
		return 0;
	while (nevents < n) {
		struct uspawn_exit exit;
		int pid = next_ended(), no_pidfd = -1;

		if (pid <= 0 || is_ours(ring, pid) || !wait_reap(&no_pidfd, pid, 0, &exit))
			break;
		if (exit.code == USPAWN_UNKNOWN) /* its status was taken just now, by whoever knows it */
			continue;
		events[nevents++] = (struct uspawn_event){
			.type = USPAWN_EVENT_STRANGER,
			.index = pid,
			.data = (uint64_t)exit.code,
			.len = (uint64_t)exit.status,
		};
	}
	ring->look_ns = nevents == n ? 0 : sys_now_ns() + LOOK_NS; /* there may be more */
	return nevents;
}

int reaper_has_children(const struct uspawn_ring *ring)
{
	return ring->reaper && next_ended() != -ECHILD;
}
