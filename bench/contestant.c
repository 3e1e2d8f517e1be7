/* SPDX-License-Identifier: MIT */
/*
 * Who takes part, in the order of the tables. To add one: a struct contestant in a file of its own, and a line here
 * (bench/README.md).
 */
#include <string.h>
#include "bench.h"

extern const struct contestant floor_contestant, clone3_contestant, fork_contestant, vfork_contestant, spawn_contestant,
	uv_contestant, glib_contestant, uspawn_contestant, async_contestant, relayed_contestant, forked_contestant,
	identity_contestant, blocking_contestant, ring_poll_contestant, ring_waitid_contestant, epoll_contestant,
	sigchld_contestant;

static const struct contestant musl_contestant = {
	.name = "musl",
	.about = "musl's posix_spawn, waitpid",
	.worker = "worker-musl",
};

const struct contestant *const contestants[] = {
	&floor_contestant,       &clone3_contestant, &fork_contestant,     &vfork_contestant,    &spawn_contestant,
	&musl_contestant,        &uv_contestant,     &glib_contestant,     &uspawn_contestant,   &async_contestant,
	&relayed_contestant,     &forked_contestant, &identity_contestant, &blocking_contestant, &ring_poll_contestant,
	&ring_waitid_contestant, &epoll_contestant,  &sigchld_contestant,
};
const size_t ncontestants = sizeof(contestants) / sizeof(contestants[0]);

const struct contestant *contestant_named(const char *name, size_t length)
{
	for (size_t i = 0; i < ncontestants; i++)
		if (strlen(contestants[i]->name) == length && !strncmp(contestants[i]->name, name, length))
			return contestants[i];
	return NULL;
}
