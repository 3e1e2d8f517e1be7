/* SPDX-License-Identifier: MIT */
/*
 * "uspawn each": one command for each item of input, so many at once. One loop waits for three things together, ends of
 * children, input and signals: children are collected while the input is slow, and input is read only when a place is
 * free, so that memory does not grow with it.
 */
#include "each.h"
#include "commands.h"
#include "duration.h"
#include "failure.h"
#include "items.h"
#include "logs.h"
#include "options.h"
#include "pool.h"
#include "progress.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct each {
	struct each_options options;
	struct signal_state start;
	struct pool pool;
	struct items items;
	struct progress progress;
	struct logs logs;
	int input, signals;
	bool hungry;   /* a place is free, and there is no item in the buffer */
	bool drained;  /* no item will come any more */
	bool stopping; /* no item is to be started any more */
	int code;      /* why it stops, if that is not that items have failed */
	int interrupts;
	uint64_t done, failed;
	char first[160]; /* what became of the first item that failed */
};

static void stop(struct each *e, int code)
{
	e->stopping = true;
	if (!e->code)
		e->code = code;
}

static void remember_failure(struct each *e, const struct job *job)
{
	const struct uspawn_exit *x = &job->child.exit;
	char how[64];

	if (e->failed++)
		return;
	if (job->timed_out)
		snprintf(how, sizeof(how), "timed out");
	else if (x->code == USPAWN_EXITED)
		snprintf(how, sizeof(how), "exit code %d", x->status);
	else if (x->code == USPAWN_FAILED)
		snprintf(how, sizeof(how), "%s", strerror(x->status));
	else if (x->code == USPAWN_UNKNOWN)
		snprintf(how, sizeof(how), "somebody else took its status");
	else
		snprintf(how, sizeof(how), "%s", signal_name(x->status));
	snprintf(e->first, sizeof(e->first), "item %" PRIu64 " (%.60s%s): %s", job->seq, job->item,
		 strlen(job->item) > 60 ? "..." : "", how);
}

static void halt_if_asked(struct each *e)
{
	const struct halt *halt = &e->options.halt;

	if (!halt->failures || e->stopping)
		return;
	if (halt->percent ? e->failed < 3 || e->failed * 100 < halt->failures * e->done : e->failed < halt->failures)
		return;
	stop(e, 0);
	if (halt->now)
		pool_signal(&e->pool, SIGTERM, true);
}

/* The program cannot be run for any item, unless the item is the program, or too long. */
static void could_not_run(struct each *e, struct job *job)
{
	char *program[] = { job->item, NULL };

	if (job->child.failure.errnum == E2BIG || e->pool.template.in_program) {
		if (!e->failed)
			failure_report(&job->child.failure, &e->pool.request, program, NULL, NULL);
	} else if (!e->code) {
		stop(e, failure_report(&job->child.failure, &e->pool.request, e->options.command, NULL, NULL));
	}
}

static void ended(struct each *e, struct job *job)
{
	const struct uspawn_exit *x = &job->child.exit;
	bool failed = x->code != USPAWN_EXITED || x->status || job->timed_out;

	if (x->code == USPAWN_FAILED) {
		could_not_run(e, job);
	} else if (failed && job->tries <= e->options.retries && !e->stopping) {
		pool_again(&e->pool, job);
		return;
	}
	e->done++;
	if (e->logs.joblog || e->logs.json)
		logs_write(&e->logs, job, template_fill(&e->pool.template, job->item));
	if (failed) {
		remember_failure(e, job);
		halt_if_asked(e);
	}
	pool_leave(&e->pool, job);
}

/* The next item to a free place. NULL: there is no place, or no item now. */
static struct job *next_job(struct each *e)
{
	struct job *job = pool_waiting(&e->pool);
	char *item;
	int r;

	if (job || e->drained)
		return job;
	job = pool_place(&e->pool);
	if (!job)
		return NULL;
	r = items_next(&e->items, &item);
	if (r > 0 && !(r = pool_fill(job, item, e->items.taken)))
		return job;
	pool_leave(&e->pool, job);
	e->hungry = r == 0;
	e->drained = r < 0;
	if (r == -EILSEQ)
		complain("item %" PRIu64 " holds a NUL byte: give --null (-0) if items end with NUL",
			 e->items.taken + 1);
	else if (r < 0 && r != -ENODATA)
		complain("item %" PRIu64 ": %s", e->items.taken, strerror(-r));
	if (r < 0 && r != -ENODATA)
		stop(e, EXIT_OWN_ERROR);
	return NULL;
}

static void read_input(struct each *e)
{
	int r = items_read(&e->items);

	e->hungry = false;
	if (r < 0) {
		complain("input: %s", strerror(-r));
		e->drained = true;
		stop(e, EXIT_OWN_ERROR);
	}
}

