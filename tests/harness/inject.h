/* SPDX-License-Identifier: MIT */
/*
 * Failures from outside: the system call that a step is made of is refused from now on, to the process and its
 * children, by a seccomp filter. Nothing else that a start does is in its way.
 */
#ifndef TESTS_INJECT_H
#define TESTS_INJECT_H

#include <stdint.h>

#define INJECT_KILL 0 /* it kills who makes it */

/* 0; -ENOENT: no call of this step can fail, or it would be the caller's, too; or what the kernel says to a filter. */
int inject(uint32_t step, int errnum);

#endif
