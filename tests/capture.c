/* SPDX-License-Identifier: MIT */
/* Output and input of children on a ring, over io_uring and over epoll: every byte accounted for, nobody held up. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/copy.h"
#include "harness/files.h"
#include "harness/filler.h"
#include "harness/kernel.h"
#include "harness/rings.h"

CheckedSuite(capture);

#define MS        1000000ull
#define OUT       FDS({ 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(0) })
#define ASK(type) (1u << USPAWN_EVENT_##type)

static struct uspawn_event expect(struct uspawn_ring *ring, uint32_t type)
{
	struct uspawn_event event = ring_next(ring);

	cr_assert_eq(event.type, type, "event %u instead of %u", event.type, type);
	return event;
}

static void assert_bytes(const struct uspawn_output *output, const char *text)
{
	cr_assert(output->len == strlen(text) && memcmp(output->data, text, output->len) == 0, "captured %.*s",
		  (int)output->len, output->data);
}

EachRing(capture, c47_a_mebibyte_both_ways)
{
	enum { N = 1 << 20, MANY = 4 };
	const struct uspawn_fd both[] = { { 0, USPAWN_FEED, .fd = USPAWN_ARG(0) },
					  { 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(1) } };
	struct uspawn_output outputs[MANY][2] = { { { 0 } } };
	struct uspawn_child children[MANY];
	unsigned char *input = malloc(N);

	for (int i = 0; i < N; i++)
		input[i] = (unsigned char)(i * 7 + i / 251);
	for (int i = 0; i < MANY; i++) {
		outputs[i][1].head = UINT64_MAX;
		ring_begin(ring, &children[i], USPAWN(request, .argv = LIST("cat"), .fds = both, .nfds = 2),
			   USPAWN(args, .input = input, .ninput = N, .outputs = outputs[i], .noutputs = 2));
	}
	for (int i = 0; i < MANY; i++)
		expect(ring, USPAWN_EVENT_END);
	for (int i = 0; i < MANY; i++) {
		assert_exited(&children[i], 0);
		cr_assert(outputs[i][1].total == N && outputs[i][1].len == N && !outputs[i][1].dropped);
		cr_assert_eq(memcmp(outputs[i][1].data, input, N), 0);
		free(outputs[i][1].data);
	}
	free(input);
	ring_assert_idle(ring);
	uspawn_ring_free(ring);
}

static void assert_seq(struct uspawn_ring *ring)
{
	struct uspawn_output output = { .head = UINT64_MAX };
	struct uspawn_child child;

	ring_begin(ring, &child, USPAWN(request, .argv = LIST("seq", "1", "100000"), OUT),
		   USPAWN(args, .outputs = &output, .noutputs = 1));
	expect(ring, USPAWN_EVENT_END);
	assert_exited(&child, 0);
	cr_assert(output.len == 588895 && memcmp(output.data + output.len - 13, "99999\n100000\n", 13) == 0);
	free(output.data);
}

/* Without provided buffers the library reads by itself. */
EachRing(capture, by_plain_reads)
{
	kernel_refuse(CALL_PROVIDED_BUFFERS, EINVAL);
	assert_seq(ring);
	uspawn_ring_free(ring);
}

EachRing(capture, a_flood_delays_nobody)
{
	struct uspawn_output flood = { .head = 100, .tail = 100 }, output = { .head = 100 };
	struct uspawn_child yes, child;

	ring_begin(ring, &yes, USPAWN(request, .argv = LIST("yes"), OUT),
		   USPAWN(args, .outputs = &flood, .noutputs = 1));
	for (int i = 0; i < 50; i++) {
		ring_begin(ring, &child, USPAWN(request, SH("echo hi"), OUT),
			   USPAWN(args, .outputs = &output, .noutputs = 1));
		cr_assert_eq(expect(ring, USPAWN_EVENT_END).child, &child);
		assert_bytes(&output, "hi\n");
	}
	struct uspawn_event event;
	cr_assert_eq(uspawn_ring_wait(ring, &event, 1, 0), 0, "who only looks is not held");
	cr_assert_eq(uspawn_ring_wait(ring, &event, 1, 5 * MS), 0);
	while (flood.total <= 65536)
		cr_assert_eq(uspawn_ring_wait(ring, &event, 1, MS), 0);
	uspawn_kill(&yes, SIGKILL, 0);
	expect(ring, USPAWN_EVENT_END);
	cr_assert(flood.len == 200 && flood.dropped == flood.total - 200);
	free(flood.data);
	free(output.data);
	uspawn_ring_free(ring);
}

