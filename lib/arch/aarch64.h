/* SPDX-License-Identifier: MIT */
/* aarch64: a system call, and the two clones whose child must not return up the caller's stack. */
#ifndef USPAWN_ARCH_H
#define USPAWN_ARCH_H

#define ARCH_RAW 1 /* system calls touch no thread data, so a child may run beside its parent */

/* Where a program of our own begins: what the kernel put on the stack is relay_main's argument. */
#define ARCH_START          \
	".globl _start\n"   \
	"_start:\n\t"       \
	"mov x29, #0\n\t"   \
	"mov x30, #0\n\t"   \
	"mov x0, sp\n\t"    \
	"bl relay_main\n\t" \
	"brk #1"

static inline long arch_syscall(long n, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = n;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory", "cc");
	return x0;
}

#define ARCH_CHILD_CALL   \
	"cbnz x0, 1f\n\t" \
	"mov x29, #0\n\t" \
	"mov x30, #0\n\t" \
	"mov x0, x11\n\t" \
	"blr x10\n\t"     \
	"brk #1\n"        \
	"1:"

static inline long arch_clone3(long nr, const void *args, unsigned long size, void (*fn)(void *), void *arg)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = (long)args;
	register long x1 __asm__("x1") = (long)size;
	register void (*x10)(void *) __asm__("x10") = fn;
	register void *x11 __asm__("x11") = arg;

	__asm__ volatile("svc #0\n\t" ARCH_CHILD_CALL
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x10), "r"(x11)
			 : "memory", "cc", "x30");
	return x0;
}

/* `stack` is where it ends; NULL: the caller's, for a child with memory of its own. */
static inline long arch_clone(long nr, unsigned long flags, void *stack, int *pidfd, void (*fn)(void *), void *arg)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = (long)flags;
	register void *x1 __asm__("x1") = stack;
	register int *x2 __asm__("x2") = pidfd;
	register long x3 __asm__("x3") = 0;
	register long x4 __asm__("x4") = 0;
	register void (*x10)(void *) __asm__("x10") = fn;
	register void *x11 __asm__("x11") = arg;

	__asm__ volatile("svc #0\n\t" ARCH_CHILD_CALL
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x10), "r"(x11)
			 : "memory", "cc", "x30");
	return x0;
}

#endif
