/* SPDX-License-Identifier: MIT */
/*
 * Readiness is a hint; the wait decides. It is asked with __WALL, since a child that died before exec has no exit
 * signal, and by the raw call, since libc's has no rusage. Stops and traps are no ends, and not ours to take: whoever
 * traces a child in this process waits for them, so who may find one only looks. But not who blocks: a call more at
 * each end would be everybody's price.
 */
#include "handle.h"
#include "slot.h"
#include "sys.h"
#include "wait.h"

#define HANG_UP_BOUND_NS 5000000 /* between the reaping and its record */
#define LOOK_AGAIN_NS    2000000 /* ready, but a tracer holds it; or there is no pidfd to poll */

static _Atomic uint8_t refused_p_pidfd;

/* ---- One process ---- */

static void take_usage(const struct rusage *usage, struct uspawn_exit *ret)
{
	ret->utime_us = (uint64_t)usage->ru_utime.tv_sec * 1000000 + (uint64_t)usage->ru_utime.tv_usec;
	ret->stime_us = (uint64_t)usage->ru_stime.tv_sec * 1000000 + (uint64_t)usage->ru_stime.tv_usec;
	ret->maxrss_kib = (uint64_t)usage->ru_maxrss;
	ret->minflt = (uint64_t)usage->ru_minflt;
	ret->majflt = (uint64_t)usage->ru_majflt;
	ret->inblock = (uint64_t)usage->ru_inblock;
	ret->oublock = (uint64_t)usage->ru_oublock;
	ret->nvcsw = (uint64_t)usage->ru_nvcsw;
	ret->nivcsw = (uint64_t)usage->ru_nivcsw;
}

static int waitid_either(int *pidfd, int pid, siginfo_t *info, int options, struct rusage *usage)
{
	if (*pidfd >= 0 && !atomic_load_explicit(&refused_p_pidfd, memory_order_relaxed)) {
		int r = sys_waitid(P_PIDFD, *pidfd, info, options, usage);

		if (r == -EAGAIN)
			return 0; /* a pidfd that does not block */
		if (r != -EINVAL && r != -EPERM && r != -ENOSYS && r != -EBADF)
			return r;
		if (r == -EBADF)
			*pidfd = -1; /* the host has closed it, and may have opened a file of its own there */
		if (!pid)
			return -ECHILD;
		if (r != -EBADF)
			atomic_store(&refused_p_pidfd, 1); /* before 5.4 */
	}
	return sys_waitid(P_PID, pid, info, options, usage);
}

/* Not a child of ours: its readiness is all we learn, from its own parent's reaping the rest. */
static int has_gone(int pidfd, int block)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	struct timespec zero = { 0 };
	int r;

	if (pidfd < 0)
		return 1;
	do {
		r = sys_ppoll(&p, 1, block ? NULL : &zero);
	} while (r == -EINTR && block);
	return r != 0 && r != -EINTR;
}

/* It is stopped, or its pidfd does not block; or it has ended, and a tracer in another process holds it. */
static void await_more(int pidfd)
{
	struct timespec again = sys_timespec(LOOK_AGAIN_NS);

	if (has_gone(pidfd, 0))
		sys_nanosleep(&again);
	else
		has_gone(pidfd, 1);
}

/* Who is quicker, a SIGCHLD handler perhaps, takes nothing but the zombie: what it was is known. */
static void take_what_was_seen(int *pidfd, int pid)
{
	siginfo_t info;

	while (waitid_either(pidfd, pid, &info, WEXITED | __WALL | WNOHANG, NULL) == -EINTR)
		;
}

int wait_reap(int *pidfd, int pid, enum wait_how how, struct uspawn_exit *ret)
{
	int options = WEXITED | __WALL | (how == WAIT_BLOCK ? 0 : WNOHANG) | (how == WAIT_LOOK ? WNOWAIT : 0);
	struct rusage usage;
	siginfo_t info;

	for (;;) {
		int r;

		info.si_pid = 0;
		r = waitid_either(pidfd, pid, &info, options, &usage);
		if (r == -EINTR)
			continue;
		if (r < 0) {
			if (!has_gone(*pidfd, how == WAIT_BLOCK))
				return 0;
			*ret = (struct uspawn_exit){ .code = USPAWN_UNKNOWN };
			return 1;
		}
		if (sys_is_end(&info))
			break;
		if (how != WAIT_BLOCK)
			return 0;
		await_more(*pidfd);
	}
	if (options & WNOWAIT)
		take_what_was_seen(pidfd, pid);
	*ret = (struct uspawn_exit){ .status = info.si_status };
	ret->code = info.si_code == CLD_EXITED   ? USPAWN_EXITED
		    : info.si_code == CLD_KILLED ? USPAWN_KILLED
						 : USPAWN_DUMPED;
	take_usage(&usage, ret);
	return 1;
}

void wait_discard(int pidfd, int pid)
{
	struct uspawn_exit exit;

	wait_reap(&pidfd, pid, WAIT_BLOCK, &exit);
	if (pidfd >= 0)
		sys_close(pidfd);
}

