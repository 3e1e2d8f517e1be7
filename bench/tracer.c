/* SPDX-License-Identifier: MIT */
/*
 * System calls a start, counted by following a worker and its children as a debugger does. In turns of their own, since
 * that takes a hundred times as long. A turn of many starts less a turn of few: what turns cost themselves cancels out.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "run.h"

/*
 * A pidfd says that a child is dead while its tracer, us, still holds it. GLib then takes it for one that exited with 0
 * (2.74), and the turn fails: TRIES.
 */
enum { FEW = 2, MANY = 22, TRIES = 5 };

/* Lets a process go on after a stop, and adds to calls. 1: it is the worker, which waits for its next order. */
static int go_on(pid_t pid, int status, pid_t worker, uint32_t *calls)
{
	struct __ptrace_syscall_info info;
	int signal = 0, over = 0;

	if (status >> 8 == (SIGTRAP | 0x80)) {
		memset(&info, 0, sizeof(info));
		ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof(info), &info);
		if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
			over = pid == worker && info.entry.nr == SYS_recvfrom;
			*calls += !over;
		}
	} else if (!(status >> 16)) { /* a signal of its own, not an event of ours */
		signal = WSTOPSIG(status);
	}
	ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(long)signal);
	return over;
}

/* Follows until the worker has answered and waits for more. */
static int follow(pid_t worker, uint32_t *calls)
{
	int over = 0, status;
	pid_t pid;

	while (!over) {
		pid = waitpid(-1, &status, __WALL);
		if (pid < 0 || (pid == worker && !WIFSTOPPED(status)))
			return -ECHILD;
		if (WIFSTOPPED(status))
			over = go_on(pid, status, worker, calls);
	}
	return 0;
}

static int count_turn(struct entry *entry, const struct order *order, uint32_t *ret)
{
	static struct answer answer;
	int r;

	*ret = 0;
	if (send(entry->socks[0], order, sizeof(*order), MSG_NOSIGNAL) < 0)
		return -errno;
	r = follow(entry->pids[0], ret);
	if (r >= 0 && recv(entry->socks[0], &answer, sizeof(answer), MSG_DONTWAIT) < 0)
		r = -errno;
	return r < 0 ? r : answer.error;
}

/* It must stop before it can be let go. Out of its recv it comes with whatever kind of stop, and goes back in. */
static void let_go(pid_t worker)
{
	int status;

	ptrace(PTRACE_INTERRUPT, worker, NULL, NULL);
	if (waitpid(worker, &status, __WALL) == worker && WIFSTOPPED(status))
		ptrace(PTRACE_DETACH, worker, NULL, NULL);
}

double count_calls(struct entry *entry, enum order_kind kind)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
			     PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
	struct order order = { .kind = kind, .count = FEW };
	pid_t worker = entry->pids[0];
	uint32_t few = 0, many = 0;
	int r, status;

	if (ptrace(PTRACE_SEIZE, worker, NULL, (void *)options) < 0)
		return -1;
	ptrace(PTRACE_INTERRUPT, worker, NULL, NULL);
	if (waitpid(worker, &status, __WALL) != worker || ptrace(PTRACE_SYSCALL, worker, NULL, NULL) < 0)
		return -1;
	r = follow(worker, &many); /* back into its recv */
	for (int i = 0; r >= 0 && i < TRIES; i++) {
		order.count = FEW;
		r = count_turn(entry, &order, &few);
		order.count = MANY;
		if (r >= 0)
			r = count_turn(entry, &order, &many);
		if (r != -EPROTO)
			break;
		r = i + 1 < TRIES ? 0 : r;
	}
	let_go(worker);
	return r < 0 ? -1 : (double)(many - few) / (MANY - FEW);
}
