/* SPDX-License-Identifier: MIT */
/*
 * Raw calls, no library. No check, no option, no report of a failure, no signal blocked.
 *
 * The floor is what no library can beat: the shortest chain of calls that runs the program and learns its end. It may
 * do what no library may: its child shares the parent's working directory for ever, and gives no pidfd. Tried in turns,
 * C relative to the same without any of the flags, here with 10 and with 10,000 open descriptors:
 *
 *	CLONE_FILES, then close_range(3, ~0, CLOSE_RANGE_UNSHARE) in the child	0.99	0.08
 *	CLONE_FS								0.99	1.00
 *	CLONE_FILES without the cut: exec copies the table			1.00	1.00
 *	CLONE_SIGHAND, CLONE_CLEAR_SIGHAND, SIGCHLD as exit signal		1.00	1.00
 *	execveat of an O_PATH descriptor, wait4 in place of waitid		1.00	1.00
 *	CLONE_PIDFD, waitid by it, close					1.07	1.00
 *
 * `clone3` is the same with a pidfd: what a library must do whose callers wait with poll, and are safe from a pid that
 * was used again. What a library of that kind adds is its distance from there.
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
enum kind { BARE, WITH_PIDFD };

struct floor {
	const struct command *command;
	struct clone_args args;
	uint32_t inflight, next;
	enum kind kind;
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

	if (f)
		f->stack = aligned_alloc(16, STACK);
	if (!f || !f->stack) {
		free(f);
		return -ENOMEM;
	}
	f->kind = (enum kind)contestant->kind;
	f->inflight = setting->inflight;
	f->args = (struct clone_args){
		.flags = CLONE_VM | CLONE_VFORK | CLONE_FILES,
		.stack = (uintptr_t)f->stack,
		.stack_size = STACK,
	};
	f->args.flags |= f->kind == WITH_PIDFD ? CLONE_PIDFD | CLONE_CLEAR_SIGHAND : CLONE_FS;
	*ret = f;
	return 0;
}

__attribute__((noreturn)) static void floor_child(void *arg)
{
	const struct command *c = ((const struct floor *)arg)->command;

	raw_call(SYS_close_range, 3, ~0u, CLOSE_RANGE_UNSHARE, 0, 0);
	raw_call(SYS_execve, (long)c->path, (long)c->argv, (long)c->envp, 0, 0);
	for (;;)
		raw_call(SYS_exit_group, 127, 0, 0, 0, 0);
}

static int floor_start(void *self, uint32_t slot, enum program program)
{
	struct floor *f = self;
	long pid;

	f->command = command_of(program);
	if (f->kind == WITH_PIDFD)
		f->args.pidfd = (uintptr_t)&f->children[slot].pidfd;
	pid = raw_clone3(SYS_clone3, &f->args, CLONE_ARGS_SIZE_VER0, floor_child, f);
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
	if (f->kind == WITH_PIDFD) {
		r = raw_call(SYS_waitid, P_PIDFD, f->children[*ended].pidfd, (long)&info, WEXITED | __WALL, 0);
		raw_call(SYS_close, f->children[*ended].pidfd, 0, 0, 0, 0);
	} else {
		r = raw_call(SYS_waitid, P_PID, f->children[*ended].pid, (long)&info, WEXITED | __WALL, 0);
	}
	if (r < 0)
		return (int)r;
	return info.si_code == CLD_EXITED && info.si_status == TOKEN ? 0 : -EPROTO;
}

static pid_t floor_pid(void *self, uint32_t slot)
{
	return ((struct floor *)self)->children[slot].pid;
}

static int floor_pidfd(void *self, uint32_t slot)
{
	return ((struct floor *)self)->children[slot].pidfd;
}

static void floor_close(void *self)
{
	free(((struct floor *)self)->stack);
	free(self);
}

const struct contestant floor_contestant = {
	.name = "floor",
	.about = "raw clone3, execve and waitid: what no library can beat",
	.kind = BARE,
	.by_pid = 1,
	.open = floor_open,
	.start = floor_start,
	.wait = floor_wait,
	.pid = floor_pid,
	.close = floor_close,
};

const struct contestant clone3_contestant = {
	.name = "clone3",
	.about = "the same with a pidfd, as a library needs it",
	.kind = WITH_PIDFD,
	.by_pid = 1,
	.open = floor_open,
	.start = floor_start,
	.wait = floor_wait,
	.pid = floor_pid,
	.pidfd = floor_pidfd,
	.close = floor_close,
};