EachRing(capture, lines_as_events)
{
	struct uspawn_output output = { .flags = USPAWN_OUTPUT_LINES, .line = 8 };
	struct uspawn_event event;
	struct uspawn_child child;
	char text[200] = "";

	ring_begin(ring, &child,
		   USPAWN(request, SH("printf 'one\\ntw'; printf 'o\\n\\n12345678901234567890\\nseven77\\nrest'"), OUT,
			  .events = ASK(OUTPUT) | ASK(EOF) | ASK(EXIT)),
		   USPAWN(args, .outputs = &output, .noutputs = 1));
	for (int exits = 0, eofs = 0;;) {
		event = ring_next(ring);
		cr_assert_eq(event.child, &child);
		if (event.type == USPAWN_EVENT_OUTPUT) {
			cr_assert_eq(event.index, 0);
			strncat(text, (const char *)(uintptr_t)event.data, event.len);
			strcat(text, "|");
		} else if (event.type == USPAWN_EVENT_EXIT) {
			exits++;
			assert_exited(&child, 0);
		} else if (event.type == USPAWN_EVENT_EOF) {
			eofs++;
		} else {
			cr_assert(event.type == USPAWN_EVENT_END && exits == 1 && eofs == 1, "the END is the last");
			break;
		}
	}
	cr_assert_str_eq(text, "one\n|two\n|\n|12345678|90123456|7890\n|seven77\n|rest|");
	cr_assert(output.total == 42 && output.dropped == 0);
	ring_assert_idle(ring);
	uspawn_ring_free(ring);
}

/* Of any length, up to what may be held, and however many parts it comes in. */
EachRing(capture, lines_of_any_length)
{
	struct uspawn_output output = { .flags = USPAWN_OUTPUT_LINES, .line = 300000 };
	struct uspawn_event event;
	struct uspawn_child child;
	uint64_t len = 0, lines = 0, short_ones = 0;

	ring_begin(ring, &child,
		   USPAWN(request,
			  SH("for i in 1 70000 3 299999 5 200000 200001 2 400000; do head -c $i /dev/zero; echo; done"),
			  OUT, .events = ASK(OUTPUT)),
		   USPAWN(args, .outputs = &output, .noutputs = 1));
	while ((event = ring_next(ring)).type == USPAWN_EVENT_OUTPUT) {
		const char *data = (const char *)(uintptr_t)event.data, *newline = memchr(data, '\n', event.len);

		cr_assert(newline ? newline == data + event.len - 1 : event.len == 300000);
		len += event.len;
		lines += newline != NULL;
		short_ones += event.len < 10;
	}
	cr_assert(event.type == USPAWN_EVENT_END);
	cr_assert(len == 1170020 && len == output.total && lines == 9 && short_ones == 4);
	uspawn_ring_free(ring);
}

/* Events of any size of batch; what is shown stays as it is until the next call. */
EachRing(capture, pieces_stay_until_the_next_call)
{
	for (uint32_t batch = 1; batch <= 64; batch *= 4) {
		struct uspawn_output output = { .flags = USPAWN_OUTPUT_LINES };
		struct uspawn_event events[64];
		struct uspawn_child child;
		int last = 0, ended = 0;

		ring_begin(ring, &child, USPAWN(request, .argv = LIST("seq", "1", "20000"), OUT, .events = ASK(OUTPUT)),
			   USPAWN(args, .outputs = &output, .noutputs = 1));
		while (!ended) {
			int n = uspawn_ring_wait(ring, events, batch, -1);

			for (int i = 0; i < n; i++) {
				char line[16] = "";

				if (events[i].type == USPAWN_EVENT_END) {
					ended = 1;
					continue;
				}
				memcpy(line, (const char *)(uintptr_t)events[i].data, events[i].len);
				cr_assert_eq(atoi(line), ++last);
				cr_assert_eq(line[events[i].len - 1], '\n');
			}
		}
		cr_assert_eq(last, 20000);
	}
	uspawn_ring_free(ring);
}

/* The exit is told at once, end-of-file when the last one has let go of the pipe. */
EachRing(capture, c46_exit_and_end_of_file_are_two_facts)
{
	struct uspawn_output output = { .head = 100 };
	struct uspawn_child child;
	int end = -1;

	ring_begin(ring, &child,
		   USPAWN(request, SH("(read x) & echo started"),
			  FDS({ 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(1) }, { 0, USPAWN_NULL },
			      { 3, USPAWN_READ_END, .fd = USPAWN_ARG(0) }),
			  .events = ASK(EXIT) | ASK(EOF)),
		   USPAWN(args, .fds = &end, .nfds = 1, .outputs = (struct uspawn_output[2]){ { 0 } }, .noutputs = 0));
	(void)output;
	for (int seen = 0; seen != 7;) {
		uint32_t type = ring_next(ring).type;

		seen |= type == USPAWN_EVENT_EXIT ? 1 : type == USPAWN_EVENT_EOF ? 2 : 4;
	}
	close(end);
	end = -1;
	ring_begin(ring, &child,
		   USPAWN(request, SH("(read x <&3) & echo started"),
			  FDS({ 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(1) }, { 3, USPAWN_READ_END, .fd = USPAWN_ARG(0) }),
			  .events = ASK(EXIT) | ASK(EOF)),
		   USPAWN(args, .fds = &end, .nfds = 1));
	expect(ring, USPAWN_EVENT_EXIT);
	assert_exited(&child, 0);
	struct uspawn_event none;
	cr_assert_eq(uspawn_ring_wait(ring, &none, 1, 20 * MS), 0, "the pipe is held");
	close(end);
	cr_assert_eq(expect(ring, USPAWN_EVENT_EOF).index, 1);
	expect(ring, USPAWN_EVENT_END);
	uspawn_ring_free(ring);
}

