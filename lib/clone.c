/* SPDX-License-Identifier: MIT */
/*
 * The rungs of the ladder. A refusal is learned by trying and remembered by what was refused, never by version: nothing
 * is probed at load, and a container may refuse what its kernel has.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include "clone.h"
#include "sys.h"

/* clone_args up to and with `tls`, which all kernels with clone3 accept (5.3). */
#define CLONE_ARGS_SIZE         64
#define CLONE_ARGS_SIZE_CGROUP  88 /* 5.7 */
#define CLONE_ARGS_SIZE_SET_TID 80 /* 5.5 */

static _Atomic uint8_t refused_rung[USPAWN_RUNG_FORK + 1];
static _Atomic uint8_t refused_cgroup, refused_cut, tried_cut, refused_pidfd;
static _Atomic uint8_t cap; /* 0: not read yet */

/* For children to ask by how large their table is: all that anybody writes there is what is there. */
static unsigned long numbers[CHILD_NUMBERS / 2 / (8 * sizeof(long)) + 1];

int clone_unsupported(int error)
{
	return error == -ENOSYS || error == -EPERM || error == -EINVAL || error == -E2BIG || error == -EOPNOTSUPP;
}

void clone_refused(enum uspawn_rung rung)
{
	atomic_store(&refused_rung[rung], 1);
	/* Both need clone3; a child that is waited for is what filters and emulators know best. */
	if (rung == USPAWN_RUNG_VFORK)
		atomic_store(&refused_rung[USPAWN_RUNG_ASYNC], 1);
}

int clone_is_refused(enum uspawn_rung rung)
{
	if (!ARCH_RAW && (rung < USPAWN_RUNG_CLONE || rung == USPAWN_RUNG_RELAY))
		return 1;
	return atomic_load_explicit(&refused_rung[rung], memory_order_relaxed);
}

void clone_cgroup_refused(void)
{
	atomic_store(&refused_cgroup, 1);
}

int clone_has_cgroup(enum uspawn_rung rung)
{
	return (rung == USPAWN_RUNG_VFORK || (rung == USPAWN_RUNG_RELAY && !clone_is_refused(USPAWN_RUNG_VFORK))) &&
	       !atomic_load_explicit(&refused_cgroup, memory_order_relaxed);
}

/* Of the old call's flags there are 32, and it takes no pid. */
static int only_new(const struct birth *birth)
{
	return birth->flags >> 32 || birth->nset_tid;
}

int clone_has_flags(enum uspawn_rung rung, const struct birth *birth)
{
	return rung != USPAWN_RUNG_CLONE || !only_new(birth);
}

void clone_cut_refused(void)
{
	atomic_store(&refused_cut, 1);
}

/*
 * A child that finds no way to cut the table can only fail. Asked with a range that holds no descriptor: once, and for
 * each asynchronous start, which would learn too late of a filter that has come since.
 */
static int can_cut(enum uspawn_rung rung)
{
	if (rung == USPAWN_RUNG_ASYNC || !atomic_load_explicit(&tried_cut, memory_order_relaxed)) {
		if (sys_close_range(~0U, ~0U, 0) < 0)
			clone_cut_refused();
		atomic_store(&tried_cut, 1);
	}
	return !atomic_load_explicit(&refused_cut, memory_order_relaxed);
}

static uint8_t read_cap(void)
{
	static const char *const names[] = { NULL, "async", "vfork", "clone", "relay", "fork" };
	const char *wanted = secure_getenv("USPAWN_RUNG");

	for (uint8_t rung = USPAWN_RUNG_ASYNC; wanted && rung <= USPAWN_RUNG_FORK; rung++) {
		const char *a = wanted, *b = names[rung];

		for (; *a && *a == *b; a++)
			b++;
		if (*a == *b)
			return rung;
	}
	return USPAWN_RUNG_ASYNC;
}

enum uspawn_rung clone_cap(void)
{
	uint8_t rung = atomic_load_explicit(&cap, memory_order_relaxed);

	if (!rung) {
		rung = read_cap();
		atomic_store_explicit(&cap, rung, memory_order_relaxed);
	}
	return rung;
}

int clone_keeps_to_old_calls(void)
{
	return clone_cap() == USPAWN_RUNG_FORK;
}

void clone_block_signals(uint64_t *retmask)
{
	const uint64_t all = ~(1ull << (SIGSYS - 1));

	sys_sigprocmask(SIG_SETMASK, &all, retmask);
}

void clone_restore_signals(const uint64_t *mask)
{
	sys_sigprocmask(SIG_SETMASK, mask, NULL);
}

/* ---- The rungs ---- */

static int new_call(struct birth *birth, struct clone_args *args, size_t size, const int *pidfd)
{
	long pid;

	args->flags |= birth->flags;
	if (birth->flags & SYS_CLONE_AUTOREAP)
		args->exit_signal = 0;
	if (birth->nset_tid) {
		args->set_tid = (uintptr_t)birth->set_tid;
		args->set_tid_size = birth->nset_tid;
		size = size < CLONE_ARGS_SIZE_SET_TID ? CLONE_ARGS_SIZE_SET_TID : size;
	}
	pid = sys_clone3(args, size, child_main, birth->start);
	birth->pid = (int)pid;
	birth->pidfd = *pidfd;
	return pid < 0 ? (int)pid : 0;
}

