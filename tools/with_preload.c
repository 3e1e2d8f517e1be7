/* SPDX-License-Identifier: MIT */
/* What "uspawn with" says to a program, all of it by the environment. */
#include "with.h"
#include "commands.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Beside the program, as it was built or installed, if /proc says where that is; else where it was to be installed. */
static int find_library(const char *name, char *ret)
{
	static const char *const places[] = { "../lib", LIBRARY_BESIDE, LIBRARY_PLACE };
	char self[PATH_MAX], path[2 * PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[n < 0 ? 0 : n] = '\0';
	slash = strrchr(self, '/');
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		bool beside = *places[i] != '/';

		snprintf(path, sizeof(path), "%.*s/%s/lib%s.so", beside && slash ? (int)(slash - self) : 0, self,
			 places[i], name);
		if ((slash || !beside) && realpath(path, ret))
			return 0;
	}
	if (slash)
		complain("lib%s.so is neither beside this program nor in %s", name, LIBRARY_PLACE);
	else
		complain("lib%s.so is not in %s, and without /proc nobody knows where this program is", name,
			 LIBRARY_PLACE);
	return -ENOENT;
}

/* By a "uspawn with" that this one is below. */
static bool is_listed(const char *list, const char *path)
{
	size_t n = strlen(path);

	for (const char *at = list; (at = strstr(at, path)); at += n)
		if ((at == list || strchr(" :", at[-1])) && (!at[n] || strchr(" :", at[n])))
			return true;
	return false;
}

/* LD_PRELOAD takes blanks and colons for separators. */
static int add_library(char *list, size_t size, const char *name)
{
	char path[PATH_MAX];

	if (find_library(name, path) < 0)
		return -ENOENT;
	if (strpbrk(path, " :\t")) {
		complain("%s: a library in a directory with a blank or colon in its name cannot be preloaded", path);
		return -EINVAL;
	}
	if (is_listed(list, path))
		return 0;
	if (*list)
		strncat(list, ":", size - strlen(list) - 1);
	strncat(list, path, size - strlen(list) - 1);
	return 0;
}

/* gcc's address sanitizer lets no program run whose first library is another one. What is said of that already stays.
 */
static int allow_before_asan(void)
{
	static const char name[] = "ASAN_OPTIONS", option[] = "verify_asan_link_order=0";
	const char *before = getenv(name);
	size_t size = (before ? strlen(before) : 0) + sizeof(option) + 1;
	char *both;
	int r;

	if (before && strstr(before, "verify_asan_link_order"))
		return 0;
	both = malloc(size);
	if (!both)
		return -1;
	snprintf(both, size, "%s%s%s", before ? before : "", before && *before ? ":" : "", option);
	r = setenv(name, both, 1);
	free(both);
	return r;
}

/* What is preloaded already stays, and comes first: it sees the program's calls as it did without us. */
int preload(const struct with *with, const char *report)
{
	const char *before = getenv("LD_PRELOAD");
	char list[4 * PATH_MAX] = "";

	if (before && strlen(before) > 2000) {
		complain("LD_PRELOAD is too long to add to");
		return -E2BIG;
	}
	if (before)
		snprintf(list, sizeof(list), "%s", before);
	if (add_library(list, sizeof(list), "uspawn-posix") < 0 ||
	    (with->system && add_library(list, sizeof(list), "uspawn-system") < 0) ||
	    (with->trace && add_library(list, sizeof(list), "uspawn-waits") < 0))
		return -ENOENT;
	if (setenv("LD_PRELOAD", list, 1) < 0 || allow_before_asan() < 0 ||
	    (with->elide_shell && setenv("USPAWN_ELIDE_SHELL", "1", 1) < 0) ||
	    (report && setenv("USPAWN_STATS", report, 1) < 0) ||
	    (report && with->trace && setenv("USPAWN_TRACE", report, 1) < 0)) {
		complain("setenv: %s", strerror(errno));
		return -ENOMEM;
	}
	return 0;
}
