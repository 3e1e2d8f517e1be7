/* SPDX-License-Identifier: MIT */
/*
 * Several threads, each with a ring of its own, and one plan for all: a plan never changes, a ring belongs to one
 * thread at a time. Nothing is locked.
 */
#include <pthread.h>
#include <stdio.h>
#include <uspawn.h>

enum { THREADS = 4, JOBS = 4, STARTS = 50 };

static struct uspawn_plan *plan;

static void *work(void *count)
{
	struct uspawn_child child[JOBS];
	struct uspawn_event events[JOBS];
	struct uspawn_ring *ring;
	int left = STARTS, *succeeded = count, n;

	if (uspawn_ring_new(&ring, JOBS, 0) < 0)
		return NULL;
	for (int i = 0; i < JOBS; i++, left--)
		uspawn_ring_start(ring, &child[i], plan, NULL);
	while ((n = uspawn_ring_wait(ring, events, JOBS, -1)) >= 0)
		while (n--) {
			*succeeded += events[n].child->exit.code == USPAWN_EXITED && !events[n].child->exit.status;
			/* What has ended may start again, in the same memory. */
			if (left > 0 && uspawn_ring_start(ring, events[n].child, plan, NULL) == 0)
				left--;
		}
	uspawn_ring_free(ring);
	return NULL;
}

int main(void)
{
	char *argv[] = { "true", NULL };
	pthread_t thread[THREADS];
	int succeeded[THREADS] = { 0 }, sum = 0;

	if (uspawn_plan_new(&plan, USPAWN(request, .argv = argv), NULL) < 0)
		return 1;
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&thread[i], NULL, work, &succeeded[i]))
			return 1;
	for (int i = 0; i < THREADS; i++) {
		pthread_join(thread[i], NULL);
		sum += succeeded[i];
	}
	uspawn_plan_free(plan);
	printf("%d threads, %d children\n", THREADS, sum);
	return sum == THREADS * STARTS ? 0 : 1;
}
