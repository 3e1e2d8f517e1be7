/* SPDX-License-Identifier: MIT */
/* What a container or an old kernel refuses is replaced: the same is seen from outside. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/copy.h"
#include "harness/files.h"
#include "harness/kernel.h"
#include "harness/way.h"

CheckedSuite(refusals);

static void assert_starts(void)
{
	REPORT r;
	struct uspawn_child child;
	int low = file_new(3), high = file_new(300), fds[] = { low, -1 };

	report_open(&r);
	fcntl(high, F_SETFD, 0);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(uspawn(&child,
				    USPAWN(request, .path = witness_path, .argv = r.argv, .cwd = "/",
					   FDS({ 1, .fd = high }, { 5, .fd = USPAWN_ARG(0) }, { low, USPAWN_NULL },
					       { 400, USPAWN_WRITE_END, .fd = USPAWN_ARG(1) })),
				    USPAWN(args, .fds = fds, .nfds = 2)),
			     0);
		cr_assert_eq(uspawn_wait(&child, -1), 1);
		assert_exited(&child, 0);
		close(fds[1]);
		report_read(&r);
		report_assert_file(&r, 1, high);
		report_assert_file(&r, 5, low);
		cr_assert_str_eq(report_value(&r, "cwd"), "/");
		cr_assert(!report_find(&r, "fd.300"), "what was not named is open");
		cr_assert_eq(uspawn(&child, USPAWN(request, WITNESS("kill", "9")), NULL), 0);
		cr_assert_eq(uspawn_wait(&child, -1), 1);
		assert_killed(&child, 9);
		cr_assert_eq(uspawn(&child, USPAWN(request, .argv = LIST("/no/such"), FDS({ 1, .fd = high })), NULL),
			     -ENOENT);
		assert_failed(&child, ENOENT, USPAWN_STEP_EXEC, 0);
	}
	close(low);
	close(high);
}

static void assert_ring(uint32_t flags)
{
	struct uspawn_ring *ring;
	struct uspawn_plan *plans[3];
	struct uspawn_child children[9];
	struct uspawn_event event;
	int n, total = 0;

	cr_assert_eq(uspawn_ring_new(&ring, 0, flags), 0);
	cr_assert_eq(uspawn_plan_new(&plans[0], USPAWN(request, WITNESS("exit", "5"), FDS({ 7, .fd = 0 })), NULL), 0);
	cr_assert_eq(uspawn_plan_new(&plans[1], USPAWN(request, .argv = LIST("/no/such")), NULL), 0);
	cr_assert_eq(uspawn_plan_new(&plans[2], USPAWN(request, .argv = LIST("/bin/sleep", "300")), NULL), 0);
	for (int i = 0; i < 9; i++)
		cr_assert_eq(uspawn_ring_start(ring, &children[i], plans[i % 3], NULL), 0);
	for (int i = 0; i < 9; i += 3)
		cr_assert_eq(uspawn_kill(&children[i + 2], SIGKILL, 0), 0);
	while ((n = uspawn_ring_wait(ring, &event, 1, -1)) >= 0)
		total += n;
	cr_assert_eq(n, -ECHILD);
	cr_assert_eq(total, 9);
	for (int i = 0; i < 9; i += 3) {
		assert_exited(&children[i], 5);
		assert_failed(&children[i + 1], ENOENT, USPAWN_STEP_EXEC, 0);
		assert_killed(&children[i + 2], SIGKILL);
	}
	for (int i = 0; i < 3; i++)
		uspawn_plan_free(plans[i]);
	uspawn_ring_free(ring);
}

static void assert_all_works(void)
{
	assert_starts();
	assert_ring(0);
	assert_ring(USPAWN_RING_EPOLL);
	cr_assert_eq(uspawn_settle(-1), 0);
}

#define REFUSAL(name, calls, errnum)           \
	CheckedTest(refusals, name##_##errnum) \
	{                                      \
		kernel_refuse(calls, errnum);  \
		assert_all_works();            \
	}

/* The answers that mean "not here", as filters and kernels give them. */
#define EachRefusal(name, calls)     \
	REFUSAL(name, calls, ENOSYS) \
	REFUSAL(name, calls, EPERM)  \
	REFUSAL(name, calls, EINVAL)

