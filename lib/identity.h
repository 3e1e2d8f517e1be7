/* SPDX-License-Identifier: MIT */
/* Whose process it is, and with which rights: groups, ids, capabilities. */
#ifndef USPAWN_IDENTITY_H
#define USPAWN_IDENTITY_H

#include "layout.h"
#include "writer.h"

int identity_accept(const struct uspawn_request *request, struct uspawn_failure *reterr);
size_t identity_measure(const struct uspawn_request *request);
void identity_keep(struct uspawn_plan *plan, const struct uspawn_request *request, struct layout *at);

size_t identity_count(const struct uspawn_plan *plan); /* of instructions, at most */
void identity_put(struct writer *w);

#endif
