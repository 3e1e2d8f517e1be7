/* SPDX-License-Identifier: MIT */
/*
 * The child is made by a go-between, which has ended when the start returns: so init, or the nearest subreaper, has
 * inherited it, and reaps it. A go-between by vfork shares the caller's memory and descriptors, so that every rung
 * works as in the caller, and costs no copy. Where there is none it is forked. What it has to say stands in a shared
 * page, whichever it was; its stack is not shared, since a child that is forked in the end goes on upon a copy of it.
 */
#include "detach.h"
#include "request.h"
#include "sys.h"
#include "wait.h"

#define PAGE_SIZE  4096
#define STACK_SIZE 65536 /* it runs the ladder */

#define LOOK_AGAIN_NS 10000000

struct errand {
	struct start *start;
	enum uspawn_rung rung;
	uint64_t callers_mask;
	volatile uint32_t inside; /* the child, while it runs upon our memory */
	/* written by the go-between */
	int done, result;
	struct child_report report;
	struct birth birth;
	enum uspawn_rung took;
	struct uspawn_failure failure, noted;
};

_Static_assert(sizeof(struct errand) <= PAGE_SIZE, "the page has room");

static void run(void *p)
{
	struct errand *errand = p;
	struct start *s = errand->start;

	errand->result = ladder_climb_blocked(s, errand->rung, errand->callers_mask, &errand->inside, &errand->report);
	if (errand->result == 0 && errand->report.errnum) {
		wait_discard(s->birth.pidfd, s->birth.pid);
		errand->result = request_fail(&s->failure, errand->report.errnum, errand->report.step,
					      errand->report.index);
	}
	errand->birth = s->birth;
	errand->took = s->rung;
	errand->failure = s->failure;
	errand->noted = s->noted;
	errand->done = 1;
	sys_exit_group(0);
}

/* Its pid, or -errno. *retshared: what it opens is open here. */
static int send(struct errand *errand, char *top, int *retshared)
{
	static const unsigned long ways[] = { CLONE_VM | CLONE_VFORK | CLONE_FILES, CLONE_FILES, SIGCHLD };
	unsigned way = errand->rung == USPAWN_RUNG_FORK;
	int unused = -1;
	long pid;

	do {
		void *stack = ways[way] & CLONE_VM || !ARCH_RAW ? top : NULL;

		/* A copy of one thread of several: another may have held a lock of libc's, and what it learns is lost.
		 */
		if (!(ways[way] & CLONE_VM))
			errand->rung = USPAWN_RUNG_FORK;
		*retshared = (ways[way] & CLONE_FILES) != 0;
		pid = sys_clone(ways[way], stack, &unused, run, errand);
	} while (pid < 0 && clone_unsupported((int)pid) && ++way < sizeof(ways) / sizeof(*ways));
	return (int)pid;
}

/* What the child stands on and reads is about to go, and who waited for it has gone. */
static void end_child(struct errand *errand)
{
	struct timespec slice = sys_timespec(LOOK_AGAIN_NS);
	uint32_t pid = errand->inside;

	if (pid && errand->start->birth.pidfd >= 0)
		sys_close(errand->start->birth.pidfd);
	while ((pid = errand->inside)) {
		sys_kill((int)pid, SIGKILL);
		sys_futex_wait(&errand->inside, pid, &slice);
	}
}

static int take_result(struct start *s, const struct errand *errand, int shared, struct child_report *ret)
{
	int wanted = errand->birth.pidfd >= 0;

	if (!errand->done) {
		s->is_astray = 1; /* not each rung says where the child is */
		return request_fail(&s->failure, EAGAIN, USPAWN_STEP_CLONE, 0);
	}
	s->birth = errand->birth;
	s->rung = errand->took;
	s->failure = errand->failure;
	s->noted = errand->noted;
	*ret = errand->report;
	if (errand->result == 0 && wanted && !shared && clone_keeps_to_old_calls()) {
		s->birth.pidfd = -1;
	} else if (errand->result == 0 && wanted && !shared) {
		s->birth.pidfd = sys_above_stdio(sys_pidfd_open(s->birth.pid, 0));
		if (s->birth.pidfd < 0)
			s->birth.pidfd = -1;
	}
	return errand->result;
}

int detach_climb(struct start *s, enum uspawn_rung rung, struct child_report *ret)
{
	struct errand *errand;
	uint64_t callers;
	void *page, *stack;
	int pid, shared, r = sys_mmap(PAGE_SIZE, MAP_SHARED, -1, &page);

	if (r < 0)
		return request_fail(&s->failure, -r, USPAWN_STEP_CLONE, 0);
	r = sys_mmap(STACK_SIZE, MAP_PRIVATE, -1, &stack);
	if (r < 0) {
		sys_munmap(page, PAGE_SIZE);
		return request_fail(&s->failure, -r, USPAWN_STEP_CLONE, 0);
	}
	errand = page;
	clone_block_signals(&callers);
	*errand = (struct errand){ .start = s, .rung = rung, .callers_mask = callers };
	pid = send(errand, (char *)stack + STACK_SIZE, &shared);
	if (pid > 0) {
		wait_discard(-1, pid);
		if (!errand->done) /* somebody killed it */
			end_child(errand);
	}
	clone_restore_signals(&callers);
	r = pid > 0 ? take_result(s, errand, shared, ret) : request_fail(&s->failure, -pid, USPAWN_STEP_CLONE, 0);
	sys_munmap(stack, STACK_SIZE);
	sys_munmap(page, PAGE_SIZE);
	return r;
}
