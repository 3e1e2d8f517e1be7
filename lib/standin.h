/* SPDX-License-Identifier: MIT */
/*
 * Until its exec a child has no exit signal, and a plain wait passes it over. One that was killed before it got there
 * would be nobody's, where the caller waits for a pid by itself.
 */
#ifndef USPAWN_STANDIN_H
#define USPAWN_STANDIN_H

/* The pid, or that of a child that ends by the same signal and can be waited for: then this one has been reaped. */
int standin_for(int pid, void *stack_end);

#endif
