/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/mempolicy.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <unistd.h>

#include "attributes.h"
#include "groups.h"
#include "kernel.h"
#include "way.h"

#define NEWTIME 0x80

/* At file scope, where what is in place lasts. */
#define REQUEST(...)                                                                     \
	{                                                                                \
		.size = sizeof(struct uspawn_request), WITNESS("exit", "0"), __VA_ARGS__ \
	}
#define SCHED(...)  .sched = USPAWN(sched, __VA_ARGS__)
#define SPACES(...) .namespaces = USPAWN(namespaces, __VA_ARGS__)

static char *witness[] = { "witness", "exit", "0", NULL };

static const struct uspawn_idmap one_id[] = { { 0, 0, 1, 0 } };
static const uint32_t groups[] = { 5, 6 };
static const unsigned long first = 1;
static const struct uspawn_rlimit limit[] = { { .resource = RLIMIT_RTTIME, .soft = 1, .hard = 1 } };
static const struct sock_filter allow[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
static const int32_t some_tid[] = { 32749 };
static const struct uspawn_join join[] = { { USPAWN_ARG(0), CLONE_NEWUTS } };
static const struct uspawn_join join_user[] = { { USPAWN_ARG(0), CLONE_NEWUSER } };
static const struct uspawn_action chdir_action[] = { { .op = USPAWN_DO_CHDIR, .path = "/" } };
static const struct uspawn_fd terminal[] = { { .target = 0, .source = USPAWN_PTY, .fd = USPAWN_ARG(0) } };
static const struct uspawn_fd pipe_end[] = { { .target = 0, .source = USPAWN_READ_END, .fd = USPAWN_ARG(0) } };
static const struct uspawn_fd moved[] = { { .target = 7, .source = USPAWN_FD, .fd = USPAWN_ARG(0) } };
static const struct uspawn_fd opened[] = {
	{ .target = 7, .source = USPAWN_OPEN, .path = "/dev/null", .oflag = O_NOCTTY | O_NOFOLLOW },
};

static int open_null(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static int open_directory(void)
{
	return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int open_uts(void)
{
	return open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
}

static int open_user(void)
{
	return open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
}

static int open_witness(void)
{
	return open(witness_path, O_RDONLY | O_CLOEXEC);
}

static int open_ruleset(void)
{
	int fd = kernel_landlock_ruleset();

	return fd < 0 ? -1 : fd;
}

static int open_group(void)
{
	char path[600];

	return group_own(path, sizeof(path)) ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : open_directory();
}

static int nothing(void *data)
{
	(void)data;
	return 0;
}

const struct attribute attributes[] = {
	{ "pseudo-terminal", USPAWN_STEP_PTY, REQUEST(.fds = terminal, .nfds = 1), NULL },
	{ "cgroup", USPAWN_STEP_CGROUP, REQUEST(.flags = USPAWN_SETCGROUP, .cgroup_fd = USPAWN_ARG(0)), open_group },
	{ "cgroup of its own", USPAWN_STEP_CGROUP,
	  REQUEST(.flags = USPAWN_SETCGROUP | USPAWN_TREE, .cgroup_fd = USPAWN_ARG(0)), open_group },
	{ "pid", USPAWN_STEP_CLONE, REQUEST(SPACES(.set_tid = some_tid, .nset_tid = 1)), NULL },
	{ "kill on close", USPAWN_STEP_CLONE, REQUEST(.flags = USPAWN_KILL_ON_CLOSE), NULL },
	{ "session", USPAWN_STEP_SETSID, REQUEST(.flags = USPAWN_SETSID), NULL },
	{ "process group", USPAWN_STEP_SETPGROUP, REQUEST(.flags = USPAWN_SETPGROUP), NULL },
	{ "descriptor", USPAWN_STEP_FD, REQUEST(.fds = moved, .nfds = 1), open_null },
	{ "pipe", USPAWN_STEP_FD, REQUEST(.fds = pipe_end, .nfds = 1), NULL },
	{ "whole table", USPAWN_STEP_FD, REQUEST(.flags = USPAWN_INHERIT_FDS), NULL },
	{ "file", USPAWN_STEP_OPEN, REQUEST(.fds = opened, .nfds = 1), NULL },
	{ "controlling terminal", USPAWN_STEP_SETCTTY,
	  REQUEST(.flags = USPAWN_SETSID | USPAWN_SETCTTY, .fds = terminal, .nfds = 1), NULL },
	{ "foreground", USPAWN_STEP_FOREGROUND,
	  REQUEST(.flags = USPAWN_SETSID | USPAWN_SETCTTY | USPAWN_FOREGROUND, .fds = terminal, .nfds = 1), NULL },
	{ "limits", USPAWN_STEP_RLIMIT, REQUEST(.rlimits = limit, .nrlimits = 1), NULL },
	{ "nice", USPAWN_STEP_NICE, REQUEST(SCHED(.set = USPAWN_NICE, .nice = 19)), NULL },
	{ "policy", USPAWN_STEP_SCHEDULER, REQUEST(SCHED(.set = USPAWN_POLICY, .policy = SCHED_BATCH)), NULL },
	{ "real-time policy", USPAWN_STEP_SCHEDULER,
	  REQUEST(SCHED(.set = USPAWN_POLICY, .policy = SCHED_FIFO, .priority = 1)), NULL },
	{ "deadline", USPAWN_STEP_SCHEDULER,
	  REQUEST(SCHED(.set = USPAWN_POLICY, .policy = 6, .runtime_ns = 1000000, .deadline_ns = 50000000,
			.period_ns = 100000000)),
	  NULL },
	{ "priority", USPAWN_STEP_SCHEDULER, REQUEST(SCHED(.set = USPAWN_PRIORITY)), NULL },
	{ "utilization clamps", USPAWN_STEP_SCHEDULER,
	  REQUEST(SCHED(.set = USPAWN_UCLAMP_MIN | USPAWN_UCLAMP_MAX, .util_max = 1024)), NULL },
	{ "processors", USPAWN_STEP_AFFINITY,
	  REQUEST(SCHED(.set = USPAWN_AFFINITY, .affinity = &first, .affinity_size = sizeof(first))), NULL },
	{ "memory policy", USPAWN_STEP_MEMPOLICY, REQUEST(SCHED(.set = USPAWN_MEMPOLICY, .mempolicy = MPOL_LOCAL)),
	  NULL },
	{ "I/O priority", USPAWN_STEP_IOPRIO, REQUEST(SCHED(.set = USPAWN_IOPRIO, .ioprio = 2 << 13 | 6)), NULL },
	{ "OOM score", USPAWN_STEP_OOM_SCORE, REQUEST(SCHED(.set = USPAWN_OOM_SCORE, .oom_score_adj = 1000)), NULL },
	{ "timer slack", USPAWN_STEP_TIMERSLACK, REQUEST(SCHED(.set = USPAWN_TIMERSLACK, .timerslack_ns = 60000)),
	  NULL },
	{ "personality", USPAWN_STEP_PERSONALITY,
	  REQUEST(SCHED(.set = USPAWN_PERSONALITY, .personality = ADDR_NO_RANDOMIZE)), NULL },
	{ "new namespaces", USPAWN_STEP_NAMESPACE, REQUEST(SPACES(.unshare = CLONE_NEWUTS)), NULL },
	{ "new PID namespace", USPAWN_STEP_NAMESPACE, REQUEST(SPACES(.unshare = CLONE_NEWPID)), NULL },
	{ "new user namespace", USPAWN_STEP_NAMESPACE, REQUEST(SPACES(.unshare = CLONE_NEWUSER)), NULL },
	{ "new user and PID namespaces", USPAWN_STEP_NAMESPACE,
	  REQUEST(SPACES(.unshare = CLONE_NEWUSER | CLONE_NEWPID)), NULL },
	{ "new time namespace", USPAWN_STEP_NAMESPACE,
	  REQUEST(SPACES(.unshare = NEWTIME, .monotonic_offset_ns = 1, .boottime_offset_ns = 1)), NULL },
	{ "joined namespace", USPAWN_STEP_NAMESPACE, REQUEST(SPACES(.join = join, .njoin = 1)), open_uts },
	{ "joined user namespace", USPAWN_STEP_NAMESPACE, REQUEST(SPACES(.join = join_user, .njoin = 1)), open_user },
	{ "mounts go on to propagate", USPAWN_STEP_NAMESPACE,
	  REQUEST(SPACES(.unshare = CLONE_NEWNS, .flags = USPAWN_KEEP_PROPAGATION)), NULL },
	{ "id maps", USPAWN_STEP_IDMAP,
	  REQUEST(SPACES(.unshare = CLONE_NEWUSER, .flags = USPAWN_DENY_SETGROUPS, .uid_map = one_id, .nuid_map = 1,
			 .gid_map = one_id, .ngid_map = 1)),
	  NULL },
	{ "label", USPAWN_STEP_LABEL, REQUEST(.confine = USPAWN(confine, .label = "unconfined")), NULL },
	{ "root", USPAWN_STEP_ROOT, REQUEST(.root = "/"), NULL },
	{ "root of its mount namespace", USPAWN_STEP_ROOT,
	  REQUEST(.root = "/dev", .flags = USPAWN_PIVOT_ROOT, SPACES(.unshare = CLONE_NEWNS)), NULL },
	{ "securebits", USPAWN_STEP_SECUREBITS, REQUEST(.flags = USPAWN_SETSECUREBITS, .securebits = SECBIT_KEEP_CAPS),
	  NULL },
	{ "bounding set", USPAWN_STEP_BOUNDING, REQUEST(.iab = "!cap_sys_time"), NULL },
	{ "groups", USPAWN_STEP_GROUPS,
	  REQUEST(.identity = USPAWN(identity, .uid = 1000, .gid = 1000, .groups = groups, .ngroups = 2)), NULL },
	{ "gid", USPAWN_STEP_GID, REQUEST(.identity = USPAWN(identity, .uid = 1000, .gid = 1000, .keep_groups = 1)),
	  NULL },
	{ "uid", USPAWN_STEP_UID, REQUEST(.identity = USPAWN(identity, .uid = 1000, .gid = 1000)), NULL },
	{ "effective ids", USPAWN_STEP_UID, REQUEST(.flags = USPAWN_RESETIDS), NULL },
	{ "capabilities", USPAWN_STEP_CAPS, REQUEST(.caps = "cap_kill=p"), NULL },
	{ "ambient capabilities", USPAWN_STEP_AMBIENT, REQUEST(.iab = "^cap_kill"), NULL },
	{ "directory", USPAWN_STEP_CWD, REQUEST(.cwd = "/"), NULL },
	{ "directory by descriptor", USPAWN_STEP_CWD, REQUEST(.flags = USPAWN_FCHDIR, .cwd_fd = USPAWN_ARG(0)),
	  open_directory },
	{ "umask", USPAWN_STEP_UMASK, REQUEST(.flags = USPAWN_SETUMASK, .umask = 077), NULL },
	{ "parent-death signal", USPAWN_STEP_PDEATHSIG, REQUEST(.pdeathsig = SIGTERM), NULL },
	{ "file actions", USPAWN_STEP_ACTION,
	  REQUEST(.flags = USPAWN_INHERIT_FDS, .actions = chdir_action, .nactions = 1), NULL },
	{ "default signals", USPAWN_STEP_SIGNALS, REQUEST(.sigdefault = 1ull << (SIGUSR2 - 1)), NULL },
	{ "ignored signals", USPAWN_STEP_SIGNALS, REQUEST(.sigignore = 1ull << (SIGUSR2 - 1)), NULL },
	{ "no new privileges", USPAWN_STEP_NO_NEW_PRIVS, REQUEST(.flags = USPAWN_NO_NEW_PRIVS), NULL },
	{ "landlock", USPAWN_STEP_LANDLOCK,
	  REQUEST(.confine = USPAWN(confine, .flags = USPAWN_LANDLOCK, .landlock_fd = USPAWN_ARG(0))), open_ruleset },
	{ "signal mask", USPAWN_STEP_SIGMASK, REQUEST(.flags = USPAWN_SETSIGMASK), NULL },
	{ "seccomp filter", USPAWN_STEP_SECCOMP, REQUEST(.confine = USPAWN(confine, .filter = allow, .filter_len = 1)),
	  NULL },
	{ "callback", USPAWN_STEP_CALLBACK, REQUEST(.callback = nothing), NULL },
	{ "program by descriptor",
	  USPAWN_STEP_EXEC,
	  { .size = sizeof(struct uspawn_request), .argv = witness, .flags = USPAWN_FEXEC, .exec_fd = USPAWN_ARG(0) },
	  open_witness },
	{ "shell for a file without an interpreter", USPAWN_STEP_EXEC, REQUEST(.flags = USPAWN_SH_FALLBACK), NULL },
	{ "environment", USPAWN_STEP_EXEC, REQUEST(.setenv = witness + 3), NULL },
	{ "program", USPAWN_STEP_EXEC, REQUEST(.rung = USPAWN_RUNG_ANY), NULL },
	{ NULL, 0, { 0 }, NULL },
};

int attribute_open(const struct attribute *a)
{
	return a->open ? a->open() : -1;
}
