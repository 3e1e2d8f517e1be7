/* SPDX-License-Identifier: MIT */
/*
 * A call is answered when its program has ended and its output has, too: then the exit code counts. Output and input
 * are under way beside each other, so neither can hold up the other. A descendant that keeps the output open is cut off
 * by the same deadline.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "call.h"
#include "spawner.h"

enum { OUTPUT_FIRST = 4096 };

TAILQ_HEAD(queue, call);

static const struct settings *settings;
static void (*on_answer)(struct call *call, int status);
static struct queue waiting = TAILQ_HEAD_INITIALIZER(waiting), running = TAILQ_HEAD_INITIALIZER(running);
static uint32_t nwaiting, nrunning;

void calls_open(const struct settings *given, void (*answered)(struct call *call, int status))
{
	settings = given;
	on_answer = answered;
}

void calls_count(uint32_t *retrunning, uint32_t *retwaiting)
{
	*retrunning = nrunning;
	*retwaiting = nwaiting;
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void leave_queue(struct call *call)
{
	if (call->state == CALL_WAITING) {
		TAILQ_REMOVE(&waiting, call, link);
		nwaiting--;
	} else if (call->state == CALL_RUNNING) {
		TAILQ_REMOVE(&running, call, link);
		nrunning--;
	}
	call->state = CALL_IDLE;
}

static void read_output(struct call *call)
{
	struct io_uring_sqe *sqe = get_sqe();

	io_uring_prep_read(sqe, call->output_fd, call->output + call->output_length,
			   (unsigned)(call->output_capacity - call->output_length), 0);
	io_uring_sqe_set_data64(sqe, (uintptr_t)call | CALL_OUTPUT);
}

static void write_input(struct call *call)
{
	struct io_uring_sqe *sqe = get_sqe();

	io_uring_prep_write(sqe, call->input_fd, call->body + call->input_written,
			    (unsigned)(call->request->content_length - call->input_written), 0);
	io_uring_sqe_set_data64(sqe, (uintptr_t)call | CALL_INPUT);
}

/* ---- The start ---- */

/* The server keeps one end; the other is the program's. */
static int make_pipe(int *ret, int *program_end, int program_writes)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	*ret = ends[!program_writes];
	*program_end = ends[program_writes];
	return 0;
}

static int start_program(struct call *call, const char *path, char *const envp[])
{
	int in = -1, out = -1, r = 0;

	call->output_capacity = OUTPUT_FIRST;
	call->output_length = call->input_written = 0;
	call->output_fd = call->input_fd = -1;
	free(call->output);
	call->output = malloc(call->output_capacity);
	call->job = job_new(call);
	if (!call->output || !call->job)
		r = -ENOMEM;
	if (!r)
		r = make_pipe(&call->output_fd, &out, 1);
	if (!r && call->request->content_length)
		r = make_pipe(&call->input_fd, &in, 0);
	if (!r)
		r = spawner_start(call->job, path, envp, in, out);
	close_end(&in);
	close_end(&out);
	if (r) {
		close_end(&call->output_fd);
		close_end(&call->input_fd);
		if (call->job)
			job_free(call->job);
		call->job = NULL;
	}
	return r;
}

static int run(struct call *call)
{
	struct cgi_environment environment;
	int status = cgi_environment(&environment, call->request, &call->cgi), r;
	char path[4096];

	if (status)
		return status;
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", settings->root, call->cgi.name) >= sizeof(path))
		return 404;
	call->ended = call->overflowed = call->late = call->stopped = 0;
	r = start_program(call, path, environment.list);
	if (r)
		return r == -ENOENT || r == -ENOTDIR ? 404 : r == -EACCES ? 403 : 503;
	call->due = now_ns() + settings->deadline_ns;
	call->state = CALL_RUNNING;
	TAILQ_INSERT_TAIL(&running, call, link);
	nrunning++;
	read_output(call);
	if (call->input_fd >= 0)
		write_input(call);
	return 0;
}

