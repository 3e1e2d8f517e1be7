/* SPDX-License-Identifier: MIT */
/*
 * End-of-file alone would hang where another thread forks between our pipe2 and our close, for its child then holds the
 * write end, perhaps for ever. So the report also has a robust futex that exec and death release: the pipe wakes us at
 * once in the common case, and in the other the word is looked at now and then. A child that closes the pipe still
 * holds its lock, which is waited for then. Where there are no robust futexes (an emulator, a filter) the kernel's word
 * on a child that has not exec'd is asked for in /proc; without that, too, the pipe alone is believed.
 */
#include <stdlib.h>
#include <string.h>

#include "fds.h"
#include "lifeline.h"
#include "sys.h"

#define PAGE_SIZE     4096
#define LOOK_FIRST_NS 1000000
#define LOOK_LAST_NS  16000000

#define FORKNOEXEC 0x40 /* PF_FORKNOEXEC, among the flags of proc_pid_stat(5) */

int lifeline_open(struct lifeline *ret, const struct uspawn_plan *plan)
{
	void *page;
	int ends[2], r = sys_mmap(PAGE_SIZE, MAP_SHARED, -1, &page);

	if (r < 0)
		return r;
	r = sys_pipe2(ends, O_CLOEXEC);
	if (r < 0) {
		sys_munmap(page, PAGE_SIZE);
		return r;
	}
	ret->report = page;
	ret->read_end = fds_out_of_the_way(ends[0], plan);
	ret->write_end = fds_out_of_the_way(ends[1], plan);
	if (ret->read_end < 0 || ret->write_end < 0) {
		r = ret->read_end < 0 ? ret->read_end : ret->write_end;
		lifeline_close(ret);
		return r;
	}
	return 0;
}

static int has_let_go(const struct child_report *report)
{
	return __atomic_load_n(&report->errnum, __ATOMIC_ACQUIRE) != 0 ||
	       __atomic_load_n(&report->lock.word, __ATOMIC_ACQUIRE) & FUTEX_OWNER_DIED;
}

/* Who holds it wakes a waiter only if there is the mark of one. */
static void wait_for_lock(struct child_report *report)
{
	struct timespec slice = sys_timespec(LOOK_LAST_NS);
	uint32_t word;

	while (!has_let_go(report) && (word = __atomic_load_n(&report->lock.word, __ATOMIC_ACQUIRE)))
		if (word & FUTEX_WAITERS || __atomic_compare_exchange_n(&report->lock.word, &word, word | FUTEX_WAITERS,
									0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			sys_futex_wait(&report->lock.word, word | FUTEX_WAITERS, &slice);
}

/* ---- What the kernel says of a process: on little stack, and so without libc, which the loader may bind here ---- */

/* The next number, without its sign; `at` is moved behind it. */
static unsigned long next_field(const char **at)
{
	unsigned long n = 0;

	while (**at == ' ' || **at == '-')
		++*at;
	while (**at >= '0' && **at <= '9')
		n = n * 10 + (unsigned long)(*(*at)++ - '0');
	return n;
}

/* Of "PID (NAME) STATE PPID ...": 1: as forked, 0: not any more, -1: nobody says. */
static int read_stat(const char *text, long n)
{
	const char *at = text + n;
	unsigned long flags;
	char state;

	while (at > text && at[-1] != ')')
		at--;
	if (at == text || text + n - at < 4)
		return -1;
	state = at[1];
	at += 2;
	if (next_field(&at) != (unsigned long)sys_getpid())
		return -1; /* of another PID namespace, where it is another process */
	for (int i = 0; i < 4; i++)
		next_field(&at); /* process group, session, terminal, its process group */
	flags = next_field(&at);
	return state != 'Z' && state != 'X' && flags & FORKNOEXEC;
}

static void stat_path(char *ret, int pid)
{
	char digits[12], *at = digits + sizeof(digits);

	do
		*--at = (char)('0' + pid % 10);
	while (pid /= 10);
	memcpy(ret, "/proc/", 7);
	ret += 6;
	while (at < digits + sizeof(digits))
		*ret++ = *at++;
	memcpy(ret, "/stat", 6);
}

static int is_as_forked(int pid)
{
	char path[32], text[256];
	int file;
	long n;

	stat_path(path, pid);
	file = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	if (file < 0)
		return -1;
	n = sys_read(file, text, sizeof(text) - 1);
	sys_close(file);
	n = n < 0 ? 0 : n;
	text[n] = '\0';
	return read_stat(text, n);
}

/* ---- Waiting ---- */

static int has_no_lock(const struct child_report *report)
{
	return !__atomic_load_n(&report->lock.word, __ATOMIC_ACQUIRE);
}

/* It has closed the pipe, by its exec or before. */
static void wait_for_exec(const struct child_report *report, int pid)
{
	struct timespec slice = sys_timespec(LOOK_FIRST_NS);

	while (!has_let_go(report) && has_no_lock(report) && is_as_forked(pid) == 1)
		sys_nanosleep(&slice);
}

void lifeline_wait(struct lifeline *lifeline, int pid)
{
	int64_t look_ns = LOOK_FIRST_NS;

	sys_close(lifeline->write_end);
	lifeline->write_end = -1;
	for (;;) {
		struct pollfd end = { .fd = lifeline->read_end, .events = POLLIN };
		struct timespec slice = sys_timespec(look_ns);

		/* Nobody writes: ready means that no write end is left. */
		if (has_let_go(lifeline->report))
			return;
		if (sys_ppoll(&end, 1, &slice) == 1) {
			wait_for_lock(lifeline->report);
			wait_for_exec(lifeline->report, pid);
			return;
		}
		if (has_no_lock(lifeline->report) && is_as_forked(pid) == 0)
			return;
		if (look_ns < LOOK_LAST_NS)
			look_ns *= 2;
	}
}

static int has_ended(int pid)
{
	siginfo_t info;

	return sys_look_for_end(P_PID, pid, &info) < 0 || info.si_pid;
}

void lifeline_wait_for(struct child_report *report, int pid)
{
	struct timespec slice = sys_timespec(LOOK_FIRST_NS);

	while (!__atomic_load_n(&report->begun, __ATOMIC_ACQUIRE) && !has_ended(pid))
		sys_nanosleep(&slice);
	wait_for_lock(report);
	wait_for_exec(report, pid);
}

void lifeline_close(struct lifeline *lifeline)
{
	if (lifeline->read_end >= 0)
		sys_close(lifeline->read_end);
	if (lifeline->write_end >= 0)
		sys_close(lifeline->write_end);
	sys_munmap(lifeline->report, PAGE_SIZE);
}