static int shared_memory(struct birth *birth, enum uspawn_rung rung)
{
	struct clone_args args = {
		.flags = CLONE_VM | CLONE_CLEAR_SIGHAND,
		.stack = (uintptr_t)birth->stack,
		.stack_size = birth->stack_size,
	};
	size_t size = CLONE_ARGS_SIZE;

	birth->pidfd = -1; /* the kernel writes it even when it fails: EAGAIN by a pids limit */
	birth->start->shares_table = !birth->copies_table && can_cut(rung);
	if (birth->start->shares_table)
		args.flags |= CLONE_FILES;
	if (birth->wants_pidfd) {
		args.flags |= CLONE_PIDFD;
		args.pidfd = (uintptr_t)&birth->pidfd;
		if (birth->keeps_low && birth->start->shares_table)
			birth->start->stray = &birth->pidfd;
	}
	if (rung == USPAWN_RUNG_ASYNC) {
		/* Not 0, which debuggers take for a thread. */
		args.exit_signal = SIGCHLD;
		args.flags |= CLONE_CHILD_CLEARTID;
		args.child_tid = (uintptr_t)birth->settled;
	} else {
		/* A child that ends before exec stays unseen by the host's waitpid(-1). */
		args.flags |= CLONE_VFORK;
		if (birth->settled) {
			args.flags |= CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
			args.parent_tid = args.child_tid = (uintptr_t)birth->settled;
		}
	}
	if (birth->cgroup != -1) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (unsigned)birth->cgroup;
		size = CLONE_ARGS_SIZE_CGROUP;
	}
	return new_call(birth, &args, size, &birth->pidfd);
}

/* Memory of its own, and something that only this call takes. */
static int forked_anew(struct birth *birth)
{
	int pidfd = -1;
	struct clone_args args = { .flags = CLONE_CLEAR_SIGHAND | (birth->wants_pidfd ? CLONE_PIDFD : 0),
				   .pidfd = birth->wants_pidfd ? (uintptr_t)&pidfd : 0,
				   .exit_signal = SIGCHLD };

	return new_call(birth, &args, CLONE_ARGS_SIZE, &pidfd);
}

/* Its callback, if there is one, may call raise() and abort(). -ENOSYS: nothing is asked of libc. */
static long forked_by_libc(const struct birth *birth)
{
	long pid = birth->start->callback && !birth->flags ? sys_musl_fork() : -ENOSYS;

	if (pid == 0)
		child_main(birth->start);
	return pid;
}

/* `stack` is NULL for a child with memory of its own: it goes on upon its copy of the caller's. */
static int old_call(struct birth *birth, unsigned long flags, void *stack)
{
	int wants = birth->wants_pidfd && !atomic_load_explicit(&refused_pidfd, memory_order_relaxed), pidfd = -1;
	void *top = stack ? (char *)stack + birth->stack_size : NULL;
	long pid = -ENOSYS;

	birth->start->resets_handlers = 1;
	if (flags == SIGCHLD)
		pid = forked_by_libc(birth);
	flags |= birth->flags;
	if (pid == -ENOSYS)
		pid = sys_clone(flags | (wants ? CLONE_PIDFD : 0), top, &pidfd, child_main, birth->start);
	if (pid < 0 && wants && clone_unsupported((int)pid)) {
		pid = sys_clone(flags, top, &pidfd, child_main, birth->start);
		if (pid >= 0)
			atomic_store(&refused_pidfd, 1);
	}
	if (pid < 0)
		return (int)pid;
	birth->pid = (int)pid;
	birth->pidfd = pidfd;
	/* Before 5.2 the flag is ignored. Nobody else can have reaped our child but a host that waits for any. */
	if (birth->wants_pidfd && pidfd < 0 && !clone_keeps_to_old_calls())
		birth->pidfd = sys_pidfd_open((int)pid, 0);
	return 0;
}

/* Its first stage: what the vfork rung makes, or the next. */
static int relayed(struct birth *birth)
{
	int refused = clone_is_refused(USPAWN_RUNG_VFORK);
	int r = refused ? -ENOSYS : shared_memory(birth, USPAWN_RUNG_VFORK);

	if (!clone_unsupported(r) || birth->cgroup != -1 || only_new(birth))
		return r;
	r = old_call(birth, CLONE_VM | CLONE_VFORK, birth->stack);
	if (r == 0 && !refused)
		clone_refused(USPAWN_RUNG_VFORK);
	return r;
}

int clone_attempt(struct birth *birth, enum uspawn_rung rung)
{
	int r;

	birth->start->shares_table = birth->start->resets_handlers = 0;
	birth->start->stray = NULL;
	birth->start->old_calls = clone_keeps_to_old_calls() ? 1 : 0;
	birth->start->last_word = &numbers[sizeof(numbers) / sizeof(*numbers) - 1];
	switch (rung) {
	case USPAWN_RUNG_ASYNC:
	case USPAWN_RUNG_VFORK:
		r = shared_memory(birth, rung);
		break;
	case USPAWN_RUNG_RELAY:
		r = relayed(birth);
		break;
	case USPAWN_RUNG_CLONE:
		r = old_call(birth, CLONE_VM | CLONE_VFORK, birth->stack);
		break;
	default:
		r = only_new(birth) ? forked_anew(birth) : old_call(birth, SIGCHLD, ARCH_RAW ? NULL : birth->stack);
		break;
	}
	if (r == 0) {
		birth->pidfd = sys_above_stdio(birth->pidfd);
		if (birth->pidfd < 0)
			birth->pidfd = -1;
	}
	return r;
}

int clone_next_is_init(void)
{
	char unused[32];

	return sys_readlink("/proc/thread-self/ns/pid_for_children", unused, sizeof(unused)) == -ENOENT &&
	       sys_readlink("/proc/thread-self/ns/pid", unused, sizeof(unused)) > 0;
}
