/* SPDX-License-Identifier: MIT */
/* Makes the workers of a contestant and talks to them. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "run.h"

/* Keeps nothing but its own end of the socket: the others', none of them below 3, must end with the conductor. */
__attribute__((noreturn)) static void become_worker(int sock, const struct entry *entry, const struct task *task)
{
	dup3(sock, 3, O_CLOEXEC);
	close_range(4, ~0u, 0);
	if (entry->contestant->worker) {
		char path[PATH_MAX + 32];

		fcntl(3, F_SETFD, 0);
		snprintf(path, sizeof(path), "%s/%s", program_folder(), entry->contestant->worker);
		execl(path, path, (char *)NULL);
		_exit(1);
	}
	worker_main(3, entry->contestant, task);
}

static int worker_new(struct entry *entry, const struct task *task)
{
	int socks[2], size = 2 * (int)sizeof(struct answer);
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks) < 0)
		return -errno;
	setsockopt(socks[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	fflush(NULL);
	pid = fork();
	if (!pid)
		become_worker(socks[1], entry, task);
	close(socks[1]);
	if (pid < 0) {
		close(socks[0]);
		return -errno;
	}
	if (entry->contestant->worker)
		send(socks[0], task, sizeof(*task), MSG_NOSIGNAL);
	entry->socks[entry->nworkers] = socks[0];
	entry->pids[entry->nworkers++] = pid;
	return 0;
}

void entry_close(struct entry *entry)
{
	for (uint32_t i = 0; i < entry->nworkers; i++)
		close(entry->socks[i]);
	for (uint32_t i = 0; i < entry->nworkers; i++)
		waitpid(entry->pids[i], NULL, 0);
	entry->nworkers = 0;
}

static void add_usage(struct usage *sum, const struct usage *more)
{
	sum->user_us += more->user_us;
	sum->system_us += more->system_us;
	sum->child_us += more->child_us;
	sum->voluntary += more->voluntary;
	sum->involuntary += more->involuntary;
	sum->faults += more->faults;
}

/* The workers of an entry run at the same time. Returns what the last one said, with the children of all. */
static int listen_to(struct entry *entry, struct answer *ret, double *rate)
{
	struct usage usage = { 0 };
	uint32_t count = 0;
	int r = 0;

	*rate = 0;
	for (uint32_t i = 0; i < entry->nworkers; i++) {
		if (recv(entry->socks[i], ret, sizeof(*ret), 0) < (ssize_t)offsetof(struct answer, samples))
			ret->error = -EPIPE;
		if (ret->error < 0) {
			r = ret->error;
			continue;
		}
		count += ret->count;
		add_usage(&usage, &ret->usage);
		if (ret->ns)
			*rate += ret->count * 1e9 / (double)ret->ns;
		if (*ret->remark)
			memcpy(entry->remark, ret->remark, sizeof(entry->remark));
	}
	ret->count = count;
	ret->usage = usage;
	return r;
}

/* One order to one entry. */
int ask(struct entry *entry, const struct order *order, struct answer *ret, double *rate)
{
	for (uint32_t i = 0; i < entry->nworkers; i++)
		if (send(entry->socks[i], order, sizeof(*order), MSG_NOSIGNAL) < 0)
			return -errno;
	return listen_to(entry, ret, rate);
}

/* Ready when every worker has told so. */
int entry_open(struct entry *entry, const struct run *run)
{
	static struct answer answer;
	double rate;
	int r = 0;

	for (uint32_t i = 0; r >= 0 && i < run->task.setting.processes; i++) {
		struct task task = run->task;

		if (run->slowed && !strcmp(run->slowed, entry->name))
			task.slow_ns = 5000;
		r = worker_new(entry, &task);
	}
	return r < 0 ? r : listen_to(entry, &answer, &rate);
}
