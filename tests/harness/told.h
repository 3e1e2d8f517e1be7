/* SPDX-License-Identifier: MIT */
/*
 * Refusals from outside: every test of every suite then runs with a system call taken away, as tests/matrix asks for.
 * USPAWN_TEST_REFUSE is a list of calls, each with the answer: "clone3=EPERM,io_uring_setup=SIGSYS".
 */
#ifndef TESTS_TOLD_H
#define TESTS_TOLD_H

/* In the test's process, so that neither Criterion nor the threads it makes are refused anything. */
void told_refuse(void);

#endif
