/* SPDX-License-Identifier: MIT */
/* A control group of the child's own: killed as a whole, told when it is empty, removed, and its use known. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/copy.h"
#include "harness/files.h"
#include "harness/groups.h"
#include "harness/kernel.h"
#include "harness/rings.h"
#include "harness/rounds.h"

CheckedSuite(trees);

#define MS        1000000ull
#define ASK(type) (1u << USPAWN_EVENT_##type)
#define IN(group) .flags = USPAWN_SETCGROUP | USPAWN_TREE, .cgroup_fd = (group).fd

/* What it starts makes sessions of its own, and ignores what can be ignored. */
#define STUBBORN SH("setsid sleep 100 & (setsid sh -c 'sleep 100; :' &) ; wait"), .sigignore = 1ull << (SIGTERM - 1)

static void expect(struct uspawn_ring *ring, uint32_t type)
{
	struct uspawn_event event = ring_next(ring);

	cr_assert_eq(event.type, type, "event %u instead of %u", event.type, type);
}

/* How many groups are below it. */
static int count_groups(const struct own_group *g)
{
	DIR *dir = opendir(g->path);
	struct dirent *entry;
	int n = 0;

	while ((entry = readdir(dir)))
		n += entry->d_type == DT_DIR && *entry->d_name != '.';
	closedir(dir);
	return n;
}

EachRing(trees, c46_killed_as_a_whole)
{
	static const struct uspawn_timed ladder[] = { { 1000 * MS, SIGTERM, USPAWN_TIMED_TREE },
						      { 1050 * MS, SIGKILL, USPAWN_TIMED_TREE } };
	struct uspawn_tree_usage usage = { .left = 7 };
	struct uspawn_child child;
	GROUP group;

	group_make(&group);
	ring_begin(ring, &child,
		   USPAWN(request, STUBBORN, IN(group), .timed = ladder, .ntimed = 2,
			  .events = ASK(EXIT) | ASK(TREE_EMPTY) | ASK(TIMED)),
		   USPAWN(args, .tree = &usage));
	cr_assert_eq(count_groups(&group), 1);
	expect(ring, USPAWN_EVENT_TIMED);
	expect(ring, USPAWN_EVENT_TIMED);
	expect(ring, USPAWN_EVENT_EXIT);
	expect(ring, USPAWN_EVENT_TREE_EMPTY);
	expect(ring, USPAWN_EVENT_END);
	assert_killed(&child, SIGKILL);
	cr_assert_eq(child.exit.timed, 2);
	cr_assert_eq(count_groups(&group), 0, "it is removed");
	cr_assert(usage.left == 0 && usage.cpu_us > 0 && usage.cpu_us >= usage.user_us);
	uspawn_ring_free(ring);
}

