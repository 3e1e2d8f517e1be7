/* SPDX-License-Identifier: MIT */
/* posix_spawn's file actions. */
#ifndef USPAWN_ACTIONS_H
#define USPAWN_ACTIONS_H

#include "layout.h"
#include "writer.h"

int actions_accept(const struct uspawn_request *request, struct uspawn_failure *reterr);
size_t actions_measure(const struct uspawn_request *request);
void actions_keep(struct uspawn_plan *plan, const struct uspawn_request *request, struct layout *at);

/*
 * The lowest number at which the child's table may be cut before anything else, with the same result as if all of it
 * had been copied; 0: nowhere. To be asked once the plan is filled.
 */
int actions_cut(const struct uspawn_plan *plan);

/* How many instructions at most. */
size_t actions_count(const struct uspawn_plan *plan);

void actions_put(struct writer *w);

#endif
