/* SPDX-License-Identifier: MIT */
/*
 * What works here, found by doing it: a version says little in a container. Each feature is one function that returns
 * 1 or what the kernel answered.
 */
#include <stdlib.h>

#include "attrs.h"
#include "clone.h"
#include "image.h"
#include "poller.h"
#include "sys.h"
#include "trial.h"
#include "wait.h"

/* One that cuts itself off and exits with 0. */
static int start_nothing(enum uspawn_rung rung, struct birth *birth, volatile uint32_t *settled)
{
	*birth = (struct birth){ .settled = settled, .wants_pidfd = 1, .cgroup = -1 };
	return trial_start(rung, trial_nothing, birth);
}

static int try_rung(enum uspawn_rung rung)
{
	volatile uint32_t settled = 1;
	struct birth birth;
	int r = start_nothing(rung, &birth, &settled);

	if (r < 0)
		return r;
	wait_discard(birth.pidfd, birth.pid);
	return 1;
}

static int async_rung(void)
{
	return ARCH_RAW ? try_rung(USPAWN_RUNG_ASYNC) : -ENOSYS;
}

static int vfork_rung(void)
{
	return ARCH_RAW ? try_rung(USPAWN_RUNG_VFORK) : -ENOSYS;
}

static int clone_rung(void)
{
	return try_rung(USPAWN_RUNG_CLONE);
}

static int fork_rung(void)
{
	return try_rung(USPAWN_RUNG_FORK);
}

/* A relay that is told nothing exits at once. */
static int exec_image(enum image_kind *retkind)
{
	char *argv[] = { "uspawn-relay", NULL };
	int fd = image_get(retkind), r;
	const struct child_instr program[] = {
		{ .op = OP_CUT, .a = fd + 1 },
		{ .op = OP_RELAY, .a = fd, .data = argv },
	};
	struct birth birth = { .wants_pidfd = 1, .cgroup = -1 };

	if (fd < 0)
		return fd;
	r = trial_start(USPAWN_RUNG_RELAY, program, &birth);
	if (r == 0)
		wait_discard(birth.pidfd, birth.pid);
	return r;
}

static int relay_rung(void)
{
	enum image_kind kind = IMAGE_NONE;
	int r;

	if (USPAWN_RUNG_RELAY < clone_cap())
		return -EOPNOTSUPP;
	while ((r = exec_image(&kind)) < 0 && kind != IMAGE_NONE && image_is_refusal(r))
		image_refused(kind);
	return r < 0 ? r : 1;
}

static int relay_from_memory(void)
{
	enum image_kind kind = IMAGE_NONE;
	int r = relay_rung();

	if (r == 1)
		image_get(&kind);
	return r < 0 ? r : kind == IMAGE_MEMORY ? 1 : -EACCES;
}

static int table_cut(void)
{
	int r = sys_close_range(~0U, ~0U, 0);

	return r < 0 ? r : 1;
}

/* Calls `check` on the pidfd of a child that has ended, and reaps it. */
static int with_zombie(int (*check)(int pidfd))
{
	volatile uint32_t settled = 1;
	struct birth birth;
	int r = start_nothing(USPAWN_RUNG_FORK, &birth, &settled);

	if (r < 0)
		return r;
	r = birth.pidfd < 0 ? -ENOSYS : check(birth.pidfd);
	wait_discard(birth.pidfd, birth.pid);
	return r < 0 ? r : 1;
}

static int nothing_more(int pidfd)
{
	return pidfd;
}

static int wait_by(int pidfd)
{
	siginfo_t info;

	return sys_waitid(P_PIDFD, pidfd, &info, WEXITED | WNOWAIT | __WALL, NULL);
}

static int poll_by(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	struct timespec bound = sys_timespec(1000000000);

	return sys_ppoll(&p, 1, &bound) == 1 ? 0 : -EOPNOTSUPP;
}

