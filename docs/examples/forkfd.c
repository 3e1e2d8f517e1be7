/* SPDX-License-Identifier: MIT */
/*
 * forkfd's interface on top of uspawn: a child is a descriptor and nothing else, so that it can be handed to code that
 * knows no uspawn_child. uspawn_release() makes the descriptor the caller's; uspawn_adopt() waits by a bare one.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>
#include <uspawn.h>

enum { FFD_CHILD_PROCESS = -2, FFDW_NOHANG = 1 };

struct forkfd_info {
	int32_t code, status;
};

struct call {
	int (*fn)(void *);
	void *token;
};

static int fail(int r)
{
	errno = -r;
	return -1;
}

static int hand_out(struct uspawn_child *child, pid_t *ppid)
{
	*ppid = child->pid;
	return uspawn_release(child);
}

/* Both sides go on in the caller's code, which only fork(2) can do. Nobody can have taken the pid meanwhile. */
static int forkfd(pid_t *ppid)
{
	struct uspawn_child child;
	pid_t pid = fork();
	int r;

	if (pid <= 0)
		return pid ? -1 : FFD_CHILD_PROCESS;
	r = uspawn_adopt(&child, pid, -1, 0);
	return r < 0 ? fail(r) : hand_out(&child, ppid);
}

static int run(void *data)
{
	struct call *call = data;

	_exit(call->fn(call->token));
}

/* A function as the child: uspawn then forks, for no code of the caller's may run in shared memory. */
static int vforkfd(pid_t *ppid, int (*fn)(void *), void *token)
{
	struct uspawn_child child;
	struct call call = { fn, token };
	int r = uspawn(&child, USPAWN(request, .flags = USPAWN_INHERIT_FDS, .callback = run, .callback_data = &call),
		       NULL);

	return r < 0 ? fail(r) : hand_out(&child, ppid);
}

static int forkfd_wait(int ffd, struct forkfd_info *info, int options)
{
	struct uspawn_child child;
	int r = uspawn_adopt(&child, 0, ffd, 0); /* it stays the caller's, and open */

	if (r == 0)
		r = uspawn_wait(&child, options & FFDW_NOHANG ? 0 : -1);
	if (r < 1)
		return fail(r ? r : -EAGAIN);
	*info = (struct forkfd_info){ child.exit.code, child.exit.status };
	return 0;
}

static int answer(void *token)
{
	return *(int *)token;
}

int main(void)
{
	struct forkfd_info info[2] = { 0 };
	int seven = 7, ffd[2], wrong = 0;
	pid_t pid;

	ffd[0] = forkfd(&pid);
	if (ffd[0] == FFD_CHILD_PROCESS)
		_exit(5);
	ffd[1] = vforkfd(&pid, answer, &seven);
	if (ffd[0] < 0 || ffd[1] < 0)
		return 1;
	for (int i = 0; i < 2; i++) {
		struct pollfd p = { .fd = ffd[i], .events = POLLIN };

		poll(&p, 1, -1); /* readable when it has ended */
		wrong += forkfd_wait(ffd[i], &info[i], FFDW_NOHANG) < 0;
		close(ffd[i]);
		printf("code %d, status %d\n", info[i].code, info[i].status);
	}
	return !wrong && info[0].status == 5 && info[1].status == 7 ? 0 : 1;
}
