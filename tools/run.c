/* SPDX-License-Identifier: MIT */
/*
 * "uspawn run": one command, from its start to its end. What env(1), setsid(1) and timeout(1) do one after the other,
 * each by one more exec, is one request here.
 */
#include "run.h"
#include "cell.h"
#include "commands.h"
#include "duration.h"
#include "failure.h"
#include "options.h"
#include "pty.h"
#include "record.h"
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void say_end(const struct uspawn_exit *e, int64_t wall_ns)
{
	char how[64];

	if (e->code == USPAWN_EXITED)
		snprintf(how, sizeof(how), "exited with %d", e->status);
	else if (e->code == USPAWN_UNKNOWN)
		snprintf(how, sizeof(how), "ended, how is not known,");
	else
		snprintf(how, sizeof(how), "killed by %s%s", signal_name(e->status),
			 e->code == USPAWN_DUMPED ? ", core dumped" : "");
	complain("%s after %.3f s (user %.3f s, system %.3f s, at most %llu KiB)", how, (double)wall_ns / 1e9,
		 (double)e->utime_us / 1e6, (double)e->stime_us / 1e6, (unsigned long long)e->maxrss_kib);
}

static int exit_code(const struct uspawn_exit *e, int timeouts)
{
	if (timeouts)
		return timeouts > 1 ? EXIT_SIGNAL + SIGKILL : EXIT_TIMED_OUT;
	switch (e->code) {
	case USPAWN_EXITED:
		return e->status;
	case USPAWN_KILLED:
	case USPAWN_DUMPED:
		return EXIT_SIGNAL + e->status;
	default:
		complain("the command has ended, but somebody else took its status");
		return EXIT_OWN_ERROR;
	}
}

static bool leads_a_group(const struct run *run)
{
	return run->request.flags & USPAWN_SETSID || (run->request.flags & USPAWN_SETPGROUP && !run->request.pgroup);
}

static int output_is_lost(const struct run *run, int error)
{
	if (error == -EPIPE && !(run->start.ignored & SIGNAL_BIT(SIGPIPE)))
		return EXIT_SIGNAL + SIGPIPE; /* as it ends who does not look */
	complain("standard output: %s", strerror(-error));
	return EXIT_OWN_ERROR;
}

/* What SIGTSTP does not stop: a new session's group is an orphan, and number 1 of a pid namespace is immune. */
static bool is_apart(const struct run *run)
{
	return run->request.flags & USPAWN_SETSID || run->namespaces.unshare & CLONE_NEWPID;
}

/* A group other than ours, in our session: our terminal's foreground can be the one's or the other's. */
static bool shares_a_terminal(const struct run *run)
{
	return run->request.flags & USPAWN_FOREGROUND && run->request.flags & USPAWN_SETPGROUP;
}

/* It runs: sees it through. Returns the exit code. */
static int see_through(struct run *run, struct watch *w, int master, int64_t began)
{
	int lost = 0;

	if (run->verbose)
		complain("started %d by %s", w->child->pid, rung_name(w->child->rung));
	if (run->verbose && w->child->failure.errnum)
		complain("without %s: %s", uspawn_strstep(w->child->failure.step), strerror(w->child->failure.errnum));
	if (run->timeout) /* from here on: the start may have waited for the other end of a FIFO */
		w->due = now_ns() + run->timeout;
	w->whole = leads_a_group(run) ? USPAWN_KILL_GROUP : 0;
	w->apart = is_apart(run);
	w->shares = shares_a_terminal(run);
	w->grouped = run->timeout != 0;
	w->foreground.group = run->request.pgroup ? run->request.pgroup : w->child->pid;
	if (w->pty)
		pty_begin(w->pty, master);
	watch_child(w);
	w->unheard = w->pty ? w->pty->interrupted : !w->told && foreground_is_given(&w->foreground);
	foreground_end(&w->foreground);
	if (w->pty)
		lost = pty_end(w->pty, w->signals);
	if (run->verbose)
		say_end(&w->child->exit, now_ns() - began);
	return lost < 0 ? output_is_lost(run, lost) : exit_code(&w->child->exit, w->timeouts);
}

/* Says what it was, and of several limits which. */
static int report_failure(struct run *run, const struct uspawn_failure *failure)
{
	if (failure->step == USPAWN_STEP_RLIMIT && failure->index < run->request.nrlimits)
		run->said[USPAWN_STEP_RLIMIT / 10] = run->limit_said[failure->index];
	return failure_report(failure, &run->request, run->argv, &run->redirects, run->said);
}

/* Without a plan, failure says why there is none. Returns the exit code. */
static int execute(struct run *run, const struct uspawn_plan *plan, const struct uspawn_failure *failure, int signals,
		   FILE *json)
{
	struct uspawn_child child = { .failure = *failure };
	struct pty pty = { 0 };
	struct watch w = { .child = &child,
			   .signals = signals,
			   .due = -1,
			   .kill_after = run->kill_after,
			   .pty = run->pty ? &pty : NULL,
			   .foreground = { .terminal = -1 },
			   .verbose = run->verbose };
	struct record record = { .child = &child, .argv = run->argv, .began_us = record_clock_us() };
	int master = -1;
	struct uspawn_args args = { .size = sizeof(args), .fds = &master, .nfds = run->pty };
	int64_t began = now_ns();
	int code = EXIT_OWN_ERROR, r = -EINVAL;

	if (shares_a_terminal(run))
		foreground_begin(&w.foreground);
	if (plan)
		r = uspawn_start(&child, plan, &args);
	else
		child.exit = (struct uspawn_exit){ .code = USPAWN_FAILED, .status = failure->errnum };
	if (r == 0)
		code = see_through(run, &w, master, began);
	foreground_end(&w.foreground);
	if (r < 0)
		code = report_failure(run, &child.failure);
	if (child.exit.code == USPAWN_KILLED && (child.exit.status == SIGINT || w.instead_of == SIGINT))
		run->die = w.interrupted ? signal_die_of_interrupt : w.unheard ? signal_interrupt_group : NULL;
	if (run->cell) {
		cell_end(run->cell, &record.out_of_memory);
		run->cell = 0;
	}
	if (record.out_of_memory)
		complain("--memory-max: out of memory, and killed");
	signal_listen_no_more(signals, &run->start);
	if (json) {
		record.wall_ns = now_ns() - began;
		record.timed_out = w.timeouts > 0;
		record_json(json, &record);
	}
	return code;
}

