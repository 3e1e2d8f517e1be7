/* SPDX-License-Identifier: MIT */
/*
 * What a build tool does: several shell commands at once, each with its output and its errors in one pipe, in the order
 * in which they were written. End of output and end of process are two facts: a job is over when both have come. A
 * process that a command left in the background may hold its pipe for longer.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uspawn.h>

struct job {
	char *command, *expected;
	struct uspawn_child child;
	int out; /* -1: at its end */
	size_t length;
	char text[4096];
};

static struct job jobs[] = {
	{ .command = "echo cc a.c", .expected = "cc a.c\n" },
	{ .command = "echo cc b.c; echo warning >&2; echo done", .expected = "cc b.c\nwarning\ndone\n" },
	{ .command = "cat; echo no input", .expected = "no input\n" },
	{ .command = "sleep 0.1; echo late >&2", .expected = "late\n" },
};

enum { JOBS = sizeof(jobs) / sizeof(*jobs) };

static int start(struct uspawn_ring *ring, const struct uspawn_plan *shell, struct job *job)
{
	char *argv[] = { "sh", "-c", job->command, NULL };
	int r = uspawn_ring_start(ring, &job->child, shell, USPAWN(args, .argv = argv, .fds = &job->out, .nfds = 1));

	if (r < 0)
		job->out = -1; /* there is no pipe */
	return r;
}

static void take_output(struct job *job)
{
	ssize_t n = read(job->out, job->text + job->length, sizeof(job->text) - 1 - job->length);

	if (n > 0) {
		job->length += (size_t)n;
	} else { /* or too much for us: a job that goes on writing gets SIGPIPE */
		close(job->out);
		job->out = -1;
	}
}

/* Waits for output and ends until all jobs are over. */
static void run(struct uspawn_ring *ring, int running)
{
	struct uspawn_event events[JOBS];
	struct pollfd p[1 + JOBS];
	int open;

	do {
		p[0] = (struct pollfd){ .fd = uspawn_ring_fd(ring), .events = POLLIN };
		for (int i = 0; i < JOBS; i++) /* poll(2) skips what is negative */
			p[1 + i] = (struct pollfd){ .fd = jobs[i].out, .events = POLLIN };
		poll(p, 1 + JOBS, -1);
		for (int i = 0; i < JOBS; i++)
			if (p[1 + i].revents)
				take_output(&jobs[i]);
		for (int n; (n = uspawn_ring_wait(ring, events, JOBS, 0)) > 0;)
			running -= n;
		open = 0;
		for (int i = 0; i < JOBS; i++)
			open += jobs[i].out >= 0;
	} while (running || open);
}

int main(void)
{
	const struct uspawn_fd fds[] = {
		{ 0, .source = USPAWN_NULL },
		{ 1, USPAWN_WRITE_END, .fd = USPAWN_ARG(0) },
		{ 2, USPAWN_WRITE_END, .fd = USPAWN_ARG(0) }, /* the same pipe */
	};
	struct uspawn_plan *shell;
	struct uspawn_ring *ring;
	int running = 0, failed = 0;

	if (uspawn_plan_new(&shell, USPAWN(request, .path = "/bin/sh", .fds = fds, .nfds = 3), NULL) < 0 ||
	    uspawn_ring_new(&ring, JOBS, 0) < 0)
		return 1;
	for (int i = 0; i < JOBS; i++)
		running += start(ring, shell, &jobs[i]) == 0;
	run(ring, running);
	for (struct job *job = jobs; job < jobs + JOBS; job++) {
		printf("$ %s\n%s", job->command, job->text);
		failed += job->child.exit.code != USPAWN_EXITED || job->child.exit.status != 0 ||
			  strcmp(job->text, job->expected) != 0;
	}
	uspawn_ring_free(ring);
	uspawn_plan_free(shell);
	return failed ? 1 : 0;
}
