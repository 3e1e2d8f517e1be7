/* SPDX-License-Identifier: MIT */
/*
 * System calls as the kernel has them: typed once, returning -errno, touching no errno, no cancellation point. The only
 * place that knows call numbers, and the constants that kernel headers of 6.1 and older lack.
 */
#ifndef USPAWN_SYS_H
#define USPAWN_SYS_H

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/futex.h>
#include <linux/magic.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(USPAWN_LIBC_CALLS)
#include "arch/libc.h"
#elif defined(__x86_64__) && defined(__LP64__)
#include "arch/x86_64.h"
#elif defined(__aarch64__) && defined(__LP64__)
#include "arch/aarch64.h"
#else
#include "arch/libc.h"
#endif

#ifndef P_PIDFD
#define P_PIDFD 3 /* 5.4 */
#endif
#define SYS_CGROUP2_MAGIC              0x63677270u
#define SYS_PIDFD_SIGNAL_PROCESS_GROUP (1u << 2) /* 6.9 */

#define SYS_MFD_NOEXEC_SEAL 0x0008u /* 6.3, and the next */
#define SYS_MFD_EXEC        0x0010u

/* PIDFD_GET_INFO, 6.13; PIDFD_INFO_EXIT, 6.15. The first 64 bytes, which is all that is asked for. */
struct sys_pidfd_info {
	uint64_t mask;
	uint64_t cgroupid;
	uint32_t pid, tgid, ppid;
	uint32_t ids[8];
	int32_t exit_code;
};
#define SYS_PIDFD_GET_INFO      _IOC(_IOC_READ | _IOC_WRITE, 0xFF, 11, sizeof(struct sys_pidfd_info))
#define SYS_PIDFD_INFO_PID      (1ull << 0)
#define SYS_PIDFD_INFO_CGROUPID (1ull << 2)
#define SYS_PIDFD_INFO_EXIT     (1ull << 3)

/* 7.1, include/uapi/linux/sched.h */
#define SYS_CLONE_AUTOREAP       (1ull << 34)
#define SYS_CLONE_NNP            (1ull << 35)
#define SYS_CLONE_PIDFD_AUTOKILL (1ull << 36)

#define SYS_SIGSET_SIZE (_NSIG / 8) /* the kernel's, not libc's */

/* As the kernel has it on the machines that put the handler first: all but MIPS. */
struct sys_sigaction {
	uintptr_t handler;
	unsigned long flags;
	uintptr_t restorer;
	uint64_t mask;
};

