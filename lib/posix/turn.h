/* SPDX-License-Identifier: MIT */
/*
 * A lock that a fork may meet while another thread has it: that thread is not in the child, and never gives it back.
 * So each process has one of its own, made when it first takes its turn.
 */
#ifndef POSIX_TURN_H
#define POSIX_TURN_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

struct turn_lock {
	_Atomic pid_t owner; /* a process; 0: none yet */
	pthread_mutex_t mutex;
};

struct turn {
	struct turn_lock *_Atomic now;
	struct turn_lock first;
};

#define TURN(name) ((struct turn){ .now = &(name).first, .first = { 0, PTHREAD_MUTEX_INITIALIZER } })

/* What is returned is for turn_give(). No cancellation point. */
struct turn_lock *turn_take(struct turn *turn);
void turn_give(struct turn_lock *lock);

#endif
