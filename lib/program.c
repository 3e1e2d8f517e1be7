/* SPDX-License-Identifier: MIT */
/*
 * The order of the steps is decided here and nowhere else: that of enum uspawn_step, for these reasons.
 *
 *	cut             before anything that touches a descriptor: until then the table is the parent's
 *	cgroup          first of all, so that the group pays for what follows
 *	session, group  need nothing, and nothing may come before that could lose the right to them
 *	descriptors     moves, then what lies between is closed, then files are opened, still by the caller's directory
 *	terminal        by a number of the child's; as leader of its session and group
 *	relay           from here on in memory of its own, where one is used: no limit, no filter and no lost right is
 *	                in the way of its exec
 *	limits          before rights are given up; where none are, that on descriptors waits for what opens a file
 *	scheduling      before rights are given up, too
 *	namespaces      a new user namespace gives the rights for the others, and for all that follows
 *	label           by a file below /proc, before the root changes
 *	root            before the right to it is given up, and after what reads /proc
 *	ids             what is kept over the change of the uid, groups, gid, uid, capabilities, ambient ones
 *	directory, umask
 *	pdeathsig       after the ids, whose change clears it
 *	actions         what posix_spawn does last
 *	signals
 *	no_new_privs    before what needs it
 *	landlock        after all that opens
 *	mask            last, so that nothing is delivered to code that runs in the parent's memory
 *	seccomp         very last: of what comes after, it must let exec and exit pass
 *	callback, exec
 */
#include "actions.h"
#include "cgroup.h"
#include "confine.h"
#include "crossing.h"
#include "death.h"
#include "descriptors.h"
#include "identity.h"
#include "namespaces.h"
#include "place.h"
#include "program.h"
#include "rlimits.h"
#include "scheduling.h"
#include "strings.h"
#include "sys_creds.h"
#include "terminal.h"

#define FIXED_INSTRUCTIONS 30 /* what does not come from a list */

static size_t instructions(const struct uspawn_plan *plan)
{
	return FIXED_INSTRUCTIONS + identity_count(plan) + CROSSING_INSTRUCTIONS + 2 * plan->napart +
	       descriptors_count(plan) + plan->nrlimits + actions_count(plan) + scheduling_count(plan) +
	       namespaces_count(plan);
}

size_t program_size(const struct uspawn_plan *plan, const struct uspawn_args *args, int copies)
{
	return instructions(plan) * sizeof(struct child_instr) + descriptors_size(plan) + scheduling_size(plan) +
	       confine_size(plan) + strings_size(plan, args, copies);
}

static void put_signals(struct writer *w)
{
	if (w->plan->sigdefault)
		writer_put(w, OP_DEFAULT, USPAWN_STEP_SIGNALS, 0)->bits = w->plan->sigdefault;
	if (w->plan->sigignore)
		writer_put(w, OP_IGNORE, USPAWN_STEP_SIGNALS, 0)->bits = w->plan->sigignore;
}

static void put_exec(struct writer *w)
{
	const struct uspawn_plan *plan = w->plan;

	if (plan->callback)
		writer_put(w, OP_CALLBACK, USPAWN_STEP_CALLBACK, 0);
	if (plan->exec_target != -1)
		writer_put_number(w, OP_EXEC_FD, USPAWN_STEP_EXEC, plan->exec_target);
	else if (plan->exec_fd != -1)
		writer_put_number(w, OP_EXEC_FD, USPAWN_STEP_EXEC, fds_number(w->fds, plan->exec_fd));
	else if (plan->candidates)
		writer_put(w, OP_EXEC, USPAWN_STEP_EXEC, 0);
	else
		writer_put_number(w, OP_EXIT, USPAWN_STEP_EXEC, 0);
}

/*
 * Whoever has its uid has every right in its user namespace, and a forked child still has the caller's memory. That of
 * a caller without capabilities is open to them anyway, and its child must not hide: it could not have its maps
 * written.
 */
static void hide_from_owner(struct writer *w)
{
	struct sys_caps caps;

	if (w->plan->own_memory && sys_capget(&caps) == 0 && sys_caps_permitted(&caps))
		writer_put(w, OP_HIDE, USPAWN_STEP_NAMESPACE, 0);
}

