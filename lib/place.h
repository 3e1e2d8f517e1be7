/* SPDX-License-Identifier: MIT */
/* Where the child finds itself: root, directory, umask. */
#ifndef USPAWN_PLACE_H
#define USPAWN_PLACE_H

#include "layout.h"
#include "writer.h"

int place_accept(const struct uspawn_request *request, struct uspawn_failure *reterr);
size_t place_measure(const struct uspawn_request *request);
void place_keep(struct uspawn_plan *plan, const struct uspawn_request *request, struct layout *at);

/* Before the ids change, for it needs a capability; and after. */
void place_put_root(struct writer *w);
void place_put_directory(struct writer *w);

#endif
