/* SPDX-License-Identifier: MIT */
/* Each step that keeps a start from a fast rung, and why. */
#include "clone.h"
#include "rung.h"
#include "sys_creds.h"

/* A change of the effective ids, or of those for files, which follow them, takes the caller's dumpable flag. */
static int ids_to_reset(void)
{
	uint32_t uid = sys_getuid(), gid = sys_getgid();

	return sys_geteuid() != uid || sys_getegid() != gid || sys_getfsuid() != uid || sys_getfsgid() != gid;
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
	return plan->rung > fastest ? plan->rung : fastest;
}
