/* SPDX-License-Identifier: MIT */
/*
 * "uspawn each": one command for each item of input, so many at once. One loop waits for three things together, ends of
 * children, input and signals: children are collected while the input is slow, and input is read only when a place is
 * free, so that memory does not grow with it.
 */
#include "commands.h"
#include "duration.h"
#include "options.h"
#include "outcome.h"
#include "outlet.h"
#include "supply.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOOK_EACH = 8 }; /* so many starts, for a signal that came meanwhile */

/* Ctrl-Z: the shell gets the terminal without the bar. Groups of their own do not get the key. */
static void suspend(struct each *e)
{
	progress_hide(&e->progress);
	if (e->pool.whole)
		pool_signal(&e->pool, SIGTSTP, false);
	signal_stop();
	if (e->pool.whole)
		pool_signal(&e->pool, SIGCONT, false);
}

static void take_signals(struct each *e)
{
	bool terminal;
	int signo;

	while ((signo = signal_take(e->signals, &terminal)) > 0) {
		if (signo == SIGTSTP) {
			suspend(e);
			continue;
		}
		each_stop(e, EXIT_SIGNAL + signo);
		if (e->interrupts || !e->pool.running)
			printer_give_up(&e->printer);
		if (e->interrupts++)
			pool_signal(&e->pool, SIGKILL, false);
		else
			pool_hand_on(&e->pool, signo, terminal);
		e->by_key |= signo == SIGINT && terminal;
	}
	e->pool.looked = e->pool.starts;
}

