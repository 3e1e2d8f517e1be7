/* SPDX-License-Identifier: MIT */
/*
 * A child's lock stays allocated, and its parent's is left as it is: whatever it says is about threads that are not
 * here. pthread_atfork() would do, but it is not the same function in musl.
 */
#include <stdlib.h>
#include <unistd.h>

#include "turn.h"

static struct turn_lock *of_this_process(struct turn *turn)
{
	struct turn_lock *lock = turn->now, *made;
	const pid_t self = getpid();

	for (;;) {
		pid_t owner = 0;

		if (atomic_compare_exchange_strong(&lock->owner, &owner, self) || owner == self)
			return lock;
		made = malloc(sizeof(*made));
		if (!made)
			return lock;
		made->owner = self;
		pthread_mutex_init(&made->mutex, NULL);
		if (atomic_compare_exchange_strong(&turn->now, &lock, made))
			return made;
		free(made);
	}
}

struct turn_lock *turn_take(struct turn *turn)
{
	struct turn_lock *lock = of_this_process(turn);

	pthread_mutex_lock(&lock->mutex);
	return lock;
}

void turn_give(struct turn_lock *lock)
{
	pthread_mutex_unlock(&lock->mutex);
}
