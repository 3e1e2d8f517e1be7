/* SPDX-License-Identifier: MIT */
/*
 * How long a start holds up its caller, and how long it is until the child has been waited for, by every way to make a
 * child. The plan is compiled outside the clock. A number counts only if the program really ran, and child->rung says
 * which way it was: the one that was asked for is a wish where a kernel or a container refuses it.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <uspawn.h>

enum { ROUNDS = 50 };

static const char *const names[] = { "any", "async", "vfork", "clone", "relay", "fork" };

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static double median_us(int64_t *samples)
{
	qsort(samples, ROUNDS, sizeof(*samples), ascending);
	return (double)samples[ROUNDS / 2] / 1000;
}

static int measure(struct uspawn_ring *ring, enum uspawn_rung rung)
{
	static int64_t returned[ROUNDS], ended[ROUNDS];
	char *argv[] = { "sh", "-c", "exit 42", NULL };
	struct uspawn_child child;
	struct uspawn_event event;
	struct uspawn_plan *plan;
	int good = 0;

	if (uspawn_plan_new(&plan, USPAWN(request, .rung = rung, .path = "/bin/sh", .argv = argv), NULL) < 0)
		return 0;
	for (int i = 0; i < ROUNDS; i++) {
		int64_t start = now_ns();

		if (uspawn_ring_start(ring, &child, plan, NULL) < 0)
			break;
		returned[i] = now_ns() - start;
		while (uspawn_ring_wait(ring, &event, 1, -1) == 0) /* interrupted */
			;
		ended[i] = now_ns() - start;
		good += child.exit.code == USPAWN_EXITED && child.exit.status == 42;
	}
	if (good == ROUNDS)
		printf("%-8s %-8s %10.1f %10.1f\n", names[rung], names[child.rung], median_us(returned),
		       median_us(ended));
	uspawn_plan_free(plan);
	return good == ROUNDS;
}

int main(void)
{
	struct uspawn_ring *ring;
	int good = 0;

	if (uspawn_ring_new(&ring, 1, 0) < 0)
		return 1;
	printf("%-8s %-8s %10s %10s  (medians, us)\n", "asked", "was", "returned", "ended");
	for (enum uspawn_rung rung = USPAWN_RUNG_ASYNC; rung <= USPAWN_RUNG_FORK; rung++)
		good += measure(ring, rung);
	uspawn_ring_free(ring);
	return good == USPAWN_RUNG_FORK ? 0 : 1;
}
