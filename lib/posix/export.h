/* SPDX-License-Identifier: MIT */
/* What a program finds in the library, all else being hidden; with the names that <spawn.h> has since later versions.
 */
#ifndef POSIX_EXPORT_H
#define POSIX_EXPORT_H

#include <spawn.h>

#define EXPORT __attribute__((visibility("default")))

/* An argument that <spawn.h> promises is not NULL, without the promise: compilers drop checks that rely on it. */
static inline const void *as_given(const void *argument)
{
	__asm__("" : "+r"(argument));
	return argument;
}

/* glibc 2.39 */
int pidfd_spawn(int *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *, char *const[],
		char *const[]);
int pidfd_spawnp(int *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *, char *const[],
		 char *const[]);
int posix_spawnattr_setcgroup_np(posix_spawnattr_t *, int);
int posix_spawnattr_getcgroup_np(const posix_spawnattr_t *, int *);

/* glibc 2.29, 2.34, 2.35; musl has the first two since 1.1.24 */
int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *, const char *);
int posix_spawn_file_actions_addfchdir_np(posix_spawn_file_actions_t *, int);
int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *, int);
int posix_spawn_file_actions_addtcsetpgrp_np(posix_spawn_file_actions_t *, int);

#endif
