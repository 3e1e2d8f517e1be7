/* SPDX-License-Identifier: MIT */
/*
 * Runs a command and exits as it did. A start that failed is a child that has ended, so nothing needs to be checked
 * between the two calls.
 */
#include <stdio.h>
#include <string.h>
#include <uspawn.h>

int main(void)
{
	char *argv[] = { "echo", "hello", NULL };
	struct uspawn_child child;

	uspawn(&child, USPAWN(request, .argv = argv), NULL);
	uspawn_wait(&child, -1);
	if (child.exit.code == USPAWN_FAILED)
		fprintf(stderr, "%s: %s: %s\n", argv[0], uspawn_strstep(child.failure.step),
			strerror(child.exit.status));
	return child.exit.code == USPAWN_EXITED ? child.exit.status : 127;
}
