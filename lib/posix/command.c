/* SPDX-License-Identifier: MIT */
/* Waiting is by waitpid(), which `uspawn with --trace` sees, and which is a cancellation point in musl, too. */
#include <errno.h>
#include <stddef.h>
#include <sys/wait.h>

#include "command.h"

extern char **environ;

int command_start(pid_t *ret, const char *command, const posix_spawn_file_actions_t *actions,
		  const posix_spawnattr_t *attr)
{
	char *const argv[] = { "sh", "-c", "--", (char *)command, NULL }; /* as of POSIX.1-2024 */

	return posix_spawn(ret, "/bin/sh", actions, attr, argv, environ);
}

int command_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return status;
}
