/* SPDX-License-Identifier: MIT */
/* Who takes part, in the order of the tables. To add one: a struct contestant in a file of its own, and a line here. */
#include <errno.h>
#include <string.h>
#include "bench.h"

extern const struct contestant floor_contestant, fork_contestant, vfork_contestant, spawn_contestant, uspawn_contestant,
	async_contestant, forked_contestant;

const struct contestant *const contestants[] = {
	&floor_contestant,  &fork_contestant,  &vfork_contestant,  &spawn_contestant,
	&uspawn_contestant, &async_contestant, &forked_contestant,
};
const size_t ncontestants = sizeof(contestants) / sizeof(contestants[0]);

static const struct contestant *named(const char *name, size_t n)
{
	for (size_t i = 0; i < ncontestants; i++)
		if (strlen(contestants[i]->name) == n && !strncmp(contestants[i]->name, name, n))
			return contestants[i];
	return NULL;
}

/* only: names with commas between, in the order wanted; NULL: all. */
int contestants_select(struct run *run, const char *only, char *why, size_t size)
{
	for (size_t i = 0; !only && i < ncontestants; i++)
		run->entries[run->nentries++].contestant = contestants[i];
	while (only) {
		size_t n = strcspn(only, ",");
		const struct contestant *c = named(only, n);

		for (uint32_t i = 0; c && i < run->nentries; i++)
			if (run->entries[i].contestant == c)
				c = NULL;
		if (!c) {
			snprintf(why, size, "'%.*s' is no contestant or named twice; see uspawn-bench --help", (int)n,
				 only);
			return -EINVAL;
		}
		run->entries[run->nentries++].contestant = c;
		only = only[n] ? only + n + 1 : NULL;
	}
	return 0;
}