static bool can_read(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && (flags & O_ACCMODE) != O_WRONLY;
}

/* What another writes to by a descriptor is not ours to judge. */
static bool is_over(const char *record, int json, const struct uspawn_fd *fd)
{
	if (fd->source == USPAWN_OPEN)
		return record_same_file(record, fd->path);
	return fd->source == USPAWN_FD && can_read(fd->fd) && record_same_open_file(json, fd->fd);
}

/* The option whose file the record would be written over, or NULL. Who gives fd:N has said where it goes on. */
static const char *overwritten(const struct run *run, int json)
{
	const struct redirects *r = &run->redirects;

	if (!strncmp(run->json, "fd:", 3))
		return NULL;
	for (uint32_t i = 0; i < r->n; i++)
		if (is_over(run->json, json, &r->fds[i]))
			return r->said[i];
	return !redirects_name(r, STDIN_FILENO) && record_same_open_file(json, STDIN_FILENO) ? "stdin" : NULL;
}

static FILE *open_record(const struct run *run)
{
	FILE *json = record_open_untouched(run->json, false);
	const char *other = json ? overwritten(run, fileno(json)) : NULL;
	int r = json ? other ? -EINVAL : record_begin(json, run->json, -1) : -errno;

	if (!r)
		return json;
	if (other)
		complain("--json: %s: not the file of --%s, which would be overwritten", run->json, other);
	else
		complain("--json: %s: %s", run->json, strerror(-r));
	if (json)
		fclose(json);
	return NULL;
}

/* Says why it could not be written, if it was not. */
static int close_record(const struct run *run, FILE *json, int code)
{
	int failed = ferror(json);

	if ((json != stderr && fclose(json)) || failed) {
		complain("--json: %s: %s", run->json, failed ? "could not be written" : strerror(errno));
		return EXIT_OWN_ERROR;
	}
	return code;
}

/* "--show": what would be done. */
static int show(struct run *run, const struct uspawn_plan *plan, const struct uspawn_failure *failure)
{
	int length = plan ? uspawn_plan_describe(plan, NULL, 0) : 0, code;
	char *text;

	if (!plan)
		return report_failure(run, failure);
	text = length < 0 ? NULL : malloc((size_t)length + 1);
	if (!text) {
		complain("--show: %s", strerror(ENOMEM));
		return EXIT_OWN_ERROR;
	}
	uspawn_plan_describe(plan, text, (size_t)length + 1);
	code = print_help(text);
	free(text);
	return code;
}

/* Signals that are read from a descriptor while the command runs. */
static uint64_t to_hear(const struct run *run)
{
	uint64_t heard = TO_HAND_ON;

	if (run->pty)
		heard |= SIGNAL_BIT(SIGWINCH) | SIGNAL_BIT(SIGCONT);
	else if (leads_a_group(run) || is_apart(run)) /* which the stop key does not reach */
		heard |= SIGNAL_BIT(SIGTSTP);
	if (shares_a_terminal(run))
		heard |= SIGNAL_BIT(SIGCHLD) | SIGNAL_BIT(SIGCONT);
	else if (leads_a_group(run) && !run->pty) /* to say why it is stopped */
		heard |= SIGNAL_BIT(SIGCHLD);
	return heard;
}

/*
 * The record's file is opened after the plan was made, which has read the numbers of --fd and its like by then; and
 * while signals still end us, since a FIFO waits for its reader.
 */
static int start(struct run *run, const struct uspawn_plan *plan, const struct uspawn_failure *failure)
{
	FILE *json = NULL;
	int signals, code;

	if (run->json) {
		json = *run->json ? open_record(run) : stderr;
		if (!json)
			return EXIT_OWN_ERROR;
	}
	if (run->pty)
		signal_block(SIGPIPE); /* a write says so, too, and our terminal must be put back */
	signals = signal_listen(&run->start, to_hear(run));
	if (signals < 0) {
		complain("signalfd: %s", strerror(-signals));
		code = EXIT_OWN_ERROR;
	} else {
		code = execute(run, plan, failure, signals, json);
	}
	return json ? close_record(run, json, code) : code;
}

int run_main(int argc, char **argv)
{
	struct uspawn_failure failure = { 0 };
	struct uspawn_plan *plan = NULL;
	struct run run = { 0 };
	int code;

	code = run_options(&run, argc, argv);
	if (code < 0) {
		signal_block(SIGXFSZ); /* a write says so, too */
		uspawn_plan_new(&plan, &run.request, &failure);
		code = run.show ? show(&run, plan, &failure) : start(&run, plan, &failure);
		uspawn_plan_free(plan);
	}
	run_done(&run);
	if (run.die)
		run.die();
	return code;
}
