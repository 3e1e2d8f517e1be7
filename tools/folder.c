/* SPDX-License-Identifier: MIT */
/*
 * "SEQ-ITEM.out": the number makes a name the only one of its kind, so the item's part, which is there to be read, may
 * be cut and may lose whatever a shell or a terminal would trip over.
 */
#include "folder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ITEM_LENGTH = 100 };

int folder_open(const char *path)
{
	int fd;

	if (mkdir(path, 0777) && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int open_one(int folder, uint64_t seq, const char *word, const char *suffix)
{
	char name[ITEM_LENGTH + 64];

	snprintf(name, sizeof(name), "%" PRIu64 "-%s%s", seq, word, suffix);
	return openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
}

int folder_files(int folder, uint64_t seq, const char *item, int fds[2])
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+=.,@%";
	char word[ITEM_LENGTH + 1];
	int error;

	snprintf(word, sizeof(word), "%s", item);
	for (char *c = word; *c; c++)
		if (!strchr(plain, *c))
			*c = '_';
	fds[0] = open_one(folder, seq, word, ".out");
	if (fds[0] < 0)
		return -errno;
	fds[1] = open_one(folder, seq, word, ".err");
	if (fds[1] >= 0)
		return 0;
	error = errno;
	close(fds[0]);
	return -error;
}
