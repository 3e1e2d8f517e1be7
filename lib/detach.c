/* SPDX-License-Identifier: MIT */
/*
 * The child is made by a go-between, which has ended when the start returns: so init, or the nearest subreaper, has
 * inherited it, and reaps it. A go-between by vfork shares the caller's memory and descriptors, so that every rung
 * works as in the caller, and costs no copy. Where there is none it is forked; with descriptors of its own, too, it
 * sends the child's pidfd. What it has to say stands in a shared page, whichever it was; its stack is not shared, since
 * a child that is forked in the end goes on upon a copy of it.
 */
#include "detach.h"
#include "request.h"
#include "sys_io.h"
#include "wait.h"

#define PAGE_SIZE  4096
#define STACK_SIZE 65536 /* it runs the ladder */

#define LOOK_AGAIN_NS 10000000

struct errand {
	struct start *start;
	enum uspawn_rung rung;
	uint64_t callers_mask;
	volatile uint32_t inside; /* the child, while it runs upon our memory */
	int is_apart;             /* what the go-between opens is not open here */
	int ends[2];              /* of a socket between us then, or -1 */
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
	if (errand->result == 0 && errand->ends[1] >= 0 && s->birth.pidfd >= 0)
		sys_send_descriptor(errand->ends[1], s->birth.pidfd);
	errand->birth = s->birth;
	errand->took = s->rung;
	errand->failure = s->failure;
	errand->noted = s->noted;
	errand->done = 1;
	sys_exit_group(0);
}

static void close_ends(struct errand *errand)
{
	for (int i = 0; i < 2; i++) {
		if (errand->ends[i] >= 0)
			sys_close(errand->ends[i]);
		errand->ends[i] = -1;
	}
}

/* At numbers that the child's descriptors do not move to. */
static void open_ends(struct errand *errand)
{
	if (errand->start->plan->flags & USPAWN_PID_ONLY || sys_socketpair(errand->ends) < 0)
		return;
	for (int i = 0; i < 2; i++)
		errand->ends[i] = fds_out_of_the_way(errand->ends[i], errand->start->plan);
	if (errand->ends[0] < 0 || errand->ends[1] < 0)
		close_ends(errand);
}

/*
 * Its pid, or -errno. An emulator ends who makes a call of the second way, which is no plain fork, so the switch that
 * keeps from new calls keeps from it.
 */
static int send_out(struct errand *errand, char *top)
{
	static const unsigned long ways[] = { CLONE_VM | CLONE_VFORK | CLONE_FILES, CLONE_FILES, SIGCHLD };
	unsigned way = clone_keeps_to_old_calls() ? 2 : errand->rung == USPAWN_RUNG_FORK;
	int unused = -1;
	long pid;

	do {
		void *stack = ways[way] & CLONE_VM || !ARCH_RAW ? top : NULL;

		/* A copy of one thread of several: another may have held a lock of libc's, and what it learns is lost.
		 */
		if (!(ways[way] & CLONE_VM))
			errand->rung = USPAWN_RUNG_FORK;
		errand->is_apart = !(ways[way] & CLONE_FILES);
		if (errand->is_apart)
			open_ends(errand);
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

static int take_result(struct start *s, const struct errand *errand, struct child_report *ret)
{
	if (!errand->done) {
		s->is_astray = 1; /* not each rung says where the child is */
		return request_fail(&s->failure, EAGAIN, USPAWN_STEP_CLONE, 0);
	}
	s->birth = errand->birth;
	s->rung = errand->took;
	s->failure = errand->failure;
	s->noted = errand->noted;
	*ret = errand->report;
	if (errand->is_apart)
		s->birth.pidfd = errand->ends[0] < 0 ? -1 : sys_above_stdio(sys_receive_descriptor(errand->ends[0]));
	if (s->birth.pidfd < 0)
		s->birth.pidfd = -1;
	return errand->result;
}

int detach_climb(struct start *s, enum uspawn_rung rung, struct child_report *ret)
{
	struct errand *errand;
	uint64_t callers;
	void *page, *stack;
	int pid, r = sys_mmap(PAGE_SIZE, MAP_SHARED, -1, &page);

	if (r < 0)
		return request_fail(&s->failure, -r, USPAWN_STEP_CLONE, 0);
	r = sys_mmap(STACK_SIZE, MAP_PRIVATE, -1, &stack);
	if (r < 0) {
		sys_munmap(page, PAGE_SIZE);
		return request_fail(&s->failure, -r, USPAWN_STEP_CLONE, 0);
	}
	errand = page;
	clone_block_signals(&callers);
	*errand = (struct errand){ .start = s, .rung = rung, .callers_mask = callers, .ends = { -1, -1 } };
	pid = send_out(errand, (char *)stack + STACK_SIZE);
	if (pid > 0) {
		wait_discard(-1, pid);
		if (!errand->done) /* somebody killed it */
			end_child(errand);
	}
	clone_restore_signals(&callers);
	r = pid > 0 ? take_result(s, errand, ret) : request_fail(&s->failure, -pid, USPAWN_STEP_CLONE, 0);
	close_ends(errand);
	sys_munmap(stack, STACK_SIZE);
	sys_munmap(page, PAGE_SIZE);
	return r;
}