EachRefusal(c10_clone3, CALL_CLONE3)
EachRefusal(c28_clone3_and_shared_memory, CALL_CLONE3 | CALL_CLONE_VM)
EachRefusal(c32_close_range, CALL_CLOSE_RANGE)
EachRefusal(close_range_unshare, CALL_CLOSE_RANGE_UNSHARE)
EachRefusal(close_range_and_unshare, CALL_CLOSE_RANGE | CALL_UNSHARE)
EachRefusal(c41_pidfd_open, CALL_PIDFD_OPEN)
EachRefusal(c41_wait_by_pidfd, CALL_WAITID_PIDFD)
EachRefusal(c17_io_uring, CALL_IO_URING)
EachRefusal(c17_io_uring_enter, CALL_IO_URING_ENTER)
REFUSAL(c41_clone_without_pidfd, CALL_CLONE3 | CALL_CLONE_PIDFD, EINVAL)
REFUSAL(c41_no_pidfd_at_all, CALL_CLONE3 | CALL_CLONE_PIDFD | CALL_PIDFD_OPEN, EINVAL)
REFUSAL(c41_no_pidfd_and_no_timer, CALL_CLONE3 | CALL_CLONE_PIDFD | CALL_PIDFD_OPEN | CALL_TIMERFD, EINVAL)
REFUSAL(c41_clone_without_pidfd, CALL_CLONE3 | CALL_CLONE_PIDFD, EPERM)
REFUSAL(c41_clone_without_pidfd, CALL_CLONE3 | CALL_CLONE_PIDFD, ENOSYS)
EachRefusal(c41_signal_by_pidfd, CALL_PIDFD_SEND_SIGNAL)
EachRefusal(statx_without_sync, CALL_STATX_WITHOUT_SYNC)
EachRefusal(fstat, CALL_FSTAT | CALL_STATX_WITHOUT_SYNC)

/* EPERM may be a missing right, too: another call says which. */
static void assert_new_pid_namespace(int errnum)
{
	static const struct uspawn_namespaces namespaces = { .size = sizeof(namespaces), .unshare = CLONE_NEWPID };
	struct uspawn_child child;

	if (geteuid() != 0)
		cr_skip_test("needs root");
	kernel_refuse(CALL_CLONE3, errnum);
	cr_assert_eq(uspawn(&child, USPAWN(request, WITNESS("exit", "5"), .namespaces = &namespaces), NULL), 0);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	assert_exited(&child, 5);
	for (uint32_t rung = USPAWN_RUNG_CLONE; rung <= USPAWN_RUNG_FORK; rung++) {
		struct way way = { .rung = rung };
		REPORT r;

		if (way_missing(rung))
			continue;
		report_open(&r);
		way_report_by_output(&way, &r, USPAWN(request, .namespaces = &namespaces));
		cr_assert_eq(report_number(&r, "pid"), 1);
		report_close(&r);
	}
}

CheckedTest(refusals, c10_new_pid_namespace_EPERM)
{
	assert_new_pid_namespace(EPERM);
}

CheckedTest(refusals, c10_new_pid_namespace_EINVAL)
{
	assert_new_pid_namespace(EINVAL);
}

CheckedTest(refusals, c10_new_pid_namespace_ENOSYS)
{
	assert_new_pid_namespace(ENOSYS);
}

