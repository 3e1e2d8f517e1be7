/* SPDX-License-Identifier: MIT */
/* The one room of the tests that knows call numbers. */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "kernel.h"

#define P_PIDFD_VALUE      3
#define NOEXEC_SEAL_FLAG   8u        /* MFD_NOEXEC_SEAL */
#define UNSHARE_FLAG       (1u << 1) /* CLOSE_RANGE_UNSHARE */
#define PBUF_RING_OP       22u       /* IORING_REGISTER_PBUF_RING */
#define NOSIGNAL_FLAG      0x100u    /* RWF_NOSIGNAL */
#define PROCESS_GROUP_FLAG (1u << 2) /* PIDFD_SIGNAL_PROCESS_GROUP */
#define PIDFD_INFO_REQUEST 0xFF0Bu   /* of PIDFD_GET_INFO, whatever its size */
#define DONT_SYNC_FLAG     0x4000u   /* AT_STATX_DONT_SYNC */
#ifndef SYS_process_mrelease
#define SYS_process_mrelease 448
#endif

/* A call is refused if the argument, masked, is the value. */
static const struct refusal {
	uint32_t call;
	int number, argument;
	uint32_t mask, value;
} refusals[] = {
	{ CALL_CLONE3, SYS_clone3, 0, 0, 0 },
	{ CALL_CLONE_VM, SYS_clone, 0, CLONE_VM | CLONE_THREAD, CLONE_VM },
	{ CALL_CLONE_FILES, SYS_clone, 0, CLONE_FILES | CLONE_THREAD, CLONE_FILES },
	{ CALL_CLONE_PIDFD, SYS_clone, 0, CLONE_PIDFD | CLONE_THREAD, CLONE_PIDFD },
	{ CALL_CLOSE_RANGE, SYS_close_range, 0, 0, 0 },
	{ CALL_CLOSE_RANGE_UNSHARE, SYS_close_range, 2, UNSHARE_FLAG, UNSHARE_FLAG },
	{ CALL_PIDFD_OPEN, SYS_pidfd_open, 0, 0, 0 },
	{ CALL_PIDFD_SEND_SIGNAL, SYS_pidfd_send_signal, 0, 0, 0 },
	{ CALL_WAITID_PIDFD, SYS_waitid, 0, ~0u, P_PIDFD_VALUE },
	{ CALL_IO_URING, SYS_io_uring_setup, 0, 0, 0 },
	{ CALL_IO_URING_ENTER, SYS_io_uring_enter, 0, 0, 0 },
	{ CALL_UNSHARE, SYS_unshare, 0, 0, 0 },
	{ CALL_CLONE, SYS_clone, 0, CLONE_THREAD, 0 },
	{ CALL_CLONE3_CGROUP, SYS_clone3, 1, ~0u, CLONE_ARGS_SIZE_VER2 },
	{ CALL_TIMERFD, SYS_timerfd_create, 0, 0, 0 },
	{ CALL_MEMFD, SYS_memfd_create, 0, 0, 0 },
	{ CALL_EXECVEAT, SYS_execveat, 0, 0, 0 },
	{ CALL_ROBUST_LIST, SYS_set_robust_list, 0, 0, 0 },
	{ CALL_MEMFD_EXEC, SYS_memfd_create, 1, NOEXEC_SEAL_FLAG, 0 },
	{ CALL_PROVIDED_BUFFERS, SYS_io_uring_register, 1, ~0u, PBUF_RING_OP },
	{ CALL_PIDFD_GROUP, SYS_pidfd_send_signal, 3, ~0u, PROCESS_GROUP_FLAG },
	{ CALL_MRELEASE, SYS_process_mrelease, 0, 0, 0 },
	{ CALL_PWRITEV2_NOSIGNAL, SYS_pwritev2, 5, NOSIGNAL_FLAG, NOSIGNAL_FLAG },
	{ CALL_CUT_AT_128, SYS_close_range, 0, ~0u, 128 },
	{ CALL_SET_DUMPABLE, SYS_prctl, 0, ~0u, PR_SET_DUMPABLE },
	{ CALL_FSTAT, SYS_fstat, 0, 0, 0 },
	{ CALL_STATX_WITHOUT_SYNC, SYS_statx, 2, DONT_SYNC_FLAG, DONT_SYNC_FLAG },
	{ CALL_PIDFD_INFO, SYS_ioctl, 1, 0xFFFF, PIDFD_INFO_REQUEST },
};

#define NREFUSALS (sizeof(refusals) / sizeof(*refusals))

/* Where the low half of an argument lies. */
static uint32_t argument_offset(int n)
{
	return (uint32_t)(offsetof(struct seccomp_data, args) + 8 * (size_t)n) +
	       (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0);
}

void kernel_refuse(uint32_t calls, int errnum)
{
	struct sock_filter code[6 * NREFUSALS + 1];
	struct sock_fprog program = { .filter = code };
	uint32_t answer = errnum ? SECCOMP_RET_ERRNO | (uint32_t)errnum : SECCOMP_RET_TRAP;
	unsigned short n = 0;

	for (size_t i = 0; i < NREFUSALS; i++) {
		const struct refusal *r = &refusals[i];

		if (!(calls & r->call))
			continue;
		code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
		code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)r->number, 0, 4);
		code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, argument_offset(r->argument));
		code[n++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, r->mask);
		code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, r->value, 0, 1);
		code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, answer);
	}
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	program.len = n;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		cr_skip_test("seccomp filters: %s", strerror(errno));
}

