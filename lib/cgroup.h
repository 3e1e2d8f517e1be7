/* SPDX-License-Identifier: MIT */
/* The control group that the child is born in: version 2. */
#ifndef USPAWN_CGROUP_H
#define USPAWN_CGROUP_H

#include "writer.h"

int cgroup_accept(const struct uspawn_request *request, struct uspawn_failure *reterr);

/* In the parent. -EBADF; -EINVAL: no such directory; -EBUSY: it is frozen, and so would be the child, before its exec.
 */
int cgroup_check(int fd);

/* Is this answer of a clone that makes these new namespaces about the group, and not about the call? */
int cgroup_is_to_blame(int error, uint64_t born);

/* For a child that was not born there, and has memory of its own. */
void cgroup_put(struct writer *w);

#endif