#define LATE_REFUSAL(name, calls, errnum)             \
	CheckedTest(refusals, late_##name##_##errnum) \
	{                                             \
		assert_all_works();                   \
		kernel_refuse(calls, errnum);         \
		assert_ring(0);                       \
		assert_all_works();                   \
	}

/* The filter comes when everything has worked before. */
LATE_REFUSAL(clone3, CALL_CLONE3, EPERM)
LATE_REFUSAL(clone3_and_shared_memory, CALL_CLONE3 | CALL_CLONE_VM, EPERM)
LATE_REFUSAL(close_range, CALL_CLOSE_RANGE, EPERM)
LATE_REFUSAL(wait_by_pidfd, CALL_WAITID_PIDFD, EINVAL)
LATE_REFUSAL(io_uring, CALL_IO_URING, EPERM)

/* A ring that can be made and not entered would never wake whoever polls its descriptor. */
CheckedTest(refusals, c17_ring_descriptor_without_io_uring_enter)
{
	struct uspawn_ring *ring;
	struct uspawn_plan *plan;
	struct uspawn_child child;
	struct uspawn_event event;
	struct pollfd end = { .events = POLLIN };

	kernel_refuse(CALL_IO_URING_ENTER, EPERM);
	cr_assert_eq(uspawn_ring_new(&ring, 0, 0), 0);
	cr_assert_eq(uspawn_plan_new(&plan, USPAWN(request, WITNESS("exit", "5")), NULL), 0);
	cr_assert_eq(uspawn_ring_start(ring, &child, plan, NULL), 0);
	end.fd = uspawn_ring_fd(ring);
	cr_assert_geq(end.fd, 0);
	cr_assert_eq(poll(&end, 1, 60000), 1);
	while (uspawn_ring_wait(ring, &event, 1, -1) == 0)
		; /* interrupted */
	assert_exited(&child, 5);
	uspawn_plan_free(plan);
	uspawn_ring_free(ring);
}

/* The kernel takes a ring of its own down in whoever had it, and interrupts a wait for that. */
static int wait_for_any(int ep, int timeout_ms)
{
	struct epoll_event woken;
	int r;

	do
		r = epoll_wait(ep, &woken, 1, timeout_ms);
	while (r < 0 && errno == EINTR);
	return r;
}

/* A loop that has the ring's descriptor keeps it, whatever becomes of io_uring: also of a child that ran before. */
CheckedTest(refusals, late_io_uring_under_a_foreign_loop)
{
	struct uspawn_ring *ring;
	struct uspawn_plan *plan;
	struct uspawn_child before, after;
	struct uspawn_event event;
	struct epoll_event watch = { .events = EPOLLIN };
	int fds[] = { -1 }, ep = epoll_create1(EPOLL_CLOEXEC), fd, ends = 0, n;

	cr_assert_eq(uspawn_ring_new(&ring, 0, 0), 0);
	fd = uspawn_ring_fd(ring);
	cr_assert_eq(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &watch), 0);
	cr_assert_eq(uspawn_plan_new(&plan,
				     USPAWN(request, WITNESS("eof", "0", "exit", "5"),
					    FDS({ 0, USPAWN_READ_END, .fd = USPAWN_ARG(0) })),
				     NULL),
		     0);
	cr_assert_eq(uspawn_ring_start(ring, &before, plan, USPAWN(args, .fds = fds, .nfds = 1)), 0);
	kernel_refuse(CALL_IO_URING | CALL_IO_URING_ENTER, EPERM);
	close(fds[0]);
	cr_assert_eq(wait_for_any(ep, 60000), 1);
	while ((n = uspawn_ring_wait(ring, &event, 1, 0)) == 0)
		cr_assert_eq(wait_for_any(ep, 60000), 1);
	cr_assert(n == 1 && event.child == &before);
	assert_exited(&before, 5);
	cr_assert_eq(uspawn_ring_fd(ring), fd);
	cr_assert_eq(uspawn_ring_start(ring, &after, plan, USPAWN(args, .fds = fds, .nfds = 1)), 0);
	close(fds[0]);
	while (!ends) {
		cr_assert_eq(wait_for_any(ep, 60000), 1);
		ends = uspawn_ring_wait(ring, &event, 1, 0);
	}
	assert_exited(&after, 5);
	/* Nothing is left to do; but it may be called once more, for nothing. */
	for (int calls = 0; wait_for_any(ep, 0); calls++) {
		cr_assert_lt(calls, 100, "called without end");
		cr_assert_eq(uspawn_ring_wait(ring, &event, 1, 0), 0);
	}
	uspawn_plan_free(plan);
	uspawn_ring_free(ring);
	close(ep);
}

