/* SPDX-License-Identifier: MIT */
/*
 * Whom a ring waits for, by index. A tag is an index and a generation, never an address, since a child's memory may be
 * gone while a completion is under way; and a part: 0 is the pidfd, others are what its care has open.
 */
#ifndef USPAWN_TABLE_H
#define USPAWN_TABLE_H

#include <uspawn.h>

#include "sys.h"

#define TABLE_FULL UINT32_MAX

enum entry_state { ENTRY_FREE, ENTRY_LIVE, ENTRY_SILENT };

struct entry {
	struct uspawn_child *child; /* live: whose end is an event */
	int pidfd, pid;             /* silent: what is reaped without a word */
	struct sys_inode inode;     /* of that pidfd */
	uint32_t generation;
	uint32_t next_free;
	uint32_t nsent; /* steps of the shutdown's ladder */
	uint8_t state;
	uint8_t how;     /* enum poller_watch */
	uint8_t watched; /* by its pidfd: not where another entry has the same */
	uint8_t ticked;  /* looked at now and then, since polling alone will not do */
};

struct table {
	struct entry *entries;
	uint32_t nentries, first_free;
};

/* -ENOMEM: as it was. */
int table_grow(struct table *table, uint32_t n);

/* There is a free one. */
struct entry *table_take(struct table *table);
void table_give_back(struct table *table, struct entry *entry);

uint64_t table_tag(const struct table *table, const struct entry *entry, unsigned part);

/* NULL: it is free by now, or another's. */
struct entry *table_find(struct table *table, uint64_t tag, unsigned *retpart);

#endif
