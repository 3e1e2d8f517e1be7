/* SPDX-License-Identifier: MIT */
/*
 * posix_spawn and its family, twice: libc's, and the one that replaces it. EachFamily() makes a test for each, so that
 * what is asserted of the replacement has been seen of libc.
 */
#ifndef TESTS_FAMILY_H
#define TESTS_FAMILY_H

#include <criterion/criterion.h>
#include <spawn.h>
#include <sys/wait.h>

#include "report.h"
#include "stock.h"

#ifndef POSIX_SPAWN_SETCGROUP
#define POSIX_SPAWN_SETCGROUP 0x100 /* glibc 2.39 */
#endif

typedef int family_spawn(pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
			 char *const[], char *const[]);

struct family {
	const char *name;
	family_spawn *spawn, *spawnp, *spawn_old, *spawnp_old;
	family_spawn *pidfd_spawn, *pidfd_spawnp; /* NULL: libc is too old */
	struct {
		int (*init)(posix_spawn_file_actions_t *);
		int (*destroy)(posix_spawn_file_actions_t *);
		int (*addclose)(posix_spawn_file_actions_t *, int);
		int (*adddup2)(posix_spawn_file_actions_t *, int, int);
		int (*addopen)(posix_spawn_file_actions_t *, int, const char *, int, mode_t);
		int (*addchdir_np)(posix_spawn_file_actions_t *, const char *);
		int (*addfchdir_np)(posix_spawn_file_actions_t *, int);
		int (*addclosefrom_np)(posix_spawn_file_actions_t *, int);
		int (*addtcsetpgrp_np)(posix_spawn_file_actions_t *, int);
	} actions;
	struct {
		int (*init)(posix_spawnattr_t *);
		int (*destroy)(posix_spawnattr_t *);
		int (*setflags)(posix_spawnattr_t *, short);
		int (*getflags)(const posix_spawnattr_t *, short *);
		int (*setpgroup)(posix_spawnattr_t *, pid_t);
		int (*getpgroup)(const posix_spawnattr_t *, pid_t *);
		int (*setsigmask)(posix_spawnattr_t *, const sigset_t *);
		int (*getsigmask)(const posix_spawnattr_t *, sigset_t *);
		int (*setsigdefault)(posix_spawnattr_t *, const sigset_t *);
		int (*getsigdefault)(const posix_spawnattr_t *, sigset_t *);
		int (*setschedpolicy)(posix_spawnattr_t *, int);
		int (*getschedpolicy)(const posix_spawnattr_t *, int *);
		int (*setschedparam)(posix_spawnattr_t *, const struct sched_param *);
		int (*getschedparam)(const posix_spawnattr_t *, struct sched_param *);
		int (*setcgroup_np)(posix_spawnattr_t *, int); /* NULL: libc is too old */
	} attr;
};

enum { FAMILY_LIBC, FAMILY_REPLACEMENT };

/* Ends the process with a line if it cannot be loaded. */
const struct family *family_get(int which);

/* Waits for the child: its exit code, or 128 and the signal. */
int family_end(pid_t pid);

/* Starts it and waits: as family_end(), or -errno if it did not run. */
int family_run(const struct family *f, const char *path, char *const *argv, const posix_spawn_file_actions_t *actions,
	       const posix_spawnattr_t *attr);
int family_search(const struct family *f, const char *file, char *const *argv);

/* Runs a witness that reports, asserts that it ended well, and reads the report. */
void family_report(const struct family *f, struct report *report, const posix_spawn_file_actions_t *actions,
		   const posix_spawnattr_t *attr);

#define FAMILY_TEST(suite, name, word, which)      \
	Test(suite, name##_##word)                 \
	{                                          \
		suite##_##name(family_get(which)); \
		stock_check();                     \
	}

#define EachFamily(suite, name)                                   \
	static void suite##_##name(const struct family *f);       \
	FAMILY_TEST(suite, name, libc, FAMILY_LIBC)               \
	FAMILY_TEST(suite, name, replacement, FAMILY_REPLACEMENT) \
	static void suite##_##name(const struct family *f)

#endif
