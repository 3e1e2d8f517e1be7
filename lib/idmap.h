/* SPDX-License-Identifier: MIT */
/* The parent's part of a new user namespace: its maps, once the child says that it is there. */
#ifndef USPAWN_IDMAP_H
#define USPAWN_IDMAP_H

#include "child.h"
#include "plan.h"

/* Returns when the child has been answered, or has ended without asking. */
void idmap_serve(struct child_report *report, const struct uspawn_plan *plan, int pid);

#endif
