/* SPDX-License-Identifier: MIT */
/* A ring and its children over their lives: joined late, let go, handed on, forked, freed. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/copy.h"
#include "harness/files.h"
#include "harness/kernel.h"
#include "harness/rings.h"

CheckedSuite(watching);

EachRing(watching, added_child)
{
	struct uspawn_child child, adopted = { 0 }, unset = { 0 };
	pid_t pid;

	cr_assert_eq(uspawn(&child, USPAWN(request, WITNESS("exit", "5")), NULL), 0);
	cr_assert_eq(uspawn_ring_add(ring, &child), 0);
	cr_assert_eq(uspawn_wait(&child, 0), -EBUSY);
	ring_assert_end(ring, &child);
	assert_exited(&child, 5);
	pid = fork();
	if (pid == 0)
		_exit(6);
	cr_assert_eq(uspawn_adopt(&adopted, pid, -1, 0), 0);
	cr_assert_eq(uspawn_ring_add(ring, &adopted), 0);
	ring_assert_end(ring, &adopted);
	assert_exited(&adopted, 6);
	cr_assert_lt(uspawn_ring_add(ring, &unset), 0);
	cr_assert_lt(uspawn_ring_add(ring, &child), 0);
	ring_assert_idle(ring);
	uspawn_ring_free(ring);
}

static pid_t fork_sleeper(int *end)
{
	int fds[2];
	pid_t pid;
	char c;

	cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		close(fds[1]);
		_exit(read(fds[0], &c, 1) == 0 ? 7 : 1);
	}
	close(fds[0]);
	*end = fds[1];
	return pid;
}

/* Each has an end, though epoll watches a descriptor once. */
EachRing(watching, two_of_one_pidfd)
{
	struct uspawn_child children[4];
	int end, pidfd;
	pid_t pid = fork_sleeper(&end);

	pidfd = kernel_pidfd_open(pid);
	if (pidfd < 0)
		cr_skip_test("pidfd_open: %s", strerror(-pidfd));
	for (int i = 0; i < 4; i++) {
		cr_assert_eq(uspawn_adopt(&children[i], pid, pidfd, 0), 0);
		cr_assert_eq(uspawn_ring_add(ring, &children[i]), 0);
	}
	uspawn_done(&children[3]);
	close(end);
	for (int i = 0; i < 3; i++) {
		struct uspawn_event event = ring_next(ring);

		cr_assert(event.type == USPAWN_EVENT_END && event.child->state == USPAWN_ENDED);
		event.child->state = USPAWN_UNSET; /* is told once */
	}
	for (int i = 0; i < 3; i++)
		cr_assert_eq(children[i].state, USPAWN_UNSET);
	ring_assert_idle(ring);
	close(pidfd);
	uspawn_ring_free(ring);
}

static int exists(pid_t pid)
{
	return kill(pid, 0) == 0;
}

/* The ring reaps it without a word, when it is waited on. */
static void assert_reaped_silently(struct uspawn_ring *ring, pid_t pid)
{
	struct pollfd ready = { .fd = uspawn_ring_fd(ring), .events = POLLIN };
	struct uspawn_event event;

	for (int i = 0; i < 100 && exists(pid); i++) {
		poll(&ready, 1, 300);
		cr_assert_eq(uspawn_ring_wait(ring, &event, 1, 0), 0, "an event although the child was let go");
	}
	cr_assert(!exists(pid), "let go, ended, and not reaped");
}

EachRing(watching, let_go_while_running)
{
	struct uspawn_child child, other;
	int end = ring_sleeper(ring, &child, "0"), other_end = ring_sleeper(ring, &other, "2");
	pid_t pid = child.pid;

	uspawn_done(&child);
	cr_assert_eq(child.state, USPAWN_UNSET);
	cr_assert_eq(uspawn_wait(&child, 0), -ECHILD);
	memset(&child, 0xff, sizeof(child));
	cr_assert(exists(pid), "letting go is not killing");
	close(end);
	assert_reaped_silently(ring, pid);
	close(other_end);
	ring_assert_end(ring, &other);
	ring_assert_idle(ring);
	uspawn_ring_free(ring);
}

