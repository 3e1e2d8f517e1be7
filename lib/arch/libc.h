/* SPDX-License-Identifier: MIT */
/*
 * Other machines: through libc. Its system calls write errno, which is thread data that a child in shared memory has
 * in common with its parent; so no child runs beside its parent here, and clone.c puts errno back.
 */
#ifndef USPAWN_ARCH_H
#define USPAWN_ARCH_H

#include <errno.h>
#include <sched.h>
#include <unistd.h>

#define ARCH_RAW 0

static inline long arch_syscall(long n, long a, long b, long c, long d, long e, long f)
{
	int saved = errno;
	long r = syscall(n, a, b, c, d, e, f);

	if (r == -1) {
		r = -errno;
		errno = saved;
	}
	return r;
}

static inline long arch_clone3(long nr, const void *args, unsigned long size, void (*fn)(void *), void *arg)
{
	(void)nr, (void)args, (void)size, (void)fn, (void)arg;
	return -ENOSYS;
}

struct arch_entry {
	void (*fn)(void *);
	void *arg;
};

static inline int arch_enter(void *p)
{
	const struct arch_entry *entry = p;

	entry->fn(entry->arg);
	return 127;
}

/* `stack` is where it ends, and must be given. */
static inline long arch_clone(long nr, unsigned long flags, void *stack, int *pidfd, void (*fn)(void *), void *arg)
{
	struct arch_entry entry = { fn, arg };
	int saved = errno;
	long r = clone(arch_enter, stack, (int)flags, &entry, pidfd);

	(void)nr;
	if (r == -1)
		r = -errno;
	errno = saved;
	return r;
}

#endif
