/* SPDX-License-Identifier: MIT */
/*
 * How the server starts a program and learns its end: the one part that differs between spawner_uspawn.c,
 * spawner_posix.c and spawner_libuv.c, chosen when the server is built. All run in the server's one thread.
 */
#ifndef SERVER_SPAWNER_H
#define SERVER_SPAWNER_H

#include <liburing.h>
#include <sys/types.h>

struct settings;
struct job;
struct job_state; /* the spawner's own */

/* What user_data of the spawner's completions is tagged with, in the bits that a pointer leaves free. */
enum { SPAWNER_TAG = 7 };

extern const char spawner_name[];

/* `ended` is called once for each job that was started, from spawner_complete(). status is that of waitpid(2). */
int spawner_open(struct io_uring *uring, const struct settings *settings, void (*ended)(struct job *job, int status));
void spawner_close(void);

/*
 * Runs path with `in` (-1: /dev/null) as its stdin and `out` as its stdout; both are still the caller's afterwards. 0
 * or -errno. An asynchronous spawner may say with a status of 127 what others say here.
 */
int spawner_start(struct job *job, const char *path, char *const envp[], int in, int out);

/* With its whole process group, which each program leads. Only before its end was told. */
void spawner_kill(struct job *job);

/* A completion with the tag. */
void spawner_complete(uint64_t user_data, int res);

struct job *job_new(void *owner);
void *job_owner(const struct job *job);
void job_free(struct job *job);

/* An SQE; submits when the queue is full. Never NULL. main.c */
struct io_uring_sqe *get_sqe(void);

#endif
