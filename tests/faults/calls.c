/* SPDX-License-Identifier: MIT */
/* An answer that no kernel gives would prove nothing: what a call that is not listed here cannot say, it is not made to
 * say. Nor brk(2): libc asks for memory otherwise then, and what fails is malloc, which is asked for itself. */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stddef.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <unistd.h>
#include <uspawn.h>

#include "calls.h"

enum { MARK_OPTION = 0x66617573 }; /* no option of prctl(2) */

#define OF(error) (1u << (error))
enum { AGAIN, NOMEM, MFILE, NFILE, NOSPC, INTR };

const int errors[NERRORS] = { EAGAIN, ENOMEM, EMFILE, ENFILE, ENOSPC, EINTR };
const char *const error_names[NERRORS] = { "EAGAIN", "ENOMEM", "EMFILE", "ENFILE", "ENOSPC", "EINTR" };

/* Its shortages, all of them: a call may be anywhere in the kernel when memory or numbers run out. */
#define ANY    (OF(AGAIN) | OF(NOMEM) | OF(MFILE) | OF(NFILE) | OF(NOSPC))
#define MEMORY OF(NOMEM)

static const struct {
	long nr;
	const char *name;
	unsigned errors;
	uint32_t step;
	char takes;   /* something that may stay scarce */
	char is_made; /* gives back, which it does whatever it says */
} calls[] = {
#define CALL(name, ...)                        \
	{                                      \
		SYS_##name, #name, __VA_ARGS__ \
	}
	CALL(clone3, ANY, USPAWN_STEP_CLONE, 1),
	CALL(clone, ANY, USPAWN_STEP_CLONE, 1),
	CALL(execve, ANY, USPAWN_STEP_EXEC),
	CALL(execveat, ANY),
	CALL(mmap, OF(AGAIN) | OF(NOMEM) | OF(NFILE), 0, 1),
	CALL(mprotect, MEMORY, 0, 1),
	CALL(madvise, OF(AGAIN) | OF(NOMEM), 0, 1),
	CALL(mremap, OF(AGAIN) | OF(NOMEM), 0, 1),
	CALL(munmap, MEMORY, .is_made = 1),
	{ CALL_MALLOC, "malloc", MEMORY, 0, 1 },
	CALL(pipe2, ANY, 0, 1),
	CALL(openat, ANY | OF(INTR), 0, 1),
	CALL(close, OF(NOSPC) | OF(INTR), .is_made = 1),
	CALL(close_range, OF(NOMEM) | OF(MFILE)),
	CALL(unshare, OF(NOMEM) | OF(NOSPC) | OF(MFILE)),
	CALL(setns, OF(NOMEM) | OF(NOSPC)),
	CALL(dup3, OF(NOMEM) | OF(MFILE) | OF(INTR), 0, 1),
	CALL(fcntl, OF(NOMEM) | OF(MFILE), 0, 1),
	CALL(memfd_create, ANY, 0, 1),
	CALL(ftruncate, OF(NOMEM) | OF(NOSPC) | OF(INTR)),
	CALL(epoll_create1, ANY, 0, 1),
	CALL(epoll_ctl, OF(NOMEM) | OF(NOSPC), 0, 1),
	CALL(epoll_pwait, OF(INTR)),
	CALL(eventfd2, ANY, 0, 1),
	CALL(timerfd_create, ANY, 0, 1),
	CALL(io_uring_setup, ANY, 0, 1),
	CALL(io_uring_enter, OF(AGAIN) | OF(NOMEM) | OF(INTR)),
	CALL(io_uring_register, MEMORY),
	CALL(pidfd_open, ANY, 0, 1),
	CALL(waitid, OF(INTR)),
	CALL(ppoll, OF(NOMEM) | OF(INTR)),
	CALL(pselect6, OF(NOMEM) | OF(INTR)),
	CALL(futex, OF(AGAIN) | OF(INTR)),
	CALL(read, OF(INTR)),
	CALL(write, OF(NOMEM) | OF(INTR)),
	CALL(pwritev2, OF(NOMEM) | OF(INTR)),
	CALL(mkdirat, OF(NOMEM) | OF(NOSPC)),
	CALL(unlinkat, MEMORY, .is_made = 1),
	CALL(getdents64, MEMORY),
	CALL(ioctl, ANY),
	CALL(fstatfs, MEMORY),
	CALL(chdir, MEMORY),
	CALL(fchdir, MEMORY),
	CALL(setgroups, MEMORY, USPAWN_STEP_GROUPS),
	CALL(setresuid, OF(AGAIN) | OF(NOMEM), USPAWN_STEP_UID),
	CALL(setresgid, OF(AGAIN) | OF(NOMEM), USPAWN_STEP_GID),
	CALL(mount, OF(NOMEM) | OF(NOSPC), USPAWN_STEP_NAMESPACE),
	CALL(sched_setaffinity, MEMORY, USPAWN_STEP_AFFINITY),
	CALL(nanosleep, OF(INTR)),
	CALL(clock_nanosleep, OF(INTR)),
#undef CALL
};

