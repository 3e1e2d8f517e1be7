/* SPDX-License-Identifier: MIT */
/*
 * Everything here is done for each item, so what was not asked for costs nothing: no clock is read and nothing is
 * written unless a timeout or a log needs it.
 */
#include "pool.h"
#include "commands.h"
#include "duration.h"
#include "pidns.h"
#include "record.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define PAUSE_NS     NS_PER_MS
#define PAUSE_MAX_NS (250 * NS_PER_MS)
#define STARVED_NS   (10 * NS_PER_S)
#define CLOSING_NS   NS_PER_S

enum { MANY = 4096 }; /* beyond this the ring grows when it comes to it */

int pool_open(struct pool *p, const struct each_options *options, const struct signal_state *start,
	      struct printer *printer)
{
	int code, r;

	*p = (struct pool){ .options = options, .pause = PAUSE_NS };
	code = recipe_open(&p->recipe, options, start, printer);
	if (code)
		return code;
	p->whole = p->recipe.request.flags & USPAWN_SETPGROUP ? USPAWN_KILL_GROUP : 0;
	r = uspawn_ring_new(&p->ring, options->jobs < MANY ? options->jobs : MANY, 0);
	if (!r)
		r = p->ring_fd = uspawn_ring_fd(p->ring);
	if (options->verbose)
		p->says = record_open("fd:2", false); /* if it is closed, nothing is said */
	if (r >= 0)
		return 0;
	complain("no place for %u jobs: %s%s", options->jobs, strerror(-r),
		 r == -EMFILE   ? " (raise the limit of open files: ulimit -n)"
		 : r == -ENOMEM ? " (fewer: -j)"
				: "");
	return EXIT_OWN_ERROR;
}

int pool_place(struct pool *p, struct job **ret)
{
	struct job *job = p->idle;

	if (p->taken == p->options->jobs)
		return 0;
	if (job) {
		p->idle = job->next;
		p->nidle--;
	} else {
		job = calloc(1, sizeof(*job));
		if (!job)
			return -ENOMEM;
	}
	p->taken++;
	*ret = job;
	return 1;
}

int pool_fill(struct job *job, const char *item, uint64_t seq)
{
	size_t size = strlen(item) + 1;

	if (size > job->size) {
		free(job->item);
		job->size = 0;
		job->item = malloc(size);
		if (!job->item)
			return -ENOMEM;
		job->size = size;
	}
	memcpy(job->item, item, size);
	job->seq = seq;
	job->tries = 0;
	return 0;
}

void pool_leave(struct pool *p)
{
	p->taken--;
}

void pool_free(struct pool *p, struct job *job)
{
	if (p->nidle == p->options->jobs) {
		free(job->item);
		free(job);
		return;
	}
	job->next = p->idle;
	p->idle = job;
	p->nidle++;
}

void pool_again(struct pool *p, struct job *job)
{
	job->next = p->again;
	p->again = job;
}

struct job *pool_waiting(struct pool *p)
{
	struct job *job = p->again;

	if (job)
		p->again = job->next;
	return job;
}

/* error: what there is not enough of. */
static void wait_for_more(struct pool *p, struct job *job, int error)
{
	int64_t now = now_ns();

	p->too_few_fds = error == EMFILE && !p->running;
	p->no_memory = error == ENOMEM;
	p->dead = error == ENOMEM && !p->running && pidns_is_dead();
	if (!p->short_since)
		p->short_since = now;
	p->start_after = now + p->pause;
	p->pause = p->pause * 2 > PAUSE_MAX_NS ? PAUSE_MAX_NS : p->pause * 2;
	pool_again(p, job);
}

static void join_running(struct pool *p, struct job *job)
{
	job->prev = NULL;
	job->next = p->runs;
	if (p->runs)
		p->runs->prev = job;
	p->runs = job;
	p->running++;
}

static void leave_running(struct pool *p, struct job *job)
{
	if (job->next)
		job->next->prev = job->prev;
	if (job->prev)
		job->prev->next = job->next;
	else
		p->runs = job->next;
	p->running--;
}

int pool_start(struct pool *p, struct job *job)
{
	const struct each_options *o = p->options;
	char **argv;
	int r;

	job->due = 0;
	job->timed_out = false;
	if (o->timeout || o->joblog || o->json)
		job->began = now_ns();
	if (o->joblog || o->json)
		job->began_us = record_clock_us();
	job->child.data = job;
	r = recipe_start(&p->recipe, p->ring, job, &argv);
	if (uspawn_try_later(-r)) {
		wait_for_more(p, job, -r);
		return 0;
	}
	job->tries++;
	if (r < 0)
		return r;
	if (p->says) {
		shell_words(p->says, argv);
		putc('\n', p->says);
	}
	if (o->timeout) {
		job->due = job->began + o->timeout;
		job->due_signal = SIGTERM;
		p->clocks = true;
	}
	job->start = p->starts++;
	join_running(p, job);
	return 1;
}

