/* SPDX-License-Identifier: MIT */
/*
 * A stress: threads that start children by every rung and check each end, beside threads that change all that a
 * process shares meanwhile. What several processes count stands in memory that they share.
 */
#ifndef TESTS_SOAK_H
#define TESTS_SOAK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

struct counts {
	atomic_ulong started, ended;
	atomic_ulong failed; /* starts that were meant to fail, and did as they should */
	atomic_ulong scarce; /* starts that failed for lack, as they may */
	atomic_ulong stopped, traced, canceled, killed_parents, signals, disturbed;
	atomic_ulong lost; /* ends that did not come, or were not what they had to be */
	atomic_int stop;
	atomic_uint seed;
	char wrong[300]; /* the first that was lost */
	atomic_flag said;
	int tracer; /* takes pids */
};

extern struct counts *counts;

static inline int is_over(void)
{
	return atomic_load(&counts->stop);
}

static inline void count(atomic_ulong *what)
{
	atomic_fetch_add_explicit(what, 1, memory_order_relaxed);
}

/* Counts it as lost, and keeps the first to be told. */
__attribute__((format(printf, 1, 2))) void lose(const char *format, ...);

/* Each a number of its own, from then on. */
unsigned new_seed(void);

/* ---- Who starts (spawners.c) ---- */

struct spawner {
	pthread_t thread;
	uint32_t rung;
	uint32_t ring_flags;
	int by_ring;
	int is_scarce; /* its process has too few descriptors now and then */
	int is_victim; /* its process is killed: a child that it has stopped would stay so for ever */
};

/* Thread functions. */
void *spawn(void *spawner);
void *spawn_until_canceled(void *spawner); /* one that is canceled at any of its own cancellation points */

/* ---- Who disturbs (disturbers.c) ---- */

typedef void *disturber(void *);
extern disturber *const disturbers[];
extern const int ndisturbers;

void *change_credentials(void *arg); /* of its own thread */
void *lower_limits(void *arg);       /* of its process */
void start_storm(void);              /* a signal every 100 microseconds, to whoever has it open */
void stop_storm(void);

/* Processes: each runs until it is over, and returns. */
void run_tracer(int pids); /* seizes the children whose pids it reads */
void run_victims(void);    /* parents that are killed at any moment */

#endif
