/* SPDX-License-Identifier: MIT */
/*
 * A request compiled: one allocation, immutable, shared by any number of starts in any thread.
 *
 * Terms. An argument is a descriptor that each start brings (USPAWN_ARG). A copy is a descriptor of the plan's own,
 * made from a number the request named. A target is a number of the child's.
 */
#ifndef USPAWN_PLAN_H
#define USPAWN_PLAN_H

#include <sched.h>
#include <stdatomic.h>
#include <uspawn.h>

#include "sys.h"

#define PLAN_ARGS 64 /* as many as uspawn_args.give has bits */

enum plan_fd_kind {
	PLAN_SOURCE, /* fd: a number, or an argument */
	PLAN_OPEN,   /* path, oflag, mode */
	PLAN_CLOSED,
};

struct plan_fd {
	int target;
	int fd;
	uint32_t index; /* the caller's entry */
	uint16_t kind;
	uint16_t mode;
	int oflag;
	const char *path;
};

struct plan_copy {
	int from, fd;
	int pinned;             /* a reserved number */
	uint32_t step, index;   /* that it is for, first of all */
	struct sys_inode inode; /* 0: it does not last */
};

struct plan_apart {
	int fd; /* a copy, a number or an argument */
	int copied;
};

enum plan_arg_use {
	PLAN_UNUSED,
	PLAN_DESCRIPTOR,
	PLAN_READ_END,
	PLAN_WRITE_END,
	PLAN_PTY,
};

struct plan_arg {
	uint8_t use;         /* enum plan_arg_use */
	uint8_t nonblock;    /* the caller's end of a pipe or pty */
	uint8_t apart;       /* needed after the targets are in place: not to sit on one of them */
	uint8_t ours;        /* the other end of the pipe is the library's */
	uint16_t rows, cols; /* of a pty */
	uint16_t step;       /* that fails where it cannot be had */
	uint32_t index;      /* of the first entry that names it */
};

struct plan_caps;

struct plan_join {
	int fd; /* a copy, a number or an argument */
	uint32_t type;
};

struct plan_namespaces {
	uint32_t unshare, njoin, nset_tid, flags;
	struct plan_join *join;
	const char *uid_map, *gid_map; /* as their files have them; NULL: none */
	const char *offsets;           /* the same */
	const int32_t *set_tid;
};

#define PLAN_ROOM 2048

/* Of who compiles a plan for one start and waits for that (workspace.h). */
struct plan_room {
	char bytes[PLAN_ROOM] __attribute__((aligned(16)));
};

struct uspawn_plan {
	_Atomic uint32_t references;
	uint32_t stays; /* in a plan_room */
	size_t mapped;  /* bytes, where that was too small */
	uint32_t rung;
	uint64_t flags;
	uint64_t may_fail; /* steps, a bit each */

	const char *const *candidates; /* NULL: by descriptor, or no program */
	char *const *argv;             /* NULL: each start brings it */
	char *const *envp;
	const char *cwd, *root;
	int exec_fd, cwd_fd, landlock_fd, cgroup_fd; /* a copy, a number, an argument, or -1 */
	int exec_target; /* the program's descriptor is mapped, too: exec by its target; or -1 */
	int pgroup, tty, pdeathsig;
	unsigned umask;
	uint64_t sigmask, sigdefault, sigignore;
	int (*callback)(void *data);
	void *callback_data;

	const struct uspawn_rlimit *rlimits;
	const struct uspawn_action *actions;
	const struct uspawn_sched *sched;
	const struct uspawn_confine *confine;
	const struct uspawn_timed *timed;
	uint64_t drain_ns;
	uint32_t ntimed, events;
	uint32_t feeds;
	uint32_t nstreams; /* arguments that are ours */
	uint32_t nbrought; /* how many descriptors args must have */
	const struct uspawn_identity *identity;
	struct plan_namespaces *namespaces;
	const struct plan_caps *caps; /* identity.c's */
	uint32_t securebits;
	uint32_t own_memory; /* something that must not be done in shared memory */
	uint32_t nrlimits, nactions;
	int cut; /* of an inherited table: actions_cut() */

	uint32_t nfds, nsources, ntargets, napart, ncopies, nargs;
	struct plan_fd *fds; /* by target */
	struct plan_apart *apart;
	int *targets; /* what the child has before anything is opened: sources' targets and 0 to 2, ascending */
	struct plan_copy *copies;
	struct plan_arg args[PLAN_ARGS];
};

/* Is this a descriptor argument, and which? */
static inline int plan_is_arg(int fd)
{
	return fd <= USPAWN_ARG0;
}

static inline unsigned plan_arg_number(int fd)
{
	return (unsigned)(USPAWN_ARG0 - fd);
}

/* Does the parent write about its new user namespace? */
static inline int plan_has_maps(const struct uspawn_plan *plan)
{
	const struct plan_namespaces *ns = plan->namespaces;

	return ns && (ns->uid_map || ns->gid_map || ns->flags & USPAWN_DENY_SETGROUPS);
}

/* A step's bit: their values leave room between them, and end at 490. */
static inline uint64_t plan_step_bit(uint32_t step)
{
	return 1ull << (step / 10);
}

static inline int plan_may_fail(const struct uspawn_plan *plan, uint32_t step)
{
	return plan->may_fail && plan->may_fail & plan_step_bit(step);
}

/* Is a user namespace joined, or may be one? */
static inline int plan_joins_user(const struct uspawn_plan *plan)
{
	const struct plan_namespaces *ns = plan->namespaces;

	for (uint32_t i = 0; ns && i < ns->njoin; i++)
		if (!ns->join[i].type || ns->join[i].type & CLONE_NEWUSER)
			return 1;
	return 0;
}

/* Is it a number that the child's descriptors or its file actions are about? */
static inline int plan_has_target(const struct uspawn_plan *plan, int number)
{
	for (uint32_t i = 0; i < plan->nactions; i++)
		if (plan->actions[i].fd == number || plan->actions[i].newfd == number)
			return 1;
	for (uint32_t i = 0; i < plan->nfds; i++)
		if (plan->fds[i].target == number)
			return 1;
	return 0;
}

/* Does the child have it when its descriptors are in place: as a source's target, or as one of 0 to 2? */
static inline int plan_keeps(const struct uspawn_plan *plan, int number)
{
	for (uint32_t i = 0; i < plan->ntargets; i++)
		if (plan->targets[i] == number)
			return 1;
	return 0;
}

/*
 * `room`, not NULL: for a plan that does not outlive the call; it is made there, and everything is used in place. The
 * request has been accepted (request.h). *reterr is written on failure.
 */
int plan_compile(struct uspawn_plan **ret, const struct uspawn_request *request, struct plan_room *room,
		 struct uspawn_failure *reterr);

struct uspawn_plan *plan_ref(const struct uspawn_plan *plan);
void plan_unref(struct uspawn_plan *plan);

#endif
