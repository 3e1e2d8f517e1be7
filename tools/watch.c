/* SPDX-License-Identifier: MIT */
/* One poll(2) over all that can come. A program that is asked to end may take its time, and is heard and shown on. */
#include "watch.h"
#include "commands.h"
#include "duration.h"
#include "signals.h"

#include <sys/wait.h>

#define LOOK_NS (10 * NS_PER_MS)

static void send_signal(struct watch *w, int signo, const char *why)
{
	int arrives = signal_that_arrives(w->child->pid, signo);

	if (arrives != signo)
		w->instead_of = signo;
	signo = arrives;
	if (w->verbose)
		complain("%s: sending %s to %d", why, signal_name(signo), w->child->pid);
	signal_send(w->child, signo, w->whole);
}

/* TERM, and the next time KILL. */
static void time_is_up(struct watch *w)
{
	if (w->timeouts++) {
		send_signal(w, SIGKILL, "--kill-after");
		w->due = -1;
		return;
	}
	send_signal(w, SIGTERM, "--timeout");
	w->due = w->kill_after ? now_ns() + w->kill_after : -1;
}

/* The program is stopped, or is about to be: so are we, and it goes on with us. */
static void stop_too(struct watch *w, void (*stop)(void))
{
	foreground_take(&w->foreground);
	stop();
	foreground_give(&w->foreground);
	send_signal(w, SIGCONT, "going on");
}

/* Its group is in the terminal's background, where a read stops it, and nobody would know why. */
static void say_stopped(struct watch *w, int signo)
{
	if (w->says_stopped || (signo != SIGTTIN && signo != SIGTTOU))
		return;
	w->says_stopped = true;
	complain("%d is stopped, since it uses the terminal and has a group of its own: --%s lets it", w->child->pid,
		 w->grouped ? "foreground" : "tty-foreground");
}

/* The stop key reaches the foreground only, which we are not in: who waits for our group must hear of it. */
static void look_for_stop(struct watch *w)
{
	siginfo_t info = { 0 };

	if (waitid(P_PID, (id_t)w->child->pid, &info, WSTOPPED | WNOHANG | __WALL) || !info.si_pid)
		return;
	if (w->shares)
		stop_too(w, signal_stop_group);
	else
		say_stopped(w, info.si_status);
}

static void forward(struct watch *w)
{
	bool terminal;
	int signo;

	while ((signo = signal_take(w->signals, &terminal)) > 0) {
		if (signo == SIGWINCH) {
			pty_resize(w->pty);
		} else if (signo == SIGCONT && w->pty) {
			pty_continue(w->pty);
		} else if (signo == SIGCONT) {
			foreground_give(&w->foreground);
		} else if (signo == SIGCHLD) {
			look_for_stop(w);
		} else if (signo == SIGTSTP) {
			send_signal(w, w->apart ? SIGSTOP : signo, "received");
			stop_too(w, signal_stop);
		} else {
			if (w->child->state != USPAWN_ENDED && !signal_is_known_to(w->child->pid, signo, terminal))
				send_signal(w, signo, "received");
			w->interrupted |= signo == SIGINT && terminal;
			w->told |= signo == SIGINT && !terminal;
			if (w->pty)
				w->pty->hurry = true;
		}
	}
}

void watch_child(struct watch *w)
{
	struct pollfd p[2 + PTY_POLLS] = { { .fd = w->signals, .events = POLLIN }, { .events = POLLIN } };
	nfds_t n = w->pty ? 2 + PTY_POLLS : 2;
	int64_t left;

	while (uspawn_wait(w->child, 0) == 0) {
		left = w->due < 0 ? -1 : w->due - now_ns();
		if (w->due >= 0 && left <= 0) {
			time_is_up(w);
			continue;
		}
		/* No pidfd, or one that is readable while a tracer in another process holds the dead child. */
		p[1].fd = p[1].revents ? -1 : w->child->pidfd;
		if (p[1].fd < 0 && (left < 0 || left > LOOK_NS))
			left = LOOK_NS;
		if (w->pty)
			left = pty_poll(w->pty, p + 2, left);
		if (poll(p, n, duration_to_poll(left)) <= 0)
			continue;
		if (p[0].revents)
			forward(w);
		if (w->pty)
			pty_pump(w->pty, p + 2);
	}
	forward(w); /* the key that has ended it, too */
}
