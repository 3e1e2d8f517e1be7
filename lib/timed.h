/* SPDX-License-Identifier: MIT */
/* Signals that are sent so long after a child's start, or after it was last heard of. */
#ifndef USPAWN_TIMED_H
#define USPAWN_TIMED_H

#include "care.h"

/* Accepts what a request says of it, and of events. */
int timed_accept(const struct uspawn_request *request, struct uspawn_failure *reterr);

/* When the next one is due, or CARE_NEVER. */
int64_t timed_due(const struct care *care);

/* Sends what is due; `settled`: for being idle, too. */
void timed_expire(struct care *care, int64_t now_ns, int settled);

#endif
