/* SPDX-License-Identifier: MIT */
/* Which rung a start would take, and why no faster one: for people. */
#ifndef USPAWN_REASON_H
#define USPAWN_REASON_H

#include "plan.h"
#include "text.h"

/* `fastest` is what the call allows. */
enum uspawn_rung reason_rung(const struct uspawn_plan *plan, enum uspawn_rung fastest);

/* A line about it. */
void reason_describe(struct text *t, const struct uspawn_plan *plan);

#endif
