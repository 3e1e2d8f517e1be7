/* SPDX-License-Identifier: MIT */
/*
 * popen(), for the reason of system.c. As in glibc, a stream of it may be closed by fclose(), too, which is pclose()
 * then. libc's knows nothing of the command, so fclose() is replaced as well.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "export.h"
#include "next.h"
#include "turn.h"

/*
 * While a command starts no stream comes or goes. The list has a lock of its own, inside of that one: fclose() looks
 * there for any file, also for one that another library's posix_spawn closes in the start.
 */
static struct turn starting = TURN(starting), listing = TURN(listing);

struct stream {
	struct stream *next;
	FILE *file;
	int fd, writes;
	dev_t device; /* of its pipe, and the next */
	ino_t inode;
	pid_t pid;
};

static struct stream *streams;
static _Atomic unsigned count; /* a program that has none does not come here for its files */

/* Which end is the caller's: 0 to read, 1 to write. -1: no such mode. musl looks at the first letter. */
static int parse_mode(const char *mode, int *retcloexec)
{
	int reads = 0, writes = 0;

	*retcloexec = strchr(mode, 'e') != NULL;
	if (!next_is_glibc())
		return *mode == 'r' ? 0 : *mode == 'w' ? 1 : -1;
	for (; *mode; mode++) {
		if (*mode == 'r')
			reads = 1;
		else if (*mode == 'w')
			writes = 1;
		else if (*mode != 'e')
			return -1;
	}
	return reads == writes ? -1 : writes;
}

/*
 * A library that is loaded with RTLD_DEEPBIND closes it past us. Then its number may be another file's, and its address
 * another stream's. One that is closed is nobody else's yet.
 */
static int has_its_pipe(const struct stream *s)
{
	int saved = errno, r;
	struct stat now;

	r = fstat(s->fd, &now) < 0 || (now.st_dev == s->device && now.st_ino == s->inode);
	errno = saved;
	return r;
}

/*
 * The command has its end in place, and none of the streams that are open already: in this order, since a stream's
 * descriptor may have been closed, and the end may have its number. No other one starts.
 */
static int start_at_end(pid_t *ret, const char *command, int end, int target)
{
	posix_spawn_file_actions_t actions;
	struct turn_lock *list;
	int r = posix_spawn_file_actions_init(&actions);

	if (r)
		return r;
	r = posix_spawn_file_actions_adddup2(&actions, end, target);
	list = turn_take(&listing);
	for (struct stream *s = streams; s && r == 0; s = s->next)
		if (s->fd != target && has_its_pipe(s))
			r = posix_spawn_file_actions_addclose(&actions, s->fd);
	turn_give(list);
	if (r == 0)
		r = command_start(ret, command, &actions, NULL);
	posix_spawn_file_actions_destroy(&actions);
	return r;
}

/* Returns 0 or an errno; then the caller closes both ends. */
static int open_stream(struct stream *s, const char *command, const int ends[2], int mine, int cloexec)
{
	struct turn_lock *start, *list;
	struct stat pipe;
	int r;

	s->file = fdopen(ends[mine], mine ? "w" : "r");
	if (!s->file)
		return errno;
	if (fstat(ends[mine], &pipe) < 0)
		return errno;
	s->fd = ends[mine];
	s->device = pipe.st_dev;
	s->inode = pipe.st_ino;
	s->writes = mine;
	start = turn_take(&starting);
	r = start_at_end(&s->pid, command, ends[!mine], !mine);
	if (r == 0) {
		list = turn_take(&listing);
		s->next = streams;
		streams = s;
		count++;
		turn_give(list);
		if (!cloexec)
			ioctl(ends[mine], FIONCLEX); /* not by fcntl(), whose name is another one in musl */
	}
	turn_give(start);
	return r;
}

/* libc's, or another library's. */
static int close_file(FILE *file)
{
	static struct next next NEXT_AT_LOAD = { .name = "fclose" };
	int (*libcs)(FILE *) = next_find(&next);

	return libcs ? libcs(file) : EOF;
}

static FILE *open_command(const char *command, int mine, int cloexec)
{
	struct stream *s = calloc(1, sizeof(*s));
	int ends[2], r;

	if (!s || pipe2(ends, O_CLOEXEC) < 0) {
		free(s);
		return NULL;
	}
	r = open_stream(s, command, ends, mine, cloexec);
	close(ends[!mine]);
	if (r == 0)
		return s->file;
	if (s->file)
		close_file(s->file);
	else
		close(ends[mine]);
	free(s);
	errno = r;
	return NULL;
}

/* No cancellation point, as in glibc. */
EXPORT FILE *popen(const char *command, const char *mode)
{
	static struct next next NEXT_AT_LOAD = { .name = "popen" };
	FILE *(*libcs)(const char *, const char *) = next_find(&next), *file;
	int cloexec, mine = parse_mode(mode, &cloexec), state;

	if (libcs && next_is_foreign(&next))
		return libcs(command, mode);
	if (mine < 0) {
		errno = EINVAL;
		return NULL;
	}
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	file = open_command(command, mine, cloexec);
	pthread_setcancelstate(state, NULL);
	return file;
}

/* NULL: it is not popen's, or not any more. */
static struct stream *find(FILE *file, int remove)
{
	struct stream *found = NULL, *stale = NULL;
	struct turn_lock *list;

	if (!count)
		return NULL;
	list = turn_take(&listing);
	for (struct stream **s = &streams; *s; s = &(*s)->next)
		if ((*s)->file == file) {
			found = *s;
			if (!remove && (fileno(file) != found->fd || !has_its_pipe(found)))
				stale = found;
			if (remove || stale) {
				*s = found->next;
				count--;
			}
			break;
		}
	turn_give(list);
	free(stale);
	return stale ? NULL : found;
}

/*
 * As glibc: the command's status, unless it is 0 and something could not be written. What has no descriptor any more is
 * not waited for. A thread that is cancelled while it writes leaves the stream as it was.
 */
static int close_stream(struct stream *s)
{
	int lost = s->writes ? fflush(s->file) : 0, why = errno, state, status = -1;
	struct turn_lock *start;

	if (lost)
		__fpurge(s->file); /* not tried again */
	start = turn_take(&starting);
	find(s->file, 1);
	turn_give(start);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	if (close_file(s->file) == 0)
		status = command_wait(s->pid);
	pthread_setcancelstate(state, NULL);
	free(s);
	if (status == 0 && lost) {
		errno = why;
		status = -1;
	}
	return status;
}

EXPORT int fclose(FILE *file)
{
	struct stream *s = find(file, 0);

	return s ? close_stream(s) : close_file(file);
}

EXPORT int pclose(FILE *file)
{
	static struct next next NEXT_AT_LOAD = { .name = "pclose" };
	int (*libcs)(FILE *) = next_find(&next);
	struct stream *s = find(file, 0);

	return s ? close_stream(s) : libcs ? libcs(file) : -1;
}
