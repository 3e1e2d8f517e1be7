/* SPDX-License-Identifier: MIT */
/* See kernel.h. The rules checked here are those of docs/child-rules.md: until the cut, the table is the parent's. */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "bytes.h"
#include "arch.h"
#include "kernel.h"

struct kernel kernel;

static struct {
	struct kernel_table table;
	uint64_t mask;
	int running, shares, pid, zombie, code;
	struct robust_list_head *robust;
	jmp_buf end;
} child;

static int next_id;

void kernel_reset(void)
{
	int old = kernel.old;

	kernel = (struct kernel){ .old = old };
	memset(&child, 0, sizeof(child));
	next_id = 0;
}

static struct kernel_table *table(void)
{
	return child.running && !child.shares ? &child.table : &kernel.parent;
}

/* Where a change is about to be made: never by a child in a table that it shares. */
static struct kernel_table *own_table(void)
{
	MUST(!child.running || !child.shares);
	return table();
}

static int is_open(long fd)
{
	return fd >= 0 && fd < KERNEL_FDS && table()->fd[fd].id;
}

static int new_file(const char *path)
{
	MUST(next_id < 1000);
	kernel.opened[++next_id] = path;
	return next_id;
}

static int lowest(long from)
{
	for (long fd = from; fd < KERNEL_FDS; fd++)
		if (!table()->fd[fd].id)
			return (int)fd;
	return from >= KERNEL_FDS ? -EINVAL : -EMFILE;
}

static int install(long from, int id, int cloexec)
{
	int fd = lowest(from);

	if (fd >= 0)
		own_table()->fd[fd] = (struct kernel_file){ id, cloexec };
	return fd;
}

int kernel_open(int number, int cloexec)
{
	kernel.parent.fd[number] = (struct kernel_file){ new_file(NULL), cloexec };
	return kernel.parent.fd[number].id;
}

static int fault(void)
{
	uint32_t n = ++kernel.calls;

	for (size_t i = 0; i < sizeof(kernel.faults) / sizeof(*kernel.faults); i++)
		if (kernel.faults[i].errnum && kernel.faults[i].nth == n) {
			kernel.faulted = 1;
			return -kernel.faults[i].errnum;
		}
	return 0;
}

/* ---- Children ---- */

static void let_go(void)
{
	if (child.robust)
		for (struct robust_list *l = child.robust->list.next; l != &child.robust->list; l = l->next)
			*(uint32_t *)((char *)l + child.robust->futex_offset) |= FUTEX_OWNER_DIED;
	child.robust = NULL;
	child.running = 0;
	child.zombie = 1;
}

static void end_child(int code)
{
	child.code = code;
	let_go();
	longjmp(child.end, 1);
}

static long execute(void)
{
	int r = fault();

	MUST(child.running);
	if (r)
		return r;
	if (child.shares)
		child.table = kernel.parent; /* as the kernel does itself */
	for (int fd = 0; fd < KERNEL_FDS; fd++)
		if (child.table.fd[fd].cloexec)
			child.table.fd[fd].id = 0;
	kernel.seen = child.table;
	kernel.seen_mask = child.mask;
	kernel.ran = 1;
	end_child(0);
	return 0;
}

long kernel_clone(unsigned long flags, int *pidfd, void (*fn)(void *), void *arg)
{
	int fd = -1, r = fault();

	MUST(!child.running && !child.zombie);
	MUST(kernel.mask == ~(1ull << (SIGSYS - 1)));
	MUST(!(flags & CLONE_FILES) || flags & CLONE_VM);
	if (r)
		return r == -ENOMEM ? r : -EAGAIN;
	child.table = kernel.parent;
	if (flags & CLONE_PIDFD) {
		fd = install(0, new_file("pidfd"), 1);
		if (fd < 0)
			return fd;
		*pidfd = fd;
	}
	child.shares = (flags & CLONE_FILES) != 0;
	child.mask = kernel.mask;
	child.pid++;
	child.running = 1;
	if (setjmp(child.end) == 0) {
		fn(arg);
		MUST(!"a child returned");
	}
	return 1000 + child.pid;
}

long kernel_clone3(const void *p, void (*fn)(void *), void *arg)
{
	const struct clone_args *args = p;

	return kernel.old ? -ENOSYS : kernel_clone(args->flags, (int *)(uintptr_t)args->pidfd, fn, arg);
}

static long wait_for(long type, long id, siginfo_t *info, long options)
{
	int known = type == P_PID ? id == 1000 + child.pid : is_open(id);

	MUST(type == P_PID || type == P_PIDFD);
	if (kernel.old && type == P_PIDFD)
		return -EINVAL;
	if (!known || !child.zombie)
		return -ECHILD;
	info->si_pid = 1000 + child.pid;
	info->si_code = CLD_EXITED;
	info->si_status = child.code;
	child.zombie = (options & WNOWAIT) != 0;
	return 0;
}

/* ---- Descriptors ---- */

static long close_range_of(unsigned first, unsigned last, long flags)
{
	if (kernel.old)
		return -ENOSYS;
	if (first > last)
		return -EINVAL;
	if (flags & CLOSE_RANGE_UNSHARE && child.running && child.shares) {
		child.table = kernel.parent;
		child.shares = 0;
	}
	for (unsigned fd = first; fd <= last && fd < KERNEL_FDS; fd++)
		own_table()->fd[fd].id = 0;
	return 0;
}