/* It has ended, and its event is not fetched yet. */
EachRing(watching, let_go_after_the_end)
{
	struct uspawn_child child;
	struct pollfd ready;
	pid_t pid;

	ring_witness(ring, &child, LIST("w", "exit", "0"));
	pid = child.pid;
	ready = (struct pollfd){ .fd = child.pidfd, .events = POLLIN };
	cr_assert_eq(poll(&ready, 1, 30000), 1);
	uspawn_done(&child);
	memset(&child, 0xff, sizeof(child));
	assert_reaped_silently(ring, pid);
	ring_assert_idle(ring);
	uspawn_ring_free(ring);
}

/* Nobody's end could come any more, and nobody is left behind. */
EachRing(watching, many_let_go_after_their_ends)
{
	enum { MANY = 200 };
	struct uspawn_child children[MANY];
	struct uspawn_event event;

	for (int i = 0; i < MANY; i++) {
		struct pollfd ready;

		ring_witness(ring, &children[i], LIST("w", "exit", "0"));
		ready = (struct pollfd){ .fd = children[i].pidfd, .events = POLLIN };
		cr_assert_eq(poll(&ready, 1, 30000), 1);
	}
	for (int i = 0; i < MANY; i++)
		uspawn_done(&children[i]);
	cr_assert_eq(uspawn_ring_wait(ring, &event, 1, -1), -ECHILD);
	cr_assert(waitpid(-1, NULL, WNOHANG | __WALL) == -1 && errno == ECHILD);
	uspawn_ring_free(ring);
}

/* The numbers that lack are the ended children's own, which only their ENDs give back. */
static uint32_t ring_flags;
static rlim_t numbers_left; /* below here, to who waits */

static struct uspawn_ring *full_ring;
static int full_ended;

static void *take_ends(void *p)
{
	struct uspawn_event events[8];
	int n;

	while ((n = uspawn_ring_wait(full_ring, events, 8, -1)) >= 0)
		full_ended += n;
	*(int *)p = n;
	return NULL;
}

static void wait_without_a_number(void)
{
	static struct uspawn_child children[64];
	const struct rlimit limit = { 64, 64 }, less = { numbers_left, 64 };
	struct uspawn_plan *plan;
	int ends[2], started = 0, last = 0;
	pthread_t thread;

	copy_assert(pipe2(ends, O_CLOEXEC) == 0 && setrlimit(RLIMIT_NOFILE, &limit) == 0);
	copy_assert(uspawn_ring_new(&full_ring, 0, ring_flags) == 0);
	copy_assert(uspawn_plan_new(&plan, USPAWN(request, .argv = LIST("cat"), FDS({ 0, USPAWN_FD, .fd = ends[0] })),
				    NULL) == 0);
	while (uspawn_ring_start(full_ring, &children[started], plan, NULL) == 0)
		started++;
	copy_assert(started > 20 && children[started].failure.errnum == EMFILE);
	while (dup(ends[0]) >= 0)
		;
	copy_assert(setrlimit(RLIMIT_NOFILE, &less) == 0);
	copy_assert(pthread_create(&thread, NULL, take_ends, &last) == 0);
	copy_assert(numbers_left < 64 ? close(ends[1]) == 0 : dup2(ends[0], ends[1]) == ends[1]); /* frees none */
	pthread_join(thread, NULL);
	copy_assert(full_ended == started && last == -ECHILD);
	uspawn_ring_free(full_ring);
	uspawn_plan_free(plan);
}

static void wait_at_limit(uint32_t flags, rlim_t numbers)
{
	ring_flags = flags;
	numbers_left = numbers;
	copy_run(wait_without_a_number);
}

CheckedTest(watching, another_thread_at_the_limit_uring)
{
	wait_at_limit(0, 64);
}

CheckedTest(watching, another_thread_at_the_limit_epoll)
{
	wait_at_limit(USPAWN_RING_EPOLL, 64);
}

/* What the old poller gives back is above the limit by now: nothing can be polled at all. */
CheckedTest(watching, another_thread_below_the_limit_uring)
{
	wait_at_limit(0, 3);
}

CheckedTest(watching, another_thread_below_the_limit_epoll)
{
	wait_at_limit(USPAWN_RING_EPOLL, 3);
}

