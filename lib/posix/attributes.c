/* SPDX-License-Identifier: MIT */
/*
 * The attribute object is plain memory with a public layout, so nothing is asked of libc here. What is refused, and
 * where, is as glibc has it.
 */
#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>

#include "attributes.h"
#include "export.h"

static struct attributes *own(posix_spawnattr_t *attr)
{
	return (void *)attr;
}

EXPORT int posix_spawnattr_init(posix_spawnattr_t *attr)
{
	memset(attr, 0, sizeof(*attr));
	return 0;
}

EXPORT int posix_spawnattr_destroy(posix_spawnattr_t *attr)
{
	(void)attr;
	return 0;
}

EXPORT int posix_spawnattr_setflags(posix_spawnattr_t *attr, short flags)
{
	if (flags & ~ATTRIBUTES_KNOWN)
		return EINVAL;
	own(attr)->flags = flags;
	return 0;
}

EXPORT int posix_spawnattr_getflags(const posix_spawnattr_t *attr, short *ret)
{
	*ret = attributes_of(attr)->flags;
	return 0;
}

EXPORT int posix_spawnattr_setpgroup(posix_spawnattr_t *attr, pid_t pgroup)
{
	own(attr)->pgroup = pgroup;
	return 0;
}

EXPORT int posix_spawnattr_getpgroup(const posix_spawnattr_t *attr, pid_t *ret)
{
	*ret = attributes_of(attr)->pgroup;
	return 0;
}

EXPORT int posix_spawnattr_setsigdefault(posix_spawnattr_t *attr, const sigset_t *set)
{
	own(attr)->sigdefault = *set;
	return 0;
}

EXPORT int posix_spawnattr_getsigdefault(const posix_spawnattr_t *attr, sigset_t *ret)
{
	*ret = attributes_of(attr)->sigdefault;
	return 0;
}

EXPORT int posix_spawnattr_setsigmask(posix_spawnattr_t *attr, const sigset_t *set)
{
	own(attr)->sigmask = *set;
	return 0;
}

EXPORT int posix_spawnattr_getsigmask(const posix_spawnattr_t *attr, sigset_t *ret)
{
	*ret = attributes_of(attr)->sigmask;
	return 0;
}

EXPORT int posix_spawnattr_setschedparam(posix_spawnattr_t *attr, const struct sched_param *param)
{
	own(attr)->param.priority = param->sched_priority;
	return 0;
}

/* Only the field that is there: a caller built against glibc has no more. */
EXPORT int posix_spawnattr_getschedparam(const posix_spawnattr_t *attr, struct sched_param *ret)
{
	ret->sched_priority = attributes_of(attr)->param.priority;
	return 0;
}

EXPORT int posix_spawnattr_setschedpolicy(posix_spawnattr_t *attr, int policy)
{
	if (policy != SCHED_OTHER && policy != SCHED_FIFO && policy != SCHED_RR)
		return EINVAL;
	own(attr)->policy = policy;
	return 0;
}

EXPORT int posix_spawnattr_getschedpolicy(const posix_spawnattr_t *attr, int *ret)
{
	*ret = attributes_of(attr)->policy;
	return 0;
}

EXPORT int posix_spawnattr_setcgroup_np(posix_spawnattr_t *attr, int cgroup)
{
	own(attr)->cgroup = cgroup;
	return 0;
}

EXPORT int posix_spawnattr_getcgroup_np(const posix_spawnattr_t *attr, int *ret)
{
	*ret = attributes_of(attr)->cgroup;
	return 0;
}
