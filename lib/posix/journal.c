/* SPDX-License-Identifier: MIT */
/*
 * What a path leads to is looked at before it is opened for writing: opening a FIFO may block, and a device may do
 * anything.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "journal.h"

/* Behind the number and its colon; NULL: there is none. */
static const char *parse_number(const char *at, unsigned long long *ret)
{
	const char *digits = at;

	for (*ret = 0; *at >= '0' && *at <= '9'; at++)
		*ret = *ret * 10 + (unsigned)(*at - '0');
	return at > digits && *at == ':' ? at + 1 : NULL;
}

/* O_PATH; -1: there is none, or it is another one. */
static int find(const char *where, off_t *retsize)
{
	unsigned long long dev, ino;
	const char *path = parse_number(where, &dev);
	struct stat seen;
	int fd;

	path = path ? parse_number(path, &ino) : NULL;
	fd = open(path ? path : where, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (fstat(fd, &seen) < 0 || !S_ISREG(seen.st_mode) ||
	    (path && (seen.st_dev != (dev_t)dev || seen.st_ino != (ino_t)ino))) {
		close(fd);
		return -1;
	}
	*retsize = seen.st_size;
	return fd;
}

/* A thread may have descriptors of its own, and outlive the first one: so not /proc/self. */
static int open_found(int found)
{
	char path[48] = "/proc/thread-self/fd/", digits[16], *at = path + strlen(path);
	unsigned n = (unsigned)found;
	int count = 0;

	do
		digits[count++] = (char)('0' + n % 10);
	while (n /= 10);
	while (count)
		*at++ = digits[--count];
	return open(path, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

/* Beyond the limit SIGXFSZ ends the program; and the file may have grown since its size was read. */
static void write_below_limit(int fd, off_t size, const char *line, size_t length)
{
	const struct timespec at_once = { 0 };
	sigset_t beyond, before, pending;
	struct rlimit limit;

	if (getrlimit(RLIMIT_FSIZE, &limit) < 0 || limit.rlim_cur < (rlim_t)size + length)
		return;
	sigemptyset(&beyond);
	sigaddset(&beyond, SIGXFSZ);
	sigemptyset(&pending);
	pthread_sigmask(SIG_BLOCK, &beyond, &before);
	sigpending(&pending);
	if (write(fd, line, length) < 0 && errno == EFBIG && !sigismember(&pending, SIGXFSZ))
		sigtimedwait(&beyond, NULL, &at_once);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void journal_add(const char *where, const char *line, size_t length)
{
	int state, found, fd;
	off_t size;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	found = find(where, &size);
	if (found >= 0) {
		fd = open_found(found);
		if (fd >= 0) {
			write_below_limit(fd, size, line, length);
			close(fd);
		}
		close(found);
	}
	pthread_setcancelstate(state, NULL);
}
