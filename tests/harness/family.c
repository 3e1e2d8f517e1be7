/* SPDX-License-Identifier: MIT */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "family.h"
#include "way.h"

extern char **environ;

static void *function(void *library, const char *prefix, const char *name)
{
	char whole[80];

	snprintf(whole, sizeof(whole), "%s%s", prefix, name);
	return dlsym(library, whole);
}

#define LOAD(part, prefix, name) f->part.name = function(library, prefix, #name)

static void load_actions(struct family *f, void *library)
{
	static const char prefix[] = "posix_spawn_file_actions_";

	LOAD(actions, prefix, init);
	LOAD(actions, prefix, destroy);
	LOAD(actions, prefix, addclose);
	LOAD(actions, prefix, adddup2);
	LOAD(actions, prefix, addopen);
	LOAD(actions, prefix, addchdir_np);
	LOAD(actions, prefix, addfchdir_np);
	LOAD(actions, prefix, addclosefrom_np);
	LOAD(actions, prefix, addtcsetpgrp_np);
}

static void load_attr(struct family *f, void *library)
{
	static const char prefix[] = "posix_spawnattr_";

	LOAD(attr, prefix, init);
	LOAD(attr, prefix, destroy);
	LOAD(attr, prefix, setflags);
	LOAD(attr, prefix, getflags);
	LOAD(attr, prefix, setpgroup);
	LOAD(attr, prefix, getpgroup);
	LOAD(attr, prefix, setsigmask);
	LOAD(attr, prefix, getsigmask);
	LOAD(attr, prefix, setsigdefault);
	LOAD(attr, prefix, getsigdefault);
	LOAD(attr, prefix, setschedpolicy);
	LOAD(attr, prefix, getschedpolicy);
	LOAD(attr, prefix, setschedparam);
	LOAD(attr, prefix, getschedparam);
	LOAD(attr, prefix, setcgroup_np);
}

const struct family *family_get(int which)
{
	static struct family families[2];
	struct family *f = &families[which];
	const char *path = which == FAMILY_LIBC ? "libc.so.6" : POSIX_PATH;
	void *library;

	if (f->name)
		return f;
	library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	f->spawn = function(library, "posix_", "spawn");
	f->spawnp = function(library, "posix_", "spawnp");
	f->spawn_old = (family_spawn *)dlvsym(library, "posix_spawn", POSIX_OLD_VERSION);
	f->spawnp_old = (family_spawn *)dlvsym(library, "posix_spawnp", POSIX_OLD_VERSION);
	f->pidfd_spawn = function(library, "pidfd_", "spawn");
	f->pidfd_spawnp = function(library, "pidfd_", "spawnp");
	load_actions(f, library);
	load_attr(f, library);
	f->name = which == FAMILY_LIBC ? "libc" : "the replacement";
	return f;
}

int family_end(pid_t pid)
{
	int status;

	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int family_run(const struct family *f, const char *path, char *const *argv, const posix_spawn_file_actions_t *actions,
	       const posix_spawnattr_t *attr)
{
	pid_t pid = -7;
	int r = f->spawn(&pid, path, actions, attr, argv, environ);

	cr_assert(r == 0 || pid == -7, "a pid is given out although it did not run");
	return r ? -r : family_end(pid);
}

int family_search(const struct family *f, const char *file, char *const *argv)
{
	pid_t pid;
	int r = f->spawnp(&pid, file, NULL, NULL, argv, environ);

	return r ? -r : family_end(pid);
}

void family_report(const struct family *f, struct report *report, const posix_spawn_file_actions_t *actions,
		   const posix_spawnattr_t *attr)
{
	report_open(report);
	cr_assert_eq(family_run(f, witness_path, report->argv, actions, attr), 0);
	report_read(report);
}