static int signal_group_by(int pidfd)
{
	int r = sys_pidfd_send_signal(pidfd, 0, SYS_PIDFD_SIGNAL_PROCESS_GROUP);

	return r == -ESRCH ? 0 : r; /* it leads no group */
}

static int info_after(int pidfd)
{
	struct sys_pidfd_info info = { .mask = SYS_PIDFD_INFO_EXIT };
	siginfo_t end;
	int r = sys_waitid(P_PIDFD, pidfd, &end, WEXITED | __WALL, NULL);

	if (r == 0)
		r = sys_ioctl(pidfd, SYS_PIDFD_GET_INFO, &info);
	return r < 0 ? r : info.mask & SYS_PIDFD_INFO_EXIT ? 0 : -EOPNOTSUPP;
}

static int pidfd_made(void)
{
	return with_zombie(nothing_more);
}

static int pidfd_poll(void)
{
	return with_zombie(poll_by);
}

static int pidfd_waited(void)
{
	return with_zombie(wait_by);
}

static int pidfd_exit_info(void)
{
	return with_zombie(info_after);
}

static int pidfd_group(void)
{
	return with_zombie(signal_group_by);
}

static int pidfd_opened(void)
{
	int fd = sys_pidfd_open(sys_getpid(), 0);

	if (fd >= 0)
		sys_close(fd);
	return fd < 0 ? fd : 1;
}

static int exec_by_fd(void)
{
	char *const none[] = { NULL };
	int r = sys_execveat(-1, "", none, none, AT_EMPTY_PATH);

	return r == -EBADF ? 1 : r;
}

static int poller_made(int r, struct poller *poller)
{
	if (r < 0)
		return r;
	poller->kind->free(poller);
	return 1;
}

static int ring_uring(void)
{
	struct poller *poller = NULL;
	int r = uring_new(&poller, 1);

	return poller_made(r, poller);
}

static int ring_epoll(void)
{
	struct poller *poller = NULL;
	int r = epoll_new(&poller);

	return poller_made(r, poller);
}

static const struct {
	const char *name;
	int (*try)(void);
	int is_young; /* a call that old filters may kill for */
} features[] = {
	{ "rung-async", async_rung },
	{ "rung-vfork", vfork_rung },
	{ "rung-clone", clone_rung },
	{ "rung-relay", relay_rung },
	{ "rung-fork", fork_rung },
	{ "table-cut", table_cut, 1 },
	{ "relay-memory", relay_from_memory },
	{ "pidfd", pidfd_made },
	{ "pidfd-poll", pidfd_poll },
	{ "pidfd-wait", pidfd_waited },
	{ "pidfd-open", pidfd_opened, 1 },
	{ "pidfd-group", pidfd_group, 1 },
	{ "pidfd-exit-info", pidfd_exit_info, 1 },
	{ "exec-by-fd", exec_by_fd, 1 },
	{ "ring-uring", ring_uring, 1 },
	{ "ring-epoll", ring_epoll },
	{ "pty", attrs_pty },
	{ "cgroup-birth", attrs_cgroup_birth },
	{ "namespaces", attrs_namespaces },
	{ "time-namespace", attrs_time_namespace },
	{ "uclamp", attrs_clamps },
	{ "ambient", attrs_ambient },
	{ "landlock", attrs_landlock, 1 },
	{ "seccomp", attrs_seccomp },
	{ "kill-on-close", attrs_kill_on_close },
};

#define NFEATURES (sizeof(features) / sizeof(*features))

int uspawn_probe(uint32_t n)
{
	int r;

	if (n < NFEATURES && features[n].is_young && clone_keeps_to_old_calls())
		return -EOPNOTSUPP;
	r = n < NFEATURES ? features[n].try() : -EINVAL;
	/* -EINVAL is what says that there is no such feature: a kernel's, of a flag it does not know, is another. */
	return n < NFEATURES && r == -EINVAL ? -EOPNOTSUPP : r;
}

const char *uspawn_strfeature(uint32_t n)
{
	return n < NFEATURES ? features[n].name : NULL;
}
