/* SPDX-License-Identifier: MIT */
/*
 * Raw calls, no library. No check, no option, no report of a failure, no signal blocked.
 *
 * The floor is what no library can beat: the shortest chain of calls that runs the program and learns its end. It may
 * do what no library may: its child shares the parent's working directory for ever, and there is no pidfd. Tried in
 * turns, C relative to the same without any flag but VM and VFORK, here with 4 and with 10,000 open descriptors:
 *
 *	CLONE_FS								0.985	1.00
 *	CLONE_FILES, then close_range(3, ~0, CLOSE_RANGE_UNSHARE) in the child	1.01	0.08
 *	CLONE_FILES without the cut: exec copies the table			1.00	1.00
 *	CLONE_SIGHAND, CLONE_CLEAR_SIGHAND, SIGCHLD as exit signal		1.00	1.00
 *	execveat of an O_PATH descriptor, waitid in place of wait4		1.00	1.00
 *	the old vfork call, on the parent's stack				1.00	1.00
 *	CLONE_PIDFD, waitid by it, close					1.07	1.00
 *
 * So it shares the table only where there is a table worth sharing.
 *
 * `clone3` is the loop that a library is held against whose callers wait with poll, and are safe from a pid that was
 * used again: with a pidfd, and always with the cut, since a library cannot know how many descriptors there are.
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

enum { STACK = 16384, FEW_DESCRIPTORS = 32 };
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
		.flags = CLONE_VM | CLONE_VFORK,
		.stack = (uintptr_t)f->stack,
		.stack_size = STACK,
	};
	f->args.flags |= f->kind == WITH_PIDFD ? CLONE_PIDFD | CLONE_CLEAR_SIGHAND : CLONE_FS;
	if (f->kind == WITH_PIDFD || setting->fds > FEW_DESCRIPTORS)
		f->args.flags |= CLONE_FILES;
	*ret = f;
	return 0;
}

__attribute__((noreturn)) static void floor_child(void *arg)
{
	const struct floor *f = arg;
	const struct command *c = f->command;

	if (f->args.flags & CLONE_FILES)
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

static int wait_by_pidfd(int pidfd)
{
	siginfo_t info = { 0 };
	long r = raw_call(SYS_waitid, P_PIDFD, pidfd, (long)&info, WEXITED | __WALL, 0);

	raw_call(SYS_close, pidfd, 0, 0, 0, 0);
	if (r < 0)
		return (int)r;
	return info.si_code == CLD_EXITED && info.si_status == TOKEN ? 0 : -EPROTO;
}

static int wait_by_pid(pid_t pid)
{
	int status;
	long r = raw_call(SYS_wait4, pid, (long)&status, __WALL, 0, 0);

	if (r < 0)
		return (int)r;
	return WIFEXITED(status) && WEXITSTATUS(status) == TOKEN ? 0 : -EPROTO;
}

static int floor_wait(void *self, uint32_t *ended)
{
	struct floor *f = self;

	*ended = f->next;
	f->next = (f->next + 1) % f->inflight;
	return f->kind == WITH_PIDFD ? wait_by_pidfd(f->children[*ended].pidfd) : wait_by_pid(f->children[*ended].pid);
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
	.about = "raw clone3, execve and wait4: what no library can beat",
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
	.about = "the same with a pidfd and a table that is cut, as a library needs it",
	.kind = WITH_PIDFD,
	.by_pid = 1,
	.open = floor_open,
	.start = floor_start,
	.wait = floor_wait,
	.pid = floor_pid,
	.pidfd = floor_pidfd,
	.close = floor_close,
};