EachRing(capture, c46_drain_is_bounded)
{
	struct uspawn_output output = { .head = 100 };
	struct uspawn_child child;

	ring_begin(ring, &child,
		   USPAWN(request, SH("sleep 20 & echo $!"), OUT, .drain_ns = 30 * MS, .events = ASK(EOF)),
		   USPAWN(args, .outputs = &output, .noutputs = 1));
	expect(ring, USPAWN_EVENT_EOF);
	expect(ring, USPAWN_EVENT_END);
	cr_assert(output.cut_off && output.len > 1);
	output.data[output.len - 1] = '\0';
	cr_assert_eq(kill(atoi(output.data), SIGKILL), 0);
	free(output.data);
	uspawn_ring_free(ring);
}

/* Nobody else holds the pipe: everything comes, and then its end, whenever somebody waits. */
static void assert_all_comes(struct uspawn_ring *ring, uint64_t drain_ns, uint32_t events)
{
	struct uspawn_output outputs[3] = { 0 };
	struct uspawn_event event = { 0 };
	struct uspawn_child child;
	int ends[2] = { -1, -1 };
	uint64_t held, told = 0;

	ring_begin(ring, &child, USPAWN(request, FILLS, .drain_ns = drain_ns, .events = events),
		   USPAWN(args, .fds = ends, .nfds = 2, .outputs = outputs, .noutputs = 3));
	if (!drain_ns)
		cr_assert_eq(uspawn_ring_end(ring, NULL, 0), 0);
	held = filler_fill(&child, ends);
	while ((event = ring_next(ring)).type != USPAWN_EVENT_END)
		told += event.len;
	assert_exited(&child, 0);
	cr_assert_eq(outputs[2].total, held, "%llu of %llu", (unsigned long long)outputs[2].total,
		     (unsigned long long)held);
	cr_assert_eq(told, events ? held : 0);
	cr_assert(!outputs[2].cut_off);
	uspawn_ring_free(ring);
}

EachRing(capture, all_comes_after_the_end_of_service)
{
	assert_all_comes(ring, 0, 0);
}

EachRing(capture, all_comes_although_the_drain_is_over)
{
	assert_all_comes(ring, 1, 0);
}

EachRing(capture, all_comes_as_events_after_the_end_of_service)
{
	assert_all_comes(ring, 0, ASK(OUTPUT));
}

EachRing(capture, all_comes_as_events_although_the_drain_is_over)
{
	assert_all_comes(ring, 1, ASK(OUTPUT));
}

/* What others go on to write is not waited for. */
static void assert_flood_is_cut_off(struct uspawn_ring *ring, uint32_t events)
{
	struct uspawn_output output = { 0 };
	struct uspawn_child child;

	ring_begin(ring, &child, USPAWN(request, SH("yes & exit 3"), OUT, .drain_ns = 20 * MS, .events = events),
		   USPAWN(args, .outputs = &output, .noutputs = 1));
	while (ring_next(ring).type != USPAWN_EVENT_END)
		;
	assert_exited(&child, 3);
	cr_assert(output.cut_off);
	uspawn_ring_free(ring);
}

EachRing(capture, a_flood_is_cut_off)
{
	assert_flood_is_cut_off(ring, 0);
}

EachRing(capture, a_flood_of_events_is_cut_off)
{
	assert_flood_is_cut_off(ring, ASK(OUTPUT));
}

EachRing(capture, to_a_slow_descriptor)
{
	struct uspawn_output output = { .flags = USPAWN_OUTPUT_FD };
	struct uspawn_child child;
	struct uspawn_event event;
	char buf[65536];
	size_t total = 0;
	int sockets[2], ended = 0;

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
	fcntl(sockets[1], F_SETFL, O_RDWR | O_NONBLOCK);
	output.fd = sockets[0];
	ring_begin(ring, &child, USPAWN(request, .argv = LIST("head", "-c", "3000000", "/dev/zero"), OUT),
		   USPAWN(args, .outputs = &output, .noutputs = 1));
	close(sockets[0]);
	while (!ended) {
		int n = uspawn_ring_wait(ring, &event, 1, 2 * MS);
		ssize_t r;

		ended = n == 1;
		while ((r = read(sockets[1], buf, sizeof(buf))) > 0)
			total += (size_t)r;
	}
	cr_assert(total == 3000000 && output.total == 3000000 && !output.dropped && !output.error);
	close(sockets[1]);
	uspawn_ring_free(ring);
}

/* Closed early, flooded, never read: nobody else is harmed. */
/* It is held back until after the end of file, and whoever reads it learns of that end. */
EachRing(capture, to_a_descriptor_that_is_slow_to_the_end)
{
	struct uspawn_output output = { .flags = USPAWN_OUTPUT_FD };
	struct uspawn_child child;
	struct uspawn_event event;
	char buf[4096];
	size_t total = 0;
	int ends[2], ended = 0;
	ssize_t r;

	cr_assert_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	cr_assert_eq(fcntl(ends[1], F_SETPIPE_SZ, 4096), 4096);
	output.fd = ends[1];
	ring_begin(ring, &child, USPAWN(request, .argv = LIST("head", "-c", "60000", "/dev/zero"), OUT),
		   USPAWN(args, .outputs = &output, .noutputs = 1));
	close(ends[1]);
	for (int i = 0; !ended && i < 10000; i++) {
		ended = uspawn_ring_wait(ring, &event, 1, MS) == 1;
		r = read(ends[0], buf, sizeof(buf));
		total += r > 0 ? (size_t)r : 0;
	}
	cr_assert(ended, "%zu read", total);
	ring_assert_idle(ring);
	while ((r = read(ends[0], buf, sizeof(buf))) > 0)
		total += (size_t)r;
	cr_assert_eq(r, 0, "no end of file: %s", strerror(errno));
	cr_assert(total == 60000 && output.total == 60000 && !output.dropped && !output.error);
	close(ends[0]);
	uspawn_ring_free(ring);
}

