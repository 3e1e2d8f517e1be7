/* SPDX-License-Identifier: MIT */
/*
 * What a test process owns: descriptors, children, signal mask. Taken before each test and compared after it, so that
 * whatever the library leaves behind fails the test that made it do so.
 */
#ifndef TESTS_STOCK_H
#define TESTS_STOCK_H

/*
 * Makes the library take the descriptor numbers that it keeps for the process's life (they are told by their inode, and
 * not counted), then takes stock.
 */
void stock_take(void);

/* Fails the test if anything differs. */
void stock_check(void);

/* NULL, or what differs from when it was taken. */
const char *stock_difference(void);

#define CheckedSuite(name) TestSuite(name, .init = stock_take, .timeout = 90)

/* A test of such a suite. Checked in its body: Criterion prints an assert that fails after it, and forgets it. */
#define CheckedTest(suite, name)          \
	static void suite##_##name(void); \
	Test(suite, name)                 \
	{                                 \
		suite##_##name();         \
		stock_check();            \
	}                                 \
	static void suite##_##name(void)

#endif
