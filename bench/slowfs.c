/* SPDX-License-Identifier: MIT */
/*
 * A file system with one program on it, `slow`, whose bytes are those of another file and whose open takes a while:
 * what a remote file system is like on a bad day.
 *
 * Usage: slowfs MOUNTPOINT PROGRAM MILLISECONDS    (ends when it is unmounted)
 */
#define FUSE_USE_VERSION 31
#include <errno.h>
#include <fcntl.h>
#include <fuse3/fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char *program;
static long delay_ms;

static int is_slow(const char *path)
{
	return !strcmp(path, "/slow");
}

static int get_attributes(const char *path, struct stat *ret, struct fuse_file_info *info)
{
	(void)info;
	if (is_slow(path))
		return stat(program, ret) < 0 ? -errno : 0;
	memset(ret, 0, sizeof(*ret));
	ret->st_mode = S_IFDIR | 0755;
	return strcmp(path, "/") ? -ENOENT : 0;
}

static int open_program(const char *path, struct fuse_file_info *info)
{
	const struct timespec delay = { .tv_sec = delay_ms / 1000, .tv_nsec = delay_ms % 1000 * 1000000 };
	int fd;

	if (!is_slow(path))
		return -ENOENT;
	nanosleep(&delay, NULL);
	fd = open(program, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	info->fh = (uint64_t)fd;
	return 0;
}

static int read_program(const char *path, char *buffer, size_t size, off_t offset, struct fuse_file_info *info)
{
	ssize_t n = pread((int)info->fh, buffer, size, offset);

	(void)path;
	return n < 0 ? -errno : (int)n;
}

static int close_program(const char *path, struct fuse_file_info *info)
{
	(void)path;
	close((int)info->fh);
	return 0;
}

int main(int argc, char **argv)
{
	const struct fuse_operations operations = {
		.getattr = get_attributes,
		.open = open_program,
		.read = read_program,
		.release = close_program,
	};
	char *end = argv[argc > 3 ? 3 : 0];
	char *options[] = { argv[0], "-f", "-o", "allow_other", argv[1], NULL };

	if (argc == 4)
		delay_ms = strtol(argv[3], &end, 10);
	if (argc != 4 || *end || end == argv[3] || delay_ms < 0) {
		fprintf(stderr, "Usage: slowfs MOUNTPOINT PROGRAM MILLISECONDS\n");
		return 2;
	}
	program = argv[2];
	return fuse_main(5, options, &operations, NULL);
}