EachRing(watching, freed_with_live_children)
{
	struct uspawn_child sleeping, starting, failing;
	struct uspawn_plan *plan;
	int end = ring_sleeper(ring, &sleeping, "3");

	ring_witness(ring, &starting, LIST("w", "exit", "4"));
	cr_assert_eq(uspawn_plan_new(&plan, USPAWN(request, .argv = LIST("/no/such")), NULL), 0);
	cr_assert_eq(uspawn_ring_start(ring, &failing, plan, NULL), 0);
	uspawn_plan_free(plan);
	cr_assert_null(uspawn_ring_free(ring));
	cr_assert_eq(uspawn_wait(&starting, -1), 1);
	assert_exited(&starting, 4);
	cr_assert_eq(uspawn_wait(&failing, -1), 1);
	assert_failed(&failing, ENOENT, USPAWN_STEP_EXEC, 0);
	cr_assert_eq(uspawn_wait(&sleeping, 0), 0);
	close(end);
	cr_assert_eq(uspawn_wait(&sleeping, -1), 1);
	assert_exited(&sleeping, 3);
}

/* The child is not on the ring that is freed, but on another. */
EachRing(watching, moves_to_another_ring)
{
	struct uspawn_ring *other;
	struct uspawn_child child;
	int end = ring_sleeper(ring, &child, "3");

	uspawn_ring_free(ring);
	cr_assert_eq(uspawn_ring_new(&other, 1, USPAWN_RING_EPOLL), 0);
	cr_assert_eq(uspawn_ring_add(other, &child), 0);
	close(end);
	ring_assert_end(other, &child);
	assert_exited(&child, 3);
	uspawn_ring_free(other);
}

struct errand {
	struct uspawn_ring *ring;
	struct uspawn_child *child;
	int end;
};

static void *start_and_leave(void *p)
{
	struct errand *errand = p;

	errand->end = ring_sleeper(errand->ring, errand->child, "7");
	/* So that the wait for the end is queued by this thread. */
	uspawn_ring_wait(errand->ring, &(struct uspawn_event){ 0 }, 1, 0);
	return NULL;
}

EachRing(watching, c1_thread_that_started_is_gone)
{
	struct uspawn_child child;
	struct errand errand = { ring, &child, -1 };
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, start_and_leave, &errand), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_assert_eq(uspawn_ring_wait(ring, &(struct uspawn_event){ 0 }, 1, 50000000), 0, "an end that was none");
	cr_assert_eq(child.state, USPAWN_RUNNING);
	close(errand.end);
	ring_assert_end(ring, &child);
	assert_exited(&child, 7);
	ring_assert_idle(ring);
	uspawn_ring_free(ring);
}

EachRing(watching, descriptor_asked_for_by_another_thread)
{
	struct uspawn_child child;
	struct errand errand = { ring, &child, -1 };
	struct pollfd p = { .events = POLLIN };
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, start_and_leave, &errand), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	p.fd = uspawn_ring_fd(ring);
	cr_assert_geq(p.fd, 0);
	close(errand.end);
	while (child.state == USPAWN_RUNNING) {
		struct uspawn_event event;

		cr_assert_eq(poll(&p, 1, 10000), 1);
		uspawn_ring_wait(ring, &event, 1, 0);
	}
	assert_exited(&child, 7);
	ring_assert_idle(ring);
	uspawn_ring_free(ring);
}

static void *collect(void *p)
{
	struct errand *errand = p;

	close(errand->end);
	ring_assert_end(errand->ring, errand->child);
	errand->end = ring_sleeper(errand->ring, errand->child, "8");
	return NULL;
}

