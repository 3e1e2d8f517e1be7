/* SPDX-License-Identifier: MIT */
/* A child that takes a few steps and exits, to see whether the kernel lets it. */
#ifndef USPAWN_TRIAL_H
#define USPAWN_TRIAL_H

#include "child.h"
#include "clone.h"

/* Cuts itself off from the descriptor table, and exits with 0. */
extern const struct child_instr trial_nothing[];

/*
 * `birth` says how it is made, all but its stack and what runs there. 0: it was made, and is the caller's to collect;
 * -errno: it was not (birth->pid is not positive), or what its steps came to: it is gone.
 */
int trial_start(enum uspawn_rung rung, const struct child_instr *program, struct birth *birth);

#endif