/* Where a shared table can no longer be cut, an asynchronous start learns it too late, and says so; the next
   one works. */
CheckedTest(refusals, late_close_range_and_unshare)
{
	struct uspawn_ring *ring;
	struct uspawn_plan *plan;
	struct uspawn_child child;
	struct uspawn_event event;

	assert_all_works();
	kernel_refuse(CALL_CLOSE_RANGE | CALL_UNSHARE, EPERM);
	cr_assert_eq(uspawn_ring_new(&ring, 0, 0), 0);
	cr_assert_eq(uspawn_plan_new(&plan, USPAWN(request, WITNESS("exit", "5")), NULL), 0);
	cr_assert_eq(uspawn_ring_start(ring, &child, plan, NULL), 0);
	while (uspawn_ring_wait(ring, &event, 1, -1) == 0)
		; /* interrupted */
	if (child.exit.code == USPAWN_FAILED)
		assert_failed(&child, ENOSYS, USPAWN_STEP_FD, 0);
	else
		assert_exited(&child, 5);
	uspawn_plan_free(plan);
	uspawn_ring_free(ring);
	assert_all_works();
}

/* One that waits for its child's report learns it in time. */
CheckedTest(refusals, late_close_range_and_unshare_by_vfork)
{
	struct uspawn_child child;

	if (way_missing(USPAWN_RUNG_VFORK))
		cr_skip_test("%s", way_missing(USPAWN_RUNG_VFORK));
	assert_all_works();
	kernel_refuse(CALL_CLOSE_RANGE | CALL_UNSHARE, EPERM);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(uspawn(&child, USPAWN(request, .rung = USPAWN_RUNG_VFORK, WITNESS("exit", "5")), NULL), 0);
		cr_assert_eq(uspawn_wait(&child, -1), 1);
		assert_exited(&child, 5);
	}
	assert_all_works();
}

/* No pidfd at all: the kernel of ten years ago. */
CheckedTest(refusals, c41_everything_at_once)
{
	sigset_t set, before;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, &before);
	kernel_refuse(CALL_CLONE_PIDFD | CALL_WAITID_PIDFD, EINVAL);
	kernel_refuse(CALL_CLONE3 | CALL_PIDFD_OPEN | CALL_PIDFD_SEND_SIGNAL | CALL_CLOSE_RANGE | CALL_IO_URING,
		      ENOSYS);
	assert_all_works();
	sigprocmask(SIG_SETMASK, &before, NULL);
}

/* A filter that comes while a ring is in use. */
CheckedTest(refusals, c17_io_uring_is_lost_while_children_run)
{
	struct uspawn_ring *ring;
	struct uspawn_child child, later;
	struct uspawn_plan *plan;
	struct uspawn_event event;
	int end = -1, n = 0;

	cr_assert_eq(uspawn_ring_new(&ring, 0, 0), 0);
	cr_assert_eq(uspawn_plan_new(&plan,
				     USPAWN(request, WITNESS("eof", "0", "exit", "5"),
					    FDS({ 0, USPAWN_READ_END, .fd = USPAWN_ARG(0) })),
				     NULL),
		     0);
	cr_assert_eq(uspawn_ring_start(ring, &child, plan, USPAWN(args, .fds = &end, .nfds = 1)), 0);
	cr_assert_eq(uspawn_ring_wait(ring, &event, 1, 1000000), 0);
	kernel_refuse(CALL_IO_URING | CALL_IO_URING_ENTER, EPERM);
	close(end);
	cr_assert_eq(uspawn_ring_start(ring, &later, plan, USPAWN(args, .fds = &end, .nfds = 1)), 0);
	close(end);
	for (int got = 0; got < 2; got += n) {
		n = uspawn_ring_wait(ring, &event, 1, -1);
		cr_assert_geq(n, 0);
	}
	assert_exited(&child, 5);
	assert_exited(&later, 5);
	uspawn_plan_free(plan);
	uspawn_ring_free(ring);
}

