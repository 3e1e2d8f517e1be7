/* SPDX-License-Identifier: MIT */
/*
 * Between clone and exec. The child runs on memory that other threads use at the same time, with the thread pointer of
 * a thread that goes on without it: no libc, no lock, no allocation, no thread data, no return. This object has no
 * undefined symbols, which is a test.
 */
#include "child.h"
#include "child_attrs.h"
#include "sys.h"

/* Kernel's own: what a start needs of stack does not grow with what it is asked for. */
#define DIRENTS_SIZE     512
#define CLOSE_ONE_BY_ONE 64
#define SET_BITS         (8 * sizeof(long))
#define MAX_ERRNO        4095

struct dirent64 {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

static unsigned min(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static void close_each(unsigned first, unsigned last)
{
	for (unsigned fd = first; fd <= last; fd++)
		sys_close((int)fd);
}

/* A number, or -1 for "." and "..". */
static int dirent_number(const char *name)
{
	int n = 0;

	for (; *name >= '0' && *name <= '9'; name++)
		n = n * 10 + (*name - '0');
	return *name ? -1 : n;
}

static int open_list(void)
{
	return sys_openat(AT_FDCWD, "/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
}

/* Before 5.9, or where close_range is refused. The directory lists by number, so closing meanwhile skips nothing. */
static int close_listed(unsigned first, unsigned last)
{
	char buf[DIRENTS_SIZE] __attribute__((aligned(8)));
	int dir = open_list();
	long n;

	if (dir == -EMFILE) { /* one that is to be closed makes room */
		sys_close((int)first);
		dir = open_list();
	}

	if (dir < 0)
		return dir;
	while ((n = sys_getdents64(dir, buf, sizeof(buf))) > 0) {
		for (long at = 0; at < n;) {
			const struct dirent64 *entry = (const void *)(buf + at);
			int fd = dirent_number(entry->name);

			if (fd != dir && fd >= 0 && (unsigned)fd >= first && (unsigned)fd <= last)
				sys_close(fd);
			at += entry->reclen;
		}
	}
	sys_close(dir);
	return (int)n;
}

/*
 * How large the table is: it was copied with less than twice what its highest number needs. select(2) says so: of a set
 * it looks at no number beyond (its BUGS), and leaves those as they are. A file of O_PATH is not open to poll(2).
 */
static unsigned table_end(volatile unsigned long *last)
{
	const struct timespec none = { 0, 0 };

	for (unsigned fd = SET_BITS; last && fd < CHILD_NUMBERS; fd *= 2) {
		*last = 1; /* is number fd in the set from there on; whoever else is here says the same */
		if (sys_fcntl((int)fd, F_GETFD, 0) < 0 && sys_pselect((int)fd + 1, last - fd / SET_BITS, &none) == 0 &&
		    *last)
			return fd;
	}
	return CHILD_NUMBERS;
}

static void close_numbers(const struct child_start *start, unsigned first, unsigned last)
{
	if (first > last || (!start->old_calls && sys_close_range(first, last, 0) == 0))
		return;
	if (last - first < CLOSE_ONE_BY_ONE)
		close_each(first, last);
	else if (close_listed(first, last) < 0)
		/* Neither close_range nor /proc: bounded, but not by the limit, which may have been lowered since. */
		close_each(first, min(last, table_end(start->last_word)));
}

static int close_possible(int fd)
{
	int r = sys_close(fd);
	struct rlimit64 limit;

	if (r == -EBADF && sys_getrlimit(RLIMIT_NOFILE, &limit) == 0 && (unsigned)fd >= limit.rlim_cur)
		return r;
	return 0;
}

/* Until this has succeeded, every descriptor here is the parent's. -ENOSYS: there is no way to leave its table. */
static int cut(const struct child_start *start, unsigned first)
{
	if (start->shares_table) {
		int r;

		if (sys_close_range(first, ~0U, CLOSE_RANGE_UNSHARE) == 0)
			return 0;
		r = sys_unshare(CLONE_FILES);
		if (r < 0)
			return r == -ENOMEM || r == -EMFILE ? r : -ENOSYS;
	}
	close_numbers(start, first, ~0U);
	return 0;
}

static int open_as(const char *path, int flags, unsigned mode, int target)
{
	/* O_LARGEFILE: what a 32-bit program's open(2) of a file of 2 GiB would lack. */
	int fd = sys_openat(AT_FDCWD, path, (flags & ~O_CLOEXEC) | O_LARGEFILE, mode);
	int r;

	if (fd < 0 || fd == target)
		return fd;
	r = sys_dup3(fd, target, 0);
	sys_close(fd);
	return r;
}

/* As posix_spawn(3) has it: for a caller at the limit of its descriptors, and for files that open only once. */
static int reopen_as(const char *path, int flags, unsigned mode, int target)
{
	int fd, r;

	sys_close(target);
	fd = sys_openat(AT_FDCWD, path, flags | O_LARGEFILE, mode);
	if (fd < 0 || fd == target)
		return fd;
	r = sys_dup3(fd, target, 0);
	sys_close(fd);
	return r;
}

static int set_rlimit(const struct child_instr *in)
{
	struct rlimit64 limit;

	limit.rlim_cur = in->bits;
	limit.rlim_max = in->more_bits;
	return sys_setrlimit(in->a, &limit);
}

static int set_signals(uint64_t signals, uintptr_t handler)
{
	struct sys_sigaction act;

	act.handler = handler;
	act.flags = 0;
	act.restorer = 0;
	act.mask = 0;
	for (int signo = 1; signals; signo++, signals >>= 1) {
		int r = signals & 1 ? sys_sigaction(signo, &act, 0) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

/* CLONE_CLEAR_SIGHAND by hand: what is ignored stays so. */
static void reset_handlers(void)
{
	struct sys_sigaction act;

	for (int signo = 1; signo < _NSIG; signo++)
		if (sys_sigaction(signo, 0, &act) == 0 && act.handler != (uintptr_t)SIG_DFL &&
		    act.handler != (uintptr_t)SIG_IGN)
			set_signals(1ull << (signo - 1), (uintptr_t)SIG_DFL);
}

static int exec_shell(const struct child_start *start, const char *path)
{
	start->sh_argv[1] = (char *)path;
	return sys_execve("/bin/sh", start->sh_argv, start->envp);
}

/*
 * What ends a search, and which error it leaves: as execvp(3) has it. Something that is not there, or not for us, does
 * not hide a good program in a later directory; anything else is about the program that was found.
 */
static int exec_candidates(const struct child_start *start)
{
	int last = -ENOENT, denied = 0;

	for (const char *const *path = start->candidates; *path; path++) {
		int r = sys_execve(*path, start->argv, start->envp);

		switch (r) {
		case -ENOEXEC:
			return start->sh_argv ? exec_shell(start, *path) : r;
		case -EACCES:
			denied = 1;
			break;
		case -ENOENT:
		case -ENOTDIR:
		case -ESTALE:
		case -ENODEV:
		case -ETIMEDOUT:
		case -ENAMETOOLONG:
			last = r;
			break;
		default:
			return r;
		}
	}
	return denied ? -EACCES : last;
}

/* Of a failure it may say 5 or -5. */
static int call_back(const struct child_start *start)
{
	int r = start->callback(start->callback_data);

	if (r > 0)
		r = -r; /* not the other way round: the least number has no opposite */
	return r < -MAX_ERRNO ? -EINVAL : r;
}

static int run(const struct child_start *start, const struct child_instr *in, int *saved)
{
	int r;

	switch (in->op) {
	case OP_CUT:
		r = cut(start, (unsigned)in->a);
		if (r == 0 && start->stray && *start->stray >= 0)
			sys_close(*start->stray);
		return r;
	case OP_SETSID:
		return sys_setsid();
	case OP_SETPGID:
		return sys_setpgid(0, in->a);
	case OP_KEEP:
		return sys_fcntl(in->a, F_SETFD, 0);
	case OP_CLOEXEC:
		return sys_fcntl(in->a, F_SETFD, FD_CLOEXEC);
	case OP_MOVE:
		return sys_dup3(in->a, in->b, 0);
	case OP_SAVE:
		return *saved = sys_dup_from(in->a, 3);
	case OP_RESTORE:
		r = sys_dup3(*saved, in->b, 0);
		sys_close(*saved);
		return r;
	case OP_CLOSE:
		sys_close(in->a);
		return 0;
	case OP_CLOSE_POSSIBLE:
		return close_possible(in->a);
	case OP_CLOSE_RANGE:
		close_numbers(start, (unsigned)in->a, (unsigned)in->b);
		return 0;
	case OP_OPEN:
		return open_as(in->path, in->a, (unsigned)in->b, in->c);
	case OP_REOPEN:
		return reopen_as(in->path, in->a, (unsigned)in->b, in->c);
	case OP_CHDIR:
		return sys_chdir(in->path);
	case OP_FCHDIR:
		return sys_fchdir(in->a);
	case OP_UMASK:
		sys_umask((unsigned)in->a);
		return 0;
	case OP_RLIMIT:
		return set_rlimit(in);
	case OP_DEFAULT:
		return set_signals(in->bits, (uintptr_t)SIG_DFL);
	case OP_IGNORE:
		return set_signals(in->bits, (uintptr_t)SIG_IGN);
	case OP_SIGMASK:
		return sys_sigprocmask(SIG_SETMASK, &start->sigmask, 0);
	case OP_CALLBACK:
		return call_back(start);
	case OP_EXEC:
		return exec_candidates(start);
	case OP_EXEC_FD:
		return sys_execveat(in->a, "", start->argv, start->envp, AT_EMPTY_PATH);
	case OP_EXIT:
		sys_exit_group(in->a);
	}
	return set_attribute(start->report, in);
}

/* A lock that exec and death give back: the kernel marks the word, and no one else can hold it. */
static void hold_lock(struct child_report *report)
{
	report->robust.list.next = &report->lock.list;
	report->lock.list.next = &report->robust.list;
	report->robust.futex_offset = (long)offsetof(struct child_report, lock.word) -
				      (long)offsetof(struct child_report, lock.list);
	report->robust.list_op_pending = 0;
	if (sys_set_robust_list(&report->robust) == 0)
		report->lock.word = (uint32_t)sys_gettid() | FUTEX_WAITERS;
}

/* Was this failure one that the caller can live without? */
static int note_allowed(struct child_report *report, const struct child_instr *in, int r)
{
	if (!in->may_fail)
		return 0;
	if (!report->allowed.errnum) {
		report->allowed.step = in->step;
		report->allowed.index = in->index;
		report->allowed.errnum = -r;
	}
	return 1;
}

static int skips_maps(const struct child_instr *in)
{
	for (uint32_t i = 1; i <= in->skips; i++)
		if (in[i].op == OP_IDMAP)
			return 1;
	return 0;
}

/* Whoever would write maps need not wait; but they are still asked for where the clone made the user namespace. */
static uint32_t skip(struct child_report *report, const struct child_instr *in)
{
	if (skips_maps(in)) {
		__atomic_store_n(&report->stage, CHILD_STAYS, __ATOMIC_RELEASE);
		sys_futex_wake(&report->stage, 1);
	}
	return in->skips;
}

void child_main(void *p)
{
	const struct child_start *start = p;
	struct child_report *report = start->report;
	const struct child_instr *in = start->program;
	int saved = -1, r;

	if (start->holds_lock)
		hold_lock(report);
	__atomic_store_n(&report->begun, 1, __ATOMIC_RELEASE); /* after its lock */
	((struct child_start *)p)->seen = 1;
	if (start->resets_handlers)
		reset_handlers();
	while ((r = run(start, in, &saved)) >= 0 || note_allowed(report, in, r))
		in += r < 0 ? 1 + skip(report, in) : 1;
	report->step = in->op == OP_CUT && r == -ENOSYS ? CHILD_STEP_CUT : in->step;
	report->index = in->index;
	/* Last: on the fork rung the parent may look at any time. */
	__atomic_store_n(&report->errnum, -r, __ATOMIC_RELEASE);
	sys_exit_group(CHILD_FAILED);
}
