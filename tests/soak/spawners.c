/* SPDX-License-Identifier: MIT */
/* Each start has an end that it must have. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uspawn.h>

#include "soak.h"

#define ARGV(...) ((char *[]){ "witness", __VA_ARGS__, NULL })

enum { INFLIGHT = 8 };

enum kind { EXITS, NO_PROGRAM, NO_DIRECTORY, COPIES, SLEEPS, IS_STOPPED, IS_TRACED, IS_TIMED, KINDS };

struct job {
	struct uspawn_child child;
	enum kind kind;
	int held; /* a sleeper's input */
	int is_busy;
	struct uspawn_output outputs[2];
};

static const char text[] = "some bytes that go in and must come out again";

static const struct uspawn_fd both[] = { { 0, USPAWN_FEED, .fd = USPAWN_ARG(0) },
					 { 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(1) } };
static const struct uspawn_fd input[] = { { 0, USPAWN_READ_END, .fd = USPAWN_ARG(0) } };
static const struct uspawn_timed limit[] = { { 2000000, SIGKILL, 0 } };

static struct uspawn_request request_of(const struct spawner *s, enum kind kind)
{
	static char *const runs[] = { "witness", "exit", "7", NULL },
			   *const copies[] = { "witness", "copy", "0", "1", NULL },
			   *const sleeps[] = { "witness", "eof", "0", "exit", "7", NULL };
	struct uspawn_request r = { .size = sizeof(r), .rung = s->rung, .path = WITNESS_PATH, .argv = runs };

	if (kind == NO_PROGRAM)
		r.path = "/no/such";
	if (kind == NO_DIRECTORY)
		r.cwd = "/no/such";
	if (kind == COPIES) {
		r.argv = copies;
		r.fds = both;
		r.nfds = 2;
	}
	if (kind >= SLEEPS) {
		r.argv = sleeps;
		r.fds = input;
		r.nfds = 1;
	}
	if (kind == IS_TIMED) {
		r.timed = limit;
		r.ntimed = 1;
	}
	return r;
}

static int start(const struct spawner *s, struct uspawn_ring *ring, struct job *job)
{
	const struct uspawn_request request = request_of(s, job->kind);
	struct uspawn_args args = { .size = sizeof(args) };
	struct uspawn_plan *plan;
	struct uspawn_failure failure;
	int r;

	if (job->kind == COPIES) {
		job->outputs[1] = (struct uspawn_output){ .head = 4096 };
		args.outputs = job->outputs;
		args.noutputs = 2;
		args.input = text;
		args.ninput = sizeof(text);
	} else if (job->kind >= SLEEPS) {
		args.fds = &job->held;
		args.nfds = 1;
	}
	job->held = -1;
	if (!ring)
		return uspawn(&job->child, &request, &args);
	r = uspawn_plan_new(&plan, &request, &failure);
	if (r < 0)
		return r;
	r = uspawn_ring_start(ring, &job->child, plan, &args);
	uspawn_plan_free(plan);
	return r;
}

static int may_be_scarce(const struct spawner *s, int error)
{
	if (!uspawn_try_later(error) || !s->is_scarce)
		return 0;
	count(&counts->scarce);
	return 1;
}

/*
 * What is canceled is canceled in the library, if at all: our own calls are no cancellation points.
 */
static void let_go(struct job *job)
{
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	if (job->held >= 0)
		close(job->held);
	job->held = -1;
	pthread_setcancelstate(state, NULL);
}

static void give_to_tracer(int pid)
{
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	if (write(counts->tracer, &pid, sizeof(pid)) == sizeof(pid))
		count(&counts->traced);
	pthread_setcancelstate(state, NULL);
}

