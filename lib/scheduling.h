/* SPDX-License-Identifier: MIT */
/* How the child is scheduled, and what else the kernel weighs it by: struct uspawn_sched. */
#ifndef USPAWN_SCHEDULING_H
#define USPAWN_SCHEDULING_H

#include "layout.h"
#include "writer.h"

int scheduling_accept(const struct uspawn_request *request, struct uspawn_failure *reterr);
size_t scheduling_measure(const struct uspawn_request *request);
void scheduling_keep(struct uspawn_plan *plan, const struct uspawn_request *request, struct layout *at);

/* How many instructions, and how many bytes besides. */
size_t scheduling_count(const struct uspawn_plan *plan);
size_t scheduling_size(const struct uspawn_plan *plan);
void scheduling_put(struct writer *w);

#endif
