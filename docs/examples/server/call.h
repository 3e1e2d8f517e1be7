/* SPDX-License-Identifier: MIT */
/* A program that answers one request: waiting for its turn, then running, until it and its output have ended. */
#ifndef SERVER_CALL_H
#define SERVER_CALL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "cgi.h"
#include "settings.h"

struct job;

/* What a call's completions are tagged with. */
enum call_operation { CALL_OUTPUT = 3, CALL_INPUT = 4 };

/* All zero, and pinned to its place while it is not idle. */
struct call {
	/* These four are the caller's, and stay until the end. Aligned, for completions have tags in its low bits. */
	_Alignas(8) const struct http_request *request;
	struct cgi_call cgi;
	const char *body;
	void *owner;

	char *output; /* what the program wrote, after the end */
	size_t output_length;

	TAILQ_ENTRY(call) link; /* of those that wait, or of those that run */
	enum { CALL_IDLE, CALL_WAITING, CALL_RUNNING } state;
	unsigned ended : 1, overflowed : 1, late : 1, stopped : 1;
	struct job *job;
	int status; /* of waitpid(2) */
	int64_t due;
	int output_fd, input_fd;
	size_t output_capacity, input_written;
};

/* `answered` is told of every call that began: a status of HTTP's; 200: see its output. */
void calls_open(const struct settings *settings, void (*answered)(struct call *call, int status));

/* 0, or the status to refuse it with; then there is no call. */
int call_begin(struct call *call);

void call_complete(struct call *call, enum call_operation operation, int res);
void call_job_ended(struct job *job, int status);

/* Nobody waits for its answer any more: it ends at once, or is told as any other when it has. Returns 1 for at once. */
int call_abandon(struct call *call);

void calls_count(uint32_t *retrunning, uint32_t *retwaiting);

/* Ends programs whose time is up. Nanoseconds until the next is due; -1: none runs. */
int64_t calls_deadline(void);

#endif
