/* SPDX-License-Identifier: MIT */
/*
 * The floor: what the kernel itself takes to start this program with a pidfd and to report its end, with the fastest
 * calls known. No check, no option, no report of a failure, no signal blocked. No library that gives the same can beat
 * it; the question is by how much it is missed. (vfork gives no pidfd, and keeps the caller's descriptors: with few of
 * them it is faster, with many slower.)
 */
#include <errno.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bench.h"
#include "rawcall.h"

enum { STACK = 16384 };

struct floor {
	char *const *argv;
	const char *path;
	uint32_t inflight, next;
	char *stack;
	struct {
		int pidfd;
		pid_t pid;
	} children[];
};

static int floor_open(void **ret, const struct contestant *contestant, const struct setting *setting)
{
	uint32_t slots = setting->inflight + setting->live;
	struct floor *f = calloc(1, sizeof(*f) + slots * sizeof(f->children[0]));

	(void)contestant;
	if (f)
		f->stack = aligned_alloc(16, STACK);
	if (!f || !f->stack) {
		free(f);
		return -ENOMEM;
	}
	f->inflight = setting->inflight;
	*ret = f;
	return 0;
}

__attribute__((noreturn)) static void floor_child(void *arg)
{
	const struct floor *f = arg;

	raw_call(SYS_close_range, 3, ~0u, CLOSE_RANGE_UNSHARE, 0, 0);
	raw_call(SYS_execve, (long)f->path, (long)f->argv, (long)environ, 0, 0);
	for (;;)
		raw_call(SYS_exit_group, 127, 0, 0, 0, 0);
}

static int floor_start(void *self, uint32_t slot, enum program program)
{
	struct floor *f = self;
	char *argv[] = { program_path(program), NULL };
	struct clone_args args = {
		.flags = CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
		.pidfd = (uintptr_t)&f->children[slot].pidfd,
		.stack = (uintptr_t)f->stack,
		.stack_size = STACK,
	};
	long pid;

	f->path = argv[0];
	f->argv = argv;
	pid = raw_clone3(SYS_clone3, &args, CLONE_ARGS_SIZE_VER0, floor_child, f);
	f->children[slot].pid = (pid_t)pid;
	return pid < 0 ? (int)pid : 0;
}

static int floor_wait(void *self, uint32_t *ended)
{
	struct floor *f = self;
	siginfo_t info = { 0 };
	long r;

	*ended = f->next;
	f->next = (f->next + 1) % f->inflight;
	r = raw_call(SYS_waitid, P_PIDFD, f->children[*ended].pidfd, (long)&info, WEXITED | __WALL, 0);
	raw_call(SYS_close, f->children[*ended].pidfd, 0, 0, 0, 0);
	if (r < 0)
		return (int)r;
	return info.si_code == CLD_EXITED && info.si_status == TOKEN ? 0 : -EPROTO;
}

static pid_t floor_pid(void *self, uint32_t slot)
{
	return ((struct floor *)self)->children[slot].pid;
}

static void floor_close(void *self)
{
	free(((struct floor *)self)->stack);
	free(self);
}

const struct contestant floor_contestant = {
	.name = "floor",
	.about = "raw clone3 with a pidfd, raw execve, waitid and close",
	.open = floor_open,
	.start = floor_start,
	.wait = floor_wait,
	.pid = floor_pid,
	.close = floor_close,
};
