/* SPDX-License-Identifier: MIT */
/* Who takes part in this run. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "run.h"

/* Why it cannot, or NULL. */
const char *contestant_hindrance(const struct contestant *c)
{
	char path[PATH_MAX + 32];

	if (c->missing)
		return c->missing;
	if (!c->worker)
		return NULL;
	snprintf(path, sizeof(path), "%s/%s", program_folder(), c->worker);
	return access(path, X_OK) < 0 ? "musl-gcc was not installed when this was built" : NULL;
}

/* Names may repeat: the second is called name#2. */
static int add(struct run *run, const struct contestant *c)
{
	struct entry *entry = &run->entries[run->nentries];
	uint32_t same = 1;

	if (run->nentries == MAX_ENTRIES)
		return -E2BIG;
	memset(entry, 0, sizeof(*entry));
	for (uint32_t i = 0; i < run->nentries; i++)
		same += !strncmp(run->entries[i].name, c->name, strcspn(run->entries[i].name, "#")) &&
			strcspn(run->entries[i].name, "#") == strlen(c->name);
	entry->contestant = c;
	snprintf(entry->name, sizeof(entry->name), same > 1 ? "%s#%u" : "%s", c->name, same);
	run->nentries++;
	if (!run->task.setting.reaper)
		return 0;
	entry->contestant = &entry->reaped;
	return contestant_reaped(&entry->reaped, c, run->task.setting.reaper);
}

/* Without --only: all that the measure is meant for, and that can. Who cannot is named. */
static void add_all(struct run *run)
{
	for (size_t i = 0; i < ncontestants; i++) {
		const struct contestant *c = contestants[i];
		const char *why = contestant_hindrance(c);

		if (c->measures && !(c->measures & 1u << run->task.measure))
			continue;
		if (run->task.setting.reaper && !c->by_pid)
			continue;
		if (why)
			fprintf(stderr, "uspawn-bench: left out: %s: %s\n", c->name, why);
		else
			add(run, c);
	}
}

int entries_select(struct run *run, char *why, size_t size)
{
	const char *only = run->only;

	entries_clear(run);
	if (!only)
		add_all(run);
	while (only) {
		size_t n = strcspn(only, ",");
		const struct contestant *c = contestant_named(only, n);
		const char *reason = c ? contestant_hindrance(c) : "there is no such contestant; see uspawn-bench list";
		int r;

		if (!n) {
			snprintf(why, size, "--only '%s': a name is missing; see uspawn-bench list", run->only);
			return -EINVAL;
		}
		r = reason ? -EINVAL : add(run, c);

		if (r == -EOPNOTSUPP)
			reason = "waits by its own means, not by --reaper";
		else if (r == -E2BIG)
			reason = "too many";
		if (reason) {
			snprintf(why, size, "--only %.*s: %s", (int)n, only, reason);
			return -EINVAL;
		}
		only = only[n] ? only + n + 1 : NULL;
	}
	for (uint32_t i = 0; run->slowed && i < run->nentries; i++)
		if (!strcmp(run->slowed, run->entries[i].name))
			return 0;
	if (run->slowed)
		snprintf(why, size, "--slowed %s: names nobody who takes part", run->slowed);
	return run->slowed ? -EINVAL : 0;
}

void entries_clear(struct run *run)
{
	for (uint32_t i = 0; i < run->nentries; i++)
		for (int m = 0; m < NMETRICS; m++)
			free(run->entries[i].values[m]);
	run->nentries = 0;
}

const struct entry *entry_reference(const struct run *run)
{
	for (uint32_t i = 0; i < run->nentries; i++)
		if (!strcmp(run->entries[i].name, "posix_spawn"))
			return &run->entries[i];
	return run->nentries ? &run->entries[0] : NULL;
}
