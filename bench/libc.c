/* SPDX-License-Identifier: MIT */
/*
 * What programs use today, from libc: fork, vfork and posix_spawn, then waitpid. With one child at a time it waits for
 * that one; with several it waits for any of them, as programs with a SIGCHLD handler do.
 */
#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bench.h"

enum kind { FORK, VFORK, SPAWN };

struct libc {
	enum kind kind;
	uint32_t inflight;
	int options;
	pid_t pids[];
};

static int libc_open(void **ret, const struct contestant *contestant, const struct setting *setting)
{
	struct libc *l = calloc(1, sizeof(*l) + (setting->inflight + setting->live) * sizeof(l->pids[0]));

	if (!l)
		return -ENOMEM;
	l->kind = (enum kind)contestant->kind;
	l->inflight = setting->inflight;
	l->options = setting->threads > 1 ? __WNOTHREAD : 0; /* any of its own, not of its neighbour's */
	*ret = l;
	return 0;
}

__attribute__((noreturn)) static void run(const struct command *command)
{
	if (command->file)
		execvpe(command->file, command->argv, command->envp);
	else
		execve(command->path, command->argv, command->envp);
	_exit(127);
}

static int start_fork(pid_t *ret, const struct command *command)
{
	pid_t pid = fork();

	if (!pid)
		run(command);
	*ret = pid;
	return pid < 0 ? -errno : 0;
}

static int start_vfork(pid_t *ret, const struct command *command)
{
	pid_t pid = vfork();

	if (!pid)
		run(command);
	*ret = pid;
	return pid < 0 ? -errno : 0;
}

static int libc_start(void *self, uint32_t slot, enum program program)
{
	struct libc *l = self;
	const struct command *c = command_of(program);
	pid_t *pid = &l->pids[slot];

	switch (l->kind) {
	case FORK:
		return start_fork(pid, c);
	case VFORK:
		return start_vfork(pid, c);
	case SPAWN:
		return -(c->file ? posix_spawnp(pid, c->file, NULL, NULL, c->argv, c->envp)
				 : posix_spawn(pid, c->path, NULL, NULL, c->argv, c->envp));
	}
	return -EINVAL;
}

static int libc_wait(void *self, uint32_t *ended)
{
	struct libc *l = self;
	int status;
	pid_t pid = waitpid(l->inflight == 1 ? l->pids[0] : -1, &status, l->options);

	if (pid < 0)
		return -errno;
	for (*ended = 0; *ended < l->inflight && l->pids[*ended] != pid; ++*ended)
		;
	if (*ended == l->inflight || !WIFEXITED(status) || WEXITSTATUS(status) != TOKEN)
		return -EPROTO;
	l->pids[*ended] = 0;
	return 0;
}

static pid_t libc_pid(void *self, uint32_t slot)
{
	return ((struct libc *)self)->pids[slot];
}

static const char *libc_version(void)
{
	static char text[64];

	return confstr(_CS_GNU_LIBC_VERSION, text, sizeof(text)) ? text : "";
}

#define LIBC_CONTESTANT(label, number, text)                                                                       \
	{                                                                                                          \
		.name = label, .about = text, .kind = number, .by_pid = 1, .open = libc_open, .start = libc_start, \
		.wait = libc_wait, .pid = libc_pid, .version = libc_version, .close = free                         \
	}

const struct contestant fork_contestant = LIBC_CONTESTANT("fork", FORK, "fork, execve, waitpid");
const struct contestant vfork_contestant = LIBC_CONTESTANT("vfork", VFORK, "vfork, execve, waitpid");
const struct contestant spawn_contestant = LIBC_CONTESTANT("posix_spawn", SPAWN, "libc's posix_spawn, waitpid");
