/* SPDX-License-Identifier: MIT */
/* Resource limits: setrlimit(2). */
#ifndef USPAWN_RLIMITS_H
#define USPAWN_RLIMITS_H

#include "layout.h"
#include "writer.h"

int rlimits_accept(const struct uspawn_request *request, struct uspawn_failure *reterr);
size_t rlimits_measure(const struct uspawn_request *request);
void rlimits_keep(struct uspawn_plan *plan, const struct uspawn_request *request, struct layout *at);

/* Is there one on descriptors, and more than the caller has? `hard`: or a higher hard limit, which takes a right. */
int rlimits_raise_nofile(const struct uspawn_plan *plan, int hard);

/* That on descriptors, or all others. */
void rlimits_put(struct writer *w, int nofile);

#endif
