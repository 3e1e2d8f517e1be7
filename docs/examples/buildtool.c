/* SPDX-License-Identifier: MIT */
/*
 * posix_spawn replaced in a build tool's own source: the lines between the marks are all that docs/posix.md is about.
 * Jobs run side by side; the tool waits for any of them, without SIGCHLD and without knowing a pid.
 */
#include <stdio.h>
#include <uspawn.h>

struct job {
	struct uspawn_child child; /* its data is not needed: the child is the job's first member */
	char *command;
};

/* begin */
static struct uspawn_plan *shell;
static struct uspawn_ring *ring;

static int jobs_begin(unsigned most)
{
	int r = uspawn_plan_new(&shell, USPAWN(request, .path = "/bin/sh", .flags = USPAWN_INHERIT_FDS), NULL);

	return r < 0 ? r : uspawn_ring_new(&ring, most, 0);
}

static int job_start(struct job *job)
{
	char *argv[] = { "sh", "-c", job->command, NULL };

	return uspawn_ring_start(ring, &job->child, shell, USPAWN(args, .argv = argv));
}

static struct job *job_wait(void) /* NULL: a signal came, or nothing runs */
{
	struct uspawn_event event;

	return uspawn_ring_wait(ring, &event, 1, -1) == 1 ? (struct job *)event.child : NULL;
}
/* end */

int main(void)
{
	struct job jobs[] = { { .command = "exit 0" }, { .command = "exit 3" }, { .command = "kill -9 $$" } }, *job;
	int running = 0, codes = 0;

	if (jobs_begin(3) < 0)
		return 1;
	for (int i = 0; i < 3; i++)
		running += job_start(&jobs[i]) == 0;
	while (running) {
		job = job_wait();
		if (!job)
			continue;
		running--;
		printf("%s: %s %d, %llu KiB\n", job->command, job->child.exit.code == USPAWN_EXITED ? "exit" : "signal",
		       job->child.exit.status, (unsigned long long)job->child.exit.maxrss_kib);
		codes += job->child.exit.status;
	}
	uspawn_ring_free(ring);
	uspawn_plan_free(shell);
	return codes == 0 + 3 + 9 ? 0 : 1;
}
