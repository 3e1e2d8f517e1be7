/* SPDX-License-Identifier: MIT */
/* Like any start, but without a request: what is tried is less than what one would be asked for. */
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

int trial_start(enum uspawn_rung rung, const struct child_instr *program, struct birth *birth)
{
	char stack[STACK_SIZE] __attribute__((aligned(64)));
	struct child_report report = { 0 };
	struct child_start start = { .report = &report, .program = program };
	struct timespec slice = sys_timespec(1000000);
	int r;

	birth->start = &start;
	birth->stack = stack;
	birth->stack_size = sizeof(stack);
	clone_block_signals(&start.sigmask);
	r = clone_attempt(birth, rung);
	clone_restore_signals(&start.sigmask);
	/* The child stands on this frame. */
	while (r == 0 && rung == USPAWN_RUNG_ASYNC && *birth->settled)
		sys_futex_wait(birth->settled, 1, &slice);
	if (r == 0 && rung != USPAWN_RUNG_FORK && !report.shared)
		r = -EOPNOTSUPP; /* an emulator: the memory was copied */
	if (r == 0 && report.errnum)
		r = -report.errnum;
	if (r < 0 && birth->pid > 0)
		wait_discard(birth->pidfd, birth->pid);
	return r;
}