static long duplicate(long from, long to, long flags)
{
	if (from == to)
		return -EINVAL;
	if (!is_open(from) || to < 0 || to >= KERNEL_FDS)
		return -EBADF;
	own_table()->fd[to] = (struct kernel_file){ table()->fd[from].id, (flags & O_CLOEXEC) != 0 };
	return to;
}

static long control(long fd, long cmd, long arg)
{
	if (!is_open(fd))
		return -EBADF;
	switch (cmd) {
	case F_GETFD:
		return table()->fd[fd].cloexec;
	case F_SETFD:
		own_table()->fd[fd].cloexec = (arg & FD_CLOEXEC) != 0;
		return 0;
	case F_DUPFD_CLOEXEC:
		return install(arg, table()->fd[fd].id, 1);
	}
	return 0;
}

static long open_file(const char *path, long flags)
{
	if (strncmp(path, "/proc/", 6) == 0)
		return -ENOENT;
	return install(0, new_file(path), (flags & O_CLOEXEC) != 0);
}

static long make_pipe(int *ends, long flags)
{
	int first = install(0, new_file("read end"), (flags & O_CLOEXEC) != 0), second;

	if (first < 0)
		return first;
	second = install(0, new_file("write end"), (flags & O_CLOEXEC) != 0);
	if (second < 0) {
		own_table()->fd[first].id = 0;
		return second;
	}
	ends[0] = first;
	ends[1] = second;
	return 0;
}

static long set_mask(const uint64_t *set, uint64_t *old)
{
	uint64_t *mask = child.running ? &child.mask : &kernel.mask;

	if (old)
		*old = *mask;
	if (set)
		*mask = *set;
	return 0;
}

/* What fails only where the caller is wrong, or is not to be taken away here; the rest may fail at any time. */
static int never_fails(long n)
{
	return n == SYS_close || n == SYS_close_range || n == SYS_rt_sigprocmask || n == SYS_rt_sigaction ||
	       n == SYS_exit_group || n == SYS_waitid || n == SYS_gettid || n == SYS_getpid || n == SYS_getppid ||
	       n == SYS_prlimit64 || n == SYS_ppoll || n == SYS_pselect6 || n == SYS_set_robust_list ||
	       n == SYS_futex || n == SYS_fcntl || n == SYS_umask || n == SYS_execve || n == SYS_execveat ||
	       n == SYS_unshare || n == SYS_fstat || n == SYS_statx || n == SYS_memfd_create || n == SYS_getuid ||
	       n == SYS_geteuid || n == SYS_getgid || n == SYS_getegid || n == SYS_kill || n == SYS_capget;
}

long kernel_call(long n, long a, long b, long c, long d, long e, long f)
{
	int r = never_fails(n) ? 0 : fault();

	if (r)
		return r;
	switch (n) {
#ifdef SYS_mmap
	case SYS_mmap: { /* of shared memory that is nobody's file: there are none here */
		void *map = mmap((void *)a, (size_t)b, (int)c, (int)d, (int)e, (off_t)f);

		return map == MAP_FAILED ? -ENOMEM : (long)map;
	}
	case SYS_munmap:
		return munmap((void *)a, (size_t)b);
#endif
	case SYS_close:
		if (!is_open(a))
			return -EBADF;
		own_table()->fd[a].id = 0;
		return 0;
	case SYS_close_range:
		return close_range_of((unsigned)a, (unsigned)b, c);
	case SYS_unshare:
		MUST(child.running);
		if (a & CLONE_FILES && child.shares) {
			child.table = kernel.parent;
			child.shares = 0;
		}
		return 0;
	case SYS_dup3:
		return duplicate(a, b, c);
	case SYS_fcntl:
		return control(a, b, c);
	case SYS_openat:
		return open_file((const char *)b, c);
	case SYS_pipe2:
		return make_pipe((int *)a, b);
	case SYS_rt_sigprocmask:
		return set_mask((const uint64_t *)b, (uint64_t *)c);
	case SYS_rt_sigaction:
		if (c)
			memset((void *)c, 0, 32);
		return 0;
	case SYS_prlimit64:
		if (d)
			*(struct rlimit64 *)d = (struct rlimit64){ KERNEL_FDS, KERNEL_FDS };
		return 0;
	case SYS_execve:
	case SYS_execveat:
		return execute();
	case SYS_exit_group:
		MUST(child.running);
		end_child((int)a);
		return 0;
	case SYS_waitid:
		return wait_for(a, b, (siginfo_t *)c, d);
	case SYS_ppoll:
		for (long i = 0; i < b; i++)
			((struct pollfd *)a)[i].revents = is_open(((struct pollfd *)a)[i].fd) ? POLLHUP : POLLNVAL;
		return b;
	case SYS_pselect6: /* asked where the table ends */
		MUST(child.running);
		return a > KERNEL_FDS ? 0 : -EBADF;
	case SYS_set_robust_list:
		child.robust = child.running ? (void *)a : NULL;
		return 0;
	case SYS_gettid:
	case SYS_getpid:
		return child.running ? 1000 + child.pid : 1000;
	case SYS_getppid:
		return child.running ? 1000 : 1;
	case SYS_getresuid:
	case SYS_getresgid:
		*(uint32_t *)a = *(uint32_t *)b = *(uint32_t *)c = 0;
		return 0;
	case SYS_capget:
	case SYS_memfd_create:
	case SYS_fstat:
	case SYS_statx:
		return -ENOSYS;
	case SYS_read:
		return 0;
	case SYS_write:
		return c;
	case SYS_pidfd_open:
		return kernel.old ? -ENOSYS : install(0, new_file("pidfd"), 1);
	}
	return 0;
}
