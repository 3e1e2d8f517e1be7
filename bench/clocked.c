/* SPDX-License-Identifier: MIT */
/*
 * A child that looks at the clock: first thing, and last before it exits. It writes both into the page that is its
 * standard output, at a place that its pid names (stamps.c). LEAVE: in between it sleeps, so that its parent waits
 * already when it ends. Not the child whose whole cycle is measured: that would take longer by what this does.
 */
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include "bench.h"
#include "rawcall.h"
#include "stamps.h"

static uint64_t clock_ns(void)
{
	struct timespec t = { 0 };

	raw_call(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&t, 0, 0, 0);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

__attribute__((noreturn, used)) void enter(void);

__attribute__((noreturn, used)) void enter(void)
{
	uint64_t entered = clock_ns();
	struct stamp *stamps = (struct stamp *)raw_mmap(STAMPS_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, 1);
	struct stamp *stamp = stamps + STAMP_INDEX(raw_call(SYS_getpid, 0, 0, 0, 0, 0));

	if ((long)stamps < 0 && (long)stamps > -4096)
		raw_call(SYS_exit_group, 1, 0, 0, 0, 0);
	stamp->entered = entered;
#ifdef LEAVE
	const struct timespec nap = { .tv_nsec = 100000 };

	raw_call(SYS_nanosleep, (long)&nap, 0, 0, 0, 0);
#endif
	stamp->left = clock_ns();
	for (;;)
		raw_call(SYS_exit_group, TOKEN, 0, 0, 0, 0);
}

/* The kernel leaves the stack aligned as a called function does not expect it. */
#if defined(__x86_64__)
__asm__(".globl _start\n"
	"_start:\n"
	"	xor %ebp, %ebp\n"
	"	call enter\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n"
	"_start:\n"
	"	mov x29, #0\n"
	"	bl enter\n");
#endif