EachRing(watching, c18_handed_to_another_thread_and_back)
{
	struct uspawn_child child;
	struct errand errand = { ring, &child, ring_sleeper(ring, &child, "1") };
	pthread_t thread;

	uspawn_ring_wait(ring, &(struct uspawn_event){ 0 }, 1, 0);
	cr_assert_eq(pthread_create(&thread, NULL, collect, &errand), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	close(errand.end);
	ring_assert_end(ring, &child);
	assert_exited(&child, 8);
	uspawn_ring_free(ring);
}

static struct uspawn_ring *parents_ring;

static void use_in_copy(void)
{
	struct uspawn_ring *own;
	struct uspawn_child child;
	struct uspawn_event event;
	struct uspawn_plan *plan;

	copy_assert(uspawn_plan_new(&plan, USPAWN(request, WITNESS("exit", "2")), NULL) == 0);
	copy_assert(uspawn_ring_start(parents_ring, &child, plan, NULL) == -EPERM);
	copy_assert(uspawn_ring_wait(parents_ring, &event, 1, 0) == -EPERM);
	copy_assert(uspawn_ring_free(parents_ring) == NULL);
	copy_assert(uspawn_ring_new(&own, 1, 0) == 0);
	copy_assert(uspawn_ring_start(own, &child, plan, NULL) == 0);
	while (uspawn_ring_wait(own, &event, 1, -1) == 0)
		; /* interrupted */
	copy_assert(child.exit.code == USPAWN_EXITED && child.exit.status == 2);
	copy_assert(uspawn_start(&child, plan, NULL) == 0);
	copy_assert(uspawn_wait(&child, -1) == 1);
	copy_assert(child.exit.code == USPAWN_EXITED && child.exit.status == 2);
	uspawn_ring_free(own);
	uspawn_plan_free(plan);
}

EachRing(watching, c18_forked_while_children_run)
{
	struct uspawn_child child, starting;
	int end = ring_sleeper(ring, &child, "6");

	parents_ring = ring;
	ring_witness(ring, &starting, LIST("w", "exit", "5"));
	copy_run(use_in_copy);
	ring_assert_end(ring, &starting);
	assert_exited(&starting, 5);
	close(end);
	ring_assert_end(ring, &child);
	assert_exited(&child, 6);
	ring_assert_idle(ring);
	uspawn_ring_free(ring);
}

enum { MAPPED = 64, MAPPED_SIZE = 65536 };

static void free_beside_new_memory(void)
{
	unsigned char pages[MAPPED_SIZE / 4096];
	void *memory[MAPPED];

	for (int i = 0; i < MAPPED; i++) {
		memory[i] = mmap(NULL, MAPPED_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		copy_assert(memory[i] != MAP_FAILED);
	}
	copy_assert(uspawn_ring_free(parents_ring) == NULL);
	for (int i = 0; i < MAPPED; i++)
		copy_assert(mincore(memory[i], MAPPED_SIZE, pages) == 0);
}

/* What the kernel reads into is not in the copy: others have that place. */
EachRing(watching, c18_freed_in_a_copy_with_memory_of_its_own)
{
	struct uspawn_output outputs[2] = { { 0 }, { .head = 16 } };
	struct uspawn_child child;
	int end = -1;

	ring_begin(ring, &child,
		   USPAWN(request, WITNESS("write", "1", "text", "eof", "0", "exit", "4"),
			  FDS({ 0, USPAWN_READ_END, .fd = USPAWN_ARG(0) }, { 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(1) })),
		   USPAWN(args, .fds = &end, .nfds = 1, .outputs = outputs, .noutputs = 2));
	parents_ring = ring;
	copy_run(free_beside_new_memory);
	close(end);
	ring_assert_end(ring, &child);
	assert_exited(&child, 4);
	cr_assert(outputs[1].len == 4 && memcmp(outputs[1].data, "text", 4) == 0);
	free(outputs[1].data);
	uspawn_ring_free(ring);
}

__attribute__((noinline)) static void overwrite_stack(void)
{
	volatile char junk[16384];

	for (size_t i = 0; i < sizeof(junk); i++)
		junk[i] = (char)0xa5;
}

__attribute__((noinline)) static void wait_a_millisecond(struct uspawn_ring *ring)
{
	struct uspawn_event event;

	cr_assert_eq(uspawn_ring_wait(ring, &event, 1, 1000000), 0);
}

EachRing(watching, c11_the_kernel_writes_nothing_after_a_deadline)
{
	struct uspawn_child child;
	int end = ring_sleeper(ring, &child, "4");

	wait_a_millisecond(ring);
	overwrite_stack();
	close(end);
	ring_assert_end(ring, &child);
	assert_exited(&child, 4);
	uspawn_ring_free(ring);
}

static void *refuse_in_thread(void *p)
{
	struct uspawn_child child;
	struct uspawn_ring *ring;

	kernel_refuse(CALL_IO_URING, EPERM);
	cr_assert_eq(uspawn_ring_new(&ring, 1, 0), 0);
	ring_witness(ring, &child, LIST("w", "exit", "3"));
	ring_assert_end(ring, &child);
	assert_exited(&child, 3);
	uspawn_ring_free(ring);
	return p;
}

/* Filters are a thread's own: what one is refused, another still has. */
CheckedTest(watching, c17_one_thread_without_io_uring)
{
	struct uspawn_child child;
	struct uspawn_ring *ring;
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, refuse_in_thread, NULL), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_assert_eq(uspawn_ring_new(&ring, 1, 0), 0);
	ring_witness(ring, &child, LIST("w", "exit", "4"));
	ring_assert_end(ring, &child);
	assert_exited(&child, 4);
	uspawn_ring_free(ring);
}

/* How many polls the process's io_urings hold. */
static int count_polls(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	char path[300], text[256];
	int n = 0;

	while ((entry = readdir(dir))) {
		FILE *file;
		int in_polls = 0;

		snprintf(path, sizeof(path), "/proc/self/fdinfo/%s", entry->d_name);
		file = fopen(path, "re");
		while (file && fgets(text, sizeof(text), file)) {
			in_polls = *text == ' ' ? in_polls : !strncmp(text, "PollList", 8);
			n += in_polls && strstr(text, "op=");
		}
		if (file)
			fclose(file);
	}
	closedir(dir);
	return n;
}

/* Makes a child for each byte from `orders`, tells its number, and reaps it after one more. */
static void be_another_parent(int orders, int numbers)
{
	siginfo_t info;
	char c;

	while (read(orders, &c, 1) == 1) {
		pid_t pid = fork();

		if (pid == 0) {
			if (read(orders, &c, 1) != 1)
				_exit(1);
			_exit(5);
		}
		if (write(numbers, &pid, sizeof(pid)) != sizeof(pid) ||
		    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) < 0 || write(numbers, &pid, sizeof(pid)) < 0 ||
		    read(orders, &c, 1) != 1)
			_exit(1);
		waitpid(pid, NULL, 0);
	}
	_exit(0);
}

