/* SPDX-License-Identifier: MIT */
/*
 * So many places, at each of which one item runs at a time, all on one ring. An item that was given to a place stays
 * there until it has ended for good: it is started again when it may be tried once more, or when the system was short
 * of processes or memory.
 */
#ifndef POOL_H
#define POOL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <uspawn.h>

#include "each.h"
#include "job.h"
#include "recipe.h"
#include "signals.h"

struct pool {
	struct uspawn_ring *ring;
	int ring_fd;
	struct recipe recipe;
	const struct each_options *options;
	struct job *idle, *again, *runs;
	uint32_t nidle, taken, running;   /* jobs without an item; places in use; those at which a child runs */
	uint64_t starts, looked;          /* and how many there were when no signal had come yet */
	uint32_t whole;                   /* USPAWN_KILL_GROUP if each item leads a group of its own */
	bool clocks;                      /* some job may have a due time */
	int64_t short_since, start_after; /* 0: there is enough of everything */
	int64_t pause;
	bool some_ended, too_few_fds; /* one was really run; there are not even enough for one */
	bool no_memory, dead;         /* of the last that could not be made; and none can be, ever */
	FILE *says;                   /* the commands; NULL: not asked for */
};

/*
 * options, start and printer stay the caller's; printer may be NULL. 0, or an exit code after a line about what is
 * wrong.
 */
int pool_open(struct pool *p, const struct each_options *options, const struct signal_state *start,
	      struct printer *printer);

/* 1: *ret has a place. 0: none is free. -ENOMEM. */
int pool_place(struct pool *p, struct job **ret);

/* Gives an item to it. 0 or -ENOMEM. */
int pool_fill(struct job *job, const char *item, uint64_t seq);

void pool_leave(struct pool *p);                  /* a job's place is free, though the job may still be needed */
void pool_free(struct pool *p, struct job *job);  /* it is not needed any more */
void pool_again(struct pool *p, struct job *job); /* its item is to be started once more */
struct job *pool_waiting(struct pool *p);         /* such a one, or NULL */

/* 1: runs. 0: not now, will be tried again. Negative: could not be started, see job->child. */
int pool_start(struct pool *p, struct job *job);

/* Ended jobs, up to 64; looks only. Returns how many, or -errno. *ret_more: there may be more at once. */
int pool_collect(struct pool *p, struct job *jobs[static 64], bool *ret_more);

/* To all that run. kill_later: and SIGKILL after --kill-after. */
void pool_signal(struct pool *p, int signo, bool kill_later);

/* What we have got, to those that have not. */
void pool_hand_on(struct pool *p, int signo, bool terminal);

/* Sends what is due. Returns after how many ns to come again; negative: never. */
int64_t pool_tick(struct pool *p);

/* Why waiting is no use: the system has refused for so long, with nothing running, or will for ever. Else NULL. */
const char *pool_starved(const struct pool *p);

void pool_close(struct pool *p);

#endif
