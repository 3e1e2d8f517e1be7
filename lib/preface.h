/* SPDX-License-Identifier: MIT */
/* What comes before a child as text: which rung would be taken, why no faster one, and what the parent does. */
#ifndef USPAWN_PREFACE_H
#define USPAWN_PREFACE_H

#include "plan.h"
#include "text.h"

/* Of a start that waits. */
enum uspawn_rung preface_rung(const struct uspawn_plan *plan);

void preface_describe(struct text *t, const struct uspawn_plan *plan);

#endif
