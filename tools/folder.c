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

/* Something else by that name, such as a FIFO, is not waited for and gets nothing. Returns a descriptor or -errno. */
static int open_one(int folder, uint64_t seq, const char *word, const char *suffix)
{
	char name[ITEM_LENGTH + 64];
	struct stat st;
	int fd;

	snprintf(name, sizeof(name), "%" PRIu64 "-%s%s", seq, word, suffix);
	fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd < 0)
		return errno == ENXIO ? -EEXIST : -errno; /* a FIFO without a reader */
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && !fcntl(fd, F_SETFL, 0))
		return fd;
	close(fd);
	return -EEXIST;
}

int folder_files(int folder, uint64_t seq, const char *item, int fds[2])
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+=.,@%";
	char word[ITEM_LENGTH + 1];

	snprintf(word, sizeof(word), "%s", item);
	for (char *c = word; *c; c++)
		if (!strchr(plain, *c))
			*c = '_';
	fds[0] = open_one(folder, seq, word, ".out");
	if (fds[0] < 0)
		return fds[0];
	fds[1] = open_one(folder, seq, word, ".err");
	if (fds[1] >= 0)
		return 0;
	close(fds[0]);
	return fds[1];
}
