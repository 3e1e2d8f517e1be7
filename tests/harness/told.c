/* SPDX-License-Identifier: MIT */
/* Named calls, for a program that knows no numbers; kernel.h has those that a test takes away itself. */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "told.h"

#define ANY 0xFFFFFFFEu /* as value: refused if any bit of the mask is set */

/* A call is refused if the low half of the argument, masked, is the value. */
static const struct {
	const char *name;
	int number, argument;
	uint32_t mask, value;
} calls[] = {
	{ "clone3", SYS_clone3, 0, 0, 0 },
	{ "clone-vm", SYS_clone, 0, CLONE_VM | CLONE_THREAD, CLONE_VM },
	{ "clone-pidfd", SYS_clone, 0, CLONE_PIDFD | CLONE_THREAD, CLONE_PIDFD },
	{ "close_range", SYS_close_range, 0, 0, 0 },
	{ "close_range-unshare", SYS_close_range, 2, 2, 2 },
	{ "unshare", SYS_unshare, 0, 0, 0 },
	{ "pidfd_open", SYS_pidfd_open, 0, 0, 0 },
	{ "pidfd_send_signal", SYS_pidfd_send_signal, 0, 0, 0 },
	{ "pidfd_send_signal-group", SYS_pidfd_send_signal, 3, 4, 4 },
	{ "waitid-pidfd", SYS_waitid, 0, ~0u, 3 },
	{ "pidfd-info", SYS_ioctl, 1, 0xFFFF, 0xFF0B },
	{ "io_uring_setup", SYS_io_uring_setup, 0, 0, 0 },
	{ "io_uring_enter", SYS_io_uring_enter, 0, 0, 0 },
	{ "io_uring_register", SYS_io_uring_register, 0, 0, 0 },
	{ "eventfd", SYS_eventfd2, 0, 0, 0 },
	{ "timerfd_create", SYS_timerfd_create, 0, 0, 0 },
	{ "execveat", SYS_execveat, 0, 0, 0 },
	{ "statx-without-sync", SYS_statx, 2, 0x4000, 0x4000 },
	{ "memfd-sealing", SYS_memfd_create, 1, 2, 2 }, /* the relay's */
	{ "futex-wait", SYS_futex, 1, ~0u, 0 },         /* the plain operation, which libc does not use */
	{ "futex-wake", SYS_futex, 1, ~0u, 1 },
	{ "set_robust_list", SYS_set_robust_list, 0, 0, 0 },
	{ "wipe-on-fork", SYS_madvise, 2, ~0u, MADV_WIPEONFORK },
	{ "clone3-cgroup", SYS_clone3, 1, ~0u, CLONE_ARGS_SIZE_VER2 },
	{ "open_tree", 428, 0, 0, 0 }, /* on all machines, and the next two */
	{ "move_mount", 429, 0, 0, 0 },
	{ "process_mrelease", 448, 0, 0, 0 },
	{ "pwritev2-nosignal", SYS_pwritev2, 5, 0x100, 0x100 },
	{ "ptpeer", SYS_ioctl, 1, ~0u, TIOCGPTPEER },
	/* What only the profiles of containers and services take away. */
	{ "clone-namespaces", SYS_clone, 0, 0x7E020000, ANY },
	{ "setns", SYS_setns, 0, 0, 0 },
	{ "mount", SYS_mount, 0, 0, 0 },
	{ "umount2", SYS_umount2, 0, 0, 0 },
	{ "pivot_root", SYS_pivot_root, 0, 0, 0 },
	{ "ptrace", SYS_ptrace, 0, 0, 0 },
	{ "bpf", SYS_bpf, 0, 0, 0 },
	{ "chroot", SYS_chroot, 0, 0, 0 },
	/* Docker's list has a few values of it, among them the one that only asks: here, what is neither is
	   ADDR_NO_RANDOMIZE. */
	{ "personality-layout", SYS_personality, 0, 0x80040000, 0x00040000 },
	{ "set_mempolicy", SYS_set_mempolicy, 0, 0, 0 },
	{ "perf_event_open", SYS_perf_event_open, 0, 0, 0 },
	{ "seccomp", SYS_seccomp, 0, 0, 0 },
	{ "landlock", 444, 0, 0, 0 }, /* landlock_create_ruleset, on all machines; and landlock_restrict_self: */
	{ "landlock_restrict_self", 446, 0, 0, 0 },
};

static const struct {
	const char *name;
	uint32_t value;
} answers[] = {
	{ "ENOSYS", SECCOMP_RET_ERRNO | ENOSYS },
	{ "EPERM", SECCOMP_RET_ERRNO | EPERM },
	{ "EINVAL", SECCOMP_RET_ERRNO | EINVAL },
	{ "SIGSYS", SECCOMP_RET_TRAP },
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static uint32_t argument_offset(int n)
{
	return (uint32_t)(offsetof(struct seccomp_data, args) + 8 * (size_t)n) +
	       (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0);
}

static void refuse(const char *call, const char *answer)
{
	size_t i = 0, j = 0;

	while (i < COUNT(calls) && strcmp(calls[i].name, call) != 0)
		i++;
	while (j < COUNT(answers) && strcmp(answers[j].name, answer) != 0)
		j++;
	cr_assert(i < COUNT(calls) && j < COUNT(answers), "USPAWN_TEST_REFUSE: %s=%s is not known", call, answer);
	int any = calls[i].value == ANY;
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[i].number, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, argument_offset(calls[i].argument)),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, calls[i].mask),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, any ? 0 : calls[i].value, any ? 1 : 0, any ? 0 : 1),
		BPF_STMT(BPF_RET | BPF_K, answers[j].value),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { COUNT(code), code };

	/* Root needs no no_new_privs, which some tests look at. */
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0)
		return;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		cr_skip_test("seccomp filters: %s", strerror(errno));
}

void told_refuse(void)
{
	const char *told = getenv("USPAWN_TEST_REFUSE");
	char *list = strdup(told ? told : ""), *rest = list, *word;

	while ((word = strsep(&rest, ",")) && *word) {
		char *answer = strchr(word, '=');

		cr_assert(answer, "USPAWN_TEST_REFUSE: %s: no answer", word);
		*answer++ = '\0';
		refuse(word, answer);
	}
	free(list);
}
