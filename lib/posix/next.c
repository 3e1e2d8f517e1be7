/* SPDX-License-Identifier: MIT */
/*
 * Addresses are kept plus 1, so that "there is none" is remembered, too. Two threads that look at the same time find
 * the same.
 */
#include <dlfcn.h>
#include <link.h>
#include <stddef.h>

#include "next.h"

/* musl has no versions, and no such function. */
extern void *dlvsym(void *handle, const char *name, const char *version) __attribute__((weak));

/* The section of NEXT_AT_LOAD, as the linker names its ends. */
extern struct next __start_uspawn_next[] __attribute__((visibility("hidden")));
extern struct next __stop_uspawn_next[] __attribute__((visibility("hidden")));

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

int next_is_glibc(void)
{
	return dlvsym != NULL;
}

/* ---- Whose a function is ---- */

struct home {
	uintptr_t within, from, to;
};

enum { LIBC, OWN, HOMES };

/* dladdr() would look for the nearest symbol, through all of them. */
static int find_homes(struct dl_phdr_info *info, size_t size, void *p)
{
	struct home *homes = p;
	uintptr_t from = UINTPTR_MAX, to = 0;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + segment->p_vaddr;

		if (segment->p_type != PT_LOAD)
			continue;
		from = start < from ? start : from;
		to = start + segment->p_memsz > to ? start + segment->p_memsz : to;
	}
	for (int i = 0; i < HOMES; i++)
		if (homes[i].within >= from && homes[i].within < to) {
			homes[i].from = from;
			homes[i].to = to;
		}
	return 0;
}

/* No one replaces __libc_start_main: it is called before any library is set up. */
static void look_at_homes(struct home *ret)
{
	ret[LIBC] = (struct home){ .within = (uintptr_t)dlsym(RTLD_NEXT, "__libc_start_main") };
	ret[OWN] = (struct home){ .within = (uintptr_t)&next_find };
	dl_iterate_phdr(find_homes, ret);
}

static int is_foreign(const void *function, const struct home *homes)
{
	uintptr_t address = (uintptr_t)function;

	for (int i = 0; i < HOMES; i++)
		if (address >= homes[i].from && address < homes[i].to)
			return 0;
	return address != 0;
}

enum { NOT_ASKED, NO, YES };

static int remember(_Atomic int *answer, int foreign)
{
	atomic_store_explicit(answer, foreign ? YES : NO, memory_order_relaxed);
	return foreign;
}

int next_is_foreign(struct next *next)
{
	int known = atomic_load_explicit(&next->foreign, memory_order_relaxed);
	struct home homes[HOMES];

	if (known)
		return known == YES;
	look_at_homes(homes);
	return remember(&next->foreign, is_foreign(next_find(next), homes));
}

static int any_is_foreign(const char *const *names, size_t n, void *from)
{
	struct home homes[HOMES];
	int foreign = 0;

	look_at_homes(homes);
	for (size_t i = 0; i < n; i++)
		foreign |= is_foreign(dlsym(from, names[i]), homes);
	return foreign;
}

static const char *const functions[] = { "posix_spawn", "posix_spawnp", "execve", "execv", "execvp" };

enum { SPAWNS = 2, FUNCTIONS = sizeof(functions) / sizeof(*functions) };

int next_replaces_spawn(void)
{
	static _Atomic int answer;
	int known = atomic_load_explicit(&answer, memory_order_relaxed);

	return known ? known == YES : remember(&answer, any_is_foreign(functions, SPAWNS, RTLD_NEXT));
}

int next_replaces_exec(void)
{
	static _Atomic int answer;
	int known = atomic_load_explicit(&answer, memory_order_relaxed);

	if (known)
		return known == YES;
	return remember(&answer, any_is_foreign(functions, FUNCTIONS, RTLD_DEFAULT) || next_replaces_spawn());
}

void next_look_up(void)
{
	struct home homes[HOMES];

	look_at_homes(homes);
	for (struct next *next = __start_uspawn_next; next < __stop_uspawn_next; next++)
		remember(&next->foreign, is_foreign(next_find(next), homes));
	dlerror(); /* of what this libc has not: the program must not find it */
}
