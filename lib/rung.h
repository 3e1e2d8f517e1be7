/* SPDX-License-Identifier: MIT */
/* The fastest rung that can do what a request asks for. */
#ifndef USPAWN_RUNG_H
#define USPAWN_RUNG_H

#include "plan.h"

/* `fastest` is what the call allows. */
enum uspawn_rung rung_first(const struct uspawn_plan *plan, enum uspawn_rung fastest);

/*
 * Can its second stage be done by the relay? Not what acts on descriptors that are gone after its exec, and no path
 * through /proc/self or /dev/fd: there it is another process, with another program. A symbolic link to there, and a
 * path that is relative to a directory there, are not seen.
 */
int rung_suits_relay(const struct uspawn_plan *plan);

#endif
