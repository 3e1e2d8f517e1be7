/* SPDX-License-Identifier: MIT */
/*
 * The child's end of a pseudo-terminal is opened by the kernel from its master (TIOCGPTPEER, Linux 4.13), since a path
 * below /dev/pts may belong to another instance of it.
 */
#include "ends.h"
#include "sys.h"

static int open_pipe(struct ends *ends, const struct plan_arg *arg)
{
	int fds[2], r = sys_pipe2(fds, O_CLOEXEC);

	if (r < 0)
		return r;
	ends->child = fds[arg->use == PLAN_READ_END ? 0 : 1];
	ends->caller = fds[arg->use == PLAN_READ_END ? 1 : 0];
	return 0;
}

/* A new user namespace counts from other numbers than the caller's; only the kernel knows which. */
static int has_other_numbers(const struct uspawn_plan *plan)
{
	return (plan->namespaces && plan->namespaces->unshare & CLONE_NEWUSER) || plan_joins_user(plan);
}

/*
 * As login(1) does of the terminal, so that the program can open what it has by name, as /dev/stdout. Who may become
 * another user without the right to give files away goes on with what is open.
 */
static void give_to_user(int fd, const struct uspawn_plan *plan)
{
	if (plan->identity && !has_other_numbers(plan))
		sys_fchown(fd, plan->identity->uid);
}

static int open_pty(struct ends *ends, const struct plan_arg *arg)
{
	struct winsize size = { .ws_row = arg->rows, .ws_col = arg->cols };
	int flags = O_RDWR | O_NOCTTY | O_CLOEXEC, unlocked = 0, r;

	ends->caller = sys_openat(AT_FDCWD, "/dev/ptmx", flags, 0);
	if (ends->caller < 0)
		return ends->caller;
	if ((r = sys_ioctl(ends->caller, TIOCSPTLCK, &unlocked)) < 0 ||
	    (r = sys_ioctl(ends->caller, TIOCSWINSZ, &size)) < 0 ||
	    (r = sys_ioctl(ends->caller, TIOCGPTPEER, (void *)(intptr_t)flags)) < 0) {
		sys_close(ends->caller);
		return r;
	}
	ends->child = r;
	return 0;
}

int ends_open(struct ends *ret, const struct uspawn_plan *plan, unsigned n)
{
	const struct plan_arg *arg = &plan->args[n];
	struct ends ends;
	int r = arg->use == PLAN_PTY ? open_pty(&ends, arg) : open_pipe(&ends, arg);

	if (r < 0)
		return r;
	give_to_user(ends.child, plan);
	ends.child = sys_above_stdio(ends.child);
	ends.caller = sys_above_stdio(ends.caller);
	if (ends.child < 0 || ends.caller < 0)
		r = ends.child < 0 ? ends.child : ends.caller;
	else if (arg->nonblock)
		r = sys_fcntl(ends.caller, F_SETFL, O_NONBLOCK);
	if (r >= 0) {
		*ret = ends;
		return 0;
	}
	if (ends.child >= 0)
		sys_close(ends.child);
	if (ends.caller >= 0)
		sys_close(ends.caller);
	return r;
}
