/* SPDX-License-Identifier: MIT */
/*
 * A new root is entered at once: a directory that is left outside would be a way out of it, and what a relative cwd
 * starts from.
 */
#include <errno.h>

#include "place.h"
#include "request.h"

int place_accept(const struct uspawn_request *r, struct uspawn_failure *reterr)
{
	if ((r->cwd && r->flags & USPAWN_FCHDIR) || (r->cwd_fd && !(r->flags & USPAWN_FCHDIR)))
		return request_fail(reterr, EINVAL, USPAWN_STEP_CWD, 0);
	if ((r->umask && !(r->flags & USPAWN_SETUMASK)) || r->umask > 0777)
		return request_fail(reterr, EINVAL, USPAWN_STEP_UMASK, 0);
	return 0;
}

size_t place_measure(const struct uspawn_request *r)
{
	return (r->cwd ? strlen(r->cwd) + 1 : 0) + (r->root ? strlen(r->root) + 1 : 0);
}

void place_keep(struct uspawn_plan *plan, const struct uspawn_request *r, struct layout *at)
{
	plan->cwd = layout_keep_string(at, r->cwd);
	plan->root = layout_keep_string(at, r->root);
	plan->umask = r->umask;
}

void place_put_root(struct writer *w)
{
	if (w->plan->root)
		writer_put(w, w->plan->flags & USPAWN_PIVOT_ROOT ? OP_PIVOT : OP_CHROOT, USPAWN_STEP_ROOT, 0)->path =
			w->plan->root;
}

void place_put_directory(struct writer *w)
{
	const struct uspawn_plan *plan = w->plan;

	if (plan->cwd)
		writer_put(w, OP_CHDIR, USPAWN_STEP_CWD, 0)->path = plan->cwd;
	if (plan->cwd_fd != -1)
		writer_put_number(w, OP_FCHDIR, USPAWN_STEP_CWD, fds_number(w->fds, plan->cwd_fd));
	if (plan->flags & USPAWN_SETUMASK)
		writer_put_number(w, OP_UMASK, USPAWN_STEP_UMASK, (int)plan->umask);
}
