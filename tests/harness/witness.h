/* SPDX-License-Identifier: MIT */
/* Where the program is that children run. */
#ifndef TESTS_WITNESS_H
#define TESTS_WITNESS_H

/*
 * As built; or a copy below /tmp for as long as a suite runs, where other users cannot come to a build directory that
 * root owns (below /root, made by mktemp -d, or with a umask of 077).
 */
extern char witness_path[];

#endif