static void check(const struct spawner *s, struct job *job)
{
	const struct uspawn_child *child = &job->child;
	const struct uspawn_exit *e = &child->exit;
	const struct uspawn_output *out = &job->outputs[1];

	if (job->kind == NO_PROGRAM || job->kind == NO_DIRECTORY) {
		uint32_t step = job->kind == NO_PROGRAM ? USPAWN_STEP_EXEC : USPAWN_STEP_CWD;

		if (e->code == USPAWN_FAILED && e->status == ENOENT && child->failure.step == step)
			count(&counts->failed);
		else if (e->code != USPAWN_FAILED || !may_be_scarce(s, e->status))
			lose("a start that had to fail: code %d, status %d", e->code, e->status);
	} else if (e->code == USPAWN_FAILED) {
		if (!may_be_scarce(s, e->status))
			lose("failed: %s at %s", strerror(e->status), uspawn_strstep(child->failure.step));
	} else if (job->kind == IS_TIMED) {
		if (e->code != USPAWN_KILLED || e->status != SIGKILL)
			lose("not killed in time: code %d, status %d", e->code, e->status);
	} else if (job->kind == COPIES) {
		if (e->code != USPAWN_EXITED || e->status || out->len != sizeof(text) ||
		    memcmp(out->data, text, sizeof(text)) != 0)
			lose("a copy: code %d, status %d, %d bytes, error %d", e->code, e->status, (int)out->len,
			     out->error);
	} else if (e->code != USPAWN_EXITED || e->status != 7) {
		lose("code %d, status %d instead of exit 7", e->code, e->status);
	}
	if (job->kind == COPIES)
		free(job->outputs[1].data);
	let_go(job);
	count(&counts->ended);
}

/* While it runs. */
static void meddle(struct job *job)
{
	if (job->kind == IS_STOPPED) {
		uspawn_kill(&job->child, SIGSTOP, 0);
		uspawn_kill(&job->child, SIGCONT, 0);
		count(&counts->stopped);
	}
	if (job->kind == IS_TRACED)
		give_to_tracer(job->child.pid);
	if (job->kind != IS_TIMED)
		let_go(job);
}

static int begin(const struct spawner *s, struct uspawn_ring *ring, struct job *job, unsigned *random)
{
	int r;

	job->kind = (enum kind)((unsigned)rand_r(random) % KINDS);
	if (s->is_victim && job->kind == IS_STOPPED)
		job->kind = SLEEPS;
	r = start(s, ring, job);
	count(&counts->started);
	if (r < 0) {
		job->child.exit = (struct uspawn_exit){ .code = USPAWN_FAILED, .status = -r };
		check(s, job);
		return 0;
	}
	meddle(job);
	return 1;
}

static void collect(const struct spawner *s, struct uspawn_ring *ring, int64_t timeout_ns)
{
	struct uspawn_event events[INFLIGHT];
	int n = uspawn_ring_wait(ring, events, INFLIGHT, timeout_ns);

	for (int i = 0; i < n; i++) {
		struct job *job = events[i].child->data;

		job->is_busy = 0;
		check(s, job);
	}
	if (n < 0 && n != -ECHILD && !may_be_scarce(s, n))
		lose("uspawn_ring_wait: %s", strerror(-n));
}

static int count_busy(const struct job *jobs)
{
	int n = 0;

	for (int i = 0; i < INFLIGHT; i++)
		n += jobs[i].is_busy;
	return n;
}

/* A ring's whole life, again and again. */
static void spawn_by_ring(const struct spawner *s, unsigned *random)
{
	struct job jobs[INFLIGHT] = { 0 };
	struct uspawn_ring *ring;
	int r = uspawn_ring_new(&ring, INFLIGHT, s->ring_flags);

	if (r < 0) {
		if (!may_be_scarce(s, r))
			lose("uspawn_ring_new: %s", strerror(-r));
		return;
	}
	for (int n = 0; n < 1000 && !is_over(); n++) {
		struct job *job = jobs;

		while (job < jobs + INFLIGHT && job->is_busy)
			job++;
		if (job == jobs + INFLIGHT) {
			collect(s, ring, -1);
			continue;
		}
		job->child.data = job;
		job->is_busy = begin(s, ring, job, random);
		job->child.data = job;
		collect(s, ring, 0);
	}
	while (count_busy(jobs))
		collect(s, ring, -1);
	uspawn_ring_free(ring);
}

static void spawn_one(const struct spawner *s, unsigned *random)
{
	struct job job = { 0 };

	if (!begin(s, NULL, &job, random))
		return;
	if (uspawn_wait(&job.child, -1) != 1)
		lose("uspawn_wait did not see the end");
	check(s, &job);
}

void *spawn(void *spawner)
{
	const struct spawner *s = spawner;
	unsigned random = new_seed();

	while (!is_over()) {
		if (s->by_ring)
			spawn_by_ring(s, &random);
		else
			spawn_one(s, &random);
	}
	return NULL;
}

void *spawn_until_canceled(void *spawner)
{
	const struct spawner *s = spawner;
	unsigned random = new_seed();

	for (;;) {
		spawn_one(s, &random);
		pthread_testcancel();
	}
}
