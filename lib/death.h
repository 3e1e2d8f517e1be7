/* SPDX-License-Identifier: MIT */
/* A signal for the child when its parent dies. */
#ifndef USPAWN_DEATH_H
#define USPAWN_DEATH_H

#include "writer.h"

int death_accept(const struct uspawn_request *request, struct uspawn_failure *reterr);

/* Does the calling thread's end mean the process's? */
int death_is_the_process(void);

void death_put(struct writer *w);

#endif
