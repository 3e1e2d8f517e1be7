/* SPDX-License-Identifier: MIT */
/*
 * A worker that is built with musl, for its posix_spawn: the same loops in a program of its own, since two C libraries
 * do not fit into one process. Its conductor is descriptor 3, which says first what the task is.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "bench.h"

extern const struct contestant spawn_contestant;

int main(void)
{
	static struct task task;

	if (programs_find() < 0 || recv(3, &task, sizeof(task), 0) != sizeof(task))
		return 1;
	worker_main(3, &spawn_contestant, &task);
}
