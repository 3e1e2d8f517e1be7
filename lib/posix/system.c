/* SPDX-License-Identifier: MIT */
/*
 * system() and popen(), which libc binds to its own posix_spawn inside: here they call the one that is found first. A
 * library of its own, preloaded only where asked for, beside the replacement.
 *
 * A stream of popen() is closed by pclose(); POSIX knows no other way. (glibc's fclose() would wait for the command,
 * too.)
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "export.h"
#include "next.h"

/* What glibc's pthread_cleanup_push() is made of. musl has none of it, and there the calls are handed on. */
#ifdef __GLIBC__
#pragma weak __pthread_register_cancel
#pragma weak __pthread_unregister_cancel
#pragma weak __pthread_unwind_next
#pragma weak __sigsetjmp
#define HAS_CLEANUP (__pthread_register_cancel != NULL)
#else
#define HAS_CLEANUP 1
#endif

extern char **environ;

#define NOT_FOUND (127 << 8) /* as if the shell had exited with 127 */

static int start_shell(pid_t *ret, const char *command, const posix_spawn_file_actions_t *actions,
		       const posix_spawnattr_t *attr)
{
	char *const argv[] = { "sh", "-c", (char *)command, NULL };

	return posix_spawn(ret, "/bin/sh", actions, attr, argv, environ);
}

/* A cancellation point. */
static int wait_for(pid_t pid)
{
	int status;

	while (wait4(pid, &status, 0, NULL) < 0)
		if (errno != EINTR)
			return -1;
	return status;
}

/* ---- system ---- */

/* SIGINT and SIGQUIT are the command's while one runs; calls of several threads share what was before the first. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int running;
static struct sigaction before_int, before_quit;

struct shelter {
	pid_t pid;
	sigset_t mask;
};

static void ignore_keys(struct shelter *s, sigset_t *retdefault)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t child;

	pthread_mutex_lock(&lock);
	if (running++ == 0) {
		sigaction(SIGINT, &ignore, &before_int);
		sigaction(SIGQUIT, &ignore, &before_quit);
	}
	sigemptyset(retdefault);
	if (before_int.sa_handler != SIG_IGN)
		sigaddset(retdefault, SIGINT);
	if (before_quit.sa_handler != SIG_IGN)
		sigaddset(retdefault, SIGQUIT);
	pthread_mutex_unlock(&lock);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	pthread_sigmask(SIG_BLOCK, &child, &s->mask);
}

static void heed_keys(const struct shelter *s)
{
	pthread_mutex_lock(&lock);
	if (--running == 0) {
		sigaction(SIGINT, &before_int, NULL);
		sigaction(SIGQUIT, &before_quit, NULL);
	}
	pthread_mutex_unlock(&lock);
	pthread_sigmask(SIG_SETMASK, &s->mask, NULL);
}

/* The thread is cancelled while it waits, which is the only point where it can be. */
static void cancelled(void *p)
{
	struct shelter *s = p;
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	kill(s->pid, SIGKILL);
	wait_for(s->pid);
	heed_keys(s);
	pthread_setcancelstate(state, NULL);
}

static int run(const char *command)
{
	posix_spawnattr_t attr;
	struct shelter s;
	sigset_t defaults;
	int r, status = NOT_FOUND, state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	ignore_keys(&s, &defaults);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &s.mask);
	posix_spawnattr_setsigdefault(&attr, &defaults);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	r = start_shell(&s.pid, command, NULL, &attr);
	posix_spawnattr_destroy(&attr);
	if (r == 0) {
		pthread_cleanup_push(cancelled, &s);
		pthread_setcancelstate(state, NULL);
		status = wait_for(s.pid);
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
		pthread_cleanup_pop(0);
	}
	heed_keys(&s);
	pthread_setcancelstate(state, NULL);
	if (r)
		errno = r;
	return status;
}

EXPORT int system(const char *command)
{
	static struct next next = { .name = "system" };
	int (*libcs)(const char *) = next_find(&next);

	if (libcs && (!HAS_CLEANUP || next_is_foreign(&next)))
		return libcs(command);
	return command ? run(command) : run("exit 0") == 0;
}

/* ---- popen ---- */

struct stream {
	struct stream *next;
	FILE *file;
	pid_t pid;
};

static struct stream *streams;

/* Which end is the caller's: 0 to read, 1 to write. -1: no such mode. */
static int parse_mode(const char *mode, int *retcloexec)
{
	int reads = 0, writes = 0;

	*retcloexec = 0;
	for (; *mode; mode++) {
		if (*mode == 'r')
			reads = 1;
		else if (*mode == 'w')
			writes = 1;
		else if (*mode == 'e')
			*retcloexec = 1;
		else
			return -1;
	}
	return reads == writes ? -1 : writes;
}

/*
 * The command has its end in place, and none of the streams that are open already: in this order, since a stream's
 * descriptor may have been closed, and the end may have its number. The lock is held.
 */
static int start_at_end(pid_t *ret, const char *command, int end, int target)
{
	posix_spawn_file_actions_t actions;
	int r = posix_spawn_file_actions_init(&actions);

	if (r)
		return r;
	r = posix_spawn_file_actions_adddup2(&actions, end, target);
	for (struct stream *s = streams; s && r == 0; s = s->next)
		if (fileno(s->file) != target)
			r = posix_spawn_file_actions_addclose(&actions, fileno(s->file));
	if (r == 0)
		r = start_shell(ret, command, &actions, NULL);
	posix_spawn_file_actions_destroy(&actions);
	return r;
}

/* Returns 0 or an errno; then the caller closes both ends. */
static int open_stream(struct stream *s, const char *command, const int ends[2], int mine, int cloexec)
{
	int r;

	s->file = fdopen(ends[mine], mine ? "w" : "r");
	if (!s->file)
		return errno;
	pthread_mutex_lock(&lock);
	r = start_at_end(&s->pid, command, ends[!mine], !mine);
	if (r == 0) {
		s->next = streams;
		streams = s;
		if (!cloexec)
			ioctl(ends[mine], FIONCLEX); /* not by fcntl(), whose name is another one in musl */
	}
	pthread_mutex_unlock(&lock);
	return r;
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
		fclose(s->file);
	else
		close(ends[mine]);
	free(s);
	errno = r;
	return NULL;
}

/* No cancellation point, as in glibc. */
EXPORT FILE *popen(const char *command, const char *mode)
{
	static struct next next = { .name = "popen" };
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

EXPORT int pclose(FILE *file)
{
	static struct next next = { .name = "pclose" };
	int (*libcs)(FILE *) = next_find(&next), state, status;
	struct stream *found = NULL;

	pthread_mutex_lock(&lock);
	for (struct stream **s = &streams; *s; s = &(*s)->next)
		if ((*s)->file == file) {
			found = *s;
			*s = found->next;
			break;
		}
	pthread_mutex_unlock(&lock);
	if (!found)
		return libcs ? libcs(file) : -1;
	fclose(file);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	status = wait_for(found->pid);
	pthread_setcancelstate(state, NULL);
	free(found);
	return status;
}