#define SYSCALL6(n, a, b, c, d, e, f) \
	arch_syscall((n), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define SYSCALL(n, a, b, c, d) SYSCALL6(n, a, b, c, d, 0, 0)

/* ---- Processes ---- */

static inline long sys_clone3(const struct clone_args *args, size_t size, void (*fn)(void *), void *arg)
{
	return arch_clone3(SYS_clone3, args, size, fn, arg);
}

static inline long sys_clone(unsigned long flags, void *stack, int *pidfd, void (*fn)(void *), void *arg)
{
	return arch_clone(SYS_clone, flags, stack, pidfd, fn, arg);
}

static inline int sys_execve(const char *path, char *const argv[], char *const envp[])
{
	return (int)SYSCALL(SYS_execve, path, argv, envp, 0);
}

static inline int sys_execveat(int fd, const char *path, char *const argv[], char *const envp[], int flags)
{
	return (int)SYSCALL6(SYS_execveat, fd, path, argv, envp, flags, 0);
}

__attribute__((noreturn)) static inline void sys_exit_group(int code)
{
	for (;;)
		SYSCALL(SYS_exit_group, code, 0, 0, 0);
}

static inline int sys_waitid(int type, int id, siginfo_t *info, int options, struct rusage *usage)
{
	return (int)SYSCALL6(SYS_waitid, type, id, info, options, usage, 0);
}

static inline int sys_is_end(const siginfo_t *info)
{
	return info->si_pid &&
	       (info->si_code == CLD_EXITED || info->si_code == CLD_KILLED || info->si_code == CLD_DUMPED);
}

/* Takes nothing. Who traces the process is told of its stops, too, without having asked: they are no ends. */
static inline int sys_look_for_end(int type, int id, siginfo_t *ret)
{
	int r;

	ret->si_pid = 0;
	r = sys_waitid(type, id, ret, WEXITED | WNOHANG | WNOWAIT | __WALL, NULL);
	if (!sys_is_end(ret))
		ret->si_pid = 0;
	return r == -EINTR ? 0 : r;
}

static inline int sys_getpid(void)
{
	return (int)SYSCALL(SYS_getpid, 0, 0, 0, 0);
}

static inline int sys_gettid(void)
{
	return (int)SYSCALL(SYS_gettid, 0, 0, 0, 0);
}

static inline int sys_setsid(void)
{
	return (int)SYSCALL(SYS_setsid, 0, 0, 0, 0);
}

static inline int sys_setpgid(int pid, int group)
{
	return (int)SYSCALL(SYS_setpgid, pid, group, 0, 0);
}

static inline int sys_unshare(int flags)
{
	return (int)SYSCALL(SYS_unshare, flags, 0, 0, 0);
}

static inline int sys_getrlimit(int resource, struct rlimit64 *ret)
{
	return (int)SYSCALL(SYS_prlimit64, 0, resource, 0, ret);
}

/* Beyond the limit, growing a file raises SIGXFSZ, which ends the caller. */
static inline int sys_may_grow_to(uint64_t size)
{
	struct rlimit64 limit;

	return sys_getrlimit(RLIMIT_FSIZE, &limit) < 0 || limit.rlim_cur >= size ? 0 : -EFBIG;
}

static inline int sys_setrlimit(int resource, const struct rlimit64 *limit)
{
	return (int)SYSCALL(SYS_prlimit64, 0, resource, limit, 0);
}

static inline int sys_pidfd_open(int pid, unsigned flags)
{
	return (int)SYSCALL(SYS_pidfd_open, pid, flags, 0, 0);
}

static inline int sys_pidfd_send_signal(int pidfd, int signo, unsigned flags)
{
	return (int)SYSCALL(SYS_pidfd_send_signal, pidfd, signo, 0, flags);
}

static inline int sys_kill(int pid, int signo)
{
	return (int)SYSCALL(SYS_kill, pid, signo, 0, 0);
}

/* ---- Signals ---- */

static inline int sys_sigprocmask(int how, const uint64_t *set, uint64_t *old)
{
	return (int)SYSCALL(SYS_rt_sigprocmask, how, set, old, SYS_SIGSET_SIZE);
}

static inline int sys_sigaction(int signo, const struct sys_sigaction *act, struct sys_sigaction *old)
{
	return (int)SYSCALL(SYS_rt_sigaction, signo, act, old, SYS_SIGSET_SIZE);
}

/* ---- Descriptors ---- */

static inline int sys_close(int fd)
{
	return (int)SYSCALL(SYS_close, fd, 0, 0, 0);
}

static inline int sys_close_range(unsigned first, unsigned last, unsigned flags)
{
	return (int)SYSCALL(SYS_close_range, first, last, flags, 0);
}

static inline int sys_dup3(int from, int to, int flags)
{
	return (int)SYSCALL(SYS_dup3, from, to, flags, 0);
}

static inline int sys_fcntl(int fd, int cmd, long arg)
{
	return (int)SYSCALL(SYS_fcntl, fd, cmd, arg, 0);
}

/* The user alone. The oldest machines have one of 16 bits under the plain name. */
static inline int sys_fchown(int fd, uint32_t uid)
{
#ifdef SYS_fchown32
	return (int)SYSCALL(SYS_fchown32, fd, uid, -1, 0);
#else
	return (int)SYSCALL(SYS_fchown, fd, uid, -1, 0);
#endif
}

static inline int sys_memfd_create(const char *name, unsigned flags)
{
	return (int)SYSCALL(SYS_memfd_create, name, flags, 0, 0);
}

static inline int sys_ftruncate(int fd, size_t size)
{
	return (int)SYSCALL(SYS_ftruncate, fd, size, 0, 0);
}

/* Of descriptors or memory, which passes. */
static inline int sys_is_lack(int r)
{
	return r == -EMFILE || r == -ENFILE || r == -ENOMEM;
}

static inline int sys_pipe2(int fds[2], int flags)
{
	return (int)SYSCALL(SYS_pipe2, fds, flags, 0, 0);
}

static inline long sys_readlink(const char *path, char *ret, size_t size)
{
	return SYSCALL6(SYS_readlinkat, AT_FDCWD, path, ret, size, 0, 0);
}

static inline int sys_openat(int dir, const char *path, int flags, unsigned mode)
{
	return (int)SYSCALL(SYS_openat, dir, path, flags, mode);
}

static inline long sys_read(int fd, void *buf, size_t n)
{
	return SYSCALL(SYS_read, fd, buf, n, 0);
}

static inline long sys_write(int fd, const void *buf, size_t n)
{
	return SYSCALL(SYS_write, fd, buf, n, 0);
}

static inline long sys_getdents64(int fd, void *buf, size_t n)
{
	return SYSCALL(SYS_getdents64, fd, buf, n, 0);
}

static inline int sys_ioctl(int fd, unsigned long request, void *arg)
{
	return (int)SYSCALL(SYS_ioctl, fd, request, arg, 0);
}

static inline int sys_ppoll(struct pollfd *fds, unsigned n, struct timespec *timeout)
{
	return (int)SYSCALL6(SYS_ppoll, fds, n, timeout, 0, SYS_SIGSET_SIZE, 0);
}

/* select(2) for reading, with the caller's mask. */
static inline int sys_pselect(int n, volatile unsigned long *set, const struct timespec *timeout)
{
	return (int)SYSCALL6(SYS_pselect6, n, set, 0, 0, timeout, 0);
}

static inline int sys_epoll_create1(int flags)
{
	return (int)SYSCALL(SYS_epoll_create1, flags, 0, 0, 0);
}

static inline int sys_epoll_ctl(int epfd, int op, int fd, void *event)
{
	return (int)SYSCALL(SYS_epoll_ctl, epfd, op, fd, event);
}

static inline int sys_epoll_pwait(int epfd, void *events, unsigned n, int timeout_ms)
{
	return (int)SYSCALL6(SYS_epoll_pwait, epfd, events, n, timeout_ms, 0, SYS_SIGSET_SIZE);
}

static inline int sys_eventfd2(unsigned count, int flags)
{
	return (int)SYSCALL(SYS_eventfd2, count, flags, 0, 0);
}

static inline int sys_timerfd_create(int clock, int flags)
{
	return (int)SYSCALL(SYS_timerfd_create, clock, flags, 0, 0);
}

static inline int sys_timerfd_settime(int fd, const struct itimerspec *value)
{
	return (int)SYSCALL(SYS_timerfd_settime, fd, 0, value, 0);
}

/* Which file a descriptor is open on. Eventfds, timers, sets of epoll, and before 6.9 pidfds, are all of one inode. */
struct sys_inode {
	uint64_t dev, ino;
};

/* include/uapi/linux/stat.h, which not every libc has; and where one has its own, that cannot be had beside it. */
struct sys_statx {
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, unused;
	uint64_t ino, size, blocks, attributes_mask;
	uint64_t times[8];
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	uint64_t more[14];
};
#define SYS_STATX_DONT_SYNC 0x4000
#define SYS_STATX_INO       0x100

__attribute__((noinline, unused)) static int sys_fstat_inode(int fd, struct sys_inode *ret)
{
	struct stat64 st;
#ifdef SYS_fstat64
	int r = (int)SYSCALL(SYS_fstat64, fd, &st, 0, 0);
#else
	int r = (int)SYSCALL(SYS_fstat, fd, &st, 0, 0);
#endif

	if (r < 0)
		return r;
	*ret = (struct sys_inode){ st.st_dev, st.st_ino };
	return 0;
}

/*
 * Never asks the server of a file, who may be the caller, or gone; but where statx (4.11) is refused. No part of who
 * calls it, whose stack may be small.
 */
__attribute__((noinline, unused)) static int sys_inode(int fd, struct sys_inode *ret)
{
	struct sys_statx st;
	int r = (int)SYSCALL6(SYS_statx, fd, "", AT_EMPTY_PATH | SYS_STATX_DONT_SYNC, SYS_STATX_INO, &st, 0);

	if (r < 0)
		return r == -EBADF ? r : sys_fstat_inode(fd, ret);
	*ret = (struct sys_inode){
		(st.dev_minor & 0xff) | st.dev_major << 8 | (uint64_t)(st.dev_minor & ~0xffu) << 12,
		st.ino,
	};
	return 0;
}

/* What kind of filesystem it is on: statfs(2). */
static inline int sys_filesystem(int fd, uint64_t *rettype)
{
	struct statfs64 st;
#ifdef SYS_fstatfs64
	int r = (int)SYSCALL(SYS_fstatfs64, fd, sizeof(st), &st, 0);
#else
	int r = (int)SYSCALL(SYS_fstatfs, fd, &st, 0, 0);
#endif

	if (r == 0)
		*rettype = (uint64_t)st.f_type;
	return r;
}

/* A dup at `low` or above. A limit that lies below that is a lack of numbers, too. */
static inline int sys_dup_from(int fd, int low)
{
	int r = sys_fcntl(fd, F_DUPFD_CLOEXEC, low);

	return r == -EINVAL ? -EMFILE : r;
}

/* Internal descriptors never sit on 0 to 2: moves fd up if it does. Closes it on failure. */
static inline int sys_above_stdio(int fd)
{
	int high;

	if (fd < 0 || fd > 2)
		return fd;
	high = sys_dup_from(fd, 3);
	sys_close(fd);
	return high;
}

/* ---- Directories and files ---- */

static inline int sys_chdir(const char *path)
{
	return (int)SYSCALL(SYS_chdir, path, 0, 0, 0);
}

static inline int sys_fchdir(int fd)
{
	return (int)SYSCALL(SYS_fchdir, fd, 0, 0, 0);
}

static inline void sys_umask(unsigned mask)
{
	SYSCALL(SYS_umask, mask, 0, 0, 0);
}

/* ---- Memory and waiting ---- */

static inline int sys_set_robust_list(struct robust_list_head *head)
{
	return (int)SYSCALL(SYS_set_robust_list, head, sizeof(*head), 0, 0);
}

/* The file from its start, shared, at that address and at no other. */
static inline int sys_mmap_at(void *at, size_t size, int fd)
{
	long r = SYSCALL6(SYS_mmap, at, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0);

	return r == (long)at ? 0 : r < 0 && r > -4096 ? (int)r : -EEXIST;
}

/* liburing makes its calls through libc on most machines. */
#define SYS_KEEP_ERRNO(call)                  \
	({                                    \
		int saved_ = errno;           \
		__typeof__(call) r_ = (call); \
		errno = saved_;               \
		r_;                           \
	})

/*
 * These four by libc, with errno as it was: thread and address sanitizers must hear of memory that comes and goes.
 * New memory, or a file from its start (fd, not -1). `flags`: MAP_PRIVATE or MAP_SHARED.
 */
static inline int sys_mmap(size_t size, int flags, int fd, void **ret)
{
	int saved = errno;
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, flags | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);

	errno = saved;
	if (at == MAP_FAILED)
		return -ENOMEM;
	*ret = at;
	return 0;
}