int call_begin(struct call *call)
{
	if (nrunning < settings->limit)
		return run(call);
	if (nwaiting >= settings->waiting)
		return 503;
	call->state = CALL_WAITING;
	TAILQ_INSERT_TAIL(&waiting, call, link);
	nwaiting++;
	return 0;
}

static void begin_waiting(void)
{
	struct call *call;

	while (nrunning < settings->limit && (call = TAILQ_FIRST(&waiting))) {
		int status;

		leave_queue(call);
		status = run(call);
		if (status)
			on_answer(call, status);
	}
}

/* ---- The end ---- */

static void finish_if_done(struct call *call)
{
	int status = 200;

	if (!call->ended || call->output_fd >= 0 || call->input_fd >= 0)
		return;
	job_free(call->job);
	call->job = NULL;
	leave_queue(call);
	if (call->late)
		status = 504;
	else if (call->status == 127 << 8 && !call->output_length)
		status = 404;
	else if (call->overflowed || !WIFEXITED(call->status) || WEXITSTATUS(call->status))
		status = 502;
	on_answer(call, status);
	begin_waiting();
}

void call_job_ended(struct job *job, int status)
{
	struct call *call = job_owner(job);

	call->ended = 1;
	call->status = status;
	finish_if_done(call);
}

/* What waits for the program's descendants is cancelled, too. */
static void stop(struct call *call)
{
	static const enum call_operation operations[] = { CALL_OUTPUT, CALL_INPUT };

	call->stopped = 1;
	if (!call->ended)
		spawner_kill(call->job);
	for (int i = 0; i < 2; i++) {
		struct io_uring_sqe *sqe = get_sqe();

		io_uring_prep_cancel64(sqe, (uintptr_t)call | (unsigned)operations[i], 0);
		io_uring_sqe_set_data64(sqe, 0);
	}
}

int call_abandon(struct call *call)
{
	if (call->state == CALL_RUNNING) {
		stop(call);
		return 0;
	}
	leave_queue(call);
	return 1;
}

int64_t calls_deadline(void)
{
	struct call *call;

	TAILQ_FOREACH(call, &running, link)
	{
		int64_t left = call->due - now_ns();

		if (call->late)
			continue;
		if (left > 0)
			return left;
		call->late = 1;
		stop(call);
	}
	return -1;
}

/* ---- Output and input ---- */

static int has_room(struct call *call)
{
	size_t capacity = call->output_capacity * 2;
	char *output;

	if (call->output_length < call->output_capacity)
		return 1;
	if (capacity > settings->output_cap)
		capacity = settings->output_cap;
	output = capacity > call->output_capacity ? realloc(call->output, capacity) : NULL;
	if (!output)
		return 0;
	call->output = output;
	call->output_capacity = capacity;
	return 1;
}

/* The kernel cancels, too, where it could not make the thread that reads a pipe for us. */
static int once_more(const struct call *call, int res)
{
	return res == -EINTR || res == -EAGAIN || (res == -ECANCELED && !call->stopped);
}

static void got_output(struct call *call, int res)
{
	if (res > 0)
		call->output_length += (size_t)res;
	if (res > 0 && !has_room(call)) {
		call->overflowed = 1;
		stop(call);
		res = 0;
	}
	if (res > 0 || once_more(call, res)) {
		read_output(call);
		return;
	}
	close_end(&call->output_fd);
	finish_if_done(call);
}

static void put_input(struct call *call, int res)
{
	if (res > 0)
		call->input_written += (size_t)res;
	if ((res > 0 && call->input_written < call->request->content_length) || once_more(call, res)) {
		write_input(call);
		return;
	}
	close_end(&call->input_fd); /* all of it, or more than the program wants to know */
	finish_if_done(call);
}

void call_complete(struct call *call, enum call_operation operation, int res)
{
	if (operation == CALL_OUTPUT)
		got_output(call, res);
	else
		put_input(call, res);
}
