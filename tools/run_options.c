/* SPDX-License-Identifier: MIT */
/*
 * The command line of "uspawn run" into a request: the tables of all families as one. Everything that can be refused
 * is refused here, before there is a child.
 */
#include "run_options.h"
#include "cell.h"
#include "commands.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct run_option *const families[] = {
	basic_options,  identity_options,  capability_options, limits_options,  sched_options,
	memory_options, namespace_options, terminal_options,   confine_options,
};

static int (*const finishers[])(struct run *) = {
	identity_finish, capability_finish, sched_finish,  namespace_finish,
	terminal_finish, confine_finish,    limits_finish,
};

enum { FAMILIES = sizeof(families) / sizeof(*families), FINISHERS = sizeof(finishers) / sizeof(*finishers) };

#define MAX_OPTIONS 192
#define FIRST_LONG  256 /* above every letter */

int refuse(const struct run_option *o, const char *value, const char *form)
{
	complain("--%s '%s': must be %s", o->name, value, form);
	return EXIT_OWN_ERROR;
}

int refuse_name(const char *name, const char *text)
{
	complain("--%s: %s", name, text);
	return EXIT_OWN_ERROR;
}

int take_number(const struct run_option *o, const char *value, uint64_t min, uint64_t max, const char *form,
		uint64_t *ret)
{
	return number_parse(value, min, max, ret) ? refuse(o, value, form) : -1;
}

static bool is_named(const struct run *run, int fd)
{
	for (uint32_t i = 0; i < run->redirects.n; i++)
		if (run->redirects.fds[i].source == USPAWN_FD && run->redirects.fds[i].fd == fd)
			return true;
	return (run->request.flags & USPAWN_FEXEC && run->request.exec_fd == fd) ||
	       (run->request.flags & USPAWN_FCHDIR && run->request.cwd_fd == fd);
}

int run_hold(struct run *run, int fd)
{
	int moved;

	if (fd < 0)
		return fd == -1 ? -errno : fd;
	while (is_named(run, fd)) {
		moved = fcntl(fd, F_DUPFD_CLOEXEC, fd + 1);
		if (moved < 0)
			moved = -errno;
		close(fd);
		if (moved < 0)
			return moved;
		fd = moved;
	}
	run->held[run->nheld++] = fd;
	return fd;
}

/* All families as getopt_long(3) takes them. */
struct table {
	struct option known[MAX_OPTIONS + 1];
	const struct run_option *rows[MAX_OPTIONS];
	char letters[64];
	int n;
};

static void add_letter(struct table *t, const struct run_option *o)
{
	size_t at = strlen(t->letters);

	if (!o->letter || strchr(t->letters, o->letter))
		return;
	t->letters[at++] = o->letter;
	if (o->value == required_argument)
		t->letters[at] = ':';
}

static void build(struct table *t)
{
	*t = (struct table){ .letters = "+:h" };
	for (size_t i = 0; i < FAMILIES; i++)
		for (const struct run_option *o = families[i]; o->name && t->n < MAX_OPTIONS; o++) {
			t->known[t->n] = (struct option){ o->name, o->value, NULL, FIRST_LONG + t->n };
			t->rows[t->n++] = o;
			add_letter(t, o);
		}
}

bool run_has(const char *name, size_t len)
{
	struct table table;

	build(&table);
	return options_have(table.known, name, len);
}

static const struct run_option *find(const struct table *t, int answer)
{
	if (answer >= FIRST_LONG)
		return t->rows[answer - FIRST_LONG];
	for (int i = 0; i < t->n; i++)
		if (t->rows[i]->letter == answer)
			return t->rows[i];
	return NULL;
}