static inline void sys_munmap(void *at, size_t size)
{
	int saved = errno;

	munmap(at, size);
	errno = saved;
}

static inline int sys_mprotect(void *at, size_t size, int protection)
{
	int saved = errno, r = mprotect(at, size, protection) < 0 ? -errno : 0;

	errno = saved;
	return r;
}

static inline int sys_madvise(void *at, size_t size, int advice)
{
	int saved = errno, r = madvise(at, size, advice) < 0 ? -errno : 0;

	errno = saved;
	return r;
}

/*
 * musl looks up who raises a signal in its thread's data, where only its own fork writes the child's number: else the
 * signal is sent to the parent. -ENOSYS: this libc asks the kernel.
 */
static inline long sys_musl_fork(void)
{
#if defined(USPAWN_HAS__FORK) && !defined(__GLIBC__)
	int saved = errno, pid = _Fork(), r = pid < 0 ? -errno : pid;

	errno = saved;
	return r;
#else
	return -ENOSYS;
#endif
}

/* Never private: the kernel's wake when a child leaves the memory is not. */
static inline int sys_futex_wake(volatile void *word, int n)
{
	return (int)SYSCALL(SYS_futex, word, FUTEX_WAKE, n, 0);
}

/* These calls are older than a time_t that is longer than a register: a C library for one of 32 bits may have that. */
#ifndef __x86_64__
_Static_assert(sizeof(((struct timespec *)NULL)->tv_sec) == sizeof(long), "time_t of the system calls");
#endif

