/* SPDX-License-Identifier: MIT */
/* x86_64: a system call, and the two clones whose child must not return up the caller's stack. */
#ifndef USPAWN_ARCH_H
#define USPAWN_ARCH_H

#define ARCH_RAW 1 /* system calls touch no thread data, so a child may run beside its parent */

/* Where a program of our own begins: what the kernel put on the stack is relay_main's argument. */
#define ARCH_START            \
	".globl _start\n"     \
	"_start:\n\t"         \
	"xor %ebp, %ebp\n\t"  \
	"mov %rsp, %rdi\n\t"  \
	"and $-16, %rsp\n\t"  \
	"call relay_main\n\t" \
	"ud2"

static inline long arch_syscall(long n, long a, long b, long c, long d, long e, long f)
{
	long r;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;

	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return r;
}

/*
 * The child steps over the red zone before it calls: without a stack of its own (a fork) it stands on a copy of the
 * caller's frame, where `arg` may live.
 */
#define ARCH_CHILD_CALL         \
	"test %%rax, %%rax\n\t" \
	"jnz 1f\n\t"            \
	"xor %%ebp, %%ebp\n\t"  \
	"sub $128, %%rsp\n\t"   \
	"and $-16, %%rsp\n\t"   \
	"mov %%r8, %%rdi\n\t"   \
	"call *%%r9\n\t"        \
	"ud2\n"                 \
	"1:"

static inline long arch_clone3(long nr, const void *args, unsigned long size, void (*fn)(void *), void *arg)
{
	long r;
	register void *r8 __asm__("r8") = arg;
	register void (*r9)(void *) __asm__("r9") = fn;

	__asm__ volatile("syscall\n\t" ARCH_CHILD_CALL
			 : "=a"(r)
			 : "a"(nr), "D"(args), "S"(size), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return r;
}

/* `stack` is where it ends; NULL: the caller's, for a child with memory of its own. */
static inline long arch_clone(long nr, unsigned long flags, void *stack, int *pidfd, void (*fn)(void *), void *arg)
{
	long r;
	register long r10 __asm__("r10") = 0;
	register void *r8 __asm__("r8") = arg; /* the thread pointer's place, unused without CLONE_SETTLS */
	register void (*r9)(void *) __asm__("r9") = fn;

	__asm__ volatile("syscall\n\t" ARCH_CHILD_CALL
			 : "=a"(r)
			 : "a"(nr), "D"(flags), "S"(stack), "d"(pidfd), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return r;
}

#endif
