/* SPDX-License-Identifier: MIT */
/* Start, feed, capture and wait in one call, by plain blocking code: on every rung that such code has. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/files.h"
#include "harness/filler.h"
#include "harness/kernel.h"
#include "harness/way.h"

CheckedSuite(run);

#define MS 1000000ull

static const struct uspawn_fd both[] = {
	{ 0, USPAWN_FEED, .fd = USPAWN_ARG(0) },
	{ 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(1) },
	{ 2, USPAWN_CAPTURE, .fd = USPAWN_ARG(2) },
};

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Runs a script with standard output captured so. */
static int captured(struct way *way, struct uspawn_child *child, const char *script, struct uspawn_output *output)
{
	return uspawn_run(child,
			  USPAWN(request, .rung = way->rung, SH((char *)script),
				 FDS({ 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(0) }, { 0, USPAWN_NULL })),
			  USPAWN(args, .outputs = output, .noutputs = 1));
}

static void assert_bytes(const struct uspawn_output *output, const char *text)
{
	cr_assert(output->len == strlen(text) && (!output->len || memcmp(output->data, text, output->len) == 0),
		  "captured %.*s", (int)output->len, output->data);
}

/* ---- Both ways ---- */

EachWaitingRung(run, c47_a_mebibyte_both_ways)
{
	enum { N = 1 << 20 };
	struct uspawn_output outputs[3] = { [1] = { .head = UINT64_MAX } };
	struct uspawn_child child;
	unsigned char *input = malloc(N);

	for (int i = 0; i < N; i++)
		input[i] = (unsigned char)(i * 7 + i / 251);
	cr_assert_eq(uspawn_run(&child, USPAWN(request, .rung = way->rung, .argv = LIST("cat"), .fds = both, .nfds = 3),
				USPAWN(args, .input = input, .ninput = N, .outputs = outputs, .noutputs = 3)),
		     0);
	assert_exited(&child, 0);
	cr_assert(outputs[1].total == N && outputs[1].len == N && outputs[1].dropped == 0);
	cr_assert_eq(memcmp(outputs[1].data, input, N), 0);
	cr_assert_eq(outputs[2].total, 0);
	free(outputs[1].data);
	free(input);
}

EachWaitingRung(run, c47_more_than_a_pipe_holds_on_both_streams)
{
	struct uspawn_output outputs[3] = { [1] = { .head = UINT64_MAX }, [2] = { .head = UINT64_MAX } };
	struct uspawn_child child;

	cr_assert_eq(uspawn_run(&child,
				USPAWN(request, .rung = way->rung,
				       SH("head -c 165537 /dev/zero; head -c 265537 /dev/zero >&2; exit 3"),
				       .fds = both, .nfds = 3),
				USPAWN(args, .outputs = outputs, .noutputs = 3)),
		     0);
	assert_exited(&child, 3);
	cr_assert(outputs[1].len == 165537 && outputs[2].len == 265537);
	free(outputs[1].data);
	free(outputs[2].data);
}