enum { NCALLS = sizeof(calls) / sizeof(*calls) };

static int find(long nr)
{
	for (int i = 0; i < NCALLS; i++)
		if (calls[i].nr == nr)
			return i;
	return -1;
}

const char *call_name(long nr)
{
	return find(nr) < 0 ? "?" : calls[find(nr)].name;
}

uint32_t call_step(long nr)
{
	return find(nr) < 0 ? 0 : calls[find(nr)].step;
}

int call_takes(long nr)
{
	return find(nr) >= 0 && calls[find(nr)].takes;
}

int call_may_answer(const struct call *call, int n)
{
	int i = find(call->nr), op = (int)call->args[1];

	if (i < 0 || !(calls[i].errors & OF(n)))
		return 0;
	if (call->nr == SYS_fcntl)
		return (op == F_DUPFD || op == F_DUPFD_CLOEXEC) || (op == F_ADD_SEALS && n == NOMEM);
	if (call->nr == SYS_futex)
		return (op & FUTEX_CMD_MASK) == FUTEX_WAIT;
	if (call->nr == SYS_close_range)
		return call->args[2] != 0; /* without a flag it only closes */
	return 1;
}

int call_is_mark(const struct call *call, enum mark *ret)
{
	*ret = (enum mark)call->args[1];
	return call->nr == SYS_prctl && call->args[0] == MARK_OPTION;
}

void call_mark(enum mark mark)
{
	int saved = errno;

	syscall(SYS_prctl, MARK_OPTION, mark, 0, 0, 0);
	errno = saved;
}

/* The program is linked so that the library's allocations come here. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);

static int is_refused(void)
{
	int saved = errno;

	syscall(SYS_prctl, MARK_OPTION, MARK_MALLOC, 0, 0, 0);
	if (errno == ENOMEM)
		return 1;
	errno = saved;
	return 0;
}

void *__wrap_malloc(size_t size)
{
	return is_refused() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return is_refused() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return is_refused() ? NULL : __real_realloc(p, size);
}

#if defined(__x86_64__) || defined(__i386__)

#ifdef __x86_64__
#define NUMBER orig_rax
#define RESULT rax
#else
#define NUMBER orig_eax
#define RESULT eax
#endif

static int change(pid_t tid, size_t at, long value)
{
	return ptrace(PTRACE_POKEUSER, tid, (void *)at, (void *)value) < 0 ? -1 : 0;
}

int call_prevent(pid_t tid, const struct call *call)
{
	if (calls[find(call->nr)].is_made)
		return 0;
	return change(tid, offsetof(struct user_regs_struct, NUMBER), -1);
}

int call_answer(pid_t tid, const struct call *call, int error)
{
	(void)call;
	return change(tid, offsetof(struct user_regs_struct, RESULT), -error);
}

#else

int call_prevent(pid_t tid, const struct call *call)
{
	(void)tid, (void)call;
	return -1;
}

int call_answer(pid_t tid, const struct call *call, int error)
{
	(void)tid, (void)call, (void)error;
	return -1;
}

#endif
