/* SPDX-License-Identifier: MIT */
/*
 * All goes through one stage, a buffer, where the tags come in between: what several short jobs have written is one
 * write. A job is only given back when its last byte was written, so that a log says no more than is true.
 */
#include "printer.h"
#include "outlet.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STAGE = 64 * 1024, HELD = 32 * 1024 * 1024 };

int printer_open(struct printer *p, const struct each_options *options)
{
	*p = (struct printer){ .options = options, .fd = STDOUT_FILENO, .stage = malloc(STAGE) };
	spool_open(&p->spool);
	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
		p->never_blocks[fd] = outlet_never_blocks(fd);
	return p->stage ? 0 : -ENOMEM;
}

/* ---- Taking ---- */

static void append(struct job **first, struct job **last, struct job *job)
{
	job->behind = NULL;
	if (*first)
		(*last)->behind = job;
	else
		*first = job;
	*last = job;
}

static struct job *take_first(struct job **first)
{
	struct job *job = *first;

	if (job)
		*first = job->behind;
	return job;
}

static void enqueue(struct printer *p, struct job *job)
{
	if (job->queued)
		return;
	job->queued = true;
	append(&p->first, &p->last, job);
}

static void fail(struct printer *p, int error, int fd)
{
	if (p->error)
		return;
	p->error = error;
	p->error_fd = fd;
	printer_give_up(p);
}

static int take(struct job *job, int which, const char *bytes, size_t n)
{
	struct printer *p = job->printer;
	int r = p->gave_up ? -ECANCELED : stream_append(&p->spool, &job->streams[which], bytes, n);

	if (!which)
		job->received += n;
	if (r && !p->gave_up)
		fail(p, r, -1);
	if (!r && p->options->grouping == LINE_BUFFERED && job->streams[which].lines)
		enqueue(p, job);
	return r;
}

static int take_output(void *job, const char *bytes, size_t n)
{
	return take(job, 0, bytes, n);
}

static int take_errors(void *job, const char *bytes, size_t n)
{
	return take(job, 1, bytes, n);
}

void printer_begin(struct printer *p, struct job *job)
{
	job->printer = p;
	job->queued = job->ended = false;
	if (p->options->keep_order)
		enqueue(p, job);
}

void printer_collect(struct printer *p, struct job *job)
{
	job->outputs[0] = (struct uspawn_output){ .callback = take_output, .callback_data = job };
	job->outputs[1] = (struct uspawn_output){ .callback = take_errors, .callback_data = job };
	for (int i = 0; i < 2; i++) {
		stream_drop(&p->spool, &job->streams[i]); /* of a try before */
		job->inside[i] = false;
	}
	job->which = 0;
	job->tag_at = job->received = 0;
}

static size_t memory_of(const struct job *job)
{
	return sizeof(*job) + job->size + job->streams[0].size + job->streams[1].size;
}

void printer_end(struct printer *p, struct job *job)
{
	int r = 0;

	for (int i = 0; i < 2 && !p->gave_up && !r; i++)
		r = stream_settle(&p->spool, &job->streams[i]);
	job->ended = true;
	p->held += memory_of(job);
	enqueue(p, job);
	if (r)
		fail(p, r, -1);
}

/* ---- Staging ---- */

/* How many bytes of it may be printed now. */
static uint64_t printable(const struct printer *p, const struct job *job)
{
	const struct stream *s = &job->streams[job->which];

	return job->ended ? stream_length(s) : p->options->grouping == LINE_BUFFERED ? s->lines : 0;
}

/* The item and a tab, as far as there is room. */
static void stage_tag(struct printer *p, struct job *job)
{
	size_t len = strlen(job->item), n;

	if (job->tag_at < len) {
		n = len - job->tag_at < STAGE - p->n ? len - job->tag_at : STAGE - p->n;
		memcpy(p->stage + p->n, job->item + job->tag_at, n);
		job->tag_at += n;
		p->n += n;
	}
	if (job->tag_at < len || p->n == STAGE)
		return;
	p->stage[p->n++] = '\t';
	job->tag_at = 0;
	job->inside[job->which] = true;
}