#define SHORTAGE(errnum)                                  \
	CheckedTest(refusals, c10_no_refusal_is_##errnum) \
	{                                                 \
		assert_shortage(errnum);                  \
	}

/* A passing shortage is reported, not taken for a missing feature. */
static void assert_shortage(int errnum)
{
	struct uspawn_child child;
	struct uspawn_ring *ring;
	struct uspawn_plan *plan;

	if (way_missing(USPAWN_RUNG_ASYNC))
		cr_skip_test("%s", way_missing(USPAWN_RUNG_ASYNC));
	cr_assert_eq(uspawn_ring_new(&ring, 0, 0), 0);
	cr_assert_eq(uspawn_plan_new(&plan, USPAWN(request, WITNESS("exit", "0")), NULL), 0);
	kernel_refuse(CALL_CLONE3, errnum);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(uspawn(&child, USPAWN(request, WITNESS("exit", "0")), NULL), -errnum);
		assert_failed(&child, errnum, USPAWN_STEP_CLONE, 0);
		cr_assert_eq(uspawn_ring_start(ring, &child, plan, NULL), -errnum);
		assert_failed(&child, errnum, USPAWN_STEP_CLONE, 0);
	}
	uspawn_plan_free(plan);
	uspawn_ring_free(ring);
}

SHORTAGE(EAGAIN)
SHORTAGE(ENOMEM)
SHORTAGE(EMFILE)
SHORTAGE(EBUSY)

/* A refusal that all calls agree on is one. */
CheckedTest(refusals, c10_no_call_left)
{
	struct uspawn_child child;

	kernel_refuse(CALL_CLONE3 | CALL_CLONE, EPERM);
	cr_assert_eq(uspawn(&child, USPAWN(request, WITNESS("exit", "0")), NULL), -EPERM);
	assert_failed(&child, EPERM, USPAWN_STEP_CLONE, 0);
}

/* The filter traps, and the host's handler answers: a caller that blocked SIGSYS would be killed. */
CheckedTest(refusals, c27_trap_with_a_handler)
{
	kernel_answer_traps(ENOSYS);
	kernel_refuse(CALL_CLONE3, 0);
	assert_starts();
	assert_ring(USPAWN_RING_EPOLL);
}

static const char *cap;
static uint32_t cap_rung;

static void start_capped(void)
{
	struct uspawn_child child;
	struct uspawn_event event;
	struct uspawn_plan *plan;
	struct uspawn_ring *ring;

	setenv("USPAWN_RUNG", cap, 1);
	copy_assert(uspawn_ring_new(&ring, 0, USPAWN_RING_EPOLL) == 0);
	if (cap_rung == USPAWN_RUNG_FORK)
		kernel_refuse(CALL_CLONE3 | CALL_CLONE_VM | CALL_IO_URING | CALL_PIDFD_OPEN | CALL_CLOSE_RANGE |
				      CALL_PIDFD_SEND_SIGNAL,
			      0);
	copy_assert(uspawn(&child, USPAWN(request, .argv = LIST("/bin/sleep", "300")), NULL) == 0);
	copy_assert(uspawn_kill(&child, SIGKILL, 0) == 0);
	copy_assert(uspawn_wait(&child, -1) == 1);
	copy_assert(child.exit.code == USPAWN_KILLED);
	copy_assert(uspawn(&child, USPAWN(request, WITNESS("exit", "4"), FDS({ 7, .fd = 2 })), NULL) == 0);
	copy_assert(uspawn_wait(&child, -1) == 1);
	copy_assert(child.exit.code == USPAWN_EXITED && child.exit.status == 4);
	copy_assert(child.rung >= cap_rung && (child.rung == cap_rung || cap_rung == USPAWN_RUNG_ASYNC));
	copy_assert(uspawn_plan_new(&plan, USPAWN(request, WITNESS("exit", "4")), NULL) == 0);
	copy_assert(uspawn_ring_start(ring, &child, plan, NULL) == 0);
	copy_assert(child.rung == cap_rung);
	while (uspawn_ring_wait(ring, &event, 1, -1) == 0)
		; /* interrupted */
	copy_assert(child.exit.code == USPAWN_EXITED && child.exit.status == 4);
	uspawn_plan_free(plan);
	uspawn_ring_free(ring);
}

