/* SPDX-License-Identifier: MIT */
/* The mapping of descriptors: which file is at which number of the child, and that nothing else is. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/files.h"
#include "harness/way.h"

CheckedSuite(descriptors);

static void close_all(const int *fds, int n)
{
	for (int i = 0; i < n; i++)
		close(fds[i]);
}

EachRung(descriptors, nothing_but_stdio)
{
	REPORT r;
	int low = file_new(3), high = file_new(300);

	report_open(&r);
	fcntl(low, F_SETFD, 0);
	fcntl(high, F_SETFD, 0);
	way_report(way, &r, USPAWN(request), NULL);
	cr_assert_str_eq(report_fds(&r), "0 1 2");
	for (int i = 0; i < 3; i++)
		report_assert_file(&r, i, i);
	close(low);
	close(high);
}

/* Of the caller's: it is there for who names it. */
EachRung(descriptors, stdio_closed_by_exec)
{
	REPORT r;

	report_open(&r);
	cr_assert_eq(fcntl(0, F_SETFD, FD_CLOEXEC), 0);
	way_report(way, &r, USPAWN(request), NULL);
	cr_assert_str_eq(report_fds(&r), "1 2");
	way_report(way, &r, USPAWN(request, FDS({ 0, .fd = 0 })), NULL);
	cr_assert_str_eq(report_fds(&r), "0 1 2");
	report_assert_file(&r, 0, 0);
	cr_assert_eq(fcntl(0, F_SETFD, 0), 0);
}

EachRung(descriptors, inherit_keeps_what_is_not_close_on_exec)
{
	REPORT r;
	struct report_fd seen;
	int kept = file_new(70), kept_high = file_new(400), gone = file_new(80), source = file_new(90);

	report_open(&r);
	fcntl(kept, F_SETFD, 0);
	fcntl(kept_high, F_SETFD, 0);
	way_report(way, &r,
		   USPAWN(request, .flags = USPAWN_INHERIT_FDS,
			  FDS({ 60, .fd = source }, { 61, .source = USPAWN_CLOSED })),
		   NULL);
	report_assert_file(&r, kept, kept);
	report_assert_file(&r, kept_high, kept_high);
	report_assert_file(&r, 60, source);
	cr_assert(!report_fd(&r, gone, &seen));
	cr_assert(!report_fd(&r, source, &seen));
	close_all((int[]){ kept, kept_high, gone, source }, 4);
}

/* The library opens pipes and copies of its own, and what it opens gets the lowest number. */
EachRung(descriptors, what_is_closed_is_not_replaced_by_the_librarys)
{
	int fds[] = { -1, dup(0) };
	struct uspawn_child child;
	const struct uspawn_request *request = USPAWN(request, .flags = USPAWN_FEXEC, .argv = LIST("w"), .exec_fd = 0,
						      FDS({ 0, .source = USPAWN_NULL },
							  { 1, USPAWN_WRITE_END, .fd = USPAWN_ARG(0) },
							  { 60, .fd = USPAWN_ARG(1) }));
	const struct uspawn_args *args = USPAWN(args, .fds = fds, .nfds = 2);

	close(fds[1]);
	cr_assert_eq(uspawn(&child, request, args), -EBADF);
	assert_failed(&child, EBADF, USPAWN_STEP_SOURCE, 2);
	cr_assert_eq(way_start(way, &child, request, args), -EBADF);
	assert_failed(&child, EBADF, USPAWN_STEP_SOURCE, 2);
}

EachRung(descriptors, c7_swap)
{
	int lows[] = { 3, 70, 600 };

	for (int i = 0; i < 3; i++) {
		REPORT r;
		int a = file_new(lows[i]), b = file_new(lows[i]);
		char numbers[40];

		report_open(&r);
		way_report(way, &r, USPAWN(request, FDS({ a, .fd = b }, { b, .fd = a })), NULL);
		report_assert_file(&r, a, b);
		report_assert_file(&r, b, a);
		snprintf(numbers, sizeof(numbers), "0 1 2 %d %d", a, b);
		cr_assert_str_eq(report_fds(&r), numbers);
		close(a);
		close(b);
	}
}

EachRung(descriptors, c7_swap_and_cycle_of_stdio)
{
	REPORT r;
	struct stdio stdio;
	int file[] = { file_new(3), file_new(3), file_new(3) };

	report_open(&r);
	stdio_replace(&stdio, file[0], file[1], file[2]);
	way_report(way, &r, USPAWN(request, FDS({ 1, .fd = 2 }, { 2, .fd = 1 })), NULL);
	report_assert_file(&r, 0, file[0]);
	report_assert_file(&r, 1, file[2]);
	report_assert_file(&r, 2, file[1]);
	way_report(way, &r, USPAWN(request, FDS({ 0, .fd = 1 }, { 1, .fd = 2 }, { 2, .fd = 0 })), NULL);
	stdio_restore(&stdio);
	report_assert_file(&r, 0, file[1]);
	report_assert_file(&r, 1, file[2]);
	report_assert_file(&r, 2, file[0]);
	cr_assert_str_eq(report_fds(&r), "0 1 2");
	close_all(file, 3);
}

