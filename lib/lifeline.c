/* SPDX-License-Identifier: MIT */
/*
 * End-of-file alone would hang where another thread forks between our pipe2 and our close, for its child then holds the
 * write end, perhaps for ever. So the report also has a robust futex that exec and death release: the pipe wakes us at
 * once in the common case, and in the other the word is looked at now and then. An emulator without robust futexes
 * still has the pipe.
 */
#include "lifeline.h"
#include "sys.h"

#define PAGE_SIZE     4096
#define LOOK_FIRST_NS 1000000
#define LOOK_LAST_NS  16000000

int lifeline_open(struct lifeline *ret, const struct uspawn_plan *plan)
{
	int ends[2], low = 3, fd, r;
	void *page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return -ENOMEM;
	r = sys_pipe2(ends, O_CLOEXEC);
	if (r < 0) {
		munmap(page, PAGE_SIZE);
		return r;
	}
	ret->report = page;
	ret->read_end = sys_above_stdio(ends[0]);
	ret->write_end = ends[1];
	while (ret->write_end >= 0 && (ret->write_end < 3 || plan_has_target(plan, ret->write_end))) {
		fd = sys_fcntl(ret->write_end, F_DUPFD_CLOEXEC, low);
		sys_close(ret->write_end);
		ret->write_end = fd;
		low = fd + 1;
	}
	if (ret->read_end < 0 || ret->write_end < 0) {
		lifeline_close(ret);
		return -EMFILE;
	}
	return 0;
}

static int has_let_go(const struct child_report *report)
{
	return __atomic_load_n(&report->errnum, __ATOMIC_ACQUIRE) != 0 ||
	       __atomic_load_n(&report->lock.word, __ATOMIC_ACQUIRE) & FUTEX_OWNER_DIED;
}

void lifeline_wait(struct lifeline *lifeline)
{
	int64_t look_ns = LOOK_FIRST_NS;

	sys_close(lifeline->write_end);
	lifeline->write_end = -1;
	for (;;) {
		struct pollfd end = { .fd = lifeline->read_end, .events = POLLIN };
		struct timespec slice = sys_timespec(look_ns);

		/* Nobody writes: ready means that no write end is left. */
		if (sys_ppoll(&end, 1, &slice) == 1 || has_let_go(lifeline->report))
			return;
		if (look_ns < LOOK_LAST_NS)
			look_ns *= 2;
	}
}

void lifeline_close(struct lifeline *lifeline)
{
	if (lifeline->read_end >= 0)
		sys_close(lifeline->read_end);
	if (lifeline->write_end >= 0)
		sys_close(lifeline->write_end);
	munmap(lifeline->report, PAGE_SIZE);
}