/* Each is looked at by the clock for a while, since nobody says when its parent has reaped it. */
EachRing(watching, reaped_by_another_a_little_later)
{
	enum { MANY = 10 };
	int orders[2], numbers[2];
	pid_t parent, pid;

	cr_assert(pipe2(orders, O_CLOEXEC) == 0 && pipe2(numbers, O_CLOEXEC) == 0);
	parent = fork();
	if (parent == 0) {
		close(orders[1]);
		be_another_parent(orders[0], numbers[1]);
	}
	for (int i = 0; i < MANY; i++) {
		struct uspawn_child child;
		struct uspawn_event event;
		int pidfd;

		cr_assert(write(orders[1], "m", 1) == 1 && read(numbers[0], &pid, sizeof(pid)) == sizeof(pid));
		pidfd = kernel_pidfd_open(pid);
		if (pidfd < 0)
			break;
		close(pidfd);
		cr_assert_eq(uspawn_adopt(&child, pid, -1, 0), 0);
		cr_assert_eq(uspawn_ring_add(ring, &child), 0);
		cr_assert(write(orders[1], "e", 1) == 1 && read(numbers[0], &pid, sizeof(pid)) == sizeof(pid));
		if (uspawn_ring_wait(ring, &event, 1, 0) == 0) {
			cr_assert_eq(write(orders[1], "r", 1), 1);
			ring_assert_end(ring, &child);
		} else {
			cr_assert_eq(write(orders[1], "r", 1), 1);
		}
	}
	cr_assert_lt(count_polls(), MANY / 2);
	close(orders[1]);
	cr_assert_eq(waitpid(parent, NULL, 0), parent);
	close(orders[0]);
	close(numbers[0]);
	close(numbers[1]);
	uspawn_ring_free(ring);
}

CheckedTest(watching, rings_at_the_same_time)
{
	enum { RINGS = 12 };
	struct uspawn_ring *rings[RINGS];
	struct uspawn_child children[RINGS];

	for (int i = 0; i < RINGS; i++) {
		cr_assert_eq(uspawn_ring_new(&rings[i], 0, i % 3 ? 0 : USPAWN_RING_EPOLL), 0);
		ring_witness(rings[i], &children[i], LIST("w", "exit", "1"));
	}
	for (int i = RINGS - 1; i >= 0; i--) {
		ring_assert_end(rings[i], &children[i]);
		assert_exited(&children[i], 1);
		rings[i] = uspawn_ring_free(rings[i]);
	}
	cr_assert_null(uspawn_ring_free(NULL));
}

