/* SPDX-License-Identifier: MIT */
/* Accept what a caller hands in: size, unknown flags and bytes, contradictions. Nothing is opened or allocated here. */
#ifndef USPAWN_REQUEST_H
#define USPAWN_REQUEST_H

#include <uspawn.h>

/* Writes a failure and returns it as -errno. `reterr` may be NULL. */
int request_fail(struct uspawn_failure *reterr, int errnum, uint32_t step, uint32_t index);

/*
 * Copies a struct that begins with its size, by the rule for those: zeros for what it does not have. Returns 0 or an
 * errno.
 */
int request_copy(void *ret, size_t size, const void *from);

/* A copy as large as this library's, with zeros for what the caller's struct does not have. */
int request_accept(struct uspawn_request *ret, const struct uspawn_request *request, struct uspawn_failure *reterr);

/* The same; NULL is all zero. */
int request_accept_args(struct uspawn_args *ret, const struct uspawn_args *args, struct uspawn_failure *reterr);

#endif
