/* SPDX-License-Identifier: MIT */
/*
 * System calls without a library, for the floor and for children. The library has its own; the floor must not borrow
 * them, or a slow one would make the floor slow, too, and nobody would see it.
 */
#ifndef BENCH_RAWCALL_H
#define BENCH_RAWCALL_H

#include <linux/sched.h>
#include <stddef.h>
#include <sys/syscall.h>

#if defined(__x86_64__)

static inline long raw_call(long n, long a, long b, long c, long d, long e)
{
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = e;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return ret;
}

/* The child calls fn(arg) on the stack that args names. fn must not return. */
static inline long raw_clone3(long n, const struct clone_args *args, size_t size, void (*fn)(void *), void *arg)
{
	register void (*r8)(void *) __asm__("r8") = fn;
	register void *r9 __asm__("r9") = arg;
	long ret;

	__asm__ volatile("syscall\n"
			 "	test %%rax, %%rax\n"
			 "	jnz 1f\n"
			 "	xor %%ebp, %%ebp\n"
			 "	mov %%r9, %%rdi\n"
			 "	call *%%r8\n"
			 "	ud2\n"
			 "1:"
			 : "=a"(ret)
			 : "a"(n), "D"(args), "S"(size), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

/* A mapping of the beginning of fd. */
static inline long raw_mmap(size_t size, int prot, int flags, int fd)
{
	register long r10 __asm__("r10") = flags, r8 __asm__("r8") = fd, r9 __asm__("r9") = 0;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"((long)SYS_mmap), "D"(0L), "S"(size), "d"((long)prot), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

#elif defined(__aarch64__)

static inline long raw_call(long n, long a, long b, long c, long d, long e)
{
	register long x8 __asm__("x8") = n, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d, x4 __asm__("x4") = e;

	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
	return x0;
}

/* The child calls fn(arg) on the stack that args names. fn must not return. */
static inline long raw_clone3(long n, const struct clone_args *args, size_t size, void (*fn)(void *), void *arg)
{
	register long x8 __asm__("x8") = n, x0 __asm__("x0") = (long)args, x1 __asm__("x1") = (long)size;
	register void (*x9)(void *) __asm__("x9") = fn;
	register void *x10 __asm__("x10") = arg;

	__asm__ volatile("svc #0\n"
			 "	cbnz x0, 1f\n"
			 "	mov x29, #0\n"
			 "	mov x0, x10\n"
			 "	blr x9\n"
			 "	brk #0\n"
			 "1:"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x9), "r"(x10)
			 : "memory");
	return x0;
}

/* A mapping of the beginning of fd. */
static inline long raw_mmap(size_t size, int prot, int flags, int fd)
{
	register long x8 __asm__("x8") = SYS_mmap, x0 __asm__("x0") = 0, x1 __asm__("x1") = (long)size;
	register long x2 __asm__("x2") = prot, x3 __asm__("x3") = flags, x4 __asm__("x4") = fd, x5 __asm__("x5") = 0;

	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	return x0;
}

#endif
#endif
