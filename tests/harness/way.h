/* SPDX-License-Identifier: MIT */
/*
 * A way is one rung, forced, with what it takes to start by it and wait for it. EachRung() makes a test for each, so
 * that one which this kernel or process does not have is skipped by name.
 */
#ifndef TESTS_WAY_H
#define TESTS_WAY_H

#include <criterion/criterion.h>
#include <uspawn.h>

#include "report.h"
#include "stock.h"
#include "witness.h"

struct way {
	uint32_t rung;
	struct uspawn_ring *ring; /* asynchronous starts only */
};

void way_enter(struct way *way);
void way_leave(struct way *way);

/* 0 or -errno. Asserts the rung of what runs, and that a start which failed left its child ended, with the failure. */
int way_start(struct way *way, struct uspawn_child *child, const struct uspawn_request *request,
	      const struct uspawn_args *args);

/* Waits for the end, through the ring where there is one. */
void way_end(struct way *way, struct uspawn_child *child);

/* Both. 0: it ran and ended; -errno: it did not run, whether that was known at once or with the end. */
int way_run(struct way *way, struct uspawn_child *child, const struct uspawn_request *request,
	    const struct uspawn_args *args);

/* Runs the witness unless the request names a program, asserts that it ended well, and reads its report. */
void way_report(struct way *way, struct report *report, const struct uspawn_request *request,
		const struct uspawn_args *args);

/*
 * The same by descriptor 1, for a witness that cannot open our file: of another user, or with another /proc. The
 * request has no descriptors and no arguments of its own.
 */
void way_report_by_output(struct way *way, struct report *report, const struct uspawn_request *request);

/* The two fields of a request that hold its descriptors. */
#define FDS(...)                                          \
	.fds = (const struct uspawn_fd[]){ __VA_ARGS__ }, \
	.nfds = sizeof((struct uspawn_fd[]){ __VA_ARGS__ }) / sizeof(struct uspawn_fd)

/* A list of strings in place: an argv, an environment. */
#define LIST(...) ((char *[]){ __VA_ARGS__, NULL })

/* A request for the witness with these orders, or for a shell. */
#define WITNESS(...) .path = witness_path, .argv = LIST("witness", __VA_ARGS__)
#define SH(script)   .path = "/bin/sh", .argv = LIST("sh", "-c", script)

/* Asserts how it ended. */
void assert_exited(const struct uspawn_child *child, int code);
void assert_killed(const struct uspawn_child *child, int signo);
void assert_failed(const struct uspawn_child *child, int errnum, uint32_t step, uint32_t index);

/* The rung of a start that needs memory of its own, where the way's has none: the relay, or the fork where that is
 * missing. */
uint32_t way_own_memory(const struct way *way);

/* NULL, or why this kernel or process does not have the rung. Asks the kernel, not the library. */
const char *way_missing(uint32_t rung);

#define WAY_TEST(suite, name, word, number)          \
	Test(suite, name##_##word)                   \
	{                                            \
		struct way way = { .rung = number }; \
                                                     \
		way_enter(&way);                     \
		suite##_##name(&way);                \
		way_leave(&way);                     \
		stock_check();                       \
	}

#define EachRung(suite, name)                           \
	static void suite##_##name(struct way *way);    \
	WAY_TEST(suite, name, async, USPAWN_RUNG_ASYNC) \
	WAY_TEST(suite, name, vfork, USPAWN_RUNG_VFORK) \
	WAY_TEST(suite, name, clone, USPAWN_RUNG_CLONE) \
	WAY_TEST(suite, name, relay, USPAWN_RUNG_RELAY) \
	WAY_TEST(suite, name, fork, USPAWN_RUNG_FORK)   \
	static void suite##_##name(struct way *way)

/* Without the one whose start returns before the child has got anywhere. */
#define EachWaitingRung(suite, name)                    \
	static void suite##_##name(struct way *way);    \
	WAY_TEST(suite, name, vfork, USPAWN_RUNG_VFORK) \
	WAY_TEST(suite, name, clone, USPAWN_RUNG_CLONE) \
	WAY_TEST(suite, name, relay, USPAWN_RUNG_RELAY) \
	WAY_TEST(suite, name, fork, USPAWN_RUNG_FORK)   \
	static void suite##_##name(struct way *way)

#endif
