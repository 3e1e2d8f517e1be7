/* SPDX-License-Identifier: MIT */
/* The fastest rung that can do what a request asks for. */
#ifndef USPAWN_RUNG_H
#define USPAWN_RUNG_H

#include "plan.h"

/* `fastest` is what the call allows. */
enum uspawn_rung rung_first(const struct uspawn_plan *plan, enum uspawn_rung fastest);

#endif
