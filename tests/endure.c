/* SPDX-License-Identifier: MIT */
/*
 * What must hold however long it goes on. A test run has a short form of each; USPAWN_LONG=1 in the environment makes
 * it the long one.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/groups.h"
#include "harness/kernel.h"
#include "harness/rings.h"
#include "harness/rounds.h"

CheckedSuite(endure);

#define MS   1000000ull
#define S    (1000 * MS)
#define TERM (1ull << (SIGTERM - 1))
#define OUT  FDS({ 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(0) })

static int takes_long(void)
{
	return getenv("USPAWN_LONG") != NULL;
}

/* On the ring, to its END. */
static void run(struct uspawn_ring *ring, struct uspawn_child *child, const struct uspawn_request *request,
		const struct uspawn_args *args)
{
	ring_begin(ring, child, request, args);
	ring_assert_end(ring, child);
}

/* ---- Output and input ---- */

EachRing(endure, c47_a_mebibyte_both_ways)
{
	enum { N = 1 << 20 };
	const struct uspawn_fd both[] = { { 0, USPAWN_FEED, .fd = USPAWN_ARG(0) },
					  { 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(1) } };
	const struct uspawn_request *request = USPAWN(request, .argv = LIST("cat"), .fds = both, .nfds = 2);
	unsigned char *input = malloc(N);

	for (int i = 0; i < N; i++)
		input[i] = (unsigned char)(i * 7 + i / 251);
	for (int round = 0; round < (takes_long() ? 1000 : 10); round++) {
		struct uspawn_output outputs[2] = { [1] = { .head = UINT64_MAX } };
		struct uspawn_child child;

		input[round] ^= 0xff;
		run(ring, &child, request,
		    USPAWN(args, .input = input, .ninput = N, .outputs = outputs, .noutputs = 2));
		assert_exited(&child, 0);
		cr_assert(outputs[1].total == N && outputs[1].len == N && !outputs[1].dropped);
		cr_assert_eq(memcmp(outputs[1].data, input, N), 0);
		free(outputs[1].data);
	}
	free(input);
	uspawn_ring_free(ring);
}

/* All 588,895 bytes, each at its place. */
EachRing(endure, every_line_of_seq)
{
	enum { N = 588895 };
	char *want = malloc(N + 1), *at = want;

	for (int i = 1; i <= 100000; i++)
		at += sprintf(at, "%d\n", i);
	cr_assert_eq(at - want, N);
	for (int round = 0; round < (takes_long() ? 1000 : 20); round++) {
		struct uspawn_output output = { .head = UINT64_MAX };
		struct uspawn_child child;

		run(ring, &child, USPAWN(request, .argv = LIST("seq", "1", "100000"), OUT),
		    USPAWN(args, .outputs = &output, .noutputs = 1));
		assert_exited(&child, 0);
		cr_assert(output.len == N && output.total == N && memcmp(output.data, want, N) == 0);
		free(output.data);
	}
	free(want);
	uspawn_ring_free(ring);
}