EachRing(capture, children_that_misbehave)
{
	static char input[1 << 18];
	struct uspawn_output outputs[2] = { [1] = { .head = 10 } };
	struct uspawn_child child, other;
	const struct uspawn_fd both[] = { { 0, USPAWN_FEED, .fd = USPAWN_ARG(0) },
					  { 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(1) } };
	static const char *const scripts[] = { "exec 0<&- 1>&-; exit 3", "exit 3", "exec 1>&-; read x; exit 3" };

	for (size_t i = 0; i < 3; i++) {
		ring_begin(ring, &child, USPAWN(request, SH((char *)scripts[i]), .fds = both, .nfds = 2),
			   USPAWN(args, .input = input, .ninput = sizeof(input), .outputs = outputs, .noutputs = 2));
		ring_begin(ring, &other, USPAWN(request, .argv = LIST("true")), NULL);
		for (int n = 0; n < 2; n++)
			expect(ring, USPAWN_EVENT_END);
		assert_exited(&child, 3);
		assert_exited(&other, 0);
	}
	/* And one that neither reads, nor writes, nor ends. */
	ring_begin(ring, &child, USPAWN(request, .argv = LIST("sleep", "100"), .fds = both, .nfds = 2),
		   USPAWN(args, .input = input, .ninput = sizeof(input), .outputs = outputs, .noutputs = 2));
	for (int i = 0; i < 10; i++) {
		ring_begin(ring, &other, USPAWN(request, .argv = LIST("true")), NULL);
		cr_assert_eq(expect(ring, USPAWN_EVENT_END).child, &other);
	}
	uspawn_kill(&child, SIGKILL, 0);
	expect(ring, USPAWN_EVENT_END);
	assert_killed(&child, SIGKILL);
	free(outputs[1].data);
	uspawn_ring_free(ring);
}

static int refuse_all(void *data, const char *bytes, size_t len)
{
	(void)bytes;
	++*(int *)data;
	return (int)len;
}

/* The child meets a broken pipe, and others go on. */
EachRing(capture, a_callback_that_fails)
{
	int calls = 0;
	struct uspawn_output output = { .callback = refuse_all, .callback_data = &calls, .head = 4 };
	struct uspawn_child yes, other;

	ring_begin(ring, &yes, USPAWN(request, .argv = LIST("yes"), OUT),
		   USPAWN(args, .outputs = &output, .noutputs = 1));
	ring_begin(ring, &other, USPAWN(request, .argv = LIST("true")), NULL);
	for (int n = 0; n < 2; n++)
		expect(ring, USPAWN_EVENT_END);
	assert_killed(&yes, SIGPIPE);
	assert_exited(&other, 0);
	cr_assert(calls == 1 && output.error > 0 && output.len == 4);
	free(output.data);
	uspawn_ring_free(ring);
}

/* Read, counted, and dropped. */
EachRing(capture, a_cap_of_zero)
{
	struct uspawn_output output = { .flags = 0 };
	struct uspawn_child child;

	ring_begin(ring, &child, USPAWN(request, .argv = LIST("head", "-c", "1000000", "/dev/zero"), OUT),
		   USPAWN(args, .outputs = &output, .noutputs = 1));
	expect(ring, USPAWN_EVENT_END);
	assert_exited(&child, 0);
	cr_assert(output.total == 1000000 && output.dropped == 1000000 && !output.len && !output.data && !output.error);
	uspawn_ring_free(ring);
}

EachRing(capture, let_go)
{
	struct uspawn_output output = { .head = 100 };
	struct uspawn_child child, other;
	struct uspawn_event event;

	for (int wait = 0; wait < 2; wait++) {
		int pid;

		ring_begin(ring, &child, USPAWN(request, .argv = LIST("yes"), OUT),
			   USPAWN(args, .outputs = &output, .noutputs = 1));
		pid = child.pid;
		if (wait)
			cr_assert_eq(uspawn_ring_wait(ring, &event, 1, 5 * MS), 0);
		uspawn_done(&child);
		cr_assert_eq(child.state, USPAWN_UNSET);
		ring_begin(ring, &other, USPAWN(request, .argv = LIST("sleep", "0.02")), NULL);
		cr_assert_eq(expect(ring, USPAWN_EVENT_END).child, &other,
			     "yes was told nothing, and its end is silent");
		free(output.data);
		output.data = NULL;
		while (kill(pid, 0) == 0) { /* its pipe is broken, and the ring reaps it */
			cr_assert_leq(uspawn_ring_wait(ring, &event, 1, 0), 0);
			poll(NULL, 0, 1);
		}
	}
	uspawn_ring_free(ring);
}

