/* SPDX-License-Identifier: MIT */
/* Namespaces that are joined and made, with what is written about them from outside and from inside. */
#ifndef USPAWN_NAMESPACES_H
#define USPAWN_NAMESPACES_H

#include "layout.h"
#include "writer.h"

int namespaces_accept(const struct uspawn_request *request, struct uspawn_failure *reterr);
size_t namespaces_measure(const struct uspawn_request *request);
void namespaces_keep(struct uspawn_plan *plan, const struct uspawn_request *request, struct layout *at);

/* How many are joined. */
uint32_t namespaces_joined(const struct uspawn_request *request);

size_t namespaces_count(const struct uspawn_plan *plan);

/* Those that the clone makes. */
uint64_t namespaces_born(const struct uspawn_plan *plan, enum uspawn_rung rung);

/* All but those that the clone makes, which the writer knows. */
void namespaces_put(struct writer *w);

#endif