/* Below the group, in the one of the child. */
static char freeze(const struct own_group *group, const char *write_it)
{
	DIR *dir = opendir(group->path);
	struct dirent *entry;
	char path[300], state = '?';

	while ((entry = readdir(dir))) {
		int file;

		if (entry->d_type != DT_DIR || *entry->d_name == '.')
			continue;
		snprintf(path, sizeof(path), "%.240s/cgroup.freeze", entry->d_name);
		file = openat(group->fd, path, (write_it ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
		cr_assert(file >= 0 && (write_it ? write(file, write_it, 1) : read(file, &state, 1)) == 1);
		close(file);
	}
	closedir(dir);
	return state;
}

/* A signal thaws what was frozen for it, not what the caller has frozen. */
CheckedTest(trees, frozen_by_the_caller)
{
	struct uspawn_child child;
	GROUP group;

	group_make(&group);
	cr_assert_eq(uspawn(&child, USPAWN(request, SH("sleep 100"), IN(group)), NULL), 0);
	cr_assert_eq(uspawn_kill(&child, SIGCONT, USPAWN_KILL_TREE), 0);
	cr_assert_eq(freeze(&group, NULL), '0');
	freeze(&group, "1");
	cr_assert_eq(uspawn_kill(&child, 0, USPAWN_KILL_TREE), 0);
	cr_assert_eq(uspawn_kill(&child, SIGCONT, USPAWN_KILL_TREE), 0);
	cr_assert_eq(freeze(&group, NULL), '1');
	cr_assert_eq(uspawn_kill(&child, SIGKILL, USPAWN_KILL_TREE), 0);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	assert_killed(&child, SIGKILL);
}

/* The child is gone, its family is not: the END waits for it. */
EachRing(trees, c46_what_outlives_the_child)
{
	struct uspawn_child child;
	struct uspawn_event event;
	GROUP group;

	group_make(&group);
	ring_begin(ring, &child,
		   USPAWN(request, SH("setsid sleep 100 & exit 3"), IN(group), .events = ASK(EXIT) | ASK(TREE_EMPTY)),
		   NULL);
	expect(ring, USPAWN_EVENT_EXIT);
	assert_exited(&child, 3);
	cr_assert_eq(uspawn_ring_wait(ring, &event, 1, 20 * MS), 0);
	cr_assert_eq(uspawn_kill(&child, SIGKILL, 0), -ESRCH);
	cr_assert_eq(uspawn_kill(&child, SIGTERM, USPAWN_KILL_TREE), 0);
	expect(ring, USPAWN_EVENT_TREE_EMPTY);
	expect(ring, USPAWN_EVENT_END);
	cr_assert_eq(uspawn_kill(&child, SIGKILL, USPAWN_KILL_TREE), -ESRCH);
	cr_assert_eq(count_groups(&group), 0);
	uspawn_ring_free(ring);
}

EachRing(trees, what_is_left_behind)
{
	struct uspawn_tree_usage usage;
	struct uspawn_child child;
	struct uspawn_event event;
	GROUP group;
	char path[700], name[300] = "";

	group_make(&group);
	ring_begin(ring, &child, USPAWN(request, SH("setsid sleep 100 & exit 3"), IN(group), .drain_ns = 20 * MS),
		   USPAWN(args, .tree = &usage));
	expect(ring, USPAWN_EVENT_END);
	cr_assert_eq(usage.left, 1);
	cr_assert_eq(count_groups(&group), 1);
	DIR *dir = opendir(group.path);
	for (struct dirent *entry; (entry = readdir(dir));)
		if (strncmp(entry->d_name, "uspawn-", 7) == 0)
			snprintf(name, sizeof(name), "%s", entry->d_name);
	closedir(dir);
	snprintf(path, sizeof(path), "%s/%s/cgroup.kill", group.path, name);
	FILE *file = fopen(path, "w");
	cr_assert(file && fputs("1", file) >= 0 && fclose(file) == 0);
	snprintf(path, sizeof(path), "%s/%s", group.path, name);
	while (rmdir(path) < 0 && errno == EBUSY)
		uspawn_ring_wait(ring, &event, 1, MS);
	uspawn_ring_free(ring);
}

EachWaitingRung(trees, by_a_blocking_call)
{
	static const struct uspawn_timed ladder[] = { { 1000 * MS, SIGKILL, USPAWN_TIMED_TREE } };
	struct uspawn_output output = { .head = 100 };
	struct uspawn_tree_usage usage;
	struct uspawn_child child;
	GROUP group;

	group_make(&group);
	cr_assert_eq(uspawn_run(&child,
				USPAWN(request, .rung = way->rung, SH("(setsid sleep 100 &); echo hi; exec sleep 100"),
				       IN(group), FDS({ 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(0) }), .timed = ladder,
				       .ntimed = 1),
				USPAWN(args, .outputs = &output, .noutputs = 1, .tree = &usage)),
		     0);
	assert_killed(&child, SIGKILL);
	cr_assert(output.len == 3 && !output.cut_off && usage.left == 0);
	free(output.data);
	cr_assert_eq(uspawn_run(&child,
				USPAWN(request, .rung = way->rung, .path = "/no/such", .argv = LIST("x"), IN(group)),
				NULL),
		     -ENOENT);
	cr_assert_eq(count_groups(&group), 0, "a failed start leaves none");
	cr_assert_eq(uspawn(&child, USPAWN(request, .rung = way->rung, .argv = LIST("sleep", "100"), IN(group)), NULL),
		     0);
	cr_assert_eq(uspawn_kill(&child, SIGKILL, USPAWN_KILL_RELEASE), 0);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	cr_assert_eq(count_groups(&group), 0);
}

/* Who only looks is told when the last of them has gone. */
EachWaitingRung(trees, looked_at_only)
{
	struct uspawn_child child;
	int end = -1, looks = 0;
	GROUP group;

	group_make(&group);
	cr_assert_eq(uspawn(&child,
			    USPAWN(request, .rung = way->rung, SH("(read x <&3) & exit 5"), IN(group),
				   FDS({ 3, USPAWN_READ_END, .fd = USPAWN_ARG(0) })),
			    USPAWN(args, .fds = &end, .nfds = 1)),
		     0);
	while (!child.exit.code)
		cr_assert_eq(uspawn_wait(&child, 0), 0);
	close(end);
	for (; uspawn_wait(&child, 0) == 0; looks++) {
		cr_assert_lt(looks, 20000);
		poll(NULL, 0, 1);
	}
	assert_exited(&child, 5);
	cr_assert_eq(count_groups(&group), 0);
}

enum { RACED = 200 };

static struct uspawn_child raced[RACED];
static atomic_int nraced;
static int last_answer;

/* Every other child gets signals until its end, and some that come later. */
static void *kill_trees(void *p)
{
	for (int i = 0; i < RACED; i += 2) {
		while (atomic_load(&nraced) <= i)
			;
		do
			last_answer = uspawn_kill(&raced[i], SIGTERM, USPAWN_KILL_TREE);
		while (last_answer == 0);
	}
	return p;
}

CheckedTest(trees, killed_while_another_thread_learns_of_the_end)
{
	struct uspawn_plan *plan;
	pthread_t thread;
	GROUP group;

	group_make(&group);
	cr_assert_eq(uspawn_plan_new(&plan, USPAWN(request, WITNESS("exit", "0"), IN(group)), NULL), 0);
	cr_assert_eq(pthread_create(&thread, NULL, kill_trees, NULL), 0);
	for (int i = 0; i < RACED; i++) {
		cr_assert_eq(uspawn_start(&raced[i], plan, NULL), 0);
		atomic_store(&nraced, i + 1);
		cr_assert_eq(uspawn_wait(&raced[i], -1), 1);
	}
	pthread_join(thread, NULL);
	cr_assert_eq(last_answer, -ESRCH, "%d", last_answer);
	for (int i = 1; i < RACED; i += 2)
		assert_exited(&raced[i], 0);
	uspawn_plan_free(plan);
}

/* Who is just being made is met, too. */
CheckedTest(trees, c46_of_those_that_fork)
{
	int missed = 0, tries = rounds(10);

	for (int i = 0; i < tries; i++) {
		struct uspawn_child child;
		GROUP group;
		int out = -1;
		char c;

		group_make(&group);
		cr_assert_eq(uspawn(&child,
				    USPAWN(request, WITNESS("breed", "6"), IN(group),
					   FDS({ 1, USPAWN_WRITE_END, .fd = USPAWN_ARG(0) })),
				    USPAWN(args, .fds = &out, .nfds = 1)),
			     0);
		cr_assert_eq(read(out, &c, 1), 1);
		cr_assert_eq(uspawn_kill(&child, SIGTERM, USPAWN_KILL_TREE), 0);
		if (uspawn_wait(&child, 5000 * (int64_t)MS) == 0) {
			missed++;
			cr_assert_eq(uspawn_kill(&child, SIGKILL, USPAWN_KILL_TREE), 0);
			cr_assert_eq(uspawn_wait(&child, -1), 1);
		}
		assert_killed(&child, SIGTERM);
		close(out);
	}
	/* A machine may be too busy to stop all of them in time. */
	cr_assert_leq(missed, tries / 3, "%d of %d", missed, tries);
}

/* Who ends closes its files before it leaves its group. */
static void await_empty(const struct own_group *g)
{
	struct pollfd events = { .fd = openat(g->fd, "cgroup.events", O_RDONLY | O_CLOEXEC), .events = POLLPRI };
	char text[64] = "";

	for (;;) {
		cr_assert(pread(events.fd, text, sizeof(text) - 1, 0) > 0);
		if (strstr(text, "populated 0"))
			break;
		cr_assert_eq(poll(&events, 1, 10000), 1);
	}
	close(events.fd);
}

/* Those that are still below the test's are removed. */
static void remove_below(const struct own_group *g)
{
	struct uspawn_child child;

	await_empty(g);
	cr_assert_eq(uspawn_run(&child,
				USPAWN(request, .argv = LIST("find", (char *)g->path, "-mindepth", "1", "-depth",
							     "-type", "d", "-exec", "rmdir", "{}", ";")),
				NULL),
		     0);
	cr_assert_eq(count_groups(g), 0);
}

/* A shell with the group's path as its argument, which has said that it is ready. Returns what it writes to. */
static int begin_script(struct uspawn_child *child, struct own_group *group, const char *script,
			struct uspawn_tree_usage *usage)
{
	int out = -1;
	char c;

	group_make(group);
	cr_assert_eq(uspawn(child,
			    USPAWN(request, .argv = LIST("sh", "-c", (char *)script, "sh", group->path), IN(*group),
				   FDS({ 1, USPAWN_WRITE_END, .fd = USPAWN_ARG(0) })),
			    USPAWN(args, .fds = &out, .nfds = 1, .tree = usage)),
		     0);
	cr_assert_eq(read(out, &c, 1), 1);
	return out;
}

/* Says so when there are so many. */
#define HUNDREDS "i=0; while [ $((i += 1)) -le 400 ]; do sleep 100 & done; echo; wait"

static void kill_hundreds(void)
{
	struct uspawn_child child;
	GROUP group;
	int out = begin_script(&child, &group, HUNDREDS, NULL);

	cr_assert_eq(uspawn_kill(&child, SIGTERM, USPAWN_KILL_TREE), 0);
	cr_assert_eq(uspawn_wait(&child, 10000 * (int64_t)MS), 1);
	assert_killed(&child, SIGTERM);
	close(out);
}

/* Of more than are read at once, the first have ended by the time the last are read. */
CheckedTest(trees, c46_of_hundreds)
{
	kill_hundreds();
}

CheckedTest(trees, c46_of_hundreds_before_pidfds_knew_groups)
{
	kernel_refuse(CALL_PIDFD_INFO, ENOTTY);
	kill_hundreds();
}

/* Names that are at the same place in the directory, by the kernel's hash. */
#define PLACED                                                                                                   \
	"d=$(echo \"$1\"/uspawn-*); for n in alal alba baal baba aa al ba; do mkdir $d/$n; sleep 100 & echo $! " \
	">$d/$n/cgroup.procs; done; echo; exec sleep 100"

CheckedTest(trees, c46_groups_of_one_place)
{
	struct uspawn_child child;
	GROUP group;
	int out = begin_script(&child, &group, PLACED, NULL);
	char c;

	cr_assert_eq(uspawn_kill(&child, SIGTERM, USPAWN_KILL_TREE), 0);
	cr_assert_eq(read(out, &c, 1), 0, "all have ended");
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	assert_killed(&child, SIGTERM);
	close(out);
	remove_below(&group);
}

/* A lack puts a signal off; it does not cancel it. */
EachRing(trees, signal_without_a_descriptor)
{
	static const struct uspawn_timed ladder[] = { { 20 * MS, SIGKILL, USPAWN_TIMED_TREE } };
	struct uspawn_child child;
	struct uspawn_event event;
	struct rlimit limit, none;
	GROUP group;

	group_make(&group);
	ring_begin(ring, &child, USPAWN(request, .argv = LIST("sleep", "100"), IN(group), .timed = ladder, .ntimed = 1),
		   NULL);
	getrlimit(RLIMIT_NOFILE, &limit);
	none = (struct rlimit){ 3, limit.rlim_max };
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	cr_assert_eq(uspawn_kill(&child, SIGKILL, USPAWN_KILL_TREE), -EMFILE);
	cr_assert_eq(uspawn_ring_wait(ring, &event, 1, 100 * MS), 0);
	setrlimit(RLIMIT_NOFILE, &limit);
	expect(ring, USPAWN_EVENT_END);
	assert_killed(&child, SIGKILL);
	cr_assert_eq(child.exit.timed, 1);
	uspawn_ring_free(ring);
}

/* So many numbers are free from now on. Returns the limit as it was. */
static struct rlimit leave_numbers(int count)
{
	struct rlimit old, few;
	int fd = 3;

	for (; count; fd++)
		count -= !file_is_open(fd);
	getrlimit(RLIMIT_NOFILE, &old);
	few = (struct rlimit){ (rlim_t)fd, old.rlim_max };
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	return old;
}

static const struct uspawn_timed term_and_kill[] = { { 20 * MS, SIGTERM, USPAWN_TIMED_TREE },
						     { 40 * MS, SIGKILL, USPAWN_TIMED_TREE } };

#define TERM_AND_KILL \
	.argv = LIST("sleep", "100"), .sigignore = 1ull << (SIGTERM - 1), .timed = term_and_kill, .ntimed = 2

/* It has this file, by which a signal takes as many descriptors as the test says. */
static void make_with(struct own_group *g, const char *file)
{
	group_make(g);
	if (faccessat(g->fd, file, F_OK, 0) < 0)
		cr_skip_test("no %s in this kernel", file);
}

EachRing(trees, signal_after_one_without_descriptors)
{
	struct uspawn_child child;
	struct rlimit limit;
	GROUP group;

	make_with(&group, "cgroup.kill"); /* a SIGKILL: one; a SIGTERM: three */
	ring_begin(ring, &child, USPAWN(request, TERM_AND_KILL, IN(group)), NULL);
	limit = leave_numbers(1);
	ring_assert_end(ring, &child);
	setrlimit(RLIMIT_NOFILE, &limit);
	assert_killed(&child, SIGKILL);
	cr_assert_eq(child.exit.timed, 1);
	uspawn_ring_free(ring);
}

EachWaitingRung(trees, signal_after_one_without_descriptors_by_a_wait)
{
	struct uspawn_child child;
	struct rlimit limit;
	GROUP group;

	make_with(&group, "cgroup.kill"); /* a SIGKILL: one; a SIGTERM: three */
	cr_assert_eq(uspawn(&child, USPAWN(request, .rung = way->rung, TERM_AND_KILL, IN(group)), NULL), 0);
	limit = leave_numbers(1);
	cr_assert_eq(uspawn_wait(&child, 20000 * MS), 1);
	setrlimit(RLIMIT_NOFILE, &limit);
	assert_killed(&child, SIGKILL);
	cr_assert_eq(child.exit.timed, 1);
}

/* As a manager of containers does: groups below its own, with others in each of them. */
#define MANAGER                                                                                                    \
	"d=$(echo \"$1\"/uspawn-*); mkdir $d/a $d/a/b $d/c; sleep 100 & echo $! >$d/a/b/cgroup.procs; sleep 100 &" \
	"echo $! >$d/c/cgroup.procs; echo; exec sleep 100"

CheckedTest(trees, groups_below_it)
{
	struct uspawn_tree_usage usage;
	struct uspawn_child child;
	GROUP group;
	int out = begin_script(&child, &group, MANAGER, &usage);
	char c;

	cr_assert_eq(uspawn_kill(&child, SIGTERM, USPAWN_KILL_TREE), 0);
	cr_assert_eq(read(out, &c, 1), 0);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	assert_killed(&child, SIGTERM);
	cr_assert_eq(usage.left, 1);
	close(out);
	remove_below(&group);
}

/* Nobody is in it; one that tells of each SIGTERM is in a group below, another in a group of that. */
#define MOVED                                                                                       \
	"trap 'echo term' TERM; d=$(echo \"$1\"/uspawn-*); mkdir $d/a $d/a/b; sleep 100 & echo $! " \
	">$d/a/b/cgroup.procs;"                                                                     \
	"echo $$ >$d/a/cgroup.procs; echo moved; while :; do wait; done"

static void assert_line(int out, const char *want)
{
	char line[16] = "";

	for (size_t n = 0; n < sizeof(line) - 1 && !strchr(line, '\n'); n++)
		cr_assert_eq(read(out, line + n, 1), 1);
	cr_assert_eq(strncmp(line, want, strlen(want)), 0, "%s", line);
}

/* Who was met is not met again for those that could not be, for lack of descriptors to list them by. */
EachRing(trees, signal_that_meets_some)
{
	static const struct uspawn_timed ladder[] = { { 1000 * MS, SIGTERM, USPAWN_TIMED_TREE } };
	struct uspawn_child child;
	struct rlimit limit;
	GROUP group;
	int out = -1;
	char c;

	make_with(&group, "cgroup.freeze");
	ring_begin(ring, &child,
		   USPAWN(request, .argv = LIST("sh", "-c", MOVED, "sh", group.path), IN(group), .timed = ladder,
			  .ntimed = 1, .events = ASK(TIMED) | ASK(EXIT),
			  FDS({ 1, USPAWN_WRITE_END, .fd = USPAWN_ARG(0) })),
		   USPAWN(args, .fds = &out, .nfds = 1));
	assert_line(out, "moved");
	limit = leave_numbers(5);
	cr_assert_eq(uspawn_kill(&child, SIGTERM, USPAWN_KILL_TREE), -EAGAIN);
	assert_line(out, "term");
	expect(ring, USPAWN_EVENT_TIMED);
	assert_line(out, "term");
	setrlimit(RLIMIT_NOFILE, &limit);
	cr_assert_eq(uspawn_kill(&child, SIGKILL, USPAWN_KILL_TREE), 0);
	cr_assert_eq(read(out, &c, 1), 0);
	expect(ring, USPAWN_EVENT_EXIT);
	cr_assert_eq(child.exit.timed, 1);
	expect(ring, USPAWN_EVENT_END);
	close(out);
	remove_below(&group);
	uspawn_ring_free(ring);
}

/* To a new group below the child's. */
static void move_below(const struct own_group *g, const char *name, pid_t pid)
{
	DIR *dir = opendir(g->path);
	struct dirent *entry;
	char path[300];
	int file;

	while ((entry = readdir(dir)) && strncmp(entry->d_name, "uspawn-", 7) != 0)
		;
	cr_assert(entry);
	snprintf(path, sizeof(path), "%.240s/%s", entry->d_name, name);
	closedir(dir);
	cr_assert_eq(mkdirat(g->fd, path, 0755), 0);
	strcat(path, "/cgroup.procs");
	file = openat(g->fd, path, O_WRONLY | O_CLOEXEC);
	cr_assert(file >= 0 && dprintf(file, "%d", pid) > 0);
	close(file);
}

enum { QUEUED = 40 }; /* a signal of which each one counts */

/* Who was met as one of its tree is not met again as the child. */
EachRing(trees, end_of_service_that_meets_some)
{
	static const struct uspawn_timed ladder[] = { { 0, QUEUED, USPAWN_TIMED_TREE },
						      { 60000 * MS, SIGKILL, USPAWN_TIMED_TREE } };
	struct uspawn_child child, other;
	struct rlimit limit;
	GROUP group;
	int ends[2];

	make_with(&group, "cgroup.freeze");
	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	ring_begin(ring, &child,
		   USPAWN(request, WITNESS("eof", "0", "pending", "40"), .cgroup_fd = group.fd,
			  .flags = USPAWN_SETCGROUP | USPAWN_TREE | USPAWN_SETSIGMASK, .sigmask = 1ull << (QUEUED - 1),
			  FDS({ 0, .fd = ends[0] })),
		   NULL);
	cr_assert_eq(uspawn(&other, USPAWN(request, WITNESS("eof", "0", "exit", "0"), FDS({ 0, .fd = ends[0] })), NULL),
		     0);
	move_below(&group, "a", child.pid);
	move_below(&group, "a/b", other.pid);
	limit = leave_numbers(5);
	cr_assert_eq(uspawn_ring_end(ring, ladder, 2), 0);
	setrlimit(RLIMIT_NOFILE, &limit);
	close(ends[1]);
	cr_assert_eq(uspawn_wait(&other, -1), 1);
	assert_exited(&other, 0);
	ring_assert_end(ring, &child);
	assert_exited(&child, 1);
	close(ends[0]);
	remove_below(&group);
	uspawn_ring_free(ring);
}

/* Who lacks descriptors to meet a tree with tries again, and does not make do with the child. */
EachRing(trees, end_of_service_without_descriptors)
{
	static const struct uspawn_timed ladder[] = { { 0, SIGTERM, USPAWN_TIMED_TREE } };
	struct uspawn_event event;
	struct uspawn_child child;
	struct rlimit limit;
	GROUP group;
	int out = -1;
	char c;

	make_with(&group, "cgroup.freeze");
	ring_begin(ring, &child,
		   USPAWN(request, .argv = LIST("sh", "-c", "setsid sleep 100 & echo; wait"), IN(group),
			  FDS({ 1, USPAWN_WRITE_END, .fd = USPAWN_ARG(0) })),
		   USPAWN(args, .fds = &out, .nfds = 1));
	cr_assert_eq(read(out, &c, 1), 1);
	limit = leave_numbers(0);
	cr_assert_eq(uspawn_ring_end(ring, ladder, 1), 0);
	cr_assert_eq(uspawn_ring_wait(ring, &event, 1, 20 * MS), 0);
	setrlimit(RLIMIT_NOFILE, &limit);
	expect(ring, USPAWN_EVENT_END);
	assert_killed(&child, SIGTERM);
	cr_assert_eq(read(out, &c, 1), 0);
	close(out);
	remove_below(&group);
	uspawn_ring_free(ring);
}

/* A SIGKILL takes fewer, and is the last word. */
EachRing(trees, end_of_service_whose_sigkill_needs_less)
{
	static const struct uspawn_timed ladder[] = { { 0, SIGTERM, USPAWN_TIMED_TREE },
						      { 20 * MS, SIGKILL, USPAWN_TIMED_TREE } };
	struct uspawn_child child;
	struct rlimit limit;
	GROUP group;

	make_with(&group, "cgroup.kill"); /* a SIGKILL: one; a SIGTERM: three */
	ring_begin(ring, &child, USPAWN(request, .argv = LIST("sleep", "100"), IN(group)), NULL);
	limit = leave_numbers(1);
	cr_assert_eq(uspawn_ring_end(ring, ladder, 2), 0);
	ring_assert_end(ring, &child);
	setrlimit(RLIMIT_NOFILE, &limit);
	assert_killed(&child, SIGKILL);
	uspawn_ring_free(ring);
}

/* By somebody else, once nobody is in it. */
CheckedTest(trees, one_that_was_removed)
{
	struct uspawn_child child;
	struct pollfd ended = { .events = POLLIN };
	GROUP group;

	group_make(&group);
	cr_assert_eq(uspawn(&child, USPAWN(request, .argv = LIST("true"), IN(group)), NULL), 0);
	ended.fd = child.pidfd;
	cr_assert_eq(poll(&ended, 1, 60000), 1);
	remove_below(&group);
	cr_assert_eq(uspawn_kill(&child, SIGTERM, USPAWN_KILL_TREE), -ESRCH);
	cr_assert_eq(uspawn_kill(&child, SIGKILL, USPAWN_KILL_TREE), -ESRCH);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	assert_exited(&child, 0);
}

static struct own_group *strangers_group;
static volatile sig_atomic_t signalled;

static void note_signal(int signo)
{
	(void)signo;
	signalled = 1;
}

/* Into the first tree of process 1. */
static int move_to_tree(pid_t pid)
{
	char path[600];
	FILE *file;

	snprintf(path, sizeof(path), "%s/uspawn-1-0/cgroup.procs", strangers_group->path);
	file = fopen(path, "w");
	return file && fprintf(file, "%d", pid) > 0 && fclose(file) == 0;
}

/* The first of its PID namespace, in a process group of its own. */
static void signal_stranger(int started, int moved)
{
	struct uspawn_child child;
	struct pollfd ended = { .events = POLLIN };
	char c = 'x';

	signal(SIGUSR1, note_signal);
	copy_assert(setpgid(0, 0) == 0);
	copy_assert(uspawn(&child, USPAWN(request, .argv = LIST("sleep", "100"), IN(*strangers_group)), NULL) == 0);
	copy_assert(write(started, &c, 1) == 1 && read(moved, &c, 1) == 1);
	copy_assert(uspawn_kill(&child, SIGUSR1, USPAWN_KILL_TREE) == 0);
	copy_assert(!signalled);
	ended.fd = child.pidfd;
	copy_assert(poll(&ended, 1, 60000) == 1);
	copy_assert(uspawn_kill(&child, SIGKILL, USPAWN_KILL_TREE) == 0 && uspawn_wait(&child, -1) == 1);
	copy_assert(child.exit.code == USPAWN_KILLED && child.exit.status == SIGUSR1);
	copy_end();
}

static void signal_from_namespace(void)
{
	int started[2], moved[2], status;
	pid_t stranger = fork(), pid;
	int was_moved = 0;
	char c;

	if (stranger == 0)
		for (;;)
			pause();
	if (pipe2(started, O_CLOEXEC) < 0 || pipe2(moved, O_CLOEXEC) < 0 || unshare(CLONE_NEWPID) < 0) {
		kill(stranger, SIGKILL);
		copy_skip("unshare");
	}
	pid = fork();
	if (pid == 0)
		signal_stranger(started[1], moved[0]);
	close(started[1]);
	if (read(started[0], &c, 1) == 1)
		was_moved = move_to_tree(stranger) && write(moved[1], "x", 1) == 1;
	if (!was_moved)
		kill(pid, SIGKILL);
	copy_assert(waitpid(pid, &status, 0) == pid);
	kill(stranger, SIGKILL);
	copy_assert(was_moved);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		_exit(1); /* it has said why */
}

/* It is listed as 0, which is nobody's number. */
CheckedTest(trees, one_of_another_pid_namespace)
{
	GROUP group;

	group_make(&group);
	strangers_group = &group;
	copy_run(signal_from_namespace);
}

EachRing(trees, many)
{
	enum { MANY = 20 };
	struct uspawn_child children[MANY];
	GROUP group;

	group_make(&group);
	for (int i = 0; i < MANY; i++)
		ring_begin(ring, &children[i], USPAWN(request, SH("sleep 0.02 & exit 0"), IN(group)), NULL);
	for (int i = 0; i < MANY; i++)
		expect(ring, USPAWN_EVENT_END);
	cr_assert_eq(count_groups(&group), 0);
	uspawn_ring_free(ring);
}

CheckedTest(trees, bad_input)
{
	static const struct uspawn_timed tree = { 1, SIGKILL, USPAWN_TIMED_TREE };
	struct uspawn_child child;
	int file = file_new(64);

	cr_assert_eq(uspawn(&child, USPAWN(request, .argv = LIST("true"), .flags = USPAWN_TREE), NULL), -EINVAL);
	cr_assert_eq(uspawn(&child, USPAWN(request, .argv = LIST("true"), .timed = &tree, .ntimed = 1), NULL), -EINVAL);
	cr_assert_lt(uspawn(&child,
			    USPAWN(request, .argv = LIST("true"), .flags = USPAWN_TREE | USPAWN_SETCGROUP,
				   .cgroup_fd = file),
			    NULL),
		     0);
	cr_assert_eq(child.failure.step, USPAWN_STEP_CGROUP);
	close(file);
	cr_assert_eq(uspawn(&child, USPAWN(request, .argv = LIST("sleep", "100")), NULL), 0);
	cr_assert_eq(uspawn_kill(&child, SIGKILL, USPAWN_KILL_TREE), -EINVAL);
	cr_assert_eq(uspawn_kill(&child, SIGKILL, USPAWN_KILL_TREE | USPAWN_KILL_GROUP), -EINVAL);
	cr_assert_eq(uspawn_kill(&child, SIGKILL, 0), 0);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
}

/* ---- Who may not be signalled ---- */

static struct own_group *others;

static void signal_a_tree_of_root(void)
{
	struct uspawn_child child;

	copy_assert(uspawn(&child,
			   USPAWN(request, .argv = LIST("sleep", "100"), .flags = USPAWN_SETCGROUP | USPAWN_TREE,
				  .cgroup_fd = others->fd),
			   NULL) == 0);
	copy_assert(setresuid(54321, 54321, 0) == 0);
	copy_assert(uspawn_kill(&child, SIGTERM, 0) == -EPERM);
	copy_assert(uspawn_kill(&child, SIGTERM, USPAWN_KILL_TREE) == -EPERM);
	copy_assert(uspawn_kill(&child, 65, USPAWN_KILL_TREE) == -EINVAL);
	copy_assert(uspawn_kill(&child, -9, USPAWN_KILL_TREE) == -EINVAL);
	copy_assert(uspawn_wait(&child, 0) == 0);
	copy_assert(setresuid(0, 0, 0) == 0);
	copy_assert(uspawn_kill(&child, SIGTERM, USPAWN_KILL_TREE) == 0);
	copy_assert(uspawn_wait(&child, -1) == 1 && child.exit.status == SIGTERM);
}

CheckedTest(trees, without_the_right_to_signal)
{
	GROUP group;

	if (geteuid() != 0)
		cr_skip_test("needs root, to give it up");
	group_make(&group);
	others = &group;
	copy_run(signal_a_tree_of_root);
}

/* ---- A host that closes what it does not know, and opens its own files there ---- */

static const char *others_directory;

static void signal_after_closing_all(void)
{
	struct uspawn_tree_usage usage = { 0 };
	struct uspawn_child child;
	struct stat file;
	char path[800];
	DIR *dir;
	struct dirent *entry;

	copy_assert(uspawn(&child,
			   USPAWN(request, .argv = LIST("sleep", "100"), .flags = USPAWN_SETCGROUP | USPAWN_TREE,
				  .cgroup_fd = others->fd),
			   USPAWN(args, .tree = &usage)) == 0);
	file_close_range(3, 0);
	for (int i = 3; i < 93; i++)
		copy_assert(open(others_directory, O_RDONLY | O_DIRECTORY) == i);
	copy_assert(uspawn_kill(&child, SIGKILL, USPAWN_KILL_TREE) == -ESRCH);
	copy_assert(uspawn_kill(&child, SIGKILL, 0) == 0);
	copy_assert(uspawn_wait(&child, -1) == 1 && usage.left);
	for (int i = 3; i < 93; i++)
		copy_assert(fcntl(i, F_GETFD) == 0);
	snprintf(path, sizeof(path), "%s/cgroup.kill", others_directory);
	copy_assert(stat(path, &file) == 0 && file.st_size == 0);
	dir = opendir(others->path);
	while ((entry = readdir(dir))) {
		snprintf(path, sizeof(path), "%s/%s", others->path, entry->d_name);
		while (strncmp(entry->d_name, "uspawn-", 7) == 0 && rmdir(path) < 0 && errno == EBUSY)
			poll(NULL, 0, 1);
	}
	closedir(dir);
}

CheckedTest(trees, host_has_closed_the_directory)
{
	GROUP group;
	SCRATCH scratch;

	group_make(&group);
	scratch_make(&scratch);
	close(open(scratch_path(&scratch, "cgroup.kill"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	others = &group;
	others_directory = scratch.path;
	copy_run(signal_after_closing_all);
}