static int64_t sooner(int64_t a, int64_t b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* A log that nobody reads now. Signals are heard meanwhile, and after one it has a second to take something. */
static bool wait_for_log(void *data, int fd)
{
	struct each *e = data;
	struct pollfd p[] = { { .fd = e->signals, .events = POLLIN }, { .fd = fd, .events = POLLOUT } };
	int64_t until = now_ns() + NS_PER_S, wait;

	while (e->interrupts < 2) {
		wait = pool_tick(&e->pool);
		if (e->interrupts)
			wait = sooner(wait, until > now_ns() ? until - now_ns() : 0);
		if (poll(p, 2, duration_to_poll(wait)) < 0)
			return errno == EINTR;
		if (p[1].revents)
			return true;
		if (e->interrupts && now_ns() >= until)
			return false;
		if (p[0].revents) {
			take_signals(e);
			until = now_ns() + NS_PER_S;
		}
	}
	return false;
}

/* Starts what can be started now. It reads nothing: input may always be ready, and so may other things. */
static void feed(struct each *e)
{
	const char *starved;
	struct job *job;
	int started = 0, r;

	while (!e->stopping && !e->pool.start_after) {
		job = supply_next(e);
		if (!job)
			break;
		r = pool_start(&e->pool, job);
		if (r < 0)
			each_ended(e, job);
		if (++started % LOOK_EACH == 0)
			take_signals(e);
	}
	each_print(e);
	starved = pool_starved(&e->pool);
	if (starved && !e->stopping) {
		complain("%s", starved);
		each_stop(e, EXIT_OWN_ERROR);
	}
}

static void collect(struct each *e)
{
	struct job *jobs[64];
	bool more;
	int n;

	do {
		n = pool_collect(&e->pool, jobs, &more);
		for (int i = 0; i < n; i++)
			each_ended(e, jobs[i]);
	} while (more);
	if (n < 0) {
		complain("the ring: %s", strerror(-n));
		each_stop(e, EXIT_OWN_ERROR);
	}
}

static void wait_and_take(struct each *e)
{
	/* reading ahead tells the bar sooner how many there are */
	bool read = e->hungry || (e->progress.on && items_could_read(&e->items));
	uint64_t total = e->items.total ? e->items.total - e->skipped : 0;
	struct progress_count count = { e->tally.done, total, e->tally.failed, e->pool.running };
	struct pollfd p[] = {
		{ .fd = e->signals, .events = POLLIN },
		{ .fd = e->pool.running && !printer_holds_up(&e->printer) ? e->pool.ring_fd : -1, .events = POLLIN },
		{ .fd = read && !e->stopping ? e->input : -1, .events = POLLIN },
		{ .fd = e->printer.blocked ? e->printer.fd : -1, .events = POLLOUT },
	};
	int64_t wait = sooner(pool_tick(&e->pool), progress_draw(&e->progress, &count));

	if (poll(p, 4, duration_to_poll(wait)) < 0)
		return;
	if (p[0].revents)
		take_signals(e);
	else
		e->pool.looked = e->pool.starts;
	if (p[1].revents)
		collect(e);
	if (p[2].revents)
		supply_read(e);
}

/* What was to be tried once more, but then all was stopped: its last failure stands. */
static void end_untried(struct each *e)
{
	struct job *job;

	while ((job = pool_waiting(&e->pool))) {
		if (job->tries) {
			each_ended(e, job);
			continue;
		}
		pool_leave(&e->pool);
		if (e->collects)
			printer_end(&e->printer, job); /* others may wait for it */
		else
			pool_free(&e->pool, job);
	}
}

static bool is_over(struct each *e)
{
	if (e->pool.running || (!e->stopping && (!e->drained || e->pool.again)))
		return false;
	end_untried(e);
	each_print(e);
	return !e->collects || printer_idle(&e->printer);
}

/* What is asked for about output. 0 or an exit code. */
static int prepare_output(struct each *e)
{
	const struct each_options *o = &e->options;
	sigset_t set;

	sigemptyset(&set); /* a write says so, too, and then there are programs to be ended */
	sigaddset(&set, SIGXFSZ);
	if (e->collects)
		sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (e->collects && printer_open(&e->printer, o)) {
		complain("%s", strerror(ENOMEM));
		return EXIT_OWN_ERROR;
	}
	e->resumes = o->resume || o->resume_failed;
	if (e->resumes && resume_open(&e->resume, o->joblog, o->resume_failed))
		return EXIT_OWN_ERROR;
	return logs_open(&e->logs, o->joblog, o->json, e->input, e->resumes ? e->resume.whole : -1) ? EXIT_OWN_ERROR
												    : 0;
}

/* Everything that must be open before the first item. 0 or an exit code. */
static int prepare(struct each *e)
{
	const struct each_options *o = &e->options;
	uint64_t signals = TO_HAND_ON;
	int code;

	signal_state_read(&e->start);
	e->collects = o->grouping != UNGROUPED;
	code = pool_open(&e->pool, o, &e->start, e->collects ? &e->printer : NULL);
	if (code)
		return code;
	if (o->arg_file) {
		e->input = open(o->arg_file, O_RDONLY | O_CLOEXEC);
		if (e->input < 0) {
			complain("--arg-file: %s: %s", o->arg_file, strerror(errno));
			return EXIT_OWN_ERROR;
		}
	}
	if (items_open(&e->items, e->input, o->separator, o->keep_empty) || prepare_output(e))
		return EXIT_OWN_ERROR;
	if (!o->no_progress)
		progress_begin(&e->progress, o->progress);
	if (e->progress.on)
		items_count(&e->items);
	if (e->progress.on || e->pool.whole)
		signals |= SIGNAL_BIT(SIGTSTP);
	e->signals = signal_listen(&e->start, signals);
	if (e->signals < 0) {
		complain("signalfd: %s", strerror(-e->signals));
		return EXIT_OWN_ERROR;
	}
	outlet_wait_by(wait_for_log, e);
	return 0;
}

/* After a signal nobody may be there to read what is still to be said. */
static void do_not_wait_to_say(const struct each *e)
{
	int fd;

	if (!e->interrupts || outlet_has_room(STDERR_FILENO, 0))
		return;
	fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	dup3(fd, STDERR_FILENO, O_CLOEXEC);
	close(fd);
}

static int result(struct each *e)
{
	bool said = e->code >= EXIT_OWN_ERROR && e->code <= EXIT_NOT_FOUND;

	if (!said && !e->printer.error)
		tally_say(&e->tally);
	if (!e->code && e->tally.failed)
		e->code = EXIT_ITEM_FAILED;
	return e->code;
}

int each_main(int argc, char **argv)
{
	struct each e = { .input = STDIN_FILENO, .signals = -1 };
	int code;

	code = each_options(&e.options, argc, argv);
	if (code >= 0)
		return code;
	code = prepare(&e);
	if (!code) {
		for (feed(&e); !is_over(&e); feed(&e))
			wait_and_take(&e);
		take_signals(&e); /* the key that has ended the last, too */
		progress_hide(&e.progress);
		do_not_wait_to_say(&e);
		code = result(&e);
	}
	pool_close(&e.pool);
	if (e.collects)
		printer_close(&e.printer);
	resume_close(&e.resume);
	items_done(&e.items);
	if (logs_close(&e.logs) && !e.interrupts)
		code = EXIT_OWN_ERROR;
	if (e.signals >= 0)
		close(e.signals);
	if (e.options.arg_file && e.input >= 0)
		close(e.input);
	if (e.by_key && code == EXIT_SIGNAL + SIGINT)
		signal_die_of_interrupt();
	return code;
}
