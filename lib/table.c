/* SPDX-License-Identifier: MIT */
/* A tag: the generation in the upper 24 bits, then 8 for the part, then the index from 1, so that none is 0. */
#include <errno.h>
#include <stdlib.h>

#include "table.h"

#define GENERATION_SHIFT 40
#define PART_SHIFT       32

int table_grow(struct table *table, uint32_t n)
{
	int saved = errno;
	struct entry *entries = realloc(table->entries, n * sizeof(*entries));

	errno = saved;
	if (!entries)
		return -ENOMEM;
	table->entries = entries;
	for (uint32_t i = n; i-- > table->nentries;) {
		entries[i] = (struct entry){ .next_free = table->first_free };
		table->first_free = i;
	}
	table->nentries = n;
	return 0;
}

struct entry *table_take(struct table *table)
{
	struct entry *entry = &table->entries[table->first_free];

	table->first_free = entry->next_free;
	return entry;
}

void table_give_back(struct table *table, struct entry *entry)
{
	*entry = (struct entry){ .generation = entry->generation + 1, .next_free = table->first_free };
	table->first_free = (uint32_t)(entry - table->entries);
}

uint64_t table_tag(const struct table *table, const struct entry *entry, unsigned part)
{
	return (uint64_t)entry->generation << GENERATION_SHIFT | (uint64_t)part << PART_SHIFT |
	       (uint64_t)(entry - table->entries + 1);
}

struct entry *table_find(struct table *table, uint64_t tag, unsigned *retpart)
{
	uint32_t i = (uint32_t)tag - 1;
	struct entry *entry = i < table->nentries ? &table->entries[i] : NULL;

	*retpart = (uint8_t)(tag >> PART_SHIFT);
	if (!entry || entry->state == ENTRY_FREE || table_tag(table, entry, *retpart) != tag)
		return NULL;
	return entry;
}
