/* SPDX-License-Identifier: MIT */
/*
 * A callback that raises a signal, or aborts, does so in the child, whichever libc tells it who it is. Exits with 0 if
 * it does. Without the harness, for libcs that have none.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <uspawn.h>

static int abort_here(void *signo)
{
	if (signo)
		raise(*(int *)signo);
	abort();
}

int main(void)
{
	int number = SIGTERM, wrong = 0;

	for (int i = 0; i < 2; i++) {
		const struct uspawn_rlimit no_core = { .resource = RLIMIT_CORE };
		struct uspawn_child child;
		int r = uspawn_run(&child,
				   USPAWN(request, .callback = abort_here, .callback_data = i ? &number : NULL,
					  .rlimits = &no_core, .nrlimits = 1),
				   NULL);

		if (r < 0 || child.exit.code != USPAWN_KILLED || child.exit.status != (i ? SIGTERM : SIGABRT)) {
			printf("callback %d: %d, code %d, status %d\n", i, r, child.exit.code, child.exit.status);
			wrong = 1;
		}
	}
	return wrong;
}
