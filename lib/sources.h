/* SPDX-License-Identifier: MIT */
/* Where the child's descriptors come from: a request's numbers and arguments as the plan has them. */
#ifndef USPAWN_SOURCES_H
#define USPAWN_SOURCES_H

#include "layout.h"
#include "plan.h"

/* How many descriptors at most the child needs besides its targets. */
size_t sources_count_apart(const struct uspawn_request *request);

/* Targets and what is put there, without opening anything. */
void sources_list(struct uspawn_plan *plan, const struct uspawn_request *request, struct layout *at);

/* The plan's own copies. `borrow`: it does not outlive the call. What is taken stays the plan's on failure, too. */
int sources_take(struct uspawn_plan *plan, const struct uspawn_request *request, int borrow,
		 struct uspawn_failure *reterr);

#endif
