/* SPDX-License-Identifier: MIT */
/*
 * system(), which libc binds to its own posix_spawn inside: here it calls the one that is found first. With popen() in
 * a library of its own, preloaded only where asked for, beside the replacement.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>

#include "command.h"
#include "export.h"
#include "next.h"
#include "turn.h"

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

#define NOT_FOUND (127 << 8) /* as if the shell had exited with 127 */

/* SIGINT and SIGQUIT are the command's while one runs; calls of several threads share what was before the first. */
static struct turn changing = TURN(changing);
static int running;
static struct sigaction before_int, before_quit;

struct shelter {
	pid_t pid;
	sigset_t mask;
};

static void ignore_keys(struct shelter *s, sigset_t *retdefault)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct turn_lock *lock = turn_take(&changing);
	sigset_t child;

	if (running++ == 0) {
		sigaction(SIGINT, &ignore, &before_int);
		sigaction(SIGQUIT, &ignore, &before_quit);
	}
	sigemptyset(retdefault);
	if (before_int.sa_handler != SIG_IGN)
		sigaddset(retdefault, SIGINT);
	if (before_quit.sa_handler != SIG_IGN)
		sigaddset(retdefault, SIGQUIT);
	turn_give(lock);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	pthread_sigmask(SIG_BLOCK, &child, &s->mask);
}

static void heed_keys(const struct shelter *s)
{
	struct turn_lock *lock = turn_take(&changing);

	if (--running == 0) {
		sigaction(SIGINT, &before_int, NULL);
		sigaction(SIGQUIT, &before_quit, NULL);
	}
	turn_give(lock);
	pthread_sigmask(SIG_SETMASK, &s->mask, NULL);
}

/* The thread is cancelled while it waits, which is the only point where it can be. */
static void cancelled(void *p)
{
	struct shelter *s = p;
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	kill(s->pid, SIGKILL);
	command_wait(s->pid);
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
	r = command_start(&s.pid, command, NULL, &attr);
	posix_spawnattr_destroy(&attr);
	if (r == 0) {
		pthread_cleanup_push(cancelled, &s);
		pthread_setcancelstate(state, NULL);
		status = command_wait(s.pid);
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
	static struct next next NEXT_AT_LOAD = { .name = "system" };
	int (*libcs)(const char *) = next_find(&next);

	if (libcs && (!HAS_CLEANUP || next_is_foreign(&next)))
		return libcs(command);
	return command ? run(command) : run("exit 0") == 0;
}

__attribute__((constructor)) static void look_up(void)
{
	next_look_up();
}
