/* SPDX-License-Identifier: MIT */
/*
 * posix_spawnattr_t as glibc and musl lay it out, byte for byte: an object made by either is ours as it is, and one of
 * ours is theirs.
 */
#ifndef POSIX_ATTRIBUTES_H
#define POSIX_ATTRIBUTES_H

#include <spawn.h>
#include <stdint.h>

#ifndef POSIX_SPAWN_SETCGROUP
#define POSIX_SPAWN_SETCGROUP 0x100 /* glibc 2.39 */
#endif

struct attributes {
	short flags;
	pid_t pgroup;
	sigset_t sigdefault, sigmask;
	struct {
		int priority; /* struct sched_param of glibc; musl's has more fields, of which it keeps this one */
	} param;
	int policy;
	int cgroup;
};

_Static_assert(sizeof(struct attributes) <= sizeof(posix_spawnattr_t), "within libc's object");
#ifdef __GLIBC__
_Static_assert(offsetof(struct attributes, pgroup) == offsetof(posix_spawnattr_t, __pgrp), "as glibc");
_Static_assert(offsetof(struct attributes, sigdefault) == offsetof(posix_spawnattr_t, __sd), "as glibc");
_Static_assert(offsetof(struct attributes, sigmask) == offsetof(posix_spawnattr_t, __ss), "as glibc");
_Static_assert(offsetof(struct attributes, param) == offsetof(posix_spawnattr_t, __sp), "as glibc");
_Static_assert(offsetof(struct attributes, policy) == offsetof(posix_spawnattr_t, __policy), "as glibc");
#endif

#define ATTRIBUTES_KNOWN                                                                                    \
	(POSIX_SPAWN_RESETIDS | POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |    \
	 POSIX_SPAWN_SETSCHEDPARAM | POSIX_SPAWN_SETSCHEDULER | POSIX_SPAWN_USEVFORK | POSIX_SPAWN_SETSID | \
	 POSIX_SPAWN_SETCGROUP)

static inline const struct attributes *attributes_of(const posix_spawnattr_t *attr)
{
	return (const void *)attr;
}

#endif