/* SIGPIPE would end this process; who has it blocked, or one pending, finds it as it was. */
static void assert_input_may_be_left(struct way *way)
{
	enum { FREE, BLOCKED, PENDING };
	static char input[1 << 18];
	const struct timespec zero = { 0 };
	struct uspawn_child child;
	sigset_t set, pending;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	for (int now = FREE; now <= PENDING; now++) {
		sigprocmask(now == FREE ? SIG_UNBLOCK : SIG_BLOCK, &set, NULL);
		if (now == PENDING)
			raise(SIGPIPE);
		cr_assert_eq(
			uspawn_run(&child,
				   USPAWN(request, .rung = way->rung, SH("exec 0<&-; exit 5"), .fds = both, .nfds = 3),
				   USPAWN(args, .input = input, .ninput = sizeof(input))),
			0);
		assert_exited(&child, 5);
		sigpending(&pending);
		cr_assert_eq(sigismember(&pending, SIGPIPE), now == PENDING);
	}
	cr_assert_eq(sigtimedwait(&set, NULL, &zero), SIGPIPE);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

EachWaitingRung(run, c47_input_that_nobody_reads)
{
	assert_input_may_be_left(way);
}

/* As before 6.18. */
EachWaitingRung(run, c47_input_that_nobody_reads_without_a_flag)
{
	kernel_refuse(CALL_PWRITEV2_NOSIGNAL, EOPNOTSUPP);
	assert_input_may_be_left(way);
}

EachWaitingRung(run, no_input_is_end_of_file)
{
	struct uspawn_child child;

	cr_assert_eq(uspawn_run(&child,
				USPAWN(request, .rung = way->rung, .argv = LIST("cat"),
				       FDS({ 0, USPAWN_FEED, .fd = USPAWN_ARG(0) })),
				NULL),
		     0);
	assert_exited(&child, 0);
}

EachWaitingRung(run, the_childs_ends_block)
{
	struct uspawn_output outputs[2] = { 0 };
	struct uspawn_child child;
	struct report_fd seen;
	REPORT r;

	report_open(&r);
	cr_assert_eq(uspawn_run(&child,
				USPAWN(request, .rung = way->rung, WITNESS("report", r.where),
				       FDS({ 3, USPAWN_FEED, .fd = USPAWN_ARG(0) },
					   { 4, USPAWN_CAPTURE, .fd = USPAWN_ARG(1) })),
				USPAWN(args, .outputs = outputs, .noutputs = 2)),
		     0);
	assert_exited(&child, 0);
	report_read(&r);
	cr_assert(report_fd(&r, 3, &seen) && !(seen.status & O_NONBLOCK) && strcmp(seen.access, "r") == 0);
	cr_assert(report_fd(&r, 4, &seen) && !(seen.status & O_NONBLOCK) && strcmp(seen.access, "w") == 0);
	cr_assert_str_eq(report_fds(&r), "0 1 2 3 4");
}

EachWaitingRung(run, failed_start_leaves_nothing)
{
	struct uspawn_output output = { .head = 100 };
	struct uspawn_child child;

	cr_assert_eq(uspawn_run(&child,
				USPAWN(request, .rung = way->rung, .path = "/no/such", .argv = LIST("x"),
				       FDS({ 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(0) })),
				USPAWN(args, .outputs = &output, .noutputs = 1)),
		     -ENOENT);
	assert_failed(&child, ENOENT, USPAWN_STEP_EXEC, 0);
	cr_assert(!output.data && output.total == 0);
	cr_assert_eq(uspawn_wait(&child, 0), 1);
}

/* ---- Caps ---- */

EachWaitingRung(run, caps)
{
	static const struct {
		uint64_t head, tail, total;
		const char *script, *kept;
	} cases[] = {
		{ 4, 0, 10, "printf 0123456789", "0123" },
		{ 0, 4, 10, "printf 0123456789", "6789" },
		{ 3, 3, 10, "printf 0123456789", "012789" },
		{ 5, 5, 10, "printf 0123456789", "0123456789" },
		{ 4, 5, 10, "printf 0123456789", "012356789" },
		{ 20, 20, 10, "printf 0123456789", "0123456789" },
		{ 0, 0, 10, "printf 0123456789", "" },
		{ 2, 3, 10, "for i in 0 1 2 3 4 5 6 7 8 9; do printf $i; done", "01789" },
		{ 1, 1, 0, "true", "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char room[64];

		for (int given = 0; given < 2; given++) {
			struct uspawn_output output = { .head = cases[i].head,
							.tail = cases[i].tail,
							.data = given ? room : NULL };
			struct uspawn_child child;

			cr_assert_eq(captured(way, &child, cases[i].script, &output), 0);
			assert_exited(&child, 0);
			assert_bytes(&output, cases[i].kept);
			cr_assert_eq(output.total, cases[i].total);
			cr_assert_eq(output.dropped, output.total - output.len);
			if (!given)
				free(output.data);
		}
	}
}

EachWaitingRung(run, a_flood_under_a_cap)
{
	struct uspawn_output output = { .head = 32768, .tail = 32768 };
	struct uspawn_child child;

	cr_assert_eq(captured(way, &child, "yes | head -c 50000001", &output), 0);
	assert_exited(&child, 0);
	cr_assert(output.total == 50000001 && output.len == 65536 && output.dropped == 50000001 - 65536);
	cr_assert(output.data[0] == 'y' && output.data[32767] == '\n' && output.data[65535] == 'y' &&
		  output.data[65534] == '\n');
	free(output.data);
}

EachWaitingRung(run, one_stream_for_two_descriptors)
{
	struct uspawn_output output = { .head = 100 };
	struct uspawn_child child;

	cr_assert_eq(uspawn_run(&child,
				USPAWN(request, .rung = way->rung, SH("printf out; printf err >&2; printf out"),
				       FDS({ 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(0) },
					   { 2, USPAWN_CAPTURE, .fd = USPAWN_ARG(0) })),
				USPAWN(args, .outputs = &output, .noutputs = 1)),
		     0);
	assert_bytes(&output, "outerrout");
	free(output.data);
}

/* ---- Callbacks and descriptors ---- */

struct heard {
	char text[256];
	unsigned calls, stop_at;
};

static int hear(void *data, const char *bytes, size_t len)
{
	struct heard *heard = data;

	strncat(heard->text, bytes, len < 32 ? len : 32);
	strcat(heard->text, "|");
	return ++heard->calls == heard->stop_at ? 77 : 0;
}

EachWaitingRung(run, lines)
{
	struct heard heard = { .calls = 0 };
	struct uspawn_output output = {
		.flags = USPAWN_OUTPUT_LINES, .callback = hear, .callback_data = &heard, .line = 8
	};
	struct uspawn_child child;

	cr_assert_eq(captured(way, &child, "printf 'one\\ntw'; printf 'o\\n\\n12345678901234567890\\nseven77\\nrest'",
			      &output),
		     0);
	cr_assert_str_eq(heard.text, "one\n|two\n|\n|12345678|90123456|7890\n|seven77\n|rest|");
	cr_assert(output.total == 42 && output.dropped == 0);
}

/* The child meets a pipe that nobody reads, as if its reader had ended. */
EachWaitingRung(run, a_callback_that_fails)
{
	for (uint32_t flags = 0; flags <= USPAWN_OUTPUT_LINES; flags += USPAWN_OUTPUT_LINES) {
		struct heard heard = { .stop_at = 1 };
		struct uspawn_output output = { .flags = flags, .callback = hear, .callback_data = &heard };
		struct uspawn_child child;

		cr_assert_eq(captured(way, &child, "trap '' PIPE; echo a; while echo a 2>/dev/null; do :; done; exit 9",
				      &output),
			     0);
		assert_exited(&child, 9);
		cr_assert(heard.calls == 1 && output.error == 77);
	}
}

EachWaitingRung(run, to_a_descriptor)
{
	int sockets[2], file = file_new(64);
	char text[16] = "";

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
	for (int i = 0; i < 2; i++) {
		int to = i ? file : sockets[0];
		struct uspawn_output output = { .flags = USPAWN_OUTPUT_FD, .fd = to, .limit = 6, .tail = 2 };
		struct uspawn_child child;

		cr_assert_eq(captured(way, &child, "printf 0123456789", &output), 0);
		cr_assert(output.total == 10 && output.error == 0 && output.dropped == 2);
		assert_bytes(&output, "89");
		cr_assert_eq(i ? pread(to, text, 16, 0) : read(sockets[1], text, 16), 6);
		cr_assert_eq(memcmp(text, "012345", 6), 0);
		free(output.data);
	}
	close(sockets[0]);
	close(sockets[1]);
	close(file);
}

/* Its reader is another thread, slow to begin with: back pressure, and no byte is lost. */
static void *drain(void *fd)
{
	static _Thread_local char buf[65536];
	size_t total = 0;
	ssize_t n;

	while ((n = read(*(int *)fd, buf, sizeof(buf))) > 0)
		total += (size_t)n;
	return (void *)total;
}

EachWaitingRung(run, to_a_full_pipe)
{
	struct uspawn_output output = { .flags = USPAWN_OUTPUT_FD };
	struct uspawn_child child;
	pthread_t thread;
	void *total;
	int ends[2];

	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	output.fd = ends[1];
	cr_assert_eq(captured(way, &child, "exit 3", &output), -EINVAL, "it would block");
	assert_failed(&child, EINVAL, USPAWN_STEP_SOURCE, 0);
	fcntl(ends[1], F_SETFL, O_WRONLY | O_NONBLOCK);
	cr_assert_eq(pthread_create(&thread, NULL, drain, &ends[0]), 0);
	cr_assert_eq(captured(way, &child, "head -c 3000000 /dev/zero", &output), 0);
	close(ends[1]);
	pthread_join(thread, &total);
	close(ends[0]);
	cr_assert(output.total == 3000000 && output.dropped == 0 && (size_t)total == 3000000);
}

EachWaitingRung(run, to_a_pipe_that_nobody_reads)
{
	struct uspawn_output output = { .flags = USPAWN_OUTPUT_FD };
	struct uspawn_child child;
	int ends[2];

	cr_assert_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	output.fd = ends[1];
	close(ends[0]);
	cr_assert_eq(captured(way, &child, "exec yes", &output), 0);
	assert_killed(&child, SIGPIPE);
	cr_assert(output.error == -EPIPE && output.dropped == output.total);
	close(ends[1]);
}

/* ---- Ends ---- */

/* The exit is one fact, end-of-file another. */
EachWaitingRung(run, c46_a_grandchild_holds_the_pipe)
{
	struct uspawn_output output = { .head = 100 };
	struct uspawn_child child;
	int64_t begin = now_ns();

	cr_assert_eq(uspawn_run(&child,
				USPAWN(request, .rung = way->rung, SH("sleep 20 & echo $!"),
				       FDS({ 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(0) }), .drain_ns = 50 * MS),
				USPAWN(args, .outputs = &output, .noutputs = 1)),
		     0);
	assert_exited(&child, 0);
	cr_assert(output.cut_off && output.len > 1 && now_ns() - begin < 10000 * (int64_t)MS);
	output.data[output.len - 1] = '\0';
	cr_assert_eq(kill(atoi(output.data), SIGKILL), 0, "it runs on");
	free(output.data);
}

/* Nobody else holds the pipe: everything comes, and then its end, whenever somebody waits. */
EachWaitingRung(run, all_comes_although_the_drain_is_over)
{
	struct uspawn_output outputs[3] = { 0 };
	struct uspawn_child child;
	int ends[2] = { -1, -1 };
	uint64_t held;

	cr_assert_eq(uspawn(&child, USPAWN(request, .rung = way->rung, FILLS, .drain_ns = 1),
			    USPAWN(args, .fds = ends, .nfds = 2, .outputs = outputs, .noutputs = 3)),
		     0);
	held = filler_fill(&child, ends);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	assert_exited(&child, 0);
	cr_assert_eq(outputs[2].total, held, "%llu of %llu", (unsigned long long)outputs[2].total,
		     (unsigned long long)held);
	cr_assert(!outputs[2].cut_off);
}

/* What others go on to write is not waited for. */
EachWaitingRung(run, a_flood_is_cut_off)
{
	struct uspawn_output output = { 0 };
	struct uspawn_child child;

	cr_assert_eq(uspawn_run(&child,
				USPAWN(request, .rung = way->rung, SH("yes & exit 3"),
				       FDS({ 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(0) }), .drain_ns = 20 * MS),
				USPAWN(args, .outputs = &output, .noutputs = 1)),
		     0);
	assert_exited(&child, 3);
	cr_assert(output.cut_off);
}

EachWaitingRung(run, end_of_file_after_the_exit)
{
	struct uspawn_output output = { .head = 100 };
	struct uspawn_child child;

	cr_assert_eq(captured(way, &child, "(sleep 0.1; echo late) & exit 4", &output), 0);
	assert_exited(&child, 4);
	assert_bytes(&output, "late\n");
	cr_assert(!output.cut_off);
	free(output.data);
}

EachWaitingRung(run, c46_a_deadline_for_the_group)
{
	const struct uspawn_timed ladder[] = { { 100 * MS, SIGTERM, USPAWN_TIMED_GROUP },
					       { 20000 * MS, SIGKILL, USPAWN_TIMED_GROUP } };
	struct uspawn_output output = { .head = 100 };
	struct uspawn_child child;

	cr_assert_eq(uspawn_run(&child,
				USPAWN(request, .rung = way->rung, SH("sleep 30 & wait"),
				       FDS({ 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(0) }), .flags = USPAWN_SETPGROUP,
				       .timed = ladder, .ntimed = 2),
				USPAWN(args, .outputs = &output, .noutputs = 1)),
		     0);
	assert_killed(&child, SIGTERM);
	cr_assert_eq(child.exit.timed, 1);
	cr_assert_eq(output.total, 0);
	cr_assert(!output.cut_off, "nobody holds the pipe");
	free(output.data);
}

/* Who only looks feeds it, hears it and is told its end, too. */
EachWaitingRung(run, looked_at_only)
{
	enum { N = 1 << 20 };
	static char input[N];
	struct uspawn_output outputs[3] = { 0 };
	struct uspawn_child child;
	int looks = 0;

	cr_assert_eq(uspawn(&child, USPAWN(request, .rung = way->rung, .argv = LIST("cat"), .fds = both, .nfds = 3),
			    USPAWN(args, .input = input, .ninput = N, .outputs = outputs, .noutputs = 3)),
		     0);
	for (; uspawn_wait(&child, 0) == 0; looks++) {
		cr_assert_lt(looks, 20000, "%llu bytes came", (unsigned long long)outputs[1].total);
		poll(NULL, 0, 1);
	}
	assert_exited(&child, 0);
	cr_assert_eq(outputs[1].total, N);
}

/* uspawn_wait() in slices loses nothing, and may be given up. */
EachWaitingRung(run, wait_in_slices)
{
	struct uspawn_output output = { .head = 100 };
	struct uspawn_child child;
	const struct uspawn_request *request = USPAWN(
		request, .rung = way->rung, SH("echo one; read x; echo two"),
		FDS({ 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(0) }, { 0, USPAWN_READ_END, .fd = USPAWN_ARG(1) }));
	int ends[2] = { -1, -1 };

	for (int given_up = 0; given_up < 2; given_up++) {
		cr_assert_eq(uspawn(&child, request,
				    USPAWN(args, .fds = ends, .nfds = 2, .outputs = &output, .noutputs = 1)),
			     0);
		cr_assert_eq(ends[0], -1, "the other end of a CAPTURE is the library's");
		while (output.total < 4)
			cr_assert_eq(uspawn_wait(&child, MS), 0);
		close(ends[1]);
		if (given_up)
			break;
		cr_assert_eq(uspawn_wait(&child, -1), 1);
		assert_bytes(&output, "one\ntwo\n");
		free(output.data);
		output.data = NULL;
	}
	int pid = child.pid, status;
	uspawn_done(&child);
	cr_assert_eq(child.state, USPAWN_UNSET);
	assert_bytes(&output, "one\n");
	free(output.data);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
}

/* What would be events is nobody's without a ring. */
CheckedTest(run, output_that_was_to_be_events)
{
	struct uspawn_output output = { .limit = 100 };
	struct uspawn_child child;

	cr_assert_eq(uspawn_run(&child,
				USPAWN(request, .argv = LIST("echo", "hello"), .events = 1u << USPAWN_EVENT_OUTPUT,
				       FDS({ 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(0) })),
				USPAWN(args, .outputs = &output, .noutputs = 1)),
		     0);
	cr_assert(output.total == 6 && output.dropped == 6 && output.len == 0);
}
