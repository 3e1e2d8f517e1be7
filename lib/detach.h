/* SPDX-License-Identifier: MIT */
/* A child that is not the caller's. */
#ifndef USPAWN_DETACH_H
#define USPAWN_DETACH_H

#include "ladder.h"

/* As ladder_climb(), but a child whose program did not run is gone by then: that is a failure, too. */
int detach_climb(struct start *start, enum uspawn_rung rung, struct child_report *retreport);

#endif
