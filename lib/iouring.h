/* SPDX-License-Identifier: MIT */
/* An io_uring for one issuer, with deferred task work where the kernel has it. Its descriptor may be closed by the
 * host. */
#ifndef USPAWN_IOURING_H
#define USPAWN_IOURING_H

#include <liburing.h>

#include "sys.h"

/* -errno: there is none here, or it may not be used. */
int iouring_open(struct io_uring *ret, struct sys_owned *retown, uint32_t cq_entries);
void iouring_close(struct io_uring *ring, const struct sys_owned *own);

#endif