/* Starts what can be started now. */
static void feed(struct each *e)
{
	struct pollfd input = { .fd = e->input, .events = POLLIN };
	struct job *job;
	int r;

	while (!e->stopping && !e->pool.start_after) {
		job = next_job(e);
		if (!job) {
			if (!e->hungry || poll(&input, 1, 0) <= 0)
				return;
			read_input(e);
			continue;
		}
		r = pool_start(&e->pool, job);
		if (r < 0)
			ended(e, job);
	}
	if (pool_starved(&e->pool)) {
		complain("no process could be made for ten seconds (limits: ulimit -u, ulimit -n, pids.max)");
		stop(e, EXIT_OWN_ERROR);
	}
}

/* Ctrl-Z: the shell gets the terminal without the bar. */
static void suspend(struct each *e)
{
	sigset_t set;

	progress_hide(&e->progress);
	sigemptyset(&set);
	sigaddset(&set, SIGTSTP);
	raise(SIGTSTP);
	sigprocmask(SIG_UNBLOCK, &set, NULL); /* stops here */
	sigprocmask(SIG_BLOCK, &set, NULL);
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
		stop(e, EXIT_SIGNAL + signo);
		if (e->interrupts++)
			pool_signal(&e->pool, SIGKILL, false);
		else if (!terminal || e->pool.whole)
			pool_signal(&e->pool, signo, false);
	}
}

static void collect(struct each *e)
{
	struct job *jobs[64];
	int n;

	do {
		n = pool_collect(&e->pool, jobs, 64);
		for (int i = 0; i < n; i++)
			ended(e, jobs[i]);
	} while (n == 64);
	if (n < 0) {
		complain("the ring: %s", strerror(-n));
		stop(e, EXIT_OWN_ERROR);
	}
}

static int64_t sooner(int64_t a, int64_t b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

static void wait_and_take(struct each *e)
{
	/* reading ahead tells the bar sooner how many there are */
	bool read = e->hungry || (e->progress.on && items_could_read(&e->items));
	struct progress_count count = { e->done, e->items.total, e->failed, e->pool.running };
	struct pollfd p[] = {
		{ .fd = e->signals, .events = POLLIN },
		{ .fd = e->pool.running ? e->pool.ring_fd : -1, .events = POLLIN },
		{ .fd = read && !e->stopping ? e->input : -1, .events = POLLIN },
	};
	int64_t wait = sooner(pool_tick(&e->pool), progress_draw(&e->progress, &count));

	if (poll(p, 3, duration_to_poll(wait)) < 0)
		return;
	if (p[0].revents)
		take_signals(e);
	if (p[1].revents)
		collect(e);
	if (p[2].revents)
		read_input(e);
}

static bool finished(const struct each *e)
{
	return !e->pool.running && (e->stopping || (e->drained && !e->pool.again));
}

/* Everything that must be open before the first item. 0 or an exit code. */
static int prepare(struct each *e)
{
	const struct each_options *o = &e->options;
	uint64_t signals = TO_HAND_ON;
	int code;

	signal_state_read(&e->start);
	code = pool_open(&e->pool, o, &e->start);
	if (code)
		return code;
	if (o->arg_file) {
		e->input = open(o->arg_file, O_RDONLY | O_CLOEXEC);
		if (e->input < 0) {
			complain("--arg-file: %s: %s", o->arg_file, strerror(errno));
			return EXIT_OWN_ERROR;
		}
	}
	if (items_open(&e->items, e->input, o->separator, o->keep_empty) || logs_open(&e->logs, o->joblog, o->json))
		return EXIT_OWN_ERROR;
	if (!o->no_progress)
		progress_begin(&e->progress, o->progress);
	if (e->progress.on) {
		items_count(&e->items);
		signals |= SIGNAL_BIT(SIGTSTP);
	}
	e->signals = signal_listen(&e->start, signals);
	if (e->signals < 0) {
		complain("signalfd: %s", strerror(-e->signals));
		return EXIT_OWN_ERROR;
	}
	return 0;
}

/* What was to be tried once more, but then all was stopped: its last failure stands. */
static void end_untried(struct each *e)
{
	struct job *job;

	while ((job = pool_waiting(&e->pool)))
		if (job->tries)
			ended(e, job);
}

static int result(struct each *e)
{
	if (e->failed && e->code != EXIT_CANNOT_RUN && e->code != EXIT_NOT_FOUND)
		complain("%" PRIu64 " of %" PRIu64 " items failed; the first: %s", e->failed, e->done, e->first);
	if (!e->code && e->failed)
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
		for (feed(&e); !finished(&e); feed(&e))
			wait_and_take(&e);
		progress_hide(&e.progress);
		end_untried(&e);
		code = result(&e);
	}
	pool_close(&e.pool);
	items_done(&e.items);
	if (logs_close(&e.logs))
		code = EXIT_OWN_ERROR;
	if (e.signals >= 0)
		close(e.signals);
	if (e.options.arg_file && e.input >= 0)
		close(e.input);
	return code;
}