/* A child that was started otherwise, and one that outlives its ring. */
EachRing(capture, on_and_off_the_ring)
{
	struct uspawn_output output = { .head = 100 };
	struct uspawn_child child;
	struct uspawn_event event;
	int end = -1;
	const struct uspawn_request *request = USPAWN(
		request, SH("echo one; read x; echo two"),
		FDS({ 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(0) }, { 0, USPAWN_READ_END, .fd = USPAWN_ARG(1) }));
	int ends[2];

	cr_assert_eq(uspawn(&child, request, USPAWN(args, .fds = ends, .nfds = 2, .outputs = &output, .noutputs = 1)),
		     0);
	end = ends[1];
	cr_assert_eq(uspawn_ring_add(ring, &child), 0);
	cr_assert_eq(uspawn_wait(&child, 0), -EBUSY);
	while (output.total < 4)
		cr_assert_eq(uspawn_ring_wait(ring, &event, 1, 2 * MS), 0);
	uspawn_ring_free(ring);
	close(end);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	assert_exited(&child, 0);
	assert_bytes(&output, "one\ntwo\n");
	free(output.data);
}

/* ---- Other threads, other loops ---- */

struct moved {
	struct uspawn_ring *ring;
	struct uspawn_output *output;
	uint64_t until;
};

static void *wait_elsewhere(void *data)
{
	struct moved *moved = data;
	struct uspawn_event event;

	while (moved->output->total < moved->until)
		cr_assert_eq(uspawn_ring_wait(moved->ring, &event, 1, MS), 0);
	return NULL;
}

EachRing(capture, c18_a_ring_that_changes_hands)
{
	struct uspawn_output output = { .head = UINT64_MAX };
	struct uspawn_child child;
	pthread_t thread;
	size_t at = 0;

	ring_begin(ring, &child, USPAWN(request, .argv = LIST("seq", "1", "1000000"), OUT),
		   USPAWN(args, .outputs = &output, .noutputs = 1));
	for (int i = 1; i <= 6; i++) {
		struct moved moved = { ring, &output, (uint64_t)i * 500000 };

		cr_assert_eq(pthread_create(&thread, NULL, wait_elsewhere, &moved), 0);
		pthread_join(thread, NULL);
		moved.until += 250000;
		wait_elsewhere(&moved);
	}
	expect(ring, USPAWN_EVENT_END);
	assert_exited(&child, 0);
	cr_assert_eq(output.len, 6888896);
	for (int i = 1; i <= 1000000; i++) {
		char line[16];
		size_t n = (size_t)sprintf(line, "%d\n", i);

		cr_assert(memcmp(output.data + at, line, n) == 0, "at line %d", i);
		at += n;
	}
	free(output.data);
	uspawn_ring_free(ring);
}

struct handed {
	struct uspawn_ring *ring;
	struct uspawn_output *output;
	struct uspawn_child *child;
};

static void *start_and_wait(void *data)
{
	struct handed *handed = data;

	ring_begin(handed->ring, handed->child, USPAWN(request, .argv = LIST("seq", "1", "1000000"), OUT),
		   USPAWN(args, .outputs = handed->output, .noutputs = 1));
	expect(handed->ring, USPAWN_EVENT_END);
	return NULL;
}

/* The poller is made anew within the start, for the other thread, and must not read one pipe twice. */
EachRing(capture, c18_started_by_another_thread)
{
	struct uspawn_output output = { .tail = 1 };
	struct uspawn_child child;
	struct handed handed = { ring, &output, &child };
	pthread_t thread;

	cr_assert_geq(uspawn_ring_fd(ring), 0);
	cr_assert_eq(pthread_create(&thread, NULL, start_and_wait, &handed), 0);
	pthread_join(thread, NULL);
	assert_exited(&child, 0);
	cr_assert_eq(output.total, 6888896, "%llu bytes", (unsigned long long)output.total);
	free(output.data);
	uspawn_ring_free(ring);
}

enum { PIPES = 8 };

static void *let_go_elsewhere(void *data)
{
	struct handed *handed = data;
	struct uspawn_event event;
	int pipes[PIPES][2], moved[PIPES], pid = handed->child->pid;
	char bytes[8];

	for (int i = 0; i < PIPES; i++)
		cr_assert(pipe2(pipes[i], O_CLOEXEC | O_NONBLOCK) == 0 && write(pipes[i][1], "precious", 8) == 8);
	uspawn_done(handed->child);
	for (int i = 0; i < PIPES; i++) { /* to numbers that were closed just now */
		moved[i] = dup(pipes[i][0]);
		close(pipes[i][0]);
	}
	cr_assert_eq(kill(pid, SIGCONT), 0);
	while (kill(pid, 0) == 0) { /* its pipe is broken, and the ring reaps it */
		cr_assert_leq(uspawn_ring_wait(handed->ring, &event, 1, 0), 0);
		poll(NULL, 0, 1);
	}
	for (int i = 0; i < PIPES; i++) {
		cr_assert_eq(read(moved[i], bytes, sizeof(bytes)), 8, "the ring has read a pipe of the host's");
		close(moved[i]);
		close(pipes[i][1]);
	}
	return NULL;
}

static void start_and_let_go_elsewhere(struct uspawn_ring *ring, int asks)
{
	struct uspawn_output output = { .head = 100 };
	struct uspawn_child child;
	struct handed handed = { ring, &output, &child };
	pthread_t thread;

	cr_assert(!asks || uspawn_ring_fd(ring) >= 0);
	ring_begin(ring, &child, USPAWN(request, SH("kill -STOP $$; exec yes"), OUT),
		   USPAWN(args, .outputs = &output, .noutputs = 1));
	cr_assert_eq(waitid(P_PID, (id_t)child.pid, &(siginfo_t){ 0 }, WSTOPPED | WNOWAIT), 0);
	cr_assert_eq(pthread_create(&thread, NULL, let_go_elsewhere, &handed), 0);
	pthread_join(thread, NULL);
	free(output.data);
	uspawn_ring_free(ring);
}

