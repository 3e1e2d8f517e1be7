/* SPDX-License-Identifier: MIT */
/* libc has no functions for it, so the three calls are made by number here. */
#include "landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *const names[] = { "execute",   "write-file", "read-file", "read-dir",  "remove-dir", "remove-file",
				     "make-char", "make-dir",   "make-reg",  "make-sock", "make-fifo",  "make-block",
				     "make-sym",  "refer",      "truncate",  "ioctl-dev" };

enum { NAMES = sizeof(names) / sizeof(*names) };

/* What a file that is no directory can be asked for. */
#define OF_FILES (1u << 0 | 1u << 1 | 1u << 2 | 1u << 14 | 1u << 15)

static int abi(void)
{
	int r = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return r < 0 ? -EOPNOTSUPP : r;
}

/* Linux 5.13, 5.19, 6.2, and 6.10 brought new ones. */
static int all_of_this_kernel(uint64_t *ret)
{
	int version = abi();

	*ret = (1u << (version >= 5 ? 16 : version >= 3 ? 15 : version == 2 ? 14 : 13)) - 1;
	return version < 0 ? version : 0;
}

/* Names with commas between them, up to a colon or the end; all if there are none. */
static int parse_names(const char *text, uint64_t *ret, const char **retend)
{
	size_t len, i;

	*ret = 0;
	for (;; text += len + 1) {
		len = strcspn(text, ",:");
		for (i = 0; i < NAMES && (strlen(names[i]) != len || strncmp(names[i], text, len)); i++)
			;
		if (i == NAMES)
			return -EINVAL;
		*ret |= UINT64_C(1) << i;
		if (text[len] != ',')
			break;
	}
	*retend = text + len;
	return 0;
}

int landlock_access_parse(const char *text, uint64_t *ret)
{
	const char *end;
	int r;

	if (!strcmp(text, "fs"))
		return all_of_this_kernel(ret);
	if (strncmp(text, "fs:", 3))
		return -EINVAL;
	r = parse_names(text + 3, ret, &end);
	return r < 0 || *end ? -EINVAL : 0;
}

static int add_rule(int ruleset, uint64_t restricted, const char *rule)
{
	struct landlock_path_beneath_attr attr = { .parent_fd = -1 };
	uint64_t access = restricted;
	const char *end = rule + strlen("path-beneath:");
	struct stat st;
	int r;

	if (strncmp(rule, "path-beneath:", strlen("path-beneath:")))
		return -EINVAL;
	if (*end != ':' && parse_names(end, &access, &end) < 0)
		return -EINVAL;
	if (*end != ':' || !end[1])
		return -EINVAL;
	attr.parent_fd = open(end + 1, O_PATH | O_CLOEXEC);
	if (attr.parent_fd < 0)
		return -errno;
	if (!fstat(attr.parent_fd, &st) && !S_ISDIR(st.st_mode))
		access &= OF_FILES;
	attr.allowed_access = access;
	r = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &attr, 0) < 0 ? -errno : 0;
	close(attr.parent_fd);
	return r;
}

int landlock_ruleset(uint64_t access, char *const *rules, uint32_t nrules, const char **retrule)
{
	struct landlock_ruleset_attr attr = { .handled_access_fs = access };
	int fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0), r;

	*retrule = NULL;
	if (fd < 0)
		return errno == ENOSYS ? -EOPNOTSUPP : -errno;
	for (uint32_t i = 0; i < nrules; i++) {
		r = add_rule(fd, access, rules[i]);
		if (r < 0) {
			*retrule = rules[i];
			close(fd);
			return r;
		}
	}
	return fd;
}
