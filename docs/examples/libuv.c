/* SPDX-License-Identifier: MIT */
/*
 * In a libuv loop: a poll handle on the ring's descriptor, whose callback takes what the ring has to say. Commands are
 * read line by line and have a deadline; the loop's own timers and streams go on meanwhile.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <uspawn.h>
#include <uv.h>

enum { JOBS = 3 };

struct job {
	char *command;
	uint32_t code;
	int status, lines; /* how it is to end */
	int seen;
	struct uspawn_child child;
	struct uspawn_output output;
};

static struct job jobs[JOBS] = {
	{ .command = "seq 1 1000", .code = USPAWN_EXITED, .status = 0, .lines = 1000 },
	{ .command = "echo one; echo two >&2; exit 3", .code = USPAWN_EXITED, .status = 3, .lines = 2 },
	{ .command = "echo started; exec sleep 100", .code = USPAWN_KILLED, .status = SIGKILL, .lines = 1 },
};

static struct uspawn_ring *ring;
static uv_poll_t poll_handle;
static uv_timer_t ticker;
static int left, ticks;

static void stop(void)
{
	uv_close((uv_handle_t *)&poll_handle, NULL); /* before the ring goes: the descriptor is the ring's */
	uv_close((uv_handle_t *)&ticker, NULL);
}

/* Level-triggered: what is not taken now is told again. */
static void collect(uv_poll_t *handle, int status, int events)
{
	struct uspawn_event list[16];
	int n = uspawn_ring_wait(ring, list, 16, 0);

	(void)handle, (void)status, (void)events;
	for (int i = 0; i < n; i++) {
		struct job *job = list[i].child->data;

		if (list[i].type == USPAWN_EVENT_OUTPUT)
			job->seen++; /* a line: list[i].data, list[i].len */
		else if (--left == 0)
			stop();
	}
}

static void tick(uv_timer_t *timer)
{
	(void)timer;
	ticks++;
}

static int start_all(void)
{
	const struct uspawn_fd fds[] = { { 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(0) },
					 { 2, USPAWN_CAPTURE, .fd = USPAWN_ARG(0) } };
	const struct uspawn_timed deadline = { 1000000000, SIGKILL, 0 };
	struct uspawn_plan *shell;

	if (uspawn_plan_new(&shell,
			    USPAWN(request, .path = "/bin/sh", .fds = fds, .nfds = 2, .timed = &deadline, .ntimed = 1,
				   .events = 1 << USPAWN_EVENT_OUTPUT),
			    NULL) < 0)
		return -1;
	for (struct job *job = jobs; job < jobs + JOBS; job++) {
		char *argv[] = { "sh", "-c", job->command, NULL };

		job->child.data = job;
		job->output.flags = USPAWN_OUTPUT_LINES;
		if (uspawn_ring_start(ring, &job->child, shell,
				      USPAWN(args, .argv = argv, .outputs = &job->output, .noutputs = 1)) == 0)
			left++;
	}
	uspawn_plan_free(shell);
	return left == JOBS ? 0 : -1;
}

int main(void)
{
	uv_loop_t *loop = uv_default_loop();
	int wrong = 0;

	if (uspawn_ring_new(&ring, JOBS, 0) < 0 || uv_poll_init(loop, &poll_handle, uspawn_ring_fd(ring)) < 0)
		return 1;
	uv_poll_start(&poll_handle, UV_READABLE, collect);
	uv_timer_init(loop, &ticker);
	uv_timer_start(&ticker, tick, 10, 10);
	if (start_all() < 0)
		return 1;
	uv_run(loop, UV_RUN_DEFAULT);
	for (struct job *job = jobs; job < jobs + JOBS; job++) {
		printf("%s: code %d, status %d, %d lines\n", job->command, job->child.exit.code, job->child.exit.status,
		       job->seen);
		wrong += (uint32_t)job->child.exit.code != job->code || job->child.exit.status != job->status ||
			 job->seen != job->lines;
	}
	uspawn_ring_free(ring);
	uv_loop_close(loop);
	return wrong || !ticks ? 1 : 0;
}