/* Nobody reads its pipe any more, nor what has its number. */
EachRing(capture, c18_let_go_by_another_thread)
{
	start_and_let_go_elsewhere(ring, 0);
}

EachRing(capture, c18_let_go_by_another_thread_of_a_foreign_loop)
{
	start_and_let_go_elsewhere(ring, 1);
}

EachRing(capture, a_foreign_loop)
{
	struct uspawn_output output = { .flags = USPAWN_OUTPUT_LINES };
	struct pollfd p = { .fd = uspawn_ring_fd(ring), .events = POLLIN };
	const struct uspawn_timed timed = { 30 * MS, SIGKILL, 0 };
	struct uspawn_child writes, sleeps;
	struct uspawn_event event;
	int lines = 0, n, ended = 0;

	ring_begin(ring, &writes, USPAWN(request, .argv = LIST("seq", "1", "5000"), OUT, .events = ASK(OUTPUT)),
		   USPAWN(args, .outputs = &output, .noutputs = 1));
	ring_begin(ring, &sleeps, USPAWN(request, .argv = LIST("sleep", "100"), .timed = &timed, .ntimed = 1), NULL);
	while (ended < 2) {
		cr_assert_eq(poll(&p, 1, 10000), 1, "it is told of everything, also of what is due");
		n = uspawn_ring_wait(ring, &event, 1, 0);
		lines += n == 1 && event.type == USPAWN_EVENT_OUTPUT;
		ended += n == 1 && event.type == USPAWN_EVENT_END;
	}
	assert_exited(&writes, 0);
	assert_killed(&sleeps, SIGKILL);
	cr_assert_eq(lines, 5000);
	uspawn_ring_free(ring);
}

/* Whoever polls may take any number of events at a time, and takes no more before it is told to. */
EachRing(capture, a_foreign_loop_of_many)
{
	enum { MANY = 40 };
	struct pollfd p = { .fd = uspawn_ring_fd(ring), .events = POLLIN };
	struct uspawn_output outputs[MANY][2];
	struct uspawn_child children[MANY];
	struct uspawn_event events[3];
	int ended = 0, exits = 0, eofs = 0, left = MANY;

	for (int round = 0; ended < MANY; round++) {
		int n;

		for (int more = 2; more && left; more--) {
			left--;
			outputs[left][0] = (struct uspawn_output){ .flags = left % 2 ? USPAWN_OUTPUT_LINES : 0 };
			outputs[left][1] = (struct uspawn_output){ .head = 10 };
			ring_begin(ring, &children[left],
				   USPAWN(request, SH("seq 1 20; echo to >&2"),
					  .events = ASK(EXIT) | ASK(OUTPUT) | ASK(EOF),
					  FDS({ 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(0) },
					      { 2, USPAWN_CAPTURE, .fd = USPAWN_ARG(1) })),
				   USPAWN(args, .outputs = outputs[left], .noutputs = 2));
		}
		cr_assert_eq(poll(&p, 1, 10000), 1, "it is told of everything, %d of %d ended", ended, MANY);
		n = uspawn_ring_wait(ring, events, 1 + (uint32_t)round % 3, 0);
		for (int i = 0; i < n; i++) {
			exits += events[i].type == USPAWN_EVENT_EXIT;
			eofs += events[i].type == USPAWN_EVENT_EOF;
			ended += events[i].type == USPAWN_EVENT_END;
		}
	}
	cr_assert_eq(exits, MANY);
	cr_assert_eq(eofs, 2 * MANY);
	for (int i = 0; i < MANY; i++)
		free(outputs[i][1].data);
	uspawn_ring_free(ring);
}

CheckedTest(capture, not_on_an_external_ring)
{
	struct uspawn_plan *plan;
	struct uspawn_ring *ring;
	struct uspawn_child child;

	cr_assert_eq(uspawn_ring_new(&ring, 0, USPAWN_RING_EXTERNAL), 0);
	cr_assert_eq(uspawn_plan_new(&plan, USPAWN(request, .argv = LIST("true"), OUT), NULL), 0);
	cr_assert_eq(uspawn_ring_start(ring, &child, plan, NULL), -EINVAL);
	assert_failed(&child, EINVAL, USPAWN_STEP_REQUEST, 0);
	uspawn_plan_free(plan);
	uspawn_ring_free(ring);
}