static void assert_cap(const char *name, uint32_t at)
{
	if (way_missing(at))
		cr_skip_test("%s", way_missing(at));
	cap = name;
	cap_rung = at;
	copy_run(start_capped);
}

CheckedTest(refusals, environment_caps_at_async)
{
	assert_cap("async", USPAWN_RUNG_ASYNC);
}

CheckedTest(refusals, environment_caps_at_vfork)
{
	assert_cap("vfork", USPAWN_RUNG_VFORK);
}

CheckedTest(refusals, environment_caps_at_clone)
{
	assert_cap("clone", USPAWN_RUNG_CLONE);
}

/* And none of the calls that a filter might kill for is made. */
CheckedTest(refusals, c27_c55_environment_caps_at_fork)
{
	assert_cap("fork", USPAWN_RUNG_FORK);
}

static void start_in_new_time(void)
{
	struct uspawn_child child;

	if (unshare(0x80) < 0) /* CLONE_NEWTIME */
		copy_skip(strerror(errno));
	copy_assert(uspawn(&child, USPAWN(request, WITNESS("exit", "6")), NULL) == 0);
	copy_assert(uspawn_wait(&child, -1) == 1);
	copy_assert(child.exit.code == USPAWN_EXITED && child.exit.status == 6);
}

CheckedTest(refusals, c28_time_namespace)
{
	copy_run(start_in_new_time);
}

/* ---- An emulator that takes a vfork for a fork ---- */

static void be_traced(void)
{
	if (ptrace(PTRACE_TRACEME, 0, 0, 0) < 0)
		copy_skip(strerror(errno));
	raise(SIGSTOP);
}

/* Programs that leave a byte each, run as this one does it: from the first start of the process on. */
struct programs {
	int bytes; /* a file of their own */
	int ends[2];
};

static void programs_begin(struct programs *p)
{
	p->bytes = file_new(10);
	copy_assert(ftruncate(p->bytes, 0) == 0 && pipe2(p->ends, O_CLOEXEC) == 0);
}

static off_t programs_that_ran(const struct programs *p)
{
	return lseek(p->bytes, 0, SEEK_END);
}

static void run_one(struct programs *p, const char *script, struct uspawn_child *child)
{
	off_t before = programs_that_ran(p);

	copy_assert(uspawn(child,
			   USPAWN(request, .rung = USPAWN_RUNG_VFORK, .path = "/bin/sh",
				  .argv = LIST("sh", "-c", (char *)script),
				  FDS({ 3, .fd = p->bytes }, { 4, .fd = p->ends[0] })),
			   NULL) == 0);
	if (write(p->ends[1], "\n", 1) != 1 || uspawn_wait(child, -1) != 1)
		copy_assert(0);
	copy_assert(child->exit.code == USPAWN_EXITED);
	copy_assert(programs_that_ran(p) == before + 1);
}

/* It still runs when the start has returned. */
#define LONG "printf x >&3; read line <&4; exit 5"