unsigned kernel_filter(struct sock_filter *ret, enum kernel_group group, uint32_t answer)
{
	static const int steps[] = {
		SYS_setsid,      SYS_setpgid, SYS_dup3,           SYS_close_range, SYS_chdir,
		SYS_fchdir,      SYS_umask,   SYS_setpriority,    SYS_chroot,      SYS_sched_setscheduler,
		SYS_personality, SYS_seccomp, SYS_rt_sigprocmask, SYS_ioprio_set
	};
	static const int exec[] = { SYS_execve, SYS_execveat };
	const int *calls = group == GROUP_STEPS ? steps : exec;
	size_t ncalls = group == GROUP_STEPS  ? sizeof(steps) / sizeof(*steps)
			: group == GROUP_EXEC ? sizeof(exec) / sizeof(*exec)
					      : 0;
	unsigned n = 0;

	ret[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < ncalls; i++) {
		ret[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[i], 0, 1);
		ret[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, answer);
	}
	ret[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	return n;
}

int kernel_landlock_ruleset(void)
{
	struct landlock_ruleset_attr attr = { .handled_access_fs = LANDLOCK_ACCESS_FS_WRITE_FILE };
	long fd = syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);

	return fd < 0 ? -errno : (int)fd;
}

int kernel_landlock_exec(const char *path)
{
	struct landlock_ruleset_attr attr = { .handled_access_fs = LANDLOCK_ACCESS_FS_EXECUTE };
	struct landlock_path_beneath_attr rule = { .allowed_access = LANDLOCK_ACCESS_FS_EXECUTE };
	int fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0), r = fd < 0 ? -errno : 0;

	rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (r == 0 && (syscall(SYS_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0 ||
		       prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(SYS_landlock_restrict_self, fd, 0) < 0))
		r = -errno;
	close(rule.parent_fd);
	close(fd);
	return r;
}

static int trap_answer;

static void answer_trap(int signo, siginfo_t *info, void *context)
{
	ucontext_t *user = context;

	(void)signo, (void)info;
#if defined(__x86_64__)
	user->uc_mcontext.gregs[REG_RAX] = -trap_answer;
#elif defined(__aarch64__)
	user->uc_mcontext.regs[0] = (unsigned long long)-trap_answer;
#else
	(void)user;
#endif
}

void kernel_answer_traps(int errnum)
{
	struct sigaction act = { .sa_sigaction = answer_trap, .sa_flags = SA_SIGINFO };

#if !defined(__x86_64__) && !defined(__aarch64__)
	cr_skip_test("answering a trap is not written for this machine");
#endif
	trap_answer = errnum;
	sigaction(SIGSYS, &act, NULL);
}

int kernel_clone3(void)
{
	struct clone_args args = { .flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD };
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	if (pid == 0)
		_exit(0);
	if (pid < 0)
		return -errno;
	return waitpid((pid_t)pid, NULL, 0) < 0 ? -errno : 0;
}

static int exit_at_once(void *data)
{
	(void)data;
	_exit(0);
}

int kernel_clone_vm(void)
{
	char stack[16384] __attribute__((aligned(64)));
	int pid = clone(exit_at_once, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);

	if (pid < 0)
		return -errno;
	return waitpid(pid, NULL, 0) < 0 ? -errno : 0;
}

int kernel_wipe_on_fork(void)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int r = madvise(page, size, MADV_WIPEONFORK) < 0 ? -errno : 0;

	munmap(page, size);
	return r;
}

int kernel_relay(void)
{
	char *const none[] = { NULL };
	int fd = memfd_create("relay", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *head;
	size_t size;

	if (fd < 0)
		return -errno;
	close(fd);
	if (syscall(SYS_execveat, -1, "", none, none, AT_EMPTY_PATH) < 0 && errno != EBADF)
		return -errno;
	if (syscall(SYS_get_robust_list, 0, &head, &size) < 0 || syscall(SYS_set_robust_list, head, size) < 0)
		return -errno;
	return 0;
}

int kernel_io_uring(void)
{
	uint64_t params[16] = { 0 };
	long fd = syscall(SYS_io_uring_setup, 1, params);

	if (fd < 0)
		return -errno;
	close((int)fd);
	return 0;
}

static int pidfd_open_as(int pid, int flags)
{
	long fd = syscall(SYS_pidfd_open, pid, flags);

	return fd < 0 ? -errno : (int)fd;
}

int kernel_pidfd_open(int pid)
{
	return pidfd_open_as(pid, 0);
}

int kernel_pidfd_open_thread(int tid)
{
	return pidfd_open_as(tid, O_EXCL);
}

int kernel_is_clone3(uint64_t number)
{
	return number == SYS_clone3;
}

int kernel_capset(void *header, const void *data)
{
	return (int)syscall(SYS_capset, header, data);
}

uint64_t kernel_permitted(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	syscall(SYS_capget, &header, data);
	return data[0].permitted | (uint64_t)data[1].permitted << 32;
}

int kernel_set_dumpable(void)
{
	return prctl(PR_SET_DUMPABLE, 1);
}

int kernel_gettid(void)
{
	return (int)syscall(SYS_gettid);
}

int kernel_is_waiting(int tid)
{
	char path[64];
	long call = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", tid);
	file = fopen(path, "re");
	if (file) {
		if (fscanf(file, "%ld", &call) != 1)
			call = -1; /* it is running */
		fclose(file);
	}
	return call == SYS_waitid;
}

int kernel_fork_as(int pid)
{
	struct clone_args args = { .exit_signal = SIGCHLD, .set_tid = (uintptr_t)&pid, .set_tid_size = 1 };
	long r = syscall(SYS_clone3, &args, sizeof(args));

	return r < 0 ? -errno : (int)r;
}

int kernel_is(int major, int minor)
{
	struct utsname name;
	int a, b;

	return uname(&name) == 0 && sscanf(name.release, "%d.%d", &a, &b) == 2 &&
	       (a > major || (a == major && b >= minor));
}
