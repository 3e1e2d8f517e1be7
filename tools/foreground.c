/* SPDX-License-Identifier: MIT */
/*
 * A shell takes the terminal back from a job of its own, but does not know of a group that the job has made: who reads
 * after it would be told EIO, or be stopped. So it is given back by who has let it be taken.
 */
#include "foreground.h"

#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

/* Who is in the background is stopped for asking, unless SIGTTOU is blocked. */
static void hand_to(const struct foreground *f, pid_t group)
{
	sigset_t set, before;

	sigemptyset(&set);
	sigaddset(&set, SIGTTOU);
	sigprocmask(SIG_BLOCK, &set, &before);
	tcsetpgrp(f->terminal, group);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

void foreground_begin(struct foreground *f)
{
	f->terminal = open("/dev/tty", O_RDWR | O_CLOEXEC);
	f->before = f->terminal < 0 ? -1 : tcgetpgrp(f->terminal);
	f->group = 0;
}

bool foreground_is_given(const struct foreground *f)
{
	return f->terminal >= 0 && f->group && tcgetpgrp(f->terminal) == f->group;
}

/* A child that fails after it had got the terminal was never known to us. */
void foreground_take(const struct foreground *f)
{
	pid_t now = f->terminal < 0 ? -1 : tcgetpgrp(f->terminal);

	if (now > 0 && f->before > 0 && (f->group ? now == f->group : now != f->before))
		hand_to(f, f->before);
}

void foreground_give(const struct foreground *f)
{
	if (f->terminal >= 0 && f->group && tcgetpgrp(f->terminal) == getpgrp())
		hand_to(f, f->group);
}

void foreground_end(struct foreground *f)
{
	foreground_take(f);
	if (f->terminal >= 0)
		close(f->terminal);
	f->terminal = -1;
}
