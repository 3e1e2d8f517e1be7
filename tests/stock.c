/* SPDX-License-Identifier: MIT */
/* The fixture itself: a test that leaves something behind fails. */
#include <stdio.h>

#include "harness/way.h"

CheckedSuite(stock);

/* In an environment of its own: by Criterion's variables it would take itself for a worker of this runner. */
static int run_leak(const char *test)
{
	char filter[64];
	struct uspawn_child child;

	snprintf(filter, sizeof(filter), "leaks/%s", test);
	cr_assert_eq(uspawn(&child,
			    USPAWN(request, .path = LEAKS_PATH, .argv = LIST("leaks", "--filter", filter),
				   .envp = LIST("LC_ALL=C"), FDS({ 1, USPAWN_NULL }, { 2, USPAWN_NULL })),
			    NULL),
		     0);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	cr_assert_eq(child.exit.code, USPAWN_EXITED);
	return child.exit.status;
}

CheckedTest(stock, a_clean_test_passes)
{
	cr_assert_eq(run_leak("nothing"), 0);
}

CheckedTest(stock, a_test_that_leaks_fails)
{
	static const char *const leaks[] = { "descriptor", "replaced_descriptor", "close_on_exec_flag", "running_child",
					     "zombie",     "signal_mask" };

	for (size_t i = 0; i < sizeof(leaks) / sizeof(*leaks); i++)
		cr_assert_eq(run_leak(leaks[i]), 1, "a leak of kind %s is not seen", leaks[i]);
}