/* As much as there is room for, and with tags no more than a line. */
static int stage_some(struct printer *p, struct job *job)
{
	struct stream *s = &job->streams[job->which];
	uint64_t most = printable(p, job);
	const char *bytes, *newline;
	ssize_t n;

	if (p->options->tag && !job->inside[job->which]) {
		stage_tag(p, job);
		return 0;
	}
	n = stream_look(&p->spool, s, &bytes);
	if (n < 0)
		return (int)n;
	if (most > STAGE - p->n)
		most = STAGE - p->n;
	if ((uint64_t)n > most)
		n = (ssize_t)most;
	newline = p->options->tag ? memchr(bytes, '\n', (size_t)n) : NULL;
	if (newline) {
		n = newline + 1 - bytes;
		job->inside[job->which] = false;
	}
	memcpy(p->stage + p->n, bytes, (size_t)n);
	p->n += (size_t)n;
	stream_skip(&p->spool, s, (size_t)n);
	return 0;
}

/* Stages what is next of one job. 1: nothing is left of it for now. 0: the stage must be written first. */
static int stage_job(struct printer *p, struct job *job)
{
	int r;

	for (;;) {
		if (!printable(p, job)) {
			job->which ^= 1;
			if (!printable(p, job)) {
				job->which = 0;
				return 1;
			}
		}
		if (p->n == STAGE || (p->n && p->fd != STDOUT_FILENO + job->which))
			return 0;
		p->fd = STDOUT_FILENO + job->which;
		r = stage_some(p, job);
		if (r)
			return r;
	}
}

static void leave_queue(struct printer *p)
{
	struct job *job = take_first(&p->first);

	job->queued = false;
	if (!job->ended)
		return;
	p->held -= memory_of(job);
	for (int i = 0; i < 2; i++)
		stream_drop(&p->spool, &job->streams[i]);
	append(&p->staged, &p->last_staged, job);
}

static void fill_stage(struct printer *p)
{
	int r;

	p->at = p->n = 0;
	while (p->first) {
		r = p->gave_up ? 1 : stage_job(p, p->first);
		if (r < 0) {
			fail(p, r, -1);
			continue;
		}
		if (!r)
			return;
		if (!p->first->ended && p->options->keep_order)
			return; /* the others wait for it */
		leave_queue(p);
	}
}

/* ---- Writing ---- */

/* A pipe that is ready takes PIPE_BUF bytes. */
static void write_stage(struct printer *p)
{
	size_t n = p->n - p->at;
	ssize_t r;

	if (!p->never_blocks[p->fd]) {
		p->blocked = !outlet_has_room(p->fd, 0);
		if (p->blocked)
			return;
		n = n < PIPE_BUF ? n : PIPE_BUF;
	}
	r = write(p->fd, p->stage + p->at, n);
	if (r >= 0)
		p->at += (size_t)r;
	else if (errno == EAGAIN)
		p->blocked = true;
	else if (errno != EINTR)
		fail(p, -errno, p->fd);
}

static void take_back(struct printer *p)
{
	struct job *job;

	while ((job = take_first(&p->staged)))
		append(&p->printed, &p->last_printed, job);
}

void printer_run(struct printer *p)
{
	p->blocked = false;
	for (;;) {
		while (p->at < p->n && !p->blocked)
			write_stage(p);
		if (p->blocked)
			return;
		take_back(p);
		fill_stage(p);
		if (!p->n) {
			take_back(p);
			return;
		}
	}
}

struct job *printer_done(struct printer *p, bool *ret_lost)
{
	*ret_lost = p->gave_up;
	return take_first(&p->printed);
}

/* ---- Limits ---- */

bool printer_idle(const struct printer *p)
{
	return p->at == p->n && !p->first && !p->staged && !p->printed;
}

bool printer_is_full(const struct printer *p)
{
	return p->held > HELD;
}

bool printer_holds_up(const struct printer *p)
{
	return p->blocked && p->options->grouping == LINE_BUFFERED;
}

void printer_give_up(struct printer *p)
{
	p->gave_up = true;
	p->blocked = false;
	p->at = p->n = 0;
}

void printer_close(struct printer *p)
{
	free(p->stage);
	spool_close(&p->spool);
	*p = (struct printer){ .spool.fd = -1 };
}