/* ---- One child ---- */

int wait_enter(struct uspawn_child *child)
{
	struct handle *handle = handle_of(child);
	uint32_t gate = atomic_load(&handle->gate);

	do {
		if (gate & GATE_ENDED)
			return -ESRCH;
	} while (!atomic_compare_exchange_weak(&handle->gate, &gate, gate + 1));
	return 0;
}

/* Before 6.9 a file of the host's may seem to be it: not where the status was taken by it. */
static int owns_pidfd(const struct uspawn_child *child)
{
	siginfo_t info;

	return handle_has_pidfd(child) && (atomic_load(&handle_of(child)->phase) == PHASE_ENDED ||
					   sys_look_for_end(P_PIDFD, child->pidfd, &info) != -EBADF);
}

static void close_what_it_owns(struct uspawn_child *child)
{
	struct handle *handle = handle_of(child);

	if (!(handle->flags & HANDLE_BORROWED) && owns_pidfd(child))
		sys_close(child->pidfd);
	if (handle->tree)
		sys_close_kept(handle->tree, &handle->tree_inode);
	child->pidfd = -1;
	handle->tree = 0;
	atomic_store(&handle->gate, GATE_ENDED | GATE_CLOSED); /* from here on it may be another child */
}

void wait_leave(struct uspawn_child *child)
{
	struct handle *handle = handle_of(child);
	uint32_t gate = atomic_fetch_sub(&handle->gate, 1) - 1;

	if (gate == GATE_ENDED && atomic_compare_exchange_strong(&handle->gate, &gate, GATE_ENDED | GATE_CLOSING))
		close_what_it_owns(child);
}

void wait_closed(struct uspawn_child *child)
{
	const struct timespec slice = sys_timespec(LOOK_AGAIN_NS / 100);
	struct handle *handle = handle_of(child);
	unsigned looks = 0;

	/* As long as a signal takes to be sent. */
	while ((atomic_load(&handle->gate) & (GATE_ENDED | GATE_CLOSED)) == GATE_ENDED) {
		if (++looks <= 100)
			continue;
		if (looks == 101 && handle->maker != sys_getpid()) {
			close_what_it_owns(child); /* whoever was inside has not been forked along */
			return;
		}
		sys_nanosleep(&slice);
	}
}

void wait_bar(struct uspawn_child *child)
{
	atomic_fetch_add(&handle_of(child)->gate, 1);
	atomic_fetch_or(&handle_of(child)->gate, GATE_ENDED);
}

void wait_shut(struct uspawn_child *child)
{
	wait_bar(child);
	wait_leave(child);
	wait_closed(child);
}

static void publish(struct uspawn_child *child, const struct uspawn_exit *exit)
{
	struct handle *handle = handle_of(child);

	if (handle->flags & HANDLE_APART)
		slot_vacate(child);
	else if (handle->slot)
		slot_settle(handle->slot);
	child->exit = *exit;
	if (handle->flags & HANDLE_FAILED) {
		child->exit.code = USPAWN_FAILED;
		child->exit.status = child->failure.errnum;
	}
	atomic_fetch_or(&handle->gate, GATE_ENDED);
	__atomic_store_n(&child->state, USPAWN_ENDED, __ATOMIC_RELEASE);
	atomic_store(&handle->phase, PHASE_ENDED);
}

void wait_check_pidfd(struct uspawn_child *child)
{
	if (!handle_has_pidfd(child))
		child->pidfd = -1;
}

/* Detached, and without a pidfd: its number is all there is to look at, and who reaps it is another. */
static int is_out_of_sight(const struct uspawn_child *child)
{
	siginfo_t info;

	return child->pidfd < 0 && handle_of(child)->flags & HANDLE_DETACHED &&
	       sys_look_for_end(P_PID, child->pid, &info) < 0 && sys_kill(child->pid, 0) != -ESRCH;
}

static int has_hung_up(int pidfd, int64_t timeout_ns)
{
	struct pollfd hang_up = { .fd = pidfd };
	int64_t until_ns = sys_now_ns() + timeout_ns, left_ns = timeout_ns;
	int r;

	do {
		struct timespec left = sys_timespec(left_ns);

		r = sys_ppoll(&hang_up, 1, &left);
		left_ns = until_ns - sys_now_ns();
	} while (r == -EINTR && left_ns > 0);
	return r == 1;
}

/*
 * Someone else has the status: the host ignores SIGCHLD, or waited for any child. The kernel writes the record after it
 * has made the child invisible, so first comes the hang-up (6.9), then the record (6.15). 0: it may come yet.
 */