static long peak_kib(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

/* 10 GiB that are read, counted and dropped but for 64 KiB. */
EachRing(endure, a_flood_in_flat_memory)
{
	const uint64_t total = takes_long() ? 10ull << 30 : 64ull << 20;
	struct uspawn_output output = { .head = 32768, .tail = 32768 };
	struct uspawn_child child;
	char bytes[32];
	long before;

	sprintf(bytes, "%llu", (unsigned long long)total);
	run(ring, &child, USPAWN(request, SH("yes | head -c 1000000"), OUT),
	    USPAWN(args, .outputs = &output, .noutputs = 1));
	free(output.data);
	output.data = NULL;
	before = peak_kib();
	run(ring, &child, USPAWN(request, .path = "/bin/sh", .argv = LIST("sh", "-c", "yes | head -c $0", bytes), OUT),
	    USPAWN(args, .outputs = &output, .noutputs = 1));
	assert_exited(&child, 0);
	cr_assert(output.total == total && output.len == 65536 && output.dropped == total - 65536);
	for (size_t i = 0; i < output.len; i += 2)
		cr_assert(output.data[i] == 'y' && output.data[i + 1] == '\n');
	cr_assert_lt(peak_kib() - before, 4096, "%ld KiB more", peak_kib() - before);
	free(output.data);
	uspawn_ring_free(ring);
}

/* ---- Deadlines ---- */

/* Nothing of it is left: what it had started came to us, a subreaper, and was killed. */
static void assert_all_killed(void)
{
	int status;

	while (waitpid(-1, &status, __WALL) > 0)
		cr_assert(WIFSIGNALED(status), "wait status %#x", (unsigned)status);
	cr_assert_eq(errno, ECHILD);
}

/* Strangers that come as fast as they are told of: who makes them does not so evade what is due. */
static void meet_a_flood(uint32_t flags)
{
	static const struct uspawn_timed ladder[] = { { S / 20, SIGKILL, 0 } };
	const struct timespec work = { 0, 5000000 };
	struct uspawn_ring *ring;
	struct uspawn_plan *plan;
	struct uspawn_child child;
	struct uspawn_event event = { .type = 0 };
	int told = 0, r;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	cr_assert_eq(uspawn_ring_new(&ring, 0, flags | USPAWN_RING_REAPER), 0);
	cr_assert_eq(uspawn_plan_new(&plan,
				     USPAWN(request, SH("while :; do (:& :& :&); done"), .timed = ladder, .ntimed = 1),
				     NULL),
		     0);
	cr_assert_eq(uspawn_ring_start(ring, &child, plan, NULL), 0);
	uspawn_plan_free(plan);
	for (; event.type != USPAWN_EVENT_END || event.child != &child; told += r) {
		r = uspawn_ring_wait(ring, &event, 1, -1);
		cr_assert_geq(r, 0);
		cr_assert_lt(told, 1000);
		nanosleep(&work, NULL);
	}
	assert_killed(&child, SIGKILL);
	uspawn_ring_free(ring);
	while (waitpid(-1, NULL, __WALL) > 0)
		;
}

CheckedTest(endure, a_flood_of_strangers_uring)
{
	meet_a_flood(0);
}

CheckedTest(endure, a_flood_of_strangers_epoll)
{
	meet_a_flood(USPAWN_RING_EPOLL);
}

/* Within its grace, since the second step is never reached. */
EachRing(endure, c46_a_second_for_the_group)
{
	static const struct uspawn_timed ladder[] = { { S, SIGTERM, USPAWN_TIMED_GROUP },
						      { 60 * S, SIGKILL, USPAWN_TIMED_GROUP } };
	struct uspawn_output output = { .head = 100 };
	struct uspawn_child child;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (int round = 0; round < (takes_long() ? 10 : 1); round++) {
		run(ring, &child,
		    USPAWN(request, SH("sleep 30 & wait"), OUT, .flags = USPAWN_SETPGROUP, .timed = ladder,
			   .ntimed = 2),
		    USPAWN(args, .outputs = &output, .noutputs = 1));
		assert_killed(&child, SIGTERM);
		cr_assert(child.exit.timed == 1 && !output.cut_off);
		assert_all_killed();
	}
	uspawn_ring_free(ring);
}

/* Sessions of their own, which ignore what can be ignored: in the tree they are met all the same. */
EachRing(endure, c46_a_second_for_the_tree)
{
	static const struct uspawn_timed ladder[] = { { S, SIGTERM, USPAWN_TIMED_TREE },
						      { 2 * S, SIGKILL, USPAWN_TIMED_TREE } };
	struct uspawn_child child;
	GROUP group;

	group_make(&group);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (int round = 0; round < (takes_long() ? 10 : 1); round++) {
		struct uspawn_tree_usage usage;

		run(ring, &child,
		    USPAWN(request, SH("setsid sleep 30 & sleep 30 & wait"), .sigignore = round % 2 ? 0 : TERM,
			   .flags = USPAWN_SETCGROUP | USPAWN_TREE, .cgroup_fd = group.fd, .timed = ladder,
			   .ntimed = 2),
		    USPAWN(args, .tree = &usage));
		assert_killed(&child, round % 2 ? SIGTERM : SIGKILL);
		cr_assert(child.exit.timed == (round % 2 ? 1 : 2) && !usage.left);
		assert_all_killed();
	}
	uspawn_ring_free(ring);
}

/* Whichever comes first: one END, and a status that is either's. */
EachRing(endure, timeouts_that_race_with_exits)
{
	enum { MANY = 50 };
	const unsigned last = (unsigned)(takes_long() ? 200 : rounds(40));
	struct uspawn_child children[MANY];
	unsigned killed = 0, exited = 0;

	for (unsigned round = 0; round < last; round++) {
		const struct uspawn_timed deadline = { round * 7 % 40 * MS / 10, SIGKILL, 0 };
		struct uspawn_plan *plan;
		struct uspawn_event events[MANY];
		int ends[MANY] = { 0 }, total = 0;

		cr_assert_eq(uspawn_plan_new(&plan,
					     USPAWN(request, WITNESS("exit", "9"), .timed = &deadline, .ntimed = 1),
					     NULL),
			     0);
		for (int i = 0; i < MANY; i++) {
			children[i].data = &ends[i];
			cr_assert_eq(uspawn_ring_start(ring, &children[i], plan, NULL), 0);
		}
		uspawn_plan_free(plan);
		while (total < MANY) {
			int n = uspawn_ring_wait(ring, events, MANY, -1);

			for (total += n; n > 0; n--)
				++*(int *)events[n - 1].child->data;
		}
		for (int i = 0; i < MANY; i++) {
			const struct uspawn_exit *exit = &children[i].exit;

			cr_assert_eq(ends[i], 1);
			cr_assert((exit->code == USPAWN_EXITED && exit->status == 9) ||
				  (exit->code == USPAWN_KILLED && exit->status == SIGKILL && exit->timed == 1));
			killed += exit->code == USPAWN_KILLED;
			exited += exit->code == USPAWN_EXITED;
		}
	}
	cr_assert_eq(killed + exited, last * MANY);
	ring_assert_idle(ring);
	uspawn_ring_free(ring);
}

/* ---- The end of a server ---- */

/* What the test shares with a server that it kills. */
struct server {
	int out[2], in[2]; /* only bound children hold out; detached ones live until in is closed */
	uint64_t bound_by; /* a flag, or 0: by pdeathsig */
	uint32_t ring_flags;
	_Atomic int ndetached; /* of which it knows that they run */
};

/* Starts both kinds, one after the other, and stays. */
static void serve(struct server *server)
{
	enum { MANY = 40 };
	static struct uspawn_child children[MANY];
	struct uspawn_plan *bound, *detached;
	struct uspawn_ring *ring;

	close(server->in[1]);
	if (uspawn_ring_new(&ring, MANY, server->ring_flags) < 0 ||
	    uspawn_plan_new(&bound,
			    USPAWN(request, WITNESS("eof", "0"), .flags = server->bound_by,
				   .pdeathsig = server->bound_by ? 0 : SIGKILL,
				   FDS({ 0, .fd = server->in[0] }, { 1, .fd = server->out[1] })),
			    NULL) < 0 ||
	    uspawn_plan_new(&detached,
			    USPAWN(request, WITNESS("eof", "0", "exit", "7"), .flags = USPAWN_DETACH,
				   FDS({ 0, .fd = server->in[0] })),
			    NULL) < 0)
		_exit(1);
	for (int i = 0; i < MANY; i++) {
		if (uspawn_ring_start(ring, &children[i], i % 2 ? detached : bound, NULL) < 0)
			_exit(2);
		server->ndetached += i % 2;
		uspawn_ring_wait(ring, &(struct uspawn_event){ 0 }, 1, 0);
	}
	for (;;)
		pause();
}

/* They have come to us. Returns how many were detached. */
static int reap_all(void)
{
	int n = 0, status;

	while (waitpid(-1, &status, __WALL) > 0) {
		int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

		/* 0: one that was handing a child over */
		cr_assert(code == 7 || code == 0 || WTERMSIG(status) == SIGKILL, "wait status %#x", (unsigned)status);
		n += code == 7;
	}
	cr_assert_eq(errno, ECHILD);
	return n;
}

/* `begun`: not before it knows of a detached child. */
static void kill_server(struct server *server, unsigned *seed, int begun)
{
	struct timespec nap = { .tv_nsec = rand_r(seed) % 20000000 };
	siginfo_t info = { 0 };
	struct pollfd end;
	int status, ndetached;
	pid_t pid;

	server->ndetached = 0;
	cr_assert(pipe2(server->out, O_CLOEXEC) == 0 && pipe2(server->in, O_CLOEXEC) == 0);
	pid = fork();
	if (pid == 0)
		serve(server);
	close(server->out[1]);
	close(server->in[0]);
	do
		nanosleep(&nap, NULL);
	while (begun && !server->ndetached && !info.si_pid &&
	       waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0);
	cr_assert_eq(kill(pid, SIGKILL), 0);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFSIGNALED(status), "the server failed: %#x", (unsigned)status);
	end = (struct pollfd){ .fd = server->out[0], .events = POLLIN };
	cr_assert_eq(poll(&end, 1, 60000), 1, "a bound child goes on");
	close(server->in[1]);
	ndetached = reap_all();
	cr_assert(ndetached == server->ndetached || ndetached == server->ndetached + 1, "%d detached, %d survive",
		  server->ndetached, ndetached);
	close(server->out[0]);
}

