/* SPDX-License-Identifier: MIT */
/*
 * What this kernel and process allow, asked without the library; and seccomp filters that take some of it away from the
 * process for good. Each Criterion test is a process of its own, so a filter ends with its test.
 */
#ifndef TESTS_KERNEL_H
#define TESTS_KERNEL_H

#include <stdint.h>

enum kernel_call {
	CALL_CLONE3 = 1 << 0,
	CALL_CLONE_VM = 1 << 1,    /* clone with CLONE_VM, threads excepted */
	CALL_CLONE_PIDFD = 1 << 2, /* clone with CLONE_PIDFD: before 5.2 */
	CALL_CLOSE_RANGE = 1 << 3,
	CALL_CLOSE_RANGE_UNSHARE = 1 << 4,
	CALL_PIDFD_OPEN = 1 << 5,
	CALL_PIDFD_SEND_SIGNAL = 1 << 6,
	CALL_WAITID_PIDFD = 1 << 7, /* waitid(P_PIDFD): before 5.4 */
	CALL_IO_URING = 1 << 8,
	CALL_IO_URING_ENTER = 1 << 9, /* the ring exists, and does not work */
	CALL_UNSHARE = 1 << 10,
	CALL_CLONE = 1 << 11, /* clone in every form, threads excepted */
	CALL_TIMERFD = 1 << 12,
	CALL_CLONE3_CGROUP = 1 << 13, /* clone3 with the struct of 5.7: before it */
	CALL_MEMFD = 1 << 14,
	CALL_EXECVEAT = 1 << 15,
	CALL_ROBUST_LIST = 1 << 16,
	CALL_MEMFD_EXEC = 1 << 17,       /* memfd_create, unless it is never to be executed */
	CALL_PROVIDED_BUFFERS = 1 << 18, /* io_uring_register of a ring of buffers: before 5.19 */
	CALL_PIDFD_GROUP = 1 << 19,      /* pidfd_send_signal to a group: before 6.9 */
	CALL_MRELEASE = 1 << 20,
	CALL_PWRITEV2_NOSIGNAL = 1 << 21, /* before 6.18 */
	CALL_CUT_AT_128 = 1 << 22,        /* close_range of a child that keeps numbers from 64 to 127 */
	CALL_SET_DUMPABLE = 1 << 23,
	CALL_FSTAT = 1 << 24,              /* which libc has not made since 2.33: by newfstatat */
	CALL_CLONE_FILES = 1 << 25,        /* clone with CLONE_FILES, threads excepted */
	CALL_PIDFD_INFO = 1 << 26,         /* ioctl: before 6.13 */
	CALL_STATX_WITHOUT_SYNC = 1 << 27, /* which asks no server: before 4.11 */
};

/* From now on these calls answer errnum; 0: SIGSYS. Skips the test where there is no seccomp. */
void kernel_refuse(uint32_t calls, int errnum);

/* From now on a handler answers errnum for calls that are refused by SIGSYS. Skips the test on machines not known here.
 */
void kernel_answer_traps(int errnum);

/* What a filter for a child answers; everything else is allowed. */
enum kernel_group {
	GROUP_NOTHING,
	GROUP_STEPS, /* calls that steps before the filter need, and neither exec nor the witness */
	GROUP_EXEC,
};
#define KERNEL_FILTER_MAX 32

/* `answer` is one of SECCOMP_RET_*. Returns its length. */
struct sock_filter;
unsigned kernel_filter(struct sock_filter *ret, enum kernel_group group, uint32_t answer);

/* A ruleset that lets nobody write to files, or -errno. */
int kernel_landlock_ruleset(void);

/* From now on this process and its children run that file only. 0 or -errno. */
int kernel_landlock_exec(const char *path);

/* 0 or -errno. */
int kernel_clone3(void);
int kernel_clone_vm(void);     /* the older call, with memory that is shared until exec */
int kernel_wipe_on_fork(void); /* of memory */
int kernel_relay(void);        /* a program in sealed memory, run by its descriptor, that holds a robust lock */
int kernel_io_uring(void);
int kernel_pidfd_open(int pid);
int kernel_pidfd_open_thread(int tid); /* PIDFD_THREAD */

/* Is it the number of that call? */
int kernel_is_clone3(uint64_t number);

/* As capset(2). */
int kernel_capset(void *header, const void *data);

/* What this thread has. */
uint64_t kernel_permitted(void);

/* The process may be looked at by those of its ids, as after an exec. */
int kernel_set_dumpable(void);

int kernel_gettid(void);

/* Is a thread of ours in waitid(2) just now? */
int kernel_is_waiting(int tid);

/* As fork(2), with that number; or -errno. */
int kernel_fork_as(int pid);

/* Is it at least this version? Only where trying is no answer: a feature that shows in the timing of something else. */
int kernel_is(int major, int minor);

#endif
