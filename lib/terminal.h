/* SPDX-License-Identifier: MIT */
/* The controlling terminal of the child's session, and who has its foreground. */
#ifndef USPAWN_TERMINAL_H
#define USPAWN_TERMINAL_H

#include "writer.h"

int terminal_accept(const struct uspawn_request *request, struct uspawn_failure *reterr);
void terminal_put(struct writer *w);

#endif
