/* SPDX-License-Identifier: MIT */
/*
 * Like any start, but without a request: what is tried is less than what one would be asked for. A child with memory of
 * its own reports in a page that both have.
 */
#include <errno.h>

#include "sys.h"
#include "trial.h"
#include "wait.h"

#define STACK_SIZE (ARCH_RAW ? 4096 : 16384)

const struct child_instr trial_nothing[] = {
	{ .op = OP_CUT, .a = 3 },
	{ .op = OP_SIGMASK },
	{ .op = OP_EXIT },
};

/* The child stands on the caller's frame, or its report is to come. */
static void await_steps(enum uspawn_rung rung, const struct birth *birth)
{
	struct timespec slice = sys_timespec(1000000);
	siginfo_t info;

	while (rung == USPAWN_RUNG_ASYNC && *birth->settled)
		sys_futex_wait(birth->settled, 1, &slice);
	if (rung == USPAWN_RUNG_FORK)
		while (sys_waitid(P_PID, birth->pid, &info, WEXITED | WNOWAIT | __WALL, NULL) == -EINTR)
			;
}

static int try_with(enum uspawn_rung rung, const struct child_instr *program, struct birth *birth,
		    struct child_report *report)
{
	char stack[STACK_SIZE] __attribute__((aligned(64)));
	struct child_start start = { .report = report, .program = program };
	int r;

	birth->start = &start;
	birth->stack = stack;
	birth->stack_size = sizeof(stack);
	clone_block_signals(&start.sigmask);
	r = clone_attempt(birth, rung);
	clone_restore_signals(&start.sigmask);
	if (r < 0)
		return r;
	await_steps(rung, birth);
	if (report->begun && !report->errnum)
		return 0;
	wait_discard(birth->pidfd, birth->pid);
	if (report->begun)
		return -report->errnum;
	birth->pid = 0;
	return -EOPNOTSUPP; /* an emulator: the memory was copied */
}

int trial_start(enum uspawn_rung rung, const struct child_instr *program, struct birth *birth)
{
	struct child_report own = { 0 };
	void *page;
	int r;

	birth->pid = 0;
	if (rung < clone_cap())
		return -EOPNOTSUPP; /* where a filter kills, this is how it is kept from it */
	if (clone_next_is_init())
		return -EBUSY;
	if (rung != USPAWN_RUNG_FORK)
		return try_with(rung, program, birth, &own);
	r = sys_mmap(sizeof(own), MAP_SHARED, -1, &page);
	if (r == 0) {
		r = try_with(rung, program, birth, page);
		sys_munmap(page, sizeof(own));
	}
	return r;
}