static int recover(const struct uspawn_child *child, int block, struct uspawn_exit *ret)
{
	struct handle *handle = handle_of(child);
	struct sys_pidfd_info info = { .mask = SYS_PIDFD_INFO_EXIT };

	if (child->pidfd < 0)
		return 1;
	if (!has_hung_up(child->pidfd, block ? HANG_UP_BOUND_NS : 0)) {
		if (!handle->gone_ns)
			handle->gone_ns = sys_now_ns();
		return block || sys_now_ns() - handle->gone_ns >= HANG_UP_BOUND_NS;
	}
	if (sys_ioctl(child->pidfd, SYS_PIDFD_GET_INFO, &info) < 0 || !(info.mask & SYS_PIDFD_INFO_EXIT))
		return 1;
	if (WIFEXITED(info.exit_code)) {
		ret->code = USPAWN_EXITED;
		ret->status = WEXITSTATUS(info.exit_code);
	} else {
		ret->code = WCOREDUMP(info.exit_code) ? USPAWN_DUMPED : USPAWN_KILLED;
		ret->status = WTERMSIG(info.exit_code);
	}
	return 1;
}

/* What it says of a thread of this process that collects. */
static uint32_t collecting_here(void)
{
	return PHASE_COLLECTING | (uint32_t)sys_getpid() << PHASE_BITS;
}

/* From another thread, never; but from one that has not been forked along. 0, 1: it has ended, or -EBUSY. */
static int begin_to_collect(struct handle *handle)
{
	uint32_t phase = PHASE_RUNNING, mine = collecting_here();

	while (!atomic_compare_exchange_strong(&handle->phase, &phase, mine))
		if (phase == PHASE_ENDED || phase == mine)
			return phase == mine ? -EBUSY : 1;
	return 0;
}

int wait_collect(struct uspawn_child *child, enum wait_how how)
{
	struct handle *handle = handle_of(child);
	struct uspawn_exit exit;
	int ended, r = begin_to_collect(handle);

	if (r != 0)
		return r;
	wait_check_pidfd(child);
	ended = !is_out_of_sight(child) && wait_reap(&child->pidfd, child->pid, how, &exit);
	if (ended && exit.code == USPAWN_UNKNOWN)
		ended = recover(child, how == WAIT_BLOCK, &exit);
	if (ended)
		publish(child, &exit);
	else
		atomic_store(&handle->phase, PHASE_RUNNING);
	if ((atomic_load(&handle->gate) & GATE_INSIDE) > 1)
		sys_futex_wake(&handle->phase, INT32_MAX);
	return ended;
}

int wait_poll(const struct uspawn_child *child, int64_t timeout_ns, enum wait_how *rethow)
{
	struct pollfd p = { .fd = child->pidfd, .events = POLLIN };
	struct timespec timeout = sys_timespec(timeout_ns);

	*rethow = WAIT_LOOK;
	if (sys_ppoll(&p, 1, timeout_ns == INT64_MAX ? NULL : &timeout) != 1)
		return 0;
	if (p.revents & POLLIN)
		*rethow = WAIT_ENDED;
	return 1;
}

/* Another thread is taking the status: until it has, or has found none. */
static void await_collector(struct uspawn_child *child, int64_t left_ns)
{
	struct timespec timeout = sys_timespec(left_ns < LOOK_AGAIN_NS ? left_ns : LOOK_AGAIN_NS);

	sys_futex_wait(&handle_of(child)->phase, collecting_here(), &timeout);
}

/* Until it may have ended, or a signal came, or time is up. */
static void await(struct uspawn_child *child, int64_t left_ns)
{
	struct timespec again = sys_timespec(left_ns < LOOK_AGAIN_NS ? left_ns : LOOK_AGAIN_NS);
	enum wait_how how;

	if (child->pidfd < 0) {
		sys_nanosleep(&again);
	} else if (wait_poll(child, left_ns, &how)) {
		int r = wait_collect(child, how);

		if (r == -EBUSY)
			await_collector(child, left_ns);
		else if (r == 0) /* a tracer has it */
			sys_nanosleep(&again);
	}
}

static int wait_inside(struct uspawn_child *child, int64_t timeout_ns)
{
	int64_t deadline = timeout_ns < 0 || timeout_ns > INT64_MAX / 2 ? INT64_MAX : timeout_ns, left = deadline;

	if (timeout_ns > 0 && deadline != INT64_MAX)
		deadline += sys_now_ns();
	for (;;) {
		int r = wait_collect(child, timeout_ns < 0 ? WAIT_BLOCK : WAIT_LOOK);
		enum wait_how how;

		if (r == 1)
			return 1;
		if (timeout_ns == 0) {
			if (r == -EBUSY && child->pidfd >= 0 && wait_poll(child, 0, &how))
				await_collector(child, LOOK_AGAIN_NS);
			return atomic_load(&handle_of(child)->phase) == PHASE_ENDED;
		}
		if (deadline != INT64_MAX)
			left = deadline - sys_now_ns();
		if (left <= 0)
			return 0;
		await(child, left);
	}
}

int wait_until(struct uspawn_child *child, int64_t timeout_ns)
{
	int r = 1;

	if (wait_enter(child) == 0) {
		r = wait_inside(child, timeout_ns);
		wait_leave(child);
	}
	if (r == 1)
		wait_closed(child);
	return r;
}