static void kill_servers(uint32_t ring_flags, uint64_t bound_by)
{
	struct server *server = mmap(NULL, sizeof(*server), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned seed = 1;
	int sum = 0;

	uspawn_ring_free(ring_enter(ring_flags));
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	*server = (struct server){ .ring_flags = ring_flags, .bound_by = bound_by };
	for (int round = 0; round < (takes_long() ? 1000 : 40); round++) {
		kill_server(server, &seed, round == 0);
		sum += server->ndetached;
	}
	cr_assert_gt(sum, 0);
	munmap(server, sizeof(*server));
}

CheckedTest(endure, c37_servers_killed_at_any_time_uring)
{
	kill_servers(0, 0);
}

CheckedTest(endure, c37_servers_killed_at_any_time_epoll)
{
	kill_servers(USPAWN_RING_EPOLL, 0);
}

CheckedTest(endure, servers_killed_that_kill_on_close)
{
	struct uspawn_child child;
	int r = uspawn(&child, USPAWN(request, .argv = LIST("true"), .flags = USPAWN_KILL_ON_CLOSE), NULL);

	if (r == -EOPNOTSUPP)
		cr_skip_test("CLONE_PIDFD_AUTOKILL: since Linux 7.1");
	cr_assert_eq(r, 0);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	kill_servers(0, USPAWN_KILL_ON_CLOSE);
}
