/* SPDX-License-Identifier: MIT */
/*
 * A command that runs, and what comes for it meanwhile: signals, the clock, the keys and output of its terminal.
 */
#ifndef WATCH_H
#define WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include <uspawn.h>

#include "foreground.h"
#include "pty.h"

struct watch {
	struct uspawn_child *child;
	int signals; /* signal_listen()'s */
	int64_t due; /* when the next signal is sent; negative: never */
	int64_t kill_after;
	int timeouts;    /* how many were sent: TERM, then KILL */
	uint32_t whole;  /* USPAWN_KILL_GROUP if it leads a group of its own */
	struct pty *pty; /* NULL: none */
	struct foreground foreground;
	bool apart;        /* SIGTSTP does not stop it */
	bool shares;       /* the terminal's foreground, with a group of its own */
	bool grouped;      /* by --timeout */
	bool says_stopped; /* once */
	bool verbose;
	int instead_of;   /* the signal that SIGKILL was sent for, since it would not have arrived; or 0 */
	bool interrupted; /* the interrupt key was pressed */
	bool unheard;     /* or may have been, but only the program's group would know */
	bool told;        /* SIGINT was handed on, and by no key */
};

/* Until the command has ended. */
void watch_child(struct watch *w);

#endif
