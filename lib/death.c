/* SPDX-License-Identifier: MIT */
/*
 * The kernel sends the signal when the thread that cloned ends, so only a start by the first thread means the process.
 * (If that thread ends by pthread_exit() while others go on, the signal is sent then.) A parent that dies before the
 * signal is armed is found by the child, which looks afterwards who its parent is.
 */
#include <errno.h>

#include "death.h"
#include "request.h"
#include "sys.h"

int death_accept(const struct uspawn_request *r, struct uspawn_failure *reterr)
{
	if (r->pdeathsig < 0 || r->pdeathsig >= _NSIG || (r->pdeathsig && r->flags & USPAWN_DETACH))
		return request_fail(reterr, EINVAL, USPAWN_STEP_PDEATHSIG, 0);
	return 0;
}

int death_is_the_process(void)
{
	return sys_gettid() == sys_getpid();
}

void death_put(struct writer *w)
{
	struct child_instr *instr;

	if (!w->plan->pdeathsig || !death_is_the_process())
		return;
	instr = writer_put(w, OP_PDEATHSIG, USPAWN_STEP_PDEATHSIG, 0);
	instr->a = w->plan->pdeathsig;
	instr->b = sys_getpid();
}
