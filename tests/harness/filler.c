/* SPDX-License-Identifier: MIT */
#include "filler.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "files.h"

uint64_t filler_fill(const struct uspawn_child *child, const int ends[2])
{
	int held;
	siginfo_t info;
	char c;

	cr_assert_eq(read(ends[1], &c, 1), 1);
	held = file_widen_pipe(child->pid, 1, 1 << 20) - 4096;
	dprintf(ends[0], "%d\n", held);
	close(ends[0]);
	close(ends[1]);
	cr_assert_eq(waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOWAIT | __WALL), 0);
	return (uint64_t)held;
}
