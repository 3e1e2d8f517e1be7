/* SPDX-License-Identifier: MIT */
/*
 * Addresses are kept plus 1, so that "there is none" is remembered, too. Two threads that look at the same time find
 * the same.
 */
#include <dlfcn.h>
#include <stddef.h>

#include "next.h"

/* musl has no versions, and no such function. */
extern void *dlvsym(void *handle, const char *name, const char *version) __attribute__((weak));

void *next_find(struct next *next)
{
	uintptr_t address = atomic_load_explicit(&next->address, memory_order_acquire);

	if (!address) {
		address = (uintptr_t)(next->version && dlvsym ? dlvsym(RTLD_NEXT, next->name, next->version)
							      : dlsym(RTLD_NEXT, next->name)) +
			  1;
		atomic_store_explicit(&next->address, address, memory_order_release);
	}
	return (void *)(address - 1);
}

/* Where an address was loaded from. */
static const void *object_of(const void *address)
{
	Dl_info info;

	return address && dladdr(address, &info) ? info.dli_fbase : NULL;
}

/* No one replaces this one: it is called before any library is set up. */
static const void *libc(void)
{
	return object_of(dlsym(RTLD_NEXT, "__libc_start_main"));
}

static int is_foreign(const void *address)
{
	const void *object = object_of(address);

	return object && object != libc() && object != object_of(&next_find);
}

int next_is_foreign(struct next *next)
{
	return is_foreign(next_find(next));
}

enum { NOT_ASKED, NO, YES };

static int remember(_Atomic int *answer, int foreign)
{
	atomic_store_explicit(answer, foreign ? YES : NO, memory_order_relaxed);
	return foreign;
}

int next_replaces_spawn(void)
{
	static _Atomic int answer;
	int known = atomic_load_explicit(&answer, memory_order_relaxed);

	return known ? known == YES
		     : remember(&answer, is_foreign(dlsym(RTLD_NEXT, "posix_spawn")) ||
						 is_foreign(dlsym(RTLD_NEXT, "posix_spawnp")));
}

int next_replaces_exec(void)
{
	static const char *const names[] = { "posix_spawn", "posix_spawnp", "execve", "execv", "execvp" };
	static _Atomic int answer;
	int known = atomic_load_explicit(&answer, memory_order_relaxed), foreign = 0;

	if (known)
		return known == YES;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		foreign |= is_foreign(dlsym(RTLD_DEFAULT, names[i]));
	return remember(&answer, foreign || next_replaces_spawn());
}