static inline int sys_nanosleep(const struct timespec *t)
{
	return (int)SYSCALL(SYS_nanosleep, t, 0, 0, 0);
}

/* Where a filter refuses it, time passes all the same. */
static inline int sys_futex_wait(volatile void *word, uint32_t value, const struct timespec *timeout)
{
	int r = (int)SYSCALL(SYS_futex, word, FUTEX_WAIT, value, timeout);

	if (r != -ENOSYS && r != -EPERM && r != -EINVAL)
		return r;
	sys_nanosleep(timeout);
	return -ETIMEDOUT;
}

static inline int64_t sys_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline struct timespec sys_timespec(int64_t ns)
{
	return (struct timespec){ .tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000) };
}

/* Closed, and perhaps another file by now. Where no call may tell, it is taken for what it was. */
static inline int sys_is_lost(int fd, const struct sys_inode *inode)
{
	struct sys_inode now = { 0 };
	int r = inode->ino ? sys_inode(fd, &now) : 0;

	if (r < 0)
		return r == -EBADF;
	return inode->ino && (now.dev != inode->dev || now.ino != inode->ino);
}

/* The same of a file that others made: on overlayfs its number may change while it is open. */
static inline int sys_is_replaced(int fd, const struct sys_inode *inode)
{
	uint64_t type;

	return sys_is_lost(fd, inode) && !(sys_filesystem(fd, &type) == 0 && type == OVERLAYFS_SUPER_MAGIC);
}

