/* SPDX-License-Identifier: MIT */
/* Between our terminal and the master of the program's: keys in, output out, sizes along. */
#ifndef PTY_H
#define PTY_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <termios.h>

enum { PTY_POLLS = 3 };

struct pty {
	int master;         /* owned; -1: gone */
	bool terminal;      /* our standard input is one */
	bool raw;           /* it was changed */
	bool packets;       /* the master says what becomes of the keys */
	bool eof;           /* nothing more comes from us */
	bool hurry;         /* a signal has come: who does not read is not waited for */
	bool interrupted;   /* the interrupt key was among those */
	bool deserted;      /* nobody has the program's side open */
	int error;          /* our standard output took nothing any more: why */
	char last;          /* of the keys; a line feed before there was any */
	int64_t look_again; /* when it is deserted */
	struct termios before;
	char keys[4096], output[4096]; /* what waits to be written */
	size_t nkeys, noutput;
};

/* Our standard input, if it is a terminal, hands every key on. Takes the master. */
void pty_begin(struct pty *p, int master);

/* What to wait for, and what to do when it has come. Returns how long at most: left, or less; negative is for ever. */
int64_t pty_poll(struct pty *p, struct pollfd polls[PTY_POLLS], int64_t left);
void pty_pump(struct pty *p, const struct pollfd polls[PTY_POLLS]);

/* Our terminal has another size, or we go on after a stop. */
void pty_resize(struct pty *p);
void pty_continue(struct pty *p);

/* The program has ended: shows what it has still written, and puts our terminal back. -errno if not all was shown. */
int pty_end(struct pty *p, int signals);

#endif
