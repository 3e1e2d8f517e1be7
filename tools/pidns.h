/* SPDX-License-Identifier: MIT */
/*
 * The PID namespace that our children are born in.
 */
#ifndef PIDNS_H
#define PIDNS_H

#include <stdbool.h>

/* Has its first process ended? Then no other is made in it, ever: ENOMEM. False where that is not known. */
bool pidns_is_dead(void);

#endif