EachRung(descriptors, c7_one_source_many_targets)
{
	REPORT r;
	int source = file_new(66), a = file_free_number(67), b = file_free_number(200);

	report_open(&r);
	way_report(way, &r,
		   USPAWN(request, FDS({ a, .fd = source }, { b, .fd = source }, { source, .source = USPAWN_CLOSED },
				       { 1, .fd = source })),
		   NULL);
	report_assert_file(&r, a, source);
	report_assert_file(&r, b, source);
	report_assert_file(&r, 1, source);
	cr_assert_str_eq(report_fds(&r), "0 1 2 67 200");
	close(source);
}

EachRung(descriptors, c8_same_number_loses_close_on_exec)
{
	REPORT r;
	int low = file_new(3), high = file_new(128);

	report_open(&r);
	way_report(way, &r, USPAWN(request, FDS({ low, .fd = low }, { high, .fd = high })), NULL);
	report_assert_file(&r, low, low);
	report_assert_file(&r, high, high);
	cr_assert_eq(fcntl(low, F_GETFD), FD_CLOEXEC);
	cr_assert_eq(fcntl(high, F_GETFD), FD_CLOEXEC);
	close(low);
	close(high);
}

EachRung(descriptors, c6_closed_stdio_stays_closed)
{
	for (unsigned open = 0; open < 8; open++) {
		REPORT r;
		struct stdio stdio;
		struct report_fd seen;
		int file = file_new(100);

		report_open(&r);
		stdio_replace(&stdio, open & 1 ? file : -1, open & 2 ? file : -1, open & 4 ? file : -1);
		way_report(way, &r, USPAWN(request), NULL);
		for (int i = 0; i < 3; i++)
			cr_assert_eq(file_is_open(i), (int)(open >> i & 1), "%d was taken in the parent", i);
		stdio_restore(&stdio);
		for (int i = 0; i < 3; i++)
			cr_assert_eq(report_fd(&r, i, &seen), (int)(open >> i & 1), "%d in the child", i);
		close(file);
	}
}

EachRung(descriptors, c6_closed_stdio_as_targets)
{
	REPORT r;
	struct stdio stdio;
	int file = file_new(3);

	report_open(&r);
	stdio_replace(&stdio, -1, -1, -1);
	way_report(way, &r, USPAWN(request, FDS({ 0, USPAWN_NULL }, { 1, .fd = file }, { 2, .fd = file })), NULL);
	stdio_restore(&stdio);
	report_assert_file(&r, 1, file);
	report_assert_file(&r, 2, file);
	cr_assert_str_eq(report_fds(&r), "0 1 2");
	close(file);
}

/* Every low number is a target: whatever the library holds there has to give way in the child. */
EachRung(descriptors, all_low_numbers_and_a_high_one)
{
	REPORT r;
	struct uspawn_fd fds[65];
	int low = file_new(3), high = file_new(700);

	file_allow(1501);
	report_open(&r);
	for (int i = 0; i < 64; i++)
		fds[i] = (struct uspawn_fd){ .target = i, .fd = i % 2 ? low : high };
	fds[64] = (struct uspawn_fd){ .target = 1500, .fd = low };
	way_report(way, &r, USPAWN(request, .fds = fds, .nfds = 65), NULL);
	for (int i = 0; i < 64; i++)
		report_assert_file(&r, i, i % 2 ? low : high);
	report_assert_file(&r, 1500, low);
	close(low);
	close(high);
}

/* Chains, rings and fans at once, from a fixed sequence of numbers. */
EachRung(descriptors, any_mapping)
{
	enum { N = 40, BASE = 50 };
	unsigned random = 1;
	int file[N];

	for (int i = 0; i < N; i++)
		file[i] = file_new(BASE);
	for (int round = 0; round < 12; round++) {
		REPORT r;
		struct uspawn_fd fds[N];
		int source[N];

		report_open(&r);
		for (int i = 0; i < N; i++) {
			random = random * 1103515245 + 12345;
			source[i] = file[(random >> 16) % N];
			fds[i] = (struct uspawn_fd){ .target = file[i], .fd = source[i] };
		}
		way_report(way, &r, USPAWN(request, .fds = fds, .nfds = (uint32_t)(N - round)), NULL);
		for (int i = 0; i < N - round; i++)
			report_assert_file(&r, file[i], source[i]);
	}
	close_all(file, N);
}

EachRung(descriptors, ten_thousand_open)
{
	enum { MANY = 10000 };
	REPORT r;
	int *fds = malloc(MANY * sizeof(*fds)), last, n = 0;

	file_allow(MANY + 1500);
	report_open(&r);
	for (; n < MANY; n++)
		cr_assert((fds[n] = fcntl(0, F_DUPFD, 3)) >= 0);
	last = file_new(MANY);
	way_report(way, &r, USPAWN(request, FDS({ 500, .fd = last }, { last, .fd = 1 }, { 1, .fd = USPAWN_ARG(0) })),
		   USPAWN(args, .fds = &last, .nfds = 1));
	report_assert_file(&r, 500, last);
	report_assert_file(&r, 1, last);
	report_assert_file(&r, last, 1);
	close(last);
	close_all(fds, MANY);
	free(fds);
}