CheckedTest(capture, bad_input)
{
	static const struct {
		struct uspawn_fd fds[2];
		uint32_t n, index;
	} cases[] = {
		{ { { 1, USPAWN_CAPTURE, .fd = 5 } }, 1, 0 },
		{ { { 0, USPAWN_FEED, .fd = USPAWN_ARG(0) }, { 3, USPAWN_FEED, .fd = USPAWN_ARG(1) } }, 2, 1 },
		{ { { 0, USPAWN_FEED, .fd = USPAWN_ARG(0) }, { 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(0) } }, 2, 1 },
		{ { { 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(0) }, { 2, USPAWN_WRITE_END, .fd = USPAWN_ARG(0) } }, 2, 1 },
		{ { { 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(0), .flags = USPAWN_NONBLOCK } }, 1, 0 },
		{ { { 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(64) } }, 1, 0 },
		{ { { 1, USPAWN_FEED + 1, .fd = USPAWN_ARG(0) } }, 1, 0 },
	};
	static const struct uspawn_output outputs[] = {
		{ .flags = 1 },
		{ .fd = 3 },
		{ .flags = USPAWN_OUTPUT_FD, .fd = 2, .callback = refuse_all },
		{ .callback_data = (void *)"x" },
		{ .reserved = { 1, 0 } },
		{ .line = UINT64_MAX },
	};
	struct uspawn_failure failure;
	struct uspawn_plan *plan;
	struct uspawn_child child;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		cr_assert_eq(
			uspawn_plan_new(&plan,
					USPAWN(request, .argv = LIST("true"), .fds = cases[i].fds, .nfds = cases[i].n),
					&failure),
			-EINVAL, "case %zu", i);
		cr_assert(failure.step == USPAWN_STEP_FD && failure.index == cases[i].index, "case %zu", i);
	}
	cr_assert_eq(uspawn(&child, USPAWN(request, .argv = LIST("true"), OUT, .flags = USPAWN_PID_ONLY), NULL),
		     -EINVAL);
	for (size_t i = 0; i < sizeof(outputs) / sizeof(*outputs); i++) {
		struct uspawn_output output = outputs[i];

		cr_assert_eq(uspawn(&child, USPAWN(request, .argv = LIST("true"), OUT),
				    USPAWN(args, .outputs = &output, .noutputs = 1)),
			     -EINVAL, "output %zu", i);
		assert_failed(&child, EINVAL, USPAWN_STEP_SOURCE, 0);
	}
}

/* ---- What the library holds itself, until it has seen the exec ---- */

EachRing(capture, end_of_file_while_the_child_runs)
{
	struct uspawn_child child;

	ring_begin(ring, &child, USPAWN(request, SH("exec >&-; exec sleep 100"), OUT, .events = ASK(EOF) | ASK(EXIT)),
		   NULL);
	expect(ring, USPAWN_EVENT_EOF);
	cr_assert_eq(uspawn_kill(&child, SIGKILL, 0), 0);
	expect(ring, USPAWN_EVENT_EXIT);
	expect(ring, USPAWN_EVENT_END);
	uspawn_ring_free(ring);
}

/* The first closes its output and waits for the second, which waits for the end of its input. */
static void wait_for_each_other(struct uspawn_ring *ring, uint64_t give)
{
	const struct uspawn_fd in_and_out[] = { { 0, .fd = USPAWN_ARG(0) }, { 1, .fd = USPAWN_ARG(1) } };
	struct uspawn_child first, second;
	int data[2], done[2];

	cr_assert(pipe2(data, O_CLOEXEC) == 0 && pipe2(done, O_CLOEXEC) == 0);
	ring_begin(ring, &second, USPAWN(request, SH("cat >&2; echo done"), .fds = in_and_out, .nfds = 2),
		   USPAWN(args, .fds = (int[]){ data[0], done[1] }, .nfds = 2, .give = give));
	ring_begin(ring, &first, USPAWN(request, SH("exec >&-; read x; exit 5"), .fds = in_and_out, .nfds = 2),
		   USPAWN(args, .fds = (int[]){ done[0], data[1] }, .nfds = 2, .give = give));
	for (int i = 0; i < 2 && !give; i++) {
		close(data[i]);
		close(done[i]);
	}
	expect(ring, USPAWN_EVENT_END);
	expect(ring, USPAWN_EVENT_END);
	assert_exited(&second, 0);
	assert_exited(&first, 5);
}

EachRing(capture, children_that_wait_for_each_other)
{
	for (int i = 0; i < 10; i++)
		wait_for_each_other(ring, i % 2 ? 3 : 0);
	uspawn_ring_free(ring);
}

/* By a foreign loop, which is brought back in time. */
EachRing(capture, end_of_file_under_a_foreign_loop)
{
	struct pollfd readable = { .fd = uspawn_ring_fd(ring), .events = POLLIN };
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	struct uspawn_child child;
	struct uspawn_event event;

	if (timer < 0) {
		uspawn_ring_free(ring);
		cr_skip_test("timerfd_create: %s", strerror(errno));
	}
	close(timer);
	ring_begin(ring, &child, USPAWN(request, SH("exec >&-; exec sleep 100"), OUT, .events = ASK(EOF) | ASK(EXIT)),
		   NULL);
	while (uspawn_ring_wait(ring, &event, 1, 0) == 0)
		cr_assert_eq(poll(&readable, 1, -1), 1);
	cr_assert_eq(event.type, USPAWN_EVENT_EOF);
	cr_assert_eq(uspawn_kill(&child, SIGKILL, 0), 0);
	expect(ring, USPAWN_EVENT_EXIT);
	expect(ring, USPAWN_EVENT_END);
	uspawn_ring_free(ring);
}

/* ---- A child is a value ---- */

