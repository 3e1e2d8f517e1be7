/* SPDX-License-Identifier: MIT */
/* Starting the program itself where a shell was asked for that would do nothing else. */
#ifndef POSIX_SHELL_H
#define POSIX_SHELL_H

#include <uspawn.h>

#include "call.h"

typedef int shell_start(struct uspawn_child *child, const struct call *call);

/*
 * 0: started, without the shell. Else nothing has happened, and the call is to be made as it is: USPAWN_ELIDE_SHELL is
 * not in the environment, it is no shell's, or anything in it might make a difference.
 */
int shell_elide(struct uspawn_child *child, const struct call *call, shell_start *start);

#endif