static void start_in_copied_memory(void)
{
	struct uspawn_child child;
	struct programs p;

	programs_begin(&p);
	for (int i = 0; i < 2; i++) {
		run_one(&p, LONG, &child);
		copy_assert(child.exit.status == 5);
		copy_assert(i == 0 || child.rung > USPAWN_RUNG_CLONE);
	}
	copy_assert(uspawn(&child, USPAWN(request, .argv = LIST("/no/such")), NULL) == -ENOENT);
	copy_assert(child.failure.step == USPAWN_STEP_EXEC);
	copy_assert(waitpid(-1, NULL, WNOHANG | __WALL) == -1 && errno == ECHILD);
}

/* As a child that has not run says it on other rungs. */
static void exit_in_copied_memory(void)
{
	struct uspawn_child child;
	struct programs p;

	programs_begin(&p);
	for (int i = 0; i < 2; i++) {
		run_one(&p, "printf x >&3; exit 127", &child);
		copy_assert(child.exit.status == 127);
	}
	copy_assert(waitpid(-1, NULL, WNOHANG | __WALL) == -1 && errno == ECHILD);
}

/* What it says is heard. */
static void fail_in_copied_memory(void)
{
	struct uspawn_child child;

	copy_assert(uspawn(&child, USPAWN(request, .rung = USPAWN_RUNG_VFORK, .argv = LIST("/no/such")), NULL) ==
		    -ENOENT);
	copy_assert(child.failure.step == USPAWN_STEP_EXEC);
	copy_assert(uspawn(&child, USPAWN(request, .rung = USPAWN_RUNG_VFORK, WITNESS("exit", "5")), NULL) == 0);
	copy_assert(child.rung > USPAWN_RUNG_CLONE);
	copy_assert(uspawn_wait(&child, -1) == 1);
	copy_assert(waitpid(-1, NULL, WNOHANG | __WALL) == -1 && errno == ECHILD);
}

/* Nor are there robust futexes: /proc says whether it has exec'd. */
static void start_in_copied_memory_without_locks(void)
{
	kernel_refuse(CALL_ROBUST_LIST, ENOSYS);
	start_in_copied_memory();
}

static void fail_in_copied_memory_without_locks(void)
{
	kernel_refuse(CALL_ROBUST_LIST, ENOSYS);
	fail_in_copied_memory();
}

/* Takes the sharing out of every clone3 of the traced process. Returns how often it did; *retstatus: how it ended. */
static int trace_copies(pid_t pid, int *retstatus)
{
	int copies = 0;

	while (waitpid(pid, retstatus, 0) == pid && WIFSTOPPED(*retstatus)) {
		int sig = WSTOPSIG(*retstatus);
		struct __ptrace_syscall_info info = { 0 };

		if (sig == (SIGTRAP | 0x80)) {
			sig = 0;
			ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info);
			if (info.op == PTRACE_SYSCALL_INFO_ENTRY && kernel_is_clone3(info.entry.nr)) {
				void *flags = (void *)(uintptr_t)info.entry.args[0]; /* the first member */
				long word = ptrace(PTRACE_PEEKDATA, pid, flags, 0);

				copies += (word & CLONE_VFORK) != 0;
				ptrace(PTRACE_POKEDATA, pid, flags, word & ~(long)(CLONE_VM | CLONE_VFORK));
			}
		} else if (sig == SIGSTOP) {
			sig = 0;
			ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
		}
		ptrace(PTRACE_SYSCALL, pid, 0, sig);
	}
	return copies;
}

static void (*emulated)(void);

static void be_emulated(void)
{
	int copies, status;
	pid_t pid = fork();

	copy_assert(pid >= 0);
	if (pid == 0) {
		be_traced();
		emulated();
		copy_end();
	}
	copies = trace_copies(pid, &status);
	copy_assert(WIFEXITED(status));
	if (WEXITSTATUS(status))
		_exit(WEXITSTATUS(status)); /* it has said why */
	copy_assert(copies == 1);
}

