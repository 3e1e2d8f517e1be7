/* SPDX-License-Identifier: MIT */
/*
 * By number in the child, so after its descriptors are in place; after its session and group, whose leader it must be;
 * and while every signal is blocked: a background process that asks for the foreground is stopped by SIGTTOU.
 */
#include <errno.h>

#include "request.h"
#include "terminal.h"

int terminal_accept(const struct uspawn_request *r, struct uspawn_failure *reterr)
{
	int needs_tty = (r->flags & (USPAWN_SETCTTY | USPAWN_FOREGROUND)) != 0;

	if ((r->tty && !needs_tty) || r->tty < 0 || (r->flags & USPAWN_SETCTTY && !(r->flags & USPAWN_SETSID)))
		return request_fail(
			reterr, EINVAL,
			r->flags & USPAWN_SETCTTY || !needs_tty ? USPAWN_STEP_SETCTTY : USPAWN_STEP_FOREGROUND, 0);
	return 0;
}

void terminal_put(struct writer *w)
{
	if (w->plan->flags & USPAWN_SETCTTY)
		writer_put_number(w, OP_SETCTTY, USPAWN_STEP_SETCTTY, w->plan->tty);
	if (w->plan->flags & USPAWN_FOREGROUND)
		writer_put_number(w, OP_FOREGROUND, USPAWN_STEP_FOREGROUND, w->plan->tty);
}
