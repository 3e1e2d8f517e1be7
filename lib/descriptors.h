/* SPDX-License-Identifier: MIT */
/* Which descriptors the child ends up with, as instructions. */
#ifndef USPAWN_DESCRIPTORS_H
#define USPAWN_DESCRIPTORS_H

#include "writer.h"

/* How many instructions, and how many bytes besides. */
size_t descriptors_count(const struct uspawn_plan *plan);
size_t descriptors_size(const struct uspawn_plan *plan);

/* Where the table is cut: no number from there on is needed. */
int descriptors_end(const struct writer *w);

void descriptors_put(struct writer *w, int end);

#endif