static void put_namespaces(struct writer *w, int forks)
{
	const struct plan_namespaces *ns = w->plan->namespaces;
	int joins = plan_joins_user(w->plan), enters = joins || (ns && ns->unshare & CLONE_NEWUSER);

	/* Whoever is privileged in a namespace that is joined would get hold of a relay with the caller's ids. */
	if ((forks && enters) || (w->crossing && joins))
		hide_from_owner(w);
	namespaces_put(w);
}

/*
 * Of what comes after the limits something opens a file, and nothing takes the right that it needs. One that is raised
 * is in nobody's way, and what comes after may need it.
 */
static int limit_can_wait(const struct uspawn_plan *plan)
{
	const struct plan_namespaces *ns = plan->namespaces;
	int opens = plan->nactions || (ns && ns->unshare & SYS_CLONE_NEWTIME) || plan->flags & USPAWN_PIVOT_ROOT ||
		    (plan->confine && plan->confine->label) || (plan->sched && plan->sched->set & USPAWN_OOM_SCORE);
	int loses_rights = identity_count(plan) || (ns && (ns->unshare & CLONE_NEWUSER || ns->njoin));

	return opens && !rlimits_raise_nofile(plan, loses_rights);
}

void program_write(struct child_start *ret, void *room, const struct uspawn_plan *plan, const struct uspawn_args *args,
		   const struct fds *fds, int lifeline, struct crossing *crossing, int copies)
{
	struct writer w = { .instr = room,
			    .plan = plan,
			    .fds = fds,
			    .keeps = { lifeline, -1 },
			    .crossing = crossing,
			    .born = ret->born };
	int end, forks = lifeline != -1, nofile_waits = limit_can_wait(plan);
	int joins = plan->namespaces && plan->namespaces->njoin; /* a mount namespace's /proc is its owner's to fake */
	int hides = plan->own_memory && (forks || crossing);

	if (crossing) {
		w.keeps[0] = crossing->block;
		w.keeps[1] = crossing->image;
	}
	end = descriptors_end(&w);

	w.room = (char *)(w.instr + instructions(plan));
	ret->program = room;
	ret->candidates = plan->candidates;
	ret->callback = plan->callback;
	ret->callback_data = plan->callback_data;
	/* From the first moment on its owner has every right over it; but the score's file would be root's then. */
	if (forks && w.born & CLONE_NEWUSER && !(plan->sched && plan->sched->set & USPAWN_OOM_SCORE))
		hide_from_owner(&w);
	if (!(plan->flags & USPAWN_INHERIT_FDS) || (plan->cut && lifeline < 0))
		writer_put_number(&w, OP_CUT, USPAWN_STEP_FD, end);
	if (forks)
		cgroup_put(&w); /* the other rungs give birth there */
	if (plan->flags & USPAWN_SETSID)
		writer_put(&w, OP_SETSID, USPAWN_STEP_SETSID, 0);
	if (plan->flags & USPAWN_SETPGROUP)
		writer_put_number(&w, OP_SETPGID, USPAWN_STEP_SETPGROUP, plan->pgroup);
	descriptors_put(&w, end);
	terminal_put(&w);
	if (crossing)
		crossing_put(&w);
	rlimits_put(&w, 0);
	if (!nofile_waits)
		rlimits_put(&w, 1);
	scheduling_put(&w);
	if (joins)
		confine_put_label(&w);
	put_namespaces(&w, forks);
	if (!joins)
		confine_put_label(&w);
	place_put_root(&w);
	if (hides)
		writer_put(&w, OP_HIDE, USPAWN_STEP_UID, 0);
	identity_put(&w);
	if (hides) /* again: a change of ids sets the flag to fs.suid_dumpable */
		writer_put(&w, OP_HIDE, USPAWN_STEP_UID, 0);
	place_put_directory(&w);
	death_put(&w);
	actions_put(&w);
	if (nofile_waits)
		rlimits_put(&w, 1);
	put_signals(&w);
	confine_put(&w);
	writer_put(&w, OP_SIGMASK, USPAWN_STEP_SIGMASK, 0);
	confine_put_filter(&w);
	put_exec(&w);
	if (crossing)
		crossing->end = w.instr;
	strings_put(ret, &w, args, copies);
}
