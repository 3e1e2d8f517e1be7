/* SPDX-License-Identifier: MIT */
/*
 * How often a test tries what is left to chance. Who runs the suites a hundred times over, as the matrix does, wants
 * less of it each time.
 */
#ifndef TESTS_ROUNDS_H
#define TESTS_ROUNDS_H

/* USPAWN_TEST_ROUNDS percent of whole, at least 1; all of it where that is not set. */
int rounds(int whole);

#endif
