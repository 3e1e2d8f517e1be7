/* SPDX-License-Identifier: MIT */
/* A command of system() or popen(): a shell, started by the posix_spawn that is found first. */
#ifndef POSIX_COMMAND_H
#define POSIX_COMMAND_H

#include <spawn.h>

/* Returns 0 or an errno. */
int command_start(pid_t *ret, const char *command, const posix_spawn_file_actions_t *actions,
		  const posix_spawnattr_t *attr);

/* Its status as of waitpid(), or -1. A cancellation point. */
int command_wait(pid_t pid);

#endif
