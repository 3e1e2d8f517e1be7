/* SPDX-License-Identifier: MIT */
/* A new pipe or pseudo-terminal: the child's end and the caller's. */
#ifndef USPAWN_ENDS_H
#define USPAWN_ENDS_H

#include "plan.h"

struct ends {
	int child, caller; /* close-on-exec, and not on 0 to 2 */
};

/* Of argument n of the plan: 0, or -errno with nothing left open. */
int ends_open(struct ends *ret, const struct uspawn_plan *plan, unsigned n);

#endif
