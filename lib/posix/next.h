/* SPDX-License-Identifier: MIT */
/*
 * What the program would have had without us: libc's functions, or those of another library that replaces them, too.
 * Whatever has no exact equal here is theirs to do.
 */
#ifndef POSIX_NEXT_H
#define POSIX_NEXT_H

#include <spawn.h>
#include <stdatomic.h>
#include <stdint.h>

/* A function that is looked up when it is first needed, from any thread. Static and zero but for its name. */
struct next {
	const char *name;
	const char *version; /* of glibc; NULL: the default one */
	_Atomic uintptr_t address;
	_Atomic int foreign;
};

/* Behind the name of one that next_look_up() finds; for all that libc is known to have. */
#define NEXT_AT_LOAD __attribute__((section("uspawn_next"), aligned(sizeof(struct next))))

/*
 * For a library's constructor. The loader's lock is this thread's then; later another one may have it, which loads a
 * library whose constructor waits for a start.
 */
void next_look_up(void);

/* NULL: there is none. */
void *next_find(struct next *next);

/* Else it is musl. */
int next_is_glibc(void);

/* It is another library's, not libc's. */
int next_is_foreign(struct next *next);

/* One of the functions that start programs is another library's. Asked once, at the first call. */
int next_replaces_spawn(void); /* after us in the order of search: it is to be called, as it would be without us */
int next_replaces_exec(void);  /* anywhere: it may want to see what a shell would have run */

#endif
