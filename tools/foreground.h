/* SPDX-License-Identifier: MIT */
/* Who has the foreground of our terminal, while a program with a group of its own got it by --tty-foreground. */
#ifndef FOREGROUND_H
#define FOREGROUND_H

#include <stdbool.h>
#include <sys/types.h>

struct foreground {
	int terminal; /* owned; -1: no program of ours gets it */
	pid_t before; /* the group that had it */
	pid_t group;  /* the program's; 0: the start has failed */
};

/* Before the start. */
void foreground_begin(struct foreground *f);

/* Does the program's group have it, and so what a key sends? */
bool foreground_is_given(const struct foreground *f);

/* Back to who had it, if the program's group has it. */
void foreground_take(const struct foreground *f);

/* To the program's group, if ours has it. */
void foreground_give(const struct foreground *f);

/* Takes it for good. */
void foreground_end(struct foreground *f);

#endif
