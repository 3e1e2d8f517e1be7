/* SPDX-License-Identifier: MIT */
/* A stream of stdio loses what a descriptor has no room for, or waits for that and hears nothing. */
#include "outlet.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct outlet {
	int fd;
	bool failed;
};

static bool (*wait_by)(void *data, int fd);
static void *wait_data;

void outlet_wait_by(bool (*wait)(void *data, int fd), void *data)
{
	wait_by = wait;
	wait_data = data;
}

bool outlet_never_blocks(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode) || (S_ISCHR(st.st_mode) && !isatty(fd)));
}

bool outlet_has_room(int fd, int ms)
{
	struct pollfd room = { .fd = fd, .events = POLLOUT };

	return poll(&room, 1, ms) > 0;
}

static bool wait_for_room(int fd)
{
	while (!outlet_has_room(fd, 0))
		if (wait_by ? !wait_by(wait_data, fd) : !outlet_has_room(fd, -1) && errno != EINTR)
			return false;
	return true;
}

static ssize_t outlet_write(void *cookie, const char *bytes, size_t size)
{
	struct outlet *o = cookie;
	size_t at = 0;
	ssize_t n;

	while (at < size && !o->failed) {
		o->failed = !wait_for_room(o->fd);
		if (o->failed)
			break;
		n = write(o->fd, bytes + at, size - at < PIPE_BUF ? size - at : PIPE_BUF);
		if (n >= 0)
			at += (size_t)n;
		else
			o->failed = errno != EINTR && errno != EAGAIN;
	}
	return at == size ? (ssize_t)at : 0;
}

static int outlet_close(void *cookie)
{
	struct outlet *o = cookie;
	int r = close(o->fd) || o->failed ? EOF : 0;

	free(o);
	return r;
}

FILE *outlet_new(int fd)
{
	struct outlet *o = malloc(sizeof(*o));
	FILE *file = NULL;

	if (o) {
		*o = (struct outlet){ .fd = fd };
		file = fopencookie(o, "w", (cookie_io_functions_t){ .write = outlet_write, .close = outlet_close });
	}
	if (!file)
		free(o);
	return file;
}
