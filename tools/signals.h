/* SPDX-License-Identifier: MIT */
/*
 * Signals: their names, sets of them as the library takes them (signal n is bit n - 1), and how the program itself
 * listens to them without changing what its children see.
 */
#ifndef SIGNALS_H
#define SIGNALS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct uspawn_child;

#define SIGNAL_BIT(n) (UINT64_C(1) << ((n)-1))

/* What is meant for the program that runs, not for the one that started it. */
#define TO_HAND_ON (SIGNAL_BIT(SIGINT) | SIGNAL_BIT(SIGTERM) | SIGNAL_BIT(SIGHUP) | SIGNAL_BIT(SIGQUIT))

/* "TERM", "SIGTERM", "15", "RTMIN+1". The number, or -EINVAL. */
int signal_parse(const char *name);

/* As env(1) has it: names with commas between them; NULL means all. 0 or -EINVAL. */
int signal_list_parse(const char *list, uint64_t *ret);

/* "SIGTERM". In a buffer that the next call uses again. */
const char *signal_name(int signo);

/* What the program was started with, so that a child can be given the same. */
struct signal_state {
	uint64_t blocked;
	uint64_t ignored;
};

void signal_state_read(struct signal_state *ret);

/*
 * From here on those of the signals that were neither ignored nor blocked at the start are read from a descriptor.
 * SIGCHLD is set to its default, since an ignored one loses exits, and is read in any case. Returns the descriptor, or
 * -errno.
 */
int signal_listen(const struct signal_state *start, uint64_t signals);

/*
 * From here on those to hand on end us. Others have come too late for the program, or with the terminal's key that has
 * ended it. Closes the descriptor.
 */
void signal_listen_no_more(int fd, const struct signal_state *start);

void signal_block(int signo);

/* 0: none. *ret_terminal: by a key, or because the terminal has gone. */
int signal_take(int fd, bool *ret_terminal);

/*
 * Number 1 of a PID namespace gets no signal that it does not handle, from a key neither, but for SIGKILL: that is what
 * arrives instead of one that would have ended it. Where /proc cannot tell, the signal itself.
 */
int signal_that_arrives(pid_t pid, int signo);

/* A key tells the whole foreground group, so a child in ours knows already. That the terminal has gone, only we learn.
 */
bool signal_is_known_to(pid_t child, int signo, bool terminal);

/* As uspawn_kill(), of what arrives. Goes on with SIGCONT, as timeout(1) does: who is stopped sees no other. */
void signal_send(struct uspawn_child *child, int signo, uint32_t flags);

/* Ctrl-Z was read: stops, and returns when it goes on. */
void signal_stop(void);

/* The same where the key was another group's: all of ours is stopped, as by the key. */
void signal_stop_group(void);

/* By the interrupt key: a shell ends its loop only for who has died of it. Returns if that cannot be. */
void signal_die_of_interrupt(void);

/* The same where the key was another group's: all of ours gets it, as by the key. Not if we were to ignore it. */
void signal_interrupt_group(void);

#endif
