/* SPDX-License-Identifier: MIT */
/*
 * The master is non-blocking and what it does not take waits here, so a program that does not read cannot stop its own
 * output from being shown. Nothing is written to our side unless poll(2) has said that it takes a page.
 */
#include "pty.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* How long a terminal that somebody else still holds open is read after the program's end. */
#define LINGER_MS 50

static void make_raw(struct pty *p)
{
	struct termios raw = p->before;

	cfmakeraw(&raw);
	p->raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

void pty_begin(struct pty *p, int master)
{
	*p = (struct pty){ .master = master };
	if (tcgetattr(STDIN_FILENO, &p->before) == 0)
		make_raw(p);
	pty_resize(p);
}

void pty_resize(struct pty *p)
{
	struct winsize size;

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (ioctl(fd, TIOCGWINSZ, &size) == 0) {
			ioctl(p->master, TIOCSWINSZ, &size);
			return;
		}
}

/* A shell has put its own settings in place while we were stopped. */
void pty_continue(struct pty *p)
{
	if (p->raw)
		make_raw(p);
	pty_resize(p);
}

void pty_poll(const struct pty *p, struct pollfd polls[PTY_POLLS])
{
	bool reads = p->noutput < sizeof(p->output);

	polls[0] = (struct pollfd){ .fd = p->eof || p->nkeys ? -1 : STDIN_FILENO, .events = POLLIN };
	polls[1] = (struct pollfd){ .fd = p->master,
				    .events = (short)((reads ? POLLIN : 0) | (p->nkeys ? POLLOUT : 0)) };
	polls[2] = (struct pollfd){ .fd = p->noutput ? STDOUT_FILENO : -1, .events = POLLOUT };
	if (!polls[1].events)
		polls[1].fd = -1; /* else a hang-up would be said again and again */
}

/* Our input has ended: so does the program's, as if somebody had typed it. */
static void type_eof(struct pty *p)
{
	struct termios settings;

	p->eof = true;
	if (tcgetattr(p->master, &settings) == 0)
		p->keys[p->nkeys++] = (char)settings.c_cc[VEOF];
}

static void read_keys(struct pty *p)
{
	ssize_t n = read(STDIN_FILENO, p->keys, sizeof(p->keys));

	if (n > 0)
		p->nkeys = (size_t)n;
	else if (n == 0 || (errno != EINTR && errno != EAGAIN))
		type_eof(p);
}

static void drop(char *buffer, size_t *have, ssize_t n)
{
	*have -= (size_t)n;
	memmove(buffer, buffer + n, *have);
}

static void write_keys(struct pty *p)
{
	ssize_t n = write(p->master, p->keys, p->nkeys);

	if (n > 0)
		drop(p->keys, &p->nkeys, n);
	else if (n < 0 && errno != EINTR && errno != EAGAIN)
		p->nkeys = 0;
}

static void show(struct pty *p)
{
	ssize_t n = write(STDOUT_FILENO, p->output, p->noutput);

	if (n > 0)
		drop(p->output, &p->noutput, n);
	else if (n < 0 && errno != EINTR && errno != EAGAIN)
		p->noutput = 0; /* nobody reads it: the program need not wait for that */
}

/* false: there is nothing now. The last one that had the terminal open has gone when a read fails. */
static bool read_output(struct pty *p)
{
	ssize_t n = read(p->master, p->output + p->noutput, sizeof(p->output) - p->noutput);

	if (n > 0) {
		p->noutput += (size_t)n;
	} else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
		close(p->master);
		p->master = -1;
		p->eof = true;
		p->nkeys = 0;
	}
	return n > 0;
}

void pty_pump(struct pty *p, const struct pollfd polls[PTY_POLLS])
{
	if (polls[2].revents)
		show(p);
	if (polls[1].revents & POLLOUT)
		write_keys(p);
	if (polls[1].revents & ~POLLOUT && p->noutput < sizeof(p->output))
		read_output(p);
	if (polls[0].revents)
		read_keys(p);
}

void pty_end(struct pty *p)
{
	struct pollfd output = { .fd = p->master, .events = POLLIN };

	while (p->master >= 0 && poll(&output, 1, LINGER_MS) > 0 && read_output(p))
		while (p->noutput)
			show(p);
	while (p->noutput)
		show(p);
	if (p->master >= 0)
		close(p->master);
	if (p->raw)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &p->before);
	*p = (struct pty){ .master = -1 };
}
