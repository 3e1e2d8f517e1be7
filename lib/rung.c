/* SPDX-License-Identifier: MIT */
/* Each step that keeps a start from a fast rung, and why. */
#include <stdlib.h>

#include "clone.h"
#include "rung.h"
#include "sys_creds.h"

/* A change of the effective ids, or of those for files, which follow them, takes the caller's dumpable flag. */
static int ids_to_reset(void)
{
	uint32_t uid = sys_getuid(), gid = sys_getgid();

	return sys_geteuid() != uid || sys_getegid() != gid || sys_getfsuid() != uid || sys_getfsgid() != gid;
}

/*
 * Before 5.16 a core dump ended every process with that memory, and a filter that kills for one of its child's calls
 * makes one. The one version that is read: to try it would be the caller's end.
 */
static int dumps_reach_the_caller(void)
{
	struct utsname name;
	char *at;
	unsigned long major, minor;

	if (sys_uname(&name) < 0)
		return 0;
	major = strtoul(name.release, &at, 10);
	minor = *at == '.' ? strtoul(at + 1, NULL, 10) : 0;
	return major < 5 || (major == 5 && minor < 16);
}

/* To the name that follows. */
static const char *skip_slashes(const char *path)
{
	while (*path == '/' || (path[0] == '.' && path[1] == '/'))
		path++;
	return path;
}

/* What follows that name, if the path begins with it; or NULL. */
static const char *after(const char *path, const char *name)
{
	while (*name && *path == *name) {
		path++;
		name++;
	}
	return !*name && (*path == '/' || !*path) ? skip_slashes(path) : NULL;
}

/* By any of its names: the new root may have a /proc, too, and the directory be the old one. */
static int leads_to_itself(const char *path)
{
	const char *rest;

	if (!path)
		return 0;
	while (*(path = skip_slashes(path))) {
		if (after(path, "proc"))
			return 1;
		rest = after(path, "dev");
		if (rest &&
		    (after(rest, "fd") || after(rest, "stdin") || after(rest, "stdout") || after(rest, "stderr")))
			return 1;
		while (*path && *path != '/')
			path++;
	}
	return 0;
}

int rung_suits_relay(const struct uspawn_plan *plan)
{
	if (plan->nactions || plan->callback || leads_to_itself(plan->cwd) || leads_to_itself(plan->root))
		return 0;
	for (const char *const *path = plan->candidates; path && *path; path++)
		if (leads_to_itself(*path))
			return 0;
	return 1;
}

enum uspawn_rung rung_first(const struct uspawn_plan *plan, enum uspawn_rung fastest)
{
	enum uspawn_rung cap = clone_cap();

	if (plan->callback)
		return USPAWN_RUNG_FORK; /* a caller's code may not run in shared memory */
	/*
	 * An asynchronous child's score would reach the parent: __set_oom_adj() excepts only processes in vfork. So
	 * would the end of its group's memory.
	 */
	if (fastest < USPAWN_RUNG_VFORK &&
	    (plan->flags & USPAWN_SETCGROUP || (plan->sched && plan->sched->set & USPAWN_OOM_SCORE)))
		fastest = USPAWN_RUNG_VFORK;
	if (plan->flags & USPAWN_RESETIDS && cap < USPAWN_RUNG_FORK && ids_to_reset())
		return USPAWN_RUNG_FORK; /* the relay's exec would even out the saved ones first */
	/* Who has the same uid, or the new one, could reach the caller's memory through such a child. */
	if (plan->own_memory && fastest < USPAWN_RUNG_RELAY)
		fastest = USPAWN_RUNG_RELAY;
	if (fastest < USPAWN_RUNG_RELAY && plan->confine && plan->confine->filter && dumps_reach_the_caller())
		fastest = USPAWN_RUNG_RELAY;
	/* Of a caller that is not dumpable the score's file is root's. */
	if (fastest < USPAWN_RUNG_RELAY && plan->sched && plan->sched->set & USPAWN_OOM_SCORE &&
	    sys_prctl(PR_GET_DUMPABLE, 0) != 1)
		fastest = USPAWN_RUNG_RELAY;
	/* The user namespace must be there before the PID namespace that belongs to it: both by the clone. */
	if (plan->namespaces && plan->namespaces->unshare & CLONE_NEWUSER && plan->namespaces->unshare & CLONE_NEWPID)
		return USPAWN_RUNG_FORK;
	/* What the clone says of these is to be known at once. */
	if (fastest < USPAWN_RUNG_VFORK &&
	    ((plan->namespaces && (plan->namespaces->unshare & CLONE_NEWPID || plan->namespaces->nset_tid)) ||
	     plan->flags & (USPAWN_KILL_ON_CLOSE | USPAWN_DETACH)))
		fastest = USPAWN_RUNG_VFORK;
	if (cap > fastest)
		fastest = cap;
	if (plan->rung > fastest)
		fastest = plan->rung;
	return fastest == USPAWN_RUNG_RELAY && !rung_suits_relay(plan) ? USPAWN_RUNG_FORK : fastest;
}
