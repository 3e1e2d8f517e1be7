/* SPDX-License-Identifier: MIT */
/* In place of lib/arch/: every system call of the library goes to the kernel of kernel.c, which has only descriptors.
 */
#ifndef USPAWN_ARCH_H
#define USPAWN_ARCH_H

#define ARCH_RAW 1

long kernel_call(long n, long a, long b, long c, long d, long e, long f);
long kernel_clone(unsigned long flags, int *pidfd, void (*fn)(void *), void *arg);
long kernel_clone3(const void *args, void (*fn)(void *), void *arg);

static inline long arch_syscall(long n, long a, long b, long c, long d, long e, long f)
{
	return kernel_call(n, a, b, c, d, e, f);
}

static inline long arch_clone3(long nr, const void *args, unsigned long size, void (*fn)(void *), void *arg)
{
	(void)nr, (void)size;
	return kernel_clone3(args, fn, arg);
}

static inline long arch_clone(long nr, unsigned long flags, void *stack, int *pidfd, void (*fn)(void *), void *arg)
{
	(void)nr, (void)stack;
	return kernel_clone(flags, pidfd, fn, arg);
}

#endif
