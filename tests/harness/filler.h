/* SPDX-License-Identifier: MIT */
/* A child that fills the pipe which its output is captured through, and has ended before anybody waits for it. */
#ifndef TESTS_FILLER_H
#define TESTS_FILLER_H

#include <stdint.h>
#include <uspawn.h>

#include "way.h"

/*
 * Of a request: arguments 0 and 1 are the ends that filler_fill() wants, 2 is the output. A redirected echo would stand
 * in for descriptor 1.
 */
#define FILLS                                                                                                  \
	SH("(echo b) >&3; read n; exec head -c $n /dev/zero"),                                                 \
		FDS({ 0, USPAWN_READ_END, .fd = USPAWN_ARG(0) }, { 3, USPAWN_WRITE_END, .fd = USPAWN_ARG(1) }, \
		    { 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(2) })

/* Closes the ends when it has ended. Returns how many bytes it has left behind. */
uint64_t filler_fill(const struct uspawn_child *child, const int ends[2]);

#endif
