/* SPDX-License-Identifier: MIT */
/*
 * Children on the caller's own io_uring, each with a time limit. The library's ring only starts them
 * (USPAWN_RING_EXTERNAL); their ends come among the caller's other completions.
 */
#include <errno.h>
#include <liburing.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <uspawn.h>

struct job {
	char *command;
	struct __kernel_timespec limit;
	int code, status; /* how it is to end */
	struct uspawn_child child;
};

static struct job jobs[] = {
	{ .command = "exit 0", .limit.tv_sec = 20, .code = USPAWN_EXITED, .status = 0 },
	{ .command = "exit 3", .limit.tv_sec = 20, .code = USPAWN_EXITED, .status = 3 },
	{ .command = "exec sleep 60", .limit.tv_nsec = 100000000, .code = USPAWN_KILLED, .status = SIGKILL },
};

enum { JOBS = sizeof(jobs) / sizeof(*jobs) };

static struct io_uring uring;

static void watch(struct job *job)
{
	struct io_uring_sqe *sqe;

	if (io_uring_sq_space_left(&uring) < 2) /* a link does not reach over two submissions */
		io_uring_submit(&uring);
	sqe = io_uring_get_sqe(&uring);
	uspawn_prep_wait(sqe, &job->child);
	io_uring_sqe_set_data(sqe, job);
	io_uring_sqe_set_flags(sqe, IOSQE_IO_LINK);
	sqe = io_uring_get_sqe(&uring);
	io_uring_prep_link_timeout(sqe, &job->limit, 0);
	io_uring_sqe_set_data(sqe, NULL);
}

/* A completion of the job's. It is a hint, whatever it says: the wait decides. Returns 1 when the job has ended. */
static int completed(struct job *job, int res)
{
	if (uspawn_wait(&job->child, 0))
		return 1;
	if (res == -ECANCELED) /* by the timeout; its end follows */
		uspawn_kill(&job->child, SIGKILL, 0);
	watch(job);
	return 0;
}

static void run(int left)
{
	struct io_uring_cqe *cqe;

	while (left) {
		io_uring_submit(&uring);
		if (io_uring_wait_cqe(&uring, &cqe) < 0)
			continue; /* interrupted */
		if (cqe->user_data)
			left -= completed(io_uring_cqe_get_data(cqe), cqe->res);
		io_uring_cqe_seen(&uring, cqe);
	}
}

int main(void)
{
	struct uspawn_plan *shell;
	struct uspawn_ring *starts;
	int started = 0, wrong = 0, r = io_uring_queue_init(64, &uring, 0);

	if (r < 0) {
		printf("no io_uring here: %s\n", strerror(-r));
		return 77; /* skipped */
	}
	if (uspawn_plan_new(&shell, USPAWN(request, .path = "/bin/sh"), NULL) < 0 ||
	    uspawn_ring_new(&starts, JOBS, USPAWN_RING_EXTERNAL) < 0)
		return 1;
	for (struct job *job = jobs; job < jobs + JOBS; job++) {
		char *argv[] = { "sh", "-c", job->command, NULL };

		if (uspawn_ring_start(starts, &job->child, shell, USPAWN(args, .argv = argv)) == 0) {
			watch(job);
			started++;
		}
	}
	run(started);
	for (struct job *job = jobs; job < jobs + JOBS; job++) {
		printf("%s: code %d, status %d\n", job->command, job->child.exit.code, job->child.exit.status);
		wrong += job->child.exit.code != job->code || job->child.exit.status != job->status;
	}
	uspawn_ring_free(starts);
	uspawn_plan_free(shell);
	io_uring_queue_exit(&uring);
	return wrong ? 1 : 0;
}
