/* SPDX-License-Identifier: MIT */
/* By the C library's posix_spawn, as a careful server would: a pidfd polled on the same io_uring. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "settings.h"
#include "spawner.h"

struct job {
	void *owner;
	pid_t pid;
	int pidfd;
};

const char spawner_name[] = "posix_spawn";

static void (*on_end)(struct job *job, int status);
static posix_spawnattr_t attributes;

int spawner_open(struct io_uring *uring, const struct settings *settings, void (*ended)(struct job *job, int status))
{
	sigset_t none, all;

	(void)uring;
	if (settings->drops_privileges)
		return -EOPNOTSUPP;
	on_end = ended;
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	return 0;
}

void spawner_close(void)
{
	posix_spawnattr_destroy(&attributes);
}

static void watch(struct job *job)
{
	struct io_uring_sqe *sqe = get_sqe();

	io_uring_prep_poll_add(sqe, job->pidfd, POLLIN);
	io_uring_sqe_set_data64(sqe, (uintptr_t)job | SPAWNER_TAG);
}

int spawner_start(struct job *job, const char *path, char *const envp[], int in, int out)
{
	char *argv[] = { (char *)path, NULL };
	posix_spawn_file_actions_t actions;
	int r;

	posix_spawn_file_actions_init(&actions);
	if (in >= 0)
		posix_spawn_file_actions_adddup2(&actions, in, 0);
	else
		posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
	posix_spawn_file_actions_adddup2(&actions, out, 1);
	r = posix_spawn(&job->pid, path, &actions, &attributes, argv, envp);
	posix_spawn_file_actions_destroy(&actions);
	if (r)
		return -r;
	job->pidfd = pidfd_open(job->pid, 0);
	if (job->pidfd < 0) {
		r = -errno;
		kill(job->pid, SIGKILL);
		waitpid(job->pid, NULL, 0);
		return r;
	}
	watch(job);
	return 0;
}

void spawner_kill(struct job *job)
{
	kill(-job->pid, SIGKILL);
}

void spawner_complete(uint64_t user_data, int res)
{
	struct job *job = (struct job *)(uintptr_t)(user_data & ~(uint64_t)SPAWNER_TAG);
	int status;

	(void)res;
	if (waitpid(job->pid, &status, WNOHANG) != job->pid) {
		watch(job);
		return;
	}
	close(job->pidfd);
	on_end(job, status);
}

struct job *job_new(void *owner)
{
	struct job *job = calloc(1, sizeof(*job));

	if (job)
		job->owner = owner;
	return job;
}

void *job_owner(const struct job *job)
{
	return job->owner;
}

void job_free(struct job *job)
{
	free(job);
}
