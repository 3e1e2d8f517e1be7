/* SPDX-License-Identifier: MIT */
/* What the child gives up for good before it runs the program: no_new_privs, landlock, seccomp. */
#ifndef USPAWN_CONFINE_H
#define USPAWN_CONFINE_H

#include "layout.h"
#include "writer.h"

int confine_accept(const struct uspawn_request *request, struct uspawn_failure *reterr);
size_t confine_measure(const struct uspawn_request *request);
void confine_keep(struct uspawn_plan *plan, const struct uspawn_request *request, struct layout *at);

/* How many bytes besides instructions. */
size_t confine_size(const struct uspawn_plan *plan);

/* Before the root changes: it is a file below /proc. Consumed by the next exec. */
void confine_put_label(struct writer *w);

/* Before the signal mask, and after it. */
void confine_put(struct writer *w);
void confine_put_filter(struct writer *w);

#endif
