/* SPDX-License-Identifier: MIT */
/* One call of posix_spawn's family, whichever it was. */
#ifndef POSIX_CALL_H
#define POSIX_CALL_H

#include <spawn.h>

struct call {
	const char *program;
	const posix_spawn_file_actions_t *actions;
	const posix_spawnattr_t *attr;
	char *const *argv, *const *envp;
	const char *path;    /* where a search looks; NULL: PATH */
	char *const *setenv; /* changes to the environment */
	unsigned search : 1, wants_pidfd : 1, falls_back : 1 /* to the shell, for a script without #! */;
	unsigned without_shell : 1; /* with the signals as one would have left them */
};

#endif
