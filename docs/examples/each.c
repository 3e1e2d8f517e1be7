/* SPDX-License-Identifier: MIT */
/*
 * One command for each of many items, a few at a time, no more after the first that fails. One plan serves all: only
 * the last argument differs, and a start copies its argv, so that one array does.
 */
#include <stdio.h>
#include <uspawn.h>

enum { ITEMS = 20, JOBS = 4 };

/* Runs the command, which has room for one more word, with 0, 1, 2, ... Returns how many succeeded. */
static int each(char *argv[], int n)
{
	struct uspawn_child child[JOBS], *idle[JOBS];
	struct uspawn_event events[JOBS];
	struct uspawn_plan *plan;
	struct uspawn_ring *ring;
	char word[12];
	int nidle = 0, item = 0, succeeded = 0, failed = 0, nevents;

	if (uspawn_plan_new(&plan, USPAWN(request, .file = argv[0]), NULL) < 0 || uspawn_ring_new(&ring, JOBS, 0) < 0)
		return 0;
	while (nidle < JOBS) {
		idle[nidle] = &child[nidle];
		nidle++;
	}
	argv[n] = word;
	do {
		while (!failed && nidle && item < ITEMS) {
			snprintf(word, sizeof(word), "%d", item++);
			if (uspawn_ring_start(ring, idle[nidle - 1], plan, USPAWN(args, .argv = argv)) < 0)
				failed = 1; /* and no event will come of it */
			else
				nidle--;
		}
		nevents = uspawn_ring_wait(ring, events, JOBS, -1);
		for (int i = 0; i < nevents; i++) {
			const struct uspawn_exit *exit = &events[i].child->exit;

			idle[nidle++] = events[i].child;
			if (exit->code == USPAWN_EXITED && exit->status == 0)
				succeeded++;
			else
				failed = 1;
		}
	} while (nevents >= 0); /* -ECHILD: there is nobody to wait for any more */
	uspawn_ring_free(ring);
	uspawn_plan_free(plan);
	return succeeded;
}

int main(void)
{
	char *all[] = { "test", "99", "-gt", NULL, NULL }, *some[] = { "test", "5", "-gt", NULL, NULL };
	int nall = each(all, 3), nsome = each(some, 3);

	printf("%d of %d succeed; %d of %d before one fails\n", nall, ITEMS, nsome, ITEMS);
	return nall == ITEMS && nsome == 5 ? 0 : 1;
}