/* ---- Threads that end, where the kernel hands nothing of theirs on ---- */

static int issuers_are_any, rings_were_opened;

/* Before Linux 6.0 a ring is not one thread's: what a thread has asked for is canceled when it ends. */
int io_uring_queue_init_params(unsigned entries, struct io_uring *ring, struct io_uring_params *p)
{
	int (*libs)(unsigned, struct io_uring *,
		    struct io_uring_params *) = (__typeof__(libs))dlsym(RTLD_NEXT, "io_uring_queue_init_params");

	rings_were_opened++;
	if (!libs || (issuers_are_any && p->flags & IORING_SETUP_SINGLE_ISSUER))
		return -EINVAL;
	return libs(entries, ring, p);
}

static void *wait_a_moment(void *ring)
{
	struct uspawn_event event;

	cr_assert_eq(uspawn_ring_wait(ring, &event, 1, 20000000), 0);
	return NULL;
}

CheckedTest(watching, c1_timer_of_a_thread_that_has_ended)
{
	const struct uspawn_fd fds[] = { { 0, USPAWN_READ_END, .fd = USPAWN_ARG(0) } };
	struct uspawn_ring *ring;
	struct uspawn_child child;
	pthread_t thread;
	int end;

	issuers_are_any = 1;
	rings_were_opened = 0;
	cr_assert_eq(uspawn_ring_new(&ring, 1, 0), 0);
	if (!rings_were_opened) {
		uspawn_ring_free(ring);
		cr_skip_test("no io_uring, or not that of the shared liburing");
	}
	cr_assert_eq(uspawn(&child, USPAWN(request, WITNESS("eof", "0", "exit", "5"), .fds = fds, .nfds = 1),
			    USPAWN(args, .fds = &end, .nfds = 1)),
		     0);
	close(child.pidfd); /* so that only a timer leads to it */
	cr_assert_eq(uspawn_ring_add(ring, &child), 0);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(pthread_create(&thread, NULL, wait_a_moment, ring), 0);
		pthread_join(thread, NULL);
	}
	close(end);
	ring_assert_end(ring, &child);
	assert_exited(&child, 5);
	uspawn_ring_free(ring);
}

/* ---- A host that closes what it does not know, and opens its own files there ---- */

static uint32_t closed_flags;
static int waits_between;

static void ask_for_the_descriptor_again(void)
{
	struct uspawn_ring *ring;
	struct uspawn_child child;
	struct uspawn_event event;
	struct uspawn_plan *plan;
	struct pollfd p = { .events = POLLIN };
	int n;

	copy_assert(uspawn_plan_new(&plan, USPAWN(request, WITNESS("exit", "5")), NULL) == 0);
	copy_assert(uspawn_ring_new(&ring, 1, closed_flags) == 0 && uspawn_ring_fd(ring) >= 0);
	file_close_range(3, 0);
	for (int i = 3; i < 93; i += 2) {
		int ends[2];

		copy_assert(pipe(ends) == 0 && ends[0] == i && ends[1] == i + 1);
	}
	if (waits_between)
		copy_assert(uspawn_ring_wait(ring, &event, 1, 0) == 0);
	p.fd = uspawn_ring_fd(ring);
	copy_assert(p.fd >= 93);
	copy_assert(uspawn_ring_start(ring, &child, plan, NULL) == 0);
	do /* it may say so too early, and the end of the ring that was closed may interrupt */
		copy_assert(poll(&p, 1, -1) == 1 || errno == EINTR);
	while ((n = uspawn_ring_wait(ring, &event, 1, 0)) == 0);
	copy_assert(n == 1 && event.child == &child);
	copy_assert(uspawn_ring_fd(ring) == p.fd);
	uspawn_ring_free(ring);
	uspawn_plan_free(plan);
	for (int i = 3; i < 93; i++)
		copy_assert(fcntl(i, F_GETFD) == 0);
}

CheckedTest(watching, host_has_closed_the_rings_descriptor)
{
	for (int i = 0; i < 4; i++) {
		closed_flags = i & 1 ? USPAWN_RING_EPOLL : 0;
		waits_between = i & 2;
		copy_run(ask_for_the_descriptor_again);
	}
}
