/* SPDX-License-Identifier: MIT */
/*
 * capabilities(7), "Transformation of capabilities during execve()", says what an exec does. A root that gave up
 * permitted capabilities would get them back, ids that differ would be evened out, and where ambient capabilities are
 * not allowed nothing would pass: no relay then.
 */
#include "crossing.h"

static int ids_differ(void)
{
	uint32_t uid[3], gid[3];

	sys_getresuid(uid);
	sys_getresgid(gid);
	return uid[0] != uid[1] || uid[1] != uid[2] || gid[0] != gid[1] || gid[1] != gid[2] ||
	       sys_getfsuid() != uid[1] || sys_getfsgid() != gid[1];
}

static uint64_t each_capability(int option, unsigned long argument)
{
	uint64_t set = 0;
	int r;

	for (unsigned n = 0; n < 64; n++) {
		r = option == PR_CAPBSET_READ ? sys_prctl(option, n) : sys_prctl2(option, argument, n);
		if (r < 0)
			break;
		set |= (uint64_t)(r == 1) << n;
	}
	return set;
}

static int root_keeps_all(struct carried *c, uint64_t permitted, uint64_t inheritable)
{
	c->restores = sys_caps_effective(&c->original) != permitted;
	c->original_ambient = inheritable ? each_capability(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET) : 0;
	return permitted == (each_capability(PR_CAPBSET_READ, 0) | inheritable);
}

int crossing_read_caps(struct carried *ret)
{
	uint64_t permitted, inheritable;
	int securebits = sys_prctl(PR_GET_SECUREBITS, 0), r;

	ret->raises = ret->restores = 0;
	r = sys_capget(&ret->original);
	if (r < 0 || securebits < 0 || ids_differ())
		return -EPERM;
	permitted = sys_caps_permitted(&ret->original);
	inheritable = sys_caps_inheritable(&ret->original);
	if (sys_getuid() == 0 && !(securebits & SECBIT_NOROOT))
		return root_keeps_all(ret, permitted, inheritable) ? 0 : -EPERM;
	if (!permitted)
		return 0;
	if (securebits & SECBIT_NO_CAP_AMBIENT_RAISE)
		return -EPERM;
	ret->raised = ret->original;
	sys_caps_set_inheritable(&ret->raised, inheritable | permitted);
	ret->raised_ambient = permitted;
	ret->original_ambient = inheritable ? each_capability(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET) : 0;
	ret->raises = ret->restores = 1;
	return 0;
}

static void put_caps(struct writer *w, const struct sys_caps *caps, uint64_t ambient)
{
	writer_put(w, OP_CAPS, CHILD_STEP_RELAY, 0)->data = caps;
	w->instr[-1].a = CHILD_CAPS_ALL;
	writer_put(w, OP_AMBIENT, CHILD_STEP_RELAY, 0)->bits = ambient;
}

/* Where the whole table is inherited, and of 0 to 2, a number of the caller's may be one that its program keeps. */
static int closes_at_exec(const struct writer *w, const struct plan_apart *apart)
{
	int number = fds_number(w->fds, apart->fd);

	return apart->copied || !(w->plan->flags & USPAWN_INHERIT_FDS || plan_keeps(w->plan, number)) ||
	       sys_fcntl(number, F_GETFD, 0) & FD_CLOEXEC;
}

static void put_aparts(struct writer *w, enum child_op op)
{
	const struct uspawn_plan *plan = w->plan;

	for (uint32_t i = 0; i < plan->napart; i++)
		if (closes_at_exec(w, &plan->apart[i]))
			writer_put(w, op, CHILD_STEP_RELAY, 0)->a = fds_number(w->fds, plan->apart[i].fd);
}

void crossing_put(struct writer *w)
{
	struct crossing *crossing = w->crossing;
	struct carried *caps = &crossing->caps;

	if (caps->raises)
		put_caps(w, &caps->raised, caps->raised_ambient);
	put_aparts(w, OP_KEEP);
	writer_put_number(w, OP_KEEP, CHILD_STEP_RELAY, crossing->block);
	writer_put(w, OP_RELAY, CHILD_STEP_RELAY, CHILD_RELAY_EXEC)->data = crossing->argv;
	w->instr[-1].a = crossing->image;
	crossing->first = w->instr;
	/*
	 * First of all: from here on nobody of the same ids, but with fewer rights, gets hold of the relay. One that
	 * has to write below /proc does it when it has, since its files there are root's afterwards.
	 */
	if (!w->plan->namespaces && !(w->plan->sched && w->plan->sched->set & USPAWN_OOM_SCORE))
		writer_put(w, OP_HIDE, CHILD_STEP_RELAY, 0);
	if (caps->restores)
		put_caps(w, &caps->original, caps->original_ambient);
	put_aparts(w, OP_CLOEXEC);
}
