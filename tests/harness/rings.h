/* SPDX-License-Identifier: MIT */
/* The kinds of ring, a test for each: over io_uring and over epoll. */
#ifndef TESTS_RINGS_H
#define TESTS_RINGS_H

#include "way.h"

/* Makes it, or skips the test where the kernel has no such ring: the library would take another one, silently. */
struct uspawn_ring *ring_enter(uint32_t flags);

/* Makes a plan and starts it on the ring, asserting that both can be done. */
void ring_begin(struct uspawn_ring *ring, struct uspawn_child *child, const struct uspawn_request *request,
		const struct uspawn_args *args);

/* The next event, whatever it takes. */
struct uspawn_event ring_next(struct uspawn_ring *ring);

/* Starts a witness on the ring, asserting that it starts. */
void ring_witness(struct uspawn_ring *ring, struct uspawn_child *child, char *const *argv);

/* A witness that lives until its descriptor 0 is closed: returns the end that does it. */
int ring_sleeper(struct uspawn_ring *ring, struct uspawn_child *child, char *code);

/* Asserts that the next event is the child's end. */
void ring_assert_end(struct uspawn_ring *ring, struct uspawn_child *child);

/* Asserts that nothing is left to come. */
void ring_assert_idle(struct uspawn_ring *ring);

#define RING_TEST(suite, name, word, flags)        \
	Test(suite, name##_##word)                 \
	{                                          \
		suite##_##name(ring_enter(flags)); \
		stock_check();                     \
	}

/* The body frees the ring. */
#define EachRing(suite, name)                                 \
	static void suite##_##name(struct uspawn_ring *ring); \
	RING_TEST(suite, name, uring, 0)                      \
	RING_TEST(suite, name, epoll, USPAWN_RING_EPOLL)      \
	static void suite##_##name(struct uspawn_ring *ring)

#endif
