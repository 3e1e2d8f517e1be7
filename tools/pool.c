/* SPDX-License-Identifier: MIT */
/*
 * Everything here is done for each item, so what was not asked for costs nothing: no clock is read and nothing is
 * written unless a timeout or a log needs it.
 */
#include "pool.h"
#include "commands.h"
#include "duration.h"
#include "failure.h"
#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAUSE_NS     NS_PER_MS
#define PAUSE_MAX_NS (250 * NS_PER_MS)
#define STARVED_NS   (10 * NS_PER_S)

enum { MANY = 4096 }; /* beyond this the ring grows when it comes to it */

int pool_open(struct pool *p, const struct each_options *options, const struct signal_state *start)
{
	struct uspawn_failure failure;
	int r;

	*p = (struct pool){
		.request = {
			.size = sizeof(p->request), .file = options->command[0], .argv = options->command,
			.flags = USPAWN_SETSIGMASK, .sigmask = start->blocked,
			.sigignore = start->ignored & SIGNAL_BIT(SIGCHLD), .fds = &p->input, .nfds = 1,
		},
		.input = { .target = STDIN_FILENO, .source = USPAWN_FD },
		.options = options, .pause = PAUSE_NS,
	};
	if (options->timeout) { /* so that a timeout reaches what the command has started */
		p->request.flags |= USPAWN_SETPGROUP;
		p->whole = USPAWN_KILL_GROUP;
	}
	p->input.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (p->input.fd < 0) {
		complain("/dev/null: %s", strerror(errno));
		return EXIT_OWN_ERROR;
	}
	p->jobs = calloc(options->jobs, sizeof(*p->jobs));
	r = p->jobs ? template_new(&p->template, options->command, options->mark) : -ENOMEM;
	if (!r)
		r = uspawn_ring_new(&p->ring, options->jobs < MANY ? options->jobs : MANY, 0);
	if (!r)
		r = p->ring_fd = uspawn_ring_fd(p->ring);
	if (r < 0) {
		complain("no place for %u jobs: %s", options->jobs, strerror(-r));
		return EXIT_OWN_ERROR;
	}
	if (!p->template.in_program && uspawn_plan_new(&p->plan, &p->request, &failure) < 0)
		return failure_report(&failure, &p->request, options->command, NULL, NULL);
	return 0;
}

struct job *pool_place(struct pool *p)
{
	struct job *job = p->idle;

	if (job)
		p->idle = job->next;
	else if (p->fresh < p->options->jobs)
		job = &p->jobs[p->fresh++];
	return job;
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

void pool_leave(struct pool *p, struct job *job)
{
	job->next = p->idle;
	p->idle = job;
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

/* What others give back when they end; not what is wrong with this item. */
static bool is_shortage(int error)
{
	return error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE;
}

static void wait_for_more(struct pool *p, struct job *job)
{
	int64_t now = now_ns();

	if (!p->short_since)
		p->short_since = now;
	p->start_after = now + p->pause;
	p->pause = p->pause * 2 > PAUSE_MAX_NS ? PAUSE_MAX_NS : p->pause * 2;
	pool_again(p, job);
}

static int start(struct pool *p, struct job *job, char **argv)
{
	struct uspawn_args args = { .size = sizeof(args), .argv = argv };
	struct uspawn_plan *plan;
	int r;

	if (p->plan)
		return uspawn_ring_start(p->ring, &job->child, p->plan, &args);
	p->request.file = argv[0];
	p->request.argv = argv;
	r = uspawn_plan_new(&plan, &p->request, &job->child.failure);
	if (r < 0) {
		job->child.exit = (struct uspawn_exit){ .code = USPAWN_FAILED, .status = -r };
		return r;
	}
	r = uspawn_ring_start(p->ring, &job->child, plan, NULL);
	uspawn_plan_free(plan);
	return r;
}

int pool_start(struct pool *p, struct job *job)
{
	const struct each_options *o = p->options;
	char **argv = template_fill(&p->template, job->item);
	int r;

	job->due = 0;
	job->timed_out = false;
	if (o->timeout || o->joblog || o->json)
		job->began = now_ns();
	if (o->joblog || o->json)
		job->began_us = record_clock_us();
	job->child.data = job;
	r = argv ? start(p, job, argv) : -ENOMEM;
	if (is_shortage(-r)) {
		wait_for_more(p, job);
		return 0;
	}
	job->tries++;
	if (r < 0)
		return r;
	if (o->verbose) {
		shell_words(stderr, argv);
		putc('\n', stderr);
	}
	if (o->timeout) {
		job->due = job->began + o->timeout;
		job->due_signal = SIGTERM;
		p->clocks = true;
	}
	p->running++;
	return 1;
}

int pool_collect(struct pool *p, struct job **jobs, uint32_t n)
{
	struct uspawn_event events[64];
	struct job *job;
	int ended = 0, r;

	r = uspawn_ring_wait(p->ring, events, n < 64 ? n : 64, 0);
	for (int i = 0; i < r; i++) {
		job = events[i].child->data;
		p->running--;
		p->start_after = 0;
		job->due = 0;
		if (job->child.exit.code == USPAWN_FAILED && is_shortage(job->child.exit.status)) {
			job->tries--;
			wait_for_more(p, job);
			continue;
		}
		p->short_since = 0;
		p->pause = PAUSE_NS;
		jobs[ended++] = job;
	}
	return r < 0 ? r : ended;
}

void pool_signal(struct pool *p, int signo, bool kill_later)
{
	int64_t due = kill_later && p->options->kill_after ? now_ns() + p->options->kill_after : 0;

	for (struct job *job = p->jobs; job < p->jobs + p->fresh; job++) {
		if (job->child.state != USPAWN_RUNNING)
			continue;
		uspawn_kill(&job->child, signo, p->whole);
		if (due) {
			job->due = due;
			job->due_signal = SIGKILL;
			p->clocks = true;
		}
	}
}

static void job_due(struct pool *p, struct job *job, int64_t now)
{
	uspawn_kill(&job->child, job->due_signal, p->whole);
	if (job->due_signal == SIGKILL) {
		job->due = 0;
		return;
	}
	job->timed_out = true;
	uspawn_kill(&job->child, SIGCONT, p->whole); /* one that is stopped sees no TERM */
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
	for (struct job *job = p->jobs; p->clocks && job < p->jobs + p->fresh; job++) {
		if (!job->due)
			continue;
		if (job->due <= now)
			job_due(p, job, now);
		if (job->due && (next < 0 || job->due - now < next))
			next = job->due - now;
	}
	return next;
}

bool pool_starved(const struct pool *p)
{
	return p->short_since && !p->running && now_ns() - p->short_since > STARVED_NS;
}

void pool_close(struct pool *p)
{
	uspawn_ring_free(p->ring);
	uspawn_plan_free(p->plan);
	for (uint32_t i = 0; i < p->fresh; i++)
		free(p->jobs[i].item);
	free(p->jobs);
	template_done(&p->template);
	if (p->input.fd >= 0)
		close(p->input.fd);
}