static inline void sys_close_kept(int fd, const struct sys_inode *inode)
{
	if (fd >= 0 && !sys_is_lost(fd, inode))
		sys_close(fd);
}

/* ---- Descriptors of the library's own ---- */

/*
 * One that lives long. A host that closes what it does not know, as daemons do when they start, may have its number by
 * now: then it is not ours to close. Where all are of one inode the open file has a mark, too: the signal for its owner
 * (F_SETSIG), which is sent for none of ours, and which a host's has not.
 */
struct sys_owned {
	int fd;
	int mark; /* 0: none */
	struct sys_inode inode;
};

static inline void sys_own(struct sys_owned *ret, int fd)
{
	int mark = 1 + (int)((uint64_t)sys_now_ns() % 64); /* so that two of ours differ, too */

	*ret = (struct sys_owned){ .fd = fd };
	if (fd < 0)
		return;
	sys_inode(fd, &ret->inode);
	if (sys_fcntl(fd, F_SETSIG, mark) == 0)
		ret->mark = mark;
}

static inline int sys_still_owned(const struct sys_owned *owned)
{
	int mark;

	if (owned->fd < 0 || sys_is_lost(owned->fd, &owned->inode))
		return 0;
	mark = owned->mark ? sys_fcntl(owned->fd, F_GETSIG, 0) : 0;
	return mark == owned->mark || mark < 0; /* by a filter that came later */
}

/* -1: there is none any more, and what is there is the host's. */
static inline int sys_owned_fd(struct sys_owned *owned)
{
	if (!sys_still_owned(owned))
		owned->fd = -1;
	return owned->fd;
}

static inline void sys_close_owned(struct sys_owned *owned)
{
	if (sys_owned_fd(owned) >= 0)
		sys_close(owned->fd);
	owned->fd = -1;
}

#endif