static int contradictions(struct run *run, char *const *command)
{
	struct uspawn_request *request = &run->request;

	if (!*command) {
		complain("a program is missing: uspawn run [OPTION]... -- PROGRAM [ARG]...");
		return EXIT_OWN_ERROR;
	}
	if ((request->flags & USPAWN_SETSID) && (request->flags & USPAWN_SETPGROUP))
		return refuse_name("setpgid", run->said[USPAWN_STEP_SETSID / 10]
						      ? "not together with --setsid, which makes a new group already"
						      : "not together with --ctty, which makes a new group already");
	if (request->flags & USPAWN_FEXEC && request->search)
		return refuse_name("path", "not together with --exec-fd, whose file is not searched");
	if (request->flags & USPAWN_FEXEC && request->flags & USPAWN_SH_FALLBACK)
		return refuse_name("sh-fallback", "not together with --exec-fd, whose file has no name for the shell");
	if (request->flags & USPAWN_FCHDIR && request->cwd)
		return refuse_name("cwd-fd", "not together with --chdir (-C), which names another directory");
	if (run->kill_after && !run->says_timeout)
		return refuse_name("kill-after", "counts from --timeout, which is missing");
	if (run->foreground && !run->says_timeout)
		return refuse_name("foreground", "is about --timeout, which is missing; or is it --tty-foreground?");
	return -1;
}

/* What is said of any other number that is not open. */
static int closed_sources(const struct run *run)
{
	const struct redirects *r = &run->redirects;

	for (uint32_t i = 0; i < r->n; i++)
		if (r->fds[i].source == USPAWN_FD && redirect_was_closed(r->fds[i].fd)) {
			complain("source: --%s: descriptor %d: %s", r->said[i], r->fds[i].fd, strerror(EBADF));
			return EXIT_OWN_ERROR;
		}
	if (run->request.flags & USPAWN_FCHDIR && redirect_was_closed(run->request.cwd_fd))
		return refuse_name("cwd-fd", strerror(EBADF));
	if (run->request.flags & USPAWN_FEXEC && redirect_was_closed(run->request.exec_fd))
		return refuse_name("exec-fd", strerror(EBADF));
	return -1;
}

static int finish(struct run *run, char **command)
{
	struct uspawn_request *request = &run->request;
	int code = contradictions(run, command);

	if (code < 0)
		code = closed_sources(run);
	for (size_t i = 0; i < FINISHERS && code < 0; i++)
		code = finishers[i](run);
	if (code >= 0)
		return code;
	/* a group of its own lets a timeout reach what the command has started */
	if (run->timeout && !run->foreground && !(request->flags & USPAWN_SETSID))
		request->flags |= USPAWN_SETPGROUP;
	if (!(request->flags & USPAWN_FEXEC))
		request->file = command[0];
	run->argv = command;
	if (run->argv0)
		run->argv[0] = (char *)run->argv0;
	request->argv = run->argv;
	request->setenv = run->nsetenv ? run->setenv : NULL;
	request->fds = run->redirects.fds;
	request->nfds = run->redirects.n;
	request->rlimits = request->nrlimits ? run->rlimits : NULL;
	request->best_effort = run->best_effort[0] ? run->best_effort : NULL;
	/* the program is about to block signals for itself */
	request->flags |= USPAWN_SETSIGMASK;
	request->sigmask |= run->start.blocked;
	request->sigignore |= run->start.ignored & SIGNAL_BIT(SIGCHLD) & ~request->sigdefault;
	return -1;
}

int run_options(struct run *run, int argc, char **argv)
{
	const struct run_option *o, *last = NULL;
	struct table table;
	int answer, code;

	build(&table);
	run->request.size = sizeof(run->request);
	run->argv = argv;
	run->setenv = calloc((size_t)argc + 1, sizeof(*run->setenv));
	run->landlock_rules = calloc((size_t)argc + 1, sizeof(*run->landlock_rules));
	if (!run->setenv || !run->landlock_rules) {
		complain("%s", strerror(ENOMEM));
		return EXIT_OWN_ERROR;
	}
	signal_state_read(&run->start);
	while ((answer = next_option(argc, argv, table.letters, table.known)) != -1) {
		o = find(&table, answer);
		if (!o)
			return refuse_option(answer, argv, table.known);
		if (o->step)
			run->said[o->step / 10] = o->name;
		code = o->set(run, o, optarg);
		if (code >= 0)
			return code;
		last = o;
	}
	if (last && last->value == optional_argument && seems_a_value(argv + optind))
		run->said[USPAWN_STEP_EXEC / 10] = last->name;
	return finish(run, argv + optind);
}

void run_done(struct run *run)
{
	free(run->setenv);
	free(run->landlock_rules);
	free(run->iab_text);
	free((void *)run->identity.groups);
	free((void *)run->confine.filter);
	if (run->cell)
		cell_end(run->cell, NULL);
	while (run->nheld)
		close(run->held[--run->nheld]);
	redirects_done(&run->redirects);
}
