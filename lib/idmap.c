/* SPDX-License-Identifier: MIT */
/*
 * By the caller's right: it may map more than its own id if it has the capability, and nobody needs a helper for that.
 * The files are the child's, so nothing but its pid is needed, which is ours until we collect it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clone.h"
#include "idmap.h"
#include "sys.h"

#define LOOK_NS 10000000

static int is_of_our_pid_namespace(void)
{
	char self[16];
	long n = sys_readlink("/proc/self", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = '\0';
	return atoi(self) == sys_getpid();
}

/*
 * Its number in the PID namespace that /proc is of, which need not be ours: there ours may be a stranger's. Apart,
 * since starts without maps may have little stack.
 */
__attribute__((noinline)) static int number_in_proc(int pid)
{
	char path[48], text[256];
	const char *at;
	int pidfd, file;
	long n;

	if (is_of_our_pid_namespace())
		return pid;
	pidfd = clone_keeps_to_old_calls() ? -ENOSYS : sys_pidfd_open(pid, 0);
	if (pidfd < 0)
		return sys_is_lack(pidfd) ? pidfd : -ENOENT;
	snprintf(path, sizeof(path), "/proc/thread-self/fdinfo/%d", pidfd);
	file = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	n = file < 0 ? 0 : sys_read(file, text, sizeof(text) - 1);
	if (file >= 0)
		sys_close(file);
	sys_close(pidfd);
	if (sys_is_lack(file))
		return file;
	text[n > 0 ? n : 0] = '\0';
	at = strstr(text, "\nPid:");
	return at && atoi(at + 5) > 0 ? atoi(at + 5) : -ENOENT;
}

static int write_file(int pid, const char *name, const char *text)
{
	char path[64];
	int file;
	long n;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	file = sys_openat(AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0);
	if (file < 0)
		return file;
	n = sys_write(file, text, strlen(text));
	sys_close(file);
	return n < 0 ? (int)n : 0;
}

static int write_maps(const struct plan_namespaces *ns, int pid)
{
	int r = 0;

	pid = number_in_proc(pid);
	if (pid < 0)
		return pid;
	if (ns->flags & USPAWN_DENY_SETGROUPS)
		r = write_file(pid, "setgroups", "deny");
	if (r == 0 && ns->uid_map)
		r = write_file(pid, "uid_map", ns->uid_map);
	if (r == 0 && ns->gid_map)
		r = write_file(pid, "gid_map", ns->gid_map);
	return r;
}

static int has_ended(const struct child_report *report, int pid)
{
	siginfo_t info;

	if (__atomic_load_n(&report->errnum, __ATOMIC_ACQUIRE) ||
	    __atomic_load_n(&report->lock.word, __ATOMIC_ACQUIRE) & FUTEX_OWNER_DIED)
		return 1;
	return sys_look_for_end(P_PID, pid, &info) == -ECHILD || info.si_pid;
}

void idmap_serve(struct child_report *report, const struct uspawn_plan *plan, int pid)
{
	struct timespec slice = sys_timespec(LOOK_NS);
	uint32_t stage;

	if (!plan_has_maps(plan))
		return;
	while ((stage = __atomic_load_n(&report->stage, __ATOMIC_ACQUIRE)) != CHILD_ENTERED) {
		if (stage == CHILD_STAYS || __atomic_load_n(&report->errnum, __ATOMIC_ACQUIRE))
			return;
		if (sys_futex_wait(&report->stage, CHILD_ENTERING, &slice) == -ETIMEDOUT && has_ended(report, pid))
			return;
	}
	report->answer = write_maps(plan->namespaces, pid);
	__atomic_store_n(&report->stage, CHILD_ANSWERED, __ATOMIC_RELEASE);
	sys_futex_wake(&report->stage, 1);
}
