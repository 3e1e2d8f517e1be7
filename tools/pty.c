/* SPDX-License-Identifier: MIT */
/*
 * The master is non-blocking and what it does not take waits here, so a program that does not read cannot stop its own
 * output from being shown. Nothing is written to our side unless poll(2) has said that it takes a page.
 *
 * A read that fails says that nobody has the terminal open just now. The program may still run, and open it again by
 * its name; closing the master would be its death. Nor is its side held open by us: then the program's end would be a
 * hang-up, by which the kernel throws away what it has just written.
 */
#include "pty.h"
#include "duration.h"
#include "signals.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* How long a terminal that somebody else still holds open is read after the program's end, or a reader waited for; and
 * how often one is looked at that nobody has open. */
#define LINGER_MS 50

static void make_raw(struct pty *p)
{
	struct termios raw = p->before;

	cfmakeraw(&raw);
	p->raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

void pty_begin(struct pty *p, int master)
{
	*p = (struct pty){ .master = master, .last = '\n' };
	p->terminal = tcgetattr(STDIN_FILENO, &p->before) == 0;
	if (p->terminal)
		make_raw(p);
	else
		p->packets = ioctl(master, TIOCPKT, &(int){ 1 }) == 0;
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

/* Our input has ended: so does the program's, as if somebody had typed it; in a line, the first one ends that. */
static void type_eof(struct pty *p)
{
	struct termios settings;

	p->eof = true;
	if (tcgetattr(p->master, &settings) < 0)
		return;
	for (int i = p->last == '\n' ? 1 : 0; i < 2; i++)
		p->keys[p->nkeys++] = (char)settings.c_cc[VEOF];
}

/* Does the program's terminal make SIGINT of one of them? */
static bool interrupts(const struct pty *p, size_t n)
{
	struct termios settings;
	cc_t key;

	if (!p->terminal || tcgetattr(p->master, &settings) < 0 || !(settings.c_lflag & ISIG))
		return false;
	key = settings.c_cc[VINTR];
	return key != _POSIX_VDISABLE && memchr(p->keys, key, n);
}

static void read_keys(struct pty *p)
{
	ssize_t n = read(STDIN_FILENO, p->keys, sizeof(p->keys));

	if (n > 0) {
		p->interrupted |= interrupts(p, (size_t)n);
		p->nkeys = (size_t)n;
		p->last = p->keys[n - 1];
	} else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
		type_eof(p);
	}
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

/* As when a terminal is closed: the program gets SIGHUP. */
static void hang_up(struct pty *p)
{
	close(p->master);
	p->master = -1;
	p->eof = true;
	p->deserted = false;
	p->nkeys = 0;
}

static void show(struct pty *p)
{
	ssize_t n = write(STDOUT_FILENO, p->output, p->noutput);

	if (n > 0) {
		drop(p->output, &p->noutput, n);
	} else if (n < 0 && errno != EINTR && errno != EAGAIN) {
		p->error = errno;
		p->noutput = 0;
		if (p->master >= 0)
			hang_up(p);
	}
}

/* Our terminal is as it was while nobody would get the keys, so that one can end us. */
static void desert(struct pty *p)
{
	if (p->deserted && p->raw)
		p->raw = tcsetattr(STDIN_FILENO, TCSANOW, &p->before) < 0;
	p->deserted = true;
	p->look_again = now_ns() + LINGER_MS * NS_PER_MS;
}

static void come_back(struct pty *p)
{
	p->deserted = false;
	if (p->terminal && !p->raw)
		make_raw(p);
}

/* Before what there is to read stands a byte, or one alone says what has happened: ioctl_tty(2). */
static ssize_t read_packet(struct pty *p, char *to, size_t size)
{
	char packet[1 + sizeof(p->output)];
	ssize_t n = read(p->master, packet, 1 + size);

	if (n > 0 && packet[0] & TIOCPKT_FLUSHREAD && p->eof && !p->nkeys) {
		p->last = '\n';
		type_eof(p); /* the program has thrown it away, as getpass(3) does, and is about to read */
	}
	if (n > 1)
		memcpy(to, packet + 1, (size_t)n - 1);
	return n;
}

/* false: there is nothing now. */
static bool read_output(struct pty *p)
{
	char *to = p->output + p->noutput;
	size_t size = sizeof(p->output) - p->noutput;
	ssize_t n = p->packets ? read_packet(p, to, size) : read(p->master, to, size);

	if (n > 0)
		p->noutput += (size_t)n - p->packets;
	if (n == 0 || (n < 0 && errno == EIO))
		desert(p);
	else if (p->deserted)
		come_back(p);
	return n > 0;
}

int64_t pty_poll(struct pty *p, struct pollfd polls[PTY_POLLS], int64_t left)
{
	bool reads = p->noutput < sizeof(p->output);

	if (p->deserted && reads && now_ns() >= p->look_again)
		reads = !read_output(p) || p->noutput < sizeof(p->output);
	polls[0] = (struct pollfd){ .fd = p->eof || p->nkeys || p->deserted ? -1 : STDIN_FILENO, .events = POLLIN };
	polls[1] = (struct pollfd){ .fd = p->master,
				    .events = (short)((reads ? POLLIN : 0) | (p->nkeys ? POLLOUT : 0)) };
	polls[2] = (struct pollfd){ .fd = p->noutput ? STDOUT_FILENO : -1, .events = POLLOUT };
	if (!polls[1].events || p->deserted)
		polls[1].fd = -1; /* else a hang-up would be said again and again */
	if (p->deserted && reads && (left < 0 || left > LINGER_MS * NS_PER_MS))
		left = LINGER_MS * NS_PER_MS;
	return left;
}

void pty_pump(struct pty *p, const struct pollfd polls[PTY_POLLS])
{
	if (polls[1].revents & POLLOUT)
		write_keys(p);
	if (polls[1].revents & ~POLLOUT && p->noutput < sizeof(p->output))
		read_output(p);
	if (polls[0].revents)
		read_keys(p);
	if (polls[2].revents)
		show(p);
}

/* Who reads it may be slow, or never come back. */
static void show_all(struct pty *p, int signals)
{
	struct pollfd polls[] = { { .fd = STDOUT_FILENO, .events = POLLOUT }, { .fd = signals, .events = POLLIN } };
	bool terminal;
	int signo;

	while (p->noutput && poll(polls, 2, p->hurry ? LINGER_MS : -1) > 0) {
		if (polls[0].revents)
			show(p);
		signo = polls[1].revents ? signal_take(signals, &terminal) : 0;
		p->hurry |= signo > 0 && TO_HAND_ON & SIGNAL_BIT(signo);
	}
	if (p->noutput && p->master >= 0)
		hang_up(p);
	p->noutput = 0;
}

int pty_end(struct pty *p, int signals)
{
	struct pollfd output = { .fd = p->master, .events = POLLIN };

	show_all(p, signals);
	while (p->master >= 0 && poll(&output, 1, LINGER_MS) > 0 && read_output(p))
		show_all(p, signals);
	if (p->master >= 0)
		close(p->master);
	if (p->raw)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &p->before);
	p->master = -1;
	p->raw = false;
	return -p->error;
}