static void emulate(void (*body)(void))
{
	if (way_missing(USPAWN_RUNG_VFORK))
		cr_skip_test("%s", way_missing(USPAWN_RUNG_VFORK));
	if (sizeof(long) != sizeof(uint64_t))
		cr_skip_test("the tracer reads flags of clone3 in one word");
	emulated = body;
	copy_run(be_emulated);
}

CheckedTest(refusals, memory_is_copied_and_not_shared)
{
	emulate(start_in_copied_memory);
}

CheckedTest(refusals, memory_is_copied_of_a_child_that_fails)
{
	emulate(fail_in_copied_memory);
}

CheckedTest(refusals, memory_is_copied_of_a_program_that_exits_with_127)
{
	emulate(exit_in_copied_memory);
}

CheckedTest(refusals, memory_is_copied_and_there_are_no_robust_futexes)
{
	emulate(start_in_copied_memory_without_locks);
}

CheckedTest(refusals, memory_is_copied_of_a_child_that_fails_without_robust_futexes)
{
	emulate(fail_in_copied_memory_without_locks);
}

/* ---- The real one ---- */

/* With the switch: without it there is a call that ends who makes it. */
static void detach_in_copied_memory(void)
{
	struct uspawn_child child;
	struct programs p;
	int fds[2];
	char byte;

	setenv("USPAWN_RUNG", "fork", 1);
	programs_begin(&p);
	copy_assert(pipe2(fds, O_CLOEXEC) == 0);
	copy_assert(uspawn(&child,
			   USPAWN(request, SH("printf x >&3; printf y"), .flags = USPAWN_DETACH,
				  FDS({ 1, .fd = fds[1] }, { 3, .fd = p.bytes })),
			   NULL) == 0);
	copy_assert(read(fds[0], &byte, 1) == 1 && byte == 'y');
	copy_assert(programs_that_ran(&p) == 1);
}

static const struct {
	const char *name;
	void (*body)(void);
} hosts[] = {
	{ "detach", detach_in_copied_memory },
	{ "start", start_in_copied_memory },
	{ "exit", exit_in_copied_memory },
	{ "fail", fail_in_copied_memory },
};

/* This program as a host under it, which Criterion need not be. */
__attribute__((constructor)) static void be_a_host(void)
{
	const char *name = getenv("USPAWN_TEST_HOST");

	for (size_t i = 0; name && i < sizeof(hosts) / sizeof(*hosts); i++)
		if (strcmp(name, hosts[i].name) == 0) {
			hosts[i].body();
			_exit(0);
		}
}

static void run_host(const char *name)
{
	char self[PATH_MAX], variable[64];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	struct uspawn_child child;
	int r;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	cr_skip_test("not under another tool that watches memory");
#endif
	if (getenv("USPAWN_TEST_PROBED"))
		cr_skip_test("it takes the kernel's breakpoints for the program's");
	cr_assert_gt(length, 0);
	self[length] = '\0';
	snprintf(variable, sizeof(variable), "USPAWN_TEST_HOST=%s", name);
	r = uspawn(
		&child,
		USPAWN(request, .argv = LIST("valgrind", "-q", "--error-exitcode=9", self), .setenv = LIST(variable)),
		NULL);
	if (r == -ENOENT)
		cr_skip_test("no valgrind");
	cr_assert_eq(r, 0);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	assert_exited(&child, 0);
}

CheckedTest(refusals, valgrind_runs_a_program_once)
{
	run_host("start");
}

CheckedTest(refusals, valgrind_and_a_program_that_exits_with_127)
{
	run_host("exit");
}

CheckedTest(refusals, valgrind_and_a_program_that_is_not_there)
{
	run_host("fail");
}

CheckedTest(refusals, valgrind_and_a_detached_child)
{
	run_host("detach");
}