static void start_and_move(struct uspawn_child *ret, uint32_t rung, struct uspawn_output *output, char *script)
{
	struct uspawn_child child;

	cr_assert_eq(uspawn(&child, USPAWN(request, .rung = rung, SH(script), OUT),
			    USPAWN(args, .outputs = output, .noutputs = 1)),
		     0);
	*ret = child;
	memset(&child, 0xee, sizeof(child));
}

EachWaitingRung(capture, a_child_that_is_moved)
{
	struct uspawn_output outputs[3] = { { .head = 100 }, { .head = 100 }, { .head = 100 } };
	struct uspawn_child child;
	struct uspawn_ring *ring;

	start_and_move(&child, way->rung, &outputs[0], "echo hello; exit 3");
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	assert_exited(&child, 3);
	assert_bytes(&outputs[0], "hello\n");
	start_and_move(&child, way->rung, &outputs[1], "echo hello; exit 4");
	cr_assert_eq(uspawn_ring_new(&ring, 0, 0), 0);
	cr_assert_eq(uspawn_ring_add(ring, &child), 0);
	expect(ring, USPAWN_EVENT_END);
	assert_exited(&child, 4);
	assert_bytes(&outputs[1], "hello\n");
	uspawn_ring_free(ring);
	start_and_move(&child, way->rung, &outputs[2], "exec sleep 100");
	cr_assert_eq(uspawn_kill(&child, SIGKILL, 0), 0);
	cr_assert_eq(waitpid(child.pid, NULL, __WALL), child.pid);
	uspawn_done(&child);
	for (int i = 0; i < 3; i++)
		free(outputs[i].data);
}

/* ---- A host that closes what it does not know, and opens its own files there ---- */

static struct uspawn_ring *hosts_ring;

static void close_all_while_captured(void)
{
	static char input[100000];
	struct uspawn_output outputs[2] = { { .head = 100 }, { .head = 100 } };
	struct uspawn_plan *plan;
	struct uspawn_event event;
	struct uspawn_child child;
	char bytes[16];
	int fds[90];

	copy_assert(uspawn_plan_new(&plan,
				    USPAWN(request, SH("cat >/dev/null; echo out"),
					   FDS({ 0, USPAWN_FEED, .fd = USPAWN_ARG(0) },
					       { 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(1) })),
				    NULL) == 0);
	copy_assert((hosts_ring ? uspawn_ring_start(hosts_ring, &child, plan,
						    USPAWN(args, .input = input, .ninput = sizeof(input),
							   .outputs = outputs, .noutputs = 2))
				: uspawn_start(&child, plan,
					       USPAWN(args, .input = input, .ninput = sizeof(input), .outputs = outputs,
						      .noutputs = 2))) == 0);
	copy_assert(uspawn_settle(-1) == 0); /* a child that has not left yet would have theirs */
	file_close_range(3, 0);
	for (int i = 0; i < 90; i += 2) {
		copy_assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, &fds[i]) == 0);
		copy_assert(fds[i] == 3 + i && fds[i + 1] == 4 + i && write(fds[i], "theirs", 6) == 6);
	}
	if (hosts_ring)
		copy_assert(uspawn_ring_wait(hosts_ring, &event, 1, -1) == 1 && event.type == USPAWN_EVENT_END);
	else
		copy_assert(uspawn_wait(&child, -1) == 1);
	copy_assert(outputs[1].len == 0 && outputs[1].error == -EBADF);
	if (hosts_ring)
		uspawn_ring_free(hosts_ring);
	for (int i = 0; i < 90; i += 2) {
		copy_assert(read(fds[i + 1], bytes, sizeof(bytes)) == 6);
		copy_assert(read(fds[i + 1], bytes, sizeof(bytes)) == -1 && errno == EAGAIN);
		copy_assert(read(fds[i], bytes, sizeof(bytes)) == -1 && errno == EAGAIN);
	}
}

static void close_all_while_captured_by_epoll(void)
{
	copy_assert(uspawn_ring_new(&hosts_ring, 1, USPAWN_RING_EPOLL) == 0);
	close_all_while_captured();
}

CheckedTest(capture, host_has_closed_the_pipes)
{
	copy_run(close_all_while_captured);
	copy_run(close_all_while_captured_by_epoll);
}

/* In a copy that was forked while a thread waited there is no such thread: the copy may wait as it is. */
static struct uspawn_child waited;

static void *wait_for_it(void *unused)
{
	(void)unused;
	cr_assert_eq(uspawn_wait(&waited, -1), 1);
	return NULL;
}

static void wait_in_a_copy(void)
{
	copy_assert(uspawn_wait(&waited, 0) == 0);
	uspawn_done(&waited);
}

CheckedTest(capture, c16_forked_while_a_thread_waits)
{
	int input[1] = { -1 };
	pthread_t thread;

	cr_assert_eq(uspawn(&waited,
			    USPAWN(request, SH("read line; echo $line; exit 7"),
				   FDS({ 0, USPAWN_READ_END, .fd = USPAWN_ARG(0) },
				       { 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(1) })),
			    USPAWN(args, .fds = input, .nfds = 1)),
		     0);
	cr_assert_eq(pthread_create(&thread, NULL, wait_for_it, NULL), 0);
	for (int i = 0; i < 20; i++)
		copy_run(wait_in_a_copy);
	cr_assert_eq(write(input[0], "hello\n", 6), 6);
	close(input[0]);
	pthread_join(thread, NULL);
	assert_exited(&waited, 7);
}
