/* SPDX-License-Identifier: MIT */
/* Signals: by pidfd where there is one; by number only while the number is the child's. No lock: signal handlers call.
 */
#include "clone.h"
#include "handle.h"
#include "sys_io.h"
#include "tree.h"
#include "wait.h"

/* A detached child's number is not ours to use. */
static int may_use_pidfd(const struct uspawn_child *child)
{
	return handle_has_pidfd(child) && (!clone_keeps_to_old_calls() || handle_of(child)->flags & HANDLE_DETACHED);
}

/* Others may have taken its status, and its number may be a stranger's: by old calls only. */
static int has_its_number(const struct uspawn_child *child)
{
	struct pollfd p = { .fd = child->pidfd, .events = POLLIN };
	struct timespec zero = { 0 };
	int has_pidfd = handle_has_pidfd(child);
	siginfo_t info;

	if (child->pid <= 1 || handle_of(child)->flags & HANDLE_DETACHED)
		return 0;
	if (has_pidfd && sys_ppoll(&p, 1, &zero) <= 0)
		return 1;
	return sys_look_for_end(P_PID, child->pid, &info) == 0 && (!has_pidfd || info.si_pid || p.revents & POLLNVAL);
}

static int kill_group(struct uspawn_child *child, int signo)
{
	struct handle *handle = handle_of(child);
	int r = may_use_pidfd(child) ? sys_pidfd_send_signal(child->pidfd, signo, SYS_PIDFD_SIGNAL_PROCESS_GROUP)
				     : -EINVAL;

	if (r == -EINVAL || r == -ENOSYS || r == -EPERM || r == -EBADF) /* before 6.9 */
		r = has_its_number(child) ? sys_kill(-child->pid, signo) : -ESRCH;
	/* Its group has no members: it is on its way there, or has left it. */
	if (r == -ESRCH && handle->flags & HANDLE_LEADS)
		return uspawn_kill(child, signo, 0);
	return r;
}

static int kill_tree(struct uspawn_child *child, int signo)
{
	const struct handle *handle = handle_of(child);

	if (!handle->tree)
		return -EINVAL;
	/* The host has closed it: what is there may be a group of others'. */
	return sys_is_lost(handle->tree, &handle->tree_inode) ? -ESRCH : tree_kill(handle->tree, signo);
}

/* A kernel that has no such call (before 5.1), or a filter: of a child that may not be signalled only the call is
 * -EPERM. */
static int is_refused(int r, unsigned flags)
{
	return r == -ENOSYS || ((r == -EPERM || r == -EINVAL) && sys_pidfd_send_signal(-1, 0, flags) == r);
}

static int kill_one(struct uspawn_child *child, int signo)
{
	int r = may_use_pidfd(child) ? sys_pidfd_send_signal(child->pidfd, signo, 0) : -ENOSYS;

	/* -EBADF: the host has closed it */
	if (r == -EBADF || is_refused(r, 0))
		r = has_its_number(child) ? sys_kill(child->pid, signo) : -ESRCH;
	return r;
}

/* The process is gone; others of its group may not be. Its number may be a stranger's by now, so by pidfd or not at
 * all. */
static int kill_after(struct uspawn_child *child, int signo, uint32_t flags)
{
	struct handle *handle = handle_of(child);
	uint32_t gate;
	int is_tree = (flags & USPAWN_KILL_TREE) != 0, r = -ESRCH;

	if (!(flags & (USPAWN_KILL_GROUP | USPAWN_KILL_TREE)) || !(handle->flags & HANDLE_CARED))
		return -ESRCH;
	gate = atomic_load(&handle->gate);
	do {
		if (gate & (GATE_CLOSING | GATE_CLOSED))
			return -ESRCH;
	} while (!atomic_compare_exchange_weak(&handle->gate, &gate, gate + 1));
	if (is_tree)
		r = kill_tree(child, signo);
	else if (may_use_pidfd(child))
		r = sys_pidfd_send_signal(child->pidfd, signo, SYS_PIDFD_SIGNAL_PROCESS_GROUP);
	wait_leave(child);
	return !is_tree && (r == -EINVAL || is_refused(r, SYS_PIDFD_SIGNAL_PROCESS_GROUP)) ? -ESRCH : r;
}

int uspawn_kill(struct uspawn_child *child, int signo, uint32_t flags)
{
	uint32_t state = handle_state(child);
	int r;

	if (flags & ~(uint32_t)(USPAWN_KILL_GROUP | USPAWN_KILL_TREE | USPAWN_KILL_RELEASE) ||
	    (flags & USPAWN_KILL_GROUP && flags & USPAWN_KILL_TREE))
		return -EINVAL;
	if (state == USPAWN_UNSET)
		return -ESRCH;
	if (state != USPAWN_RUNNING || wait_enter(child) < 0)
		return kill_after(child, signo, flags);
	r = flags & USPAWN_KILL_TREE    ? kill_tree(child, signo)
	    : flags & USPAWN_KILL_GROUP ? kill_group(child, signo)
					: kill_one(child, signo);
	if (r == 0 && signo == SIGKILL && flags & USPAWN_KILL_RELEASE && handle_has_pidfd(child))
		sys_process_mrelease(child->pidfd);
	wait_leave(child);
	return r;
}
