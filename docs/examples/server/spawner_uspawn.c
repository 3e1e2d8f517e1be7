/* SPDX-License-Identifier: MIT */
/*
 * By uspawn: a ring that only starts, and a poll on the server's own io_uring for each end. Each program is compiled to
 * a plan once, so that a request only brings its environment and its descriptors.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <uspawn.h>

#include "settings.h"
#include "spawner.h"

enum { PROGRAMS = 256 };

struct job {
	struct uspawn_child child;
	void *owner;
};

struct program {
	char *path;
	struct uspawn_plan *plans[2]; /* with /dev/null as stdin, and with a descriptor */
};

const char spawner_name[] = "uspawn";

static struct uspawn_ring *ring;
static void (*on_end)(struct job *job, int status);
static struct uspawn_identity identity = { .size = sizeof(identity) };
static int drops_privileges;
static struct program programs[PROGRAMS];

int spawner_open(struct io_uring *uring, const struct settings *settings, void (*ended)(struct job *job, int status))
{
	(void)uring;
	on_end = ended;
	identity.uid = settings->uid;
	identity.gid = settings->gid;
	drops_privileges = settings->drops_privileges;
	uspawn_reserve_fds();
	return uspawn_ring_new(&ring, settings->limit, USPAWN_RING_EXTERNAL);
}

void spawner_close(void)
{
	for (unsigned i = 0; i < PROGRAMS; i++) {
		uspawn_plan_free(programs[i].plans[0]);
		uspawn_plan_free(programs[i].plans[1]);
		free(programs[i].path);
	}
	ring = uspawn_ring_free(ring);
}

static int plan_new(struct uspawn_plan **ret, const char *path, int has_input)
{
	const struct uspawn_fd fds[] = {
		{ .target = 0, .source = has_input ? USPAWN_FD : USPAWN_NULL, .fd = has_input ? USPAWN_ARG(1) : 0 },
		{ .target = 1, .source = USPAWN_FD, .fd = USPAWN_ARG(0) },
	};
	char *argv[] = { (char *)path, NULL };

	return uspawn_plan_new(ret,
			       USPAWN(request, .path = path, .argv = argv, .fds = fds, .nfds = 2,
				      .flags = USPAWN_SETSIGMASK | USPAWN_SETPGROUP, .sigdefault = ~0ull,
				      .identity = drops_privileges ? &identity : NULL),
			       NULL);
}

/* A slot of the table; one that another program has is given to the newer. */
static struct program *program_of(const char *path)
{
	struct program *program;
	uint32_t hash = 2166136261u;

	for (const char *at = path; *at; at++)
		hash = (hash ^ (unsigned char)*at) * 16777619u;
	program = &programs[hash % PROGRAMS];
	if (program->path && strcmp(program->path, path)) {
		program->plans[0] = uspawn_plan_free(program->plans[0]);
		program->plans[1] = uspawn_plan_free(program->plans[1]);
		free(program->path);
		program->path = NULL;
	}
	if (!program->path)
		program->path = strdup(path);
	return program;
}

static void watch(struct job *job)
{
	struct io_uring_sqe *sqe = get_sqe();

	uspawn_prep_wait(sqe, &job->child);
	io_uring_sqe_set_data64(sqe, (uintptr_t)job | SPAWNER_TAG);
}

int spawner_start(struct job *job, const char *path, char *const envp[], int in, int out)
{
	struct program *program = program_of(path);
	int fds[] = { out, in }, r = 0;

	if (!program->path)
		return -ENOMEM;
	if (!program->plans[in >= 0])
		r = plan_new(&program->plans[in >= 0], path, in >= 0);
	if (r == 0)
		r = uspawn_ring_start(ring, &job->child, program->plans[in >= 0],
				      USPAWN(args, .fds = fds, .nfds = in >= 0 ? 2 : 1, .envp = envp));
	if (r == 0)
		watch(job);
	return r;
}

void spawner_kill(struct job *job)
{
	uspawn_kill(&job->child, SIGKILL, USPAWN_KILL_GROUP);
}

void spawner_complete(uint64_t user_data, int res)
{
	struct job *job = (struct job *)(uintptr_t)(user_data & ~(uint64_t)SPAWNER_TAG);
	const struct uspawn_exit *exit = &job->child.exit;

	(void)res;
	if (uspawn_wait(&job->child, 0) != 1)
		watch(job);
	else if (exit->code == USPAWN_EXITED)
		on_end(job, exit->status << 8);
	else
		on_end(job, exit->code == USPAWN_FAILED ? 127 << 8 : exit->status);
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