/* Its process has ended; who holds its output may be still there, and the rest of a ladder is meant for them, too. */
static void exited(struct pool *p, struct job *job)
{
	if (!job->timed_out)
		job->due = 0;
	if (p->options->joblog || p->options->json)
		job->wall = now_ns() - job->began;
}

int pool_collect(struct pool *p, struct job *jobs[static 64], bool *ret_more)
{
	struct uspawn_event events[64];
	struct job *job;
	int ended = 0, r;

	r = uspawn_ring_wait(p->ring, events, 64, 0);
	*ret_more = r == 64;
	for (int i = 0; i < r; i++) {
		job = events[i].child->data;
		if (events[i].type == USPAWN_EVENT_EXIT) {
			exited(p, job);
			continue;
		}
		leave_running(p, job);
		p->start_after = 0;
		job->due = 0;
		recipe_end(job);
		if (job->child.exit.code == USPAWN_FAILED && uspawn_try_later(job->child.exit.status)) {
			job->tries--;
			wait_for_more(p, job, job->child.exit.status);
			continue;
		}
		p->some_ended = true;
		p->short_since = 0;
		p->pause = PAUSE_NS;
		if (!p->recipe.request.events)
			exited(p, job);
		jobs[ended++] = job;
	}
	return r < 0 ? r : ended;
}

void pool_hand_on(struct pool *p, int signo, bool terminal)
{
	/* One that has started since we looked may have come after the key. */
	for (struct job *job = p->runs; job; job = job->next)
		if (job->start >= p->looked || !signal_is_known_to(job->child.pid, signo, terminal))
			signal_send(&job->child, signo, p->whole);
}

void pool_signal(struct pool *p, int signo, bool kill_later)
{
	int64_t due = kill_later && p->options->kill_after ? now_ns() + p->options->kill_after : 0;

	for (struct job *job = p->runs; job; job = job->next) {
		signal_send(&job->child, signo, p->whole);
		if (due) {
			job->due = due;
			job->due_signal = SIGKILL;
			p->clocks = true;
		}
	}
}

/* Whether or not the ring has told: it is not asked while something waits for the reader of what we write. */
static bool has_ended(const struct uspawn_child *child)
{
	struct pollfd p = { .fd = child->pidfd, .events = POLLIN };
	siginfo_t info = { 0 };

	if (p.fd >= 0)
		return poll(&p, 1, 0) > 0;
	return waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) || info.si_pid;
}

static void job_due(struct pool *p, struct job *job, int64_t now)
{
	if (!job->timed_out && has_ended(&job->child)) { /* in time */
		job->due = 0;
		return;
	}
	signal_send(&job->child, job->due_signal, p->whole);
	if (job->due_signal == SIGKILL) {
		job->due = 0;
		return;
	}
	job->timed_out = true;
	job->due = p->options->kill_after ? now + p->options->kill_after : 0;
	job->due_signal = SIGKILL;
}

int64_t pool_tick(struct pool *p)
{
	int64_t next = -1, now;

	if (!p->clocks && !p->start_after)
		return -1;
	now = now_ns();
	if (p->start_after > now)
		next = p->start_after - now;
	else if (p->start_after)
		next = p->start_after = 0;
	for (struct job *job = p->clocks ? p->runs : NULL; job; job = job->next) {
		if (!job->due)
			continue;
		if (job->due <= now)
			job_due(p, job, now);
		if (job->due && (next < 0 || job->due - now < next))
			next = job->due - now;
	}
	return next;
}

/* Descriptors are only ours: with nothing running none will come back, unless the ring is about to close some. */
const char *pool_starved(const struct pool *p)
{
	int64_t since = p->short_since && !p->running ? now_ns() - p->short_since : -1;

	if (p->dead)
		return "no process can be made: the first process of this PID namespace has ended";
	if (p->too_few_fds && since >= (p->some_ended ? CLOSING_NS : 0))
		return "too few descriptors for one process: raise the limit of open files (ulimit -n)";
	if (since > STARVED_NS && p->no_memory)
		return "no process could be made for ten seconds (limit: memory.max; or the first process of this PID "
		       "namespace has ended)";
	if (since > STARVED_NS)
		return "no process could be made for ten seconds (limits: ulimit -u, pids.max)";
	return NULL;
}

static void free_jobs(struct job *job)
{
	for (struct job *next; job; job = next) {
		next = job->next;
		free(job->item);
		free(job);
	}
}

void pool_close(struct pool *p)
{
	uspawn_ring_free(p->ring);
	recipe_close(&p->recipe);
	free_jobs(p->idle);
	if (p->says)
		fclose(p->says);
}
