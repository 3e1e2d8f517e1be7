/* SPDX-License-Identifier: MIT */
/* libc's posix_spawn is run through the same cases: wherever it has the feature, what the child sees is the same. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/files.h"
#include "harness/way.h"

CheckedSuite(reference);

extern char **environ;

/* What both can say. */
struct wish {
	const char *name;
	const char *program; /* NULL: the witness */
	int search;          /* look it up in PATH */
	char **argv, **envp; /* NULL: of a witness that reports; the caller's */
	short flags;         /* POSIX_SPAWN_* */
	int mask, def;       /* a signal in the mask, one to be reset */
	pid_t group;
	int from, to;     /* dup2, if from is not 0 */
	const char *open; /* on 0 */
	const char *chdir;
	int closed; /* a number to close, if not 0 */
};

typedef int starter(const struct wish *wish, char **argv, pid_t *pid);

static int by_libc(const struct wish *w, char **argv, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t set;
	int r;

	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, w->flags);
	posix_spawnattr_setpgroup(&attr, w->group);
	sigemptyset(&set);
	if (w->mask)
		sigaddset(&set, w->mask);
	posix_spawnattr_setsigmask(&attr, &set);
	sigemptyset(&set);
	if (w->def)
		sigaddset(&set, w->def);
	posix_spawnattr_setsigdefault(&attr, &set);
	if (w->from)
		posix_spawn_file_actions_adddup2(&actions, w->from, w->to);
	if (w->open)
		posix_spawn_file_actions_addopen(&actions, 0, w->open, O_RDONLY, 0);
	if (w->closed)
		posix_spawn_file_actions_addclose(&actions, w->closed);
	if (w->chdir)
		posix_spawn_file_actions_addchdir_np(&actions, w->chdir);
	r = (w->search ? posix_spawnp : posix_spawn)(pid, w->program, &actions, &attr, argv,
						     w->envp ? w->envp : environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	return r;
}

static uint64_t bit(int signo)
{
	return signo ? 1ull << (signo - 1) : 0;
}

static int by_uspawn(const struct wish *w, char **argv, pid_t *pid)
{
	struct uspawn_request request = { .size = sizeof(request),
					  .flags = USPAWN_INHERIT_FDS | USPAWN_PID_ONLY,
					  .argv = argv,
					  .envp = w->envp,
					  .cwd = w->chdir };
	struct uspawn_fd fds[3];
	struct uspawn_child child;
	int r;

	*(w->search ? &request.file : &request.path) = w->program;
	request.fds = fds;
	if (w->flags & POSIX_SPAWN_SETSIGMASK) {
		request.flags |= USPAWN_SETSIGMASK;
		request.sigmask = bit(w->mask);
	}
	if (w->flags & POSIX_SPAWN_SETSIGDEF)
		request.sigdefault = bit(w->def);
	if (w->flags & POSIX_SPAWN_SETPGROUP) {
		request.flags |= USPAWN_SETPGROUP;
		request.pgroup = w->group;
	}
	if (w->flags & POSIX_SPAWN_SETSID)
		request.flags |= USPAWN_SETSID;
	if (w->from)
		fds[request.nfds++] = (struct uspawn_fd){ .target = w->to, .fd = w->from };
	if (w->open)
		fds[request.nfds++] = (struct uspawn_fd){ .target = 0, .source = USPAWN_OPEN, .path = w->open };
	if (w->closed)
		fds[request.nfds++] = (struct uspawn_fd){ .target = w->closed, .source = USPAWN_CLOSED };
	if (!request.nfds)
		request.fds = NULL;
	r = uspawn(&child, &request, NULL);
	*pid = child.pid;
	return -r;
}

/* libc's internal ones: its children have them ignored. */
#define LIBC_SIGNALS (3ull << (32 - 1))

/* Without the facts that are never the same twice, and "own" where a number is the process's own. */
static char *comparable(const struct report *r)
{
	char *text = malloc(r->size + 100), *at = text;
	const char *pid = report_value(r, "pid");

	for (const char *line = r->text; line < r->text + r->size; line += strlen(line) + 1) {
		const char *value = strchr(line, ' ');

		if (strncmp(line, "pid ", 4) == 0 || strncmp(line, "arg.2 ", 6) == 0)
			continue;
		if ((strncmp(line, "pgid ", 5) == 0 || strncmp(line, "sid ", 4) == 0) && strcmp(value + 1, pid) == 0)
			at += sprintf(at, "%.*s own\n", (int)(value - line), line);
		else if (strncmp(line, "SigIgn ", 7) == 0)
			at += sprintf(at, "SigIgn %llx\n", strtoull(value, NULL, 16) & ~LIBC_SIGNALS);
		else
			at += sprintf(at, "%s\n", line);
	}
	*at = '\0';
	return text;
}

struct outcome {
	int error, status;
	char *text; /* NULL: it did not report */
};

static struct outcome run(starter *start, const struct wish *wish)
{
	struct wish w = *wish;
	struct outcome ret = { 0 };
	REPORT r;
	pid_t pid;

	report_open(&r);
	if (!w.program)
		w.program = witness_path;
	ret.error = start(&w, w.argv ? w.argv : r.argv, &pid);
	if (ret.error)
		return ret;
	cr_assert_eq(waitpid(pid, &ret.status, 0), pid);
	if (!w.argv) {
		report_read(&r);
		ret.text = comparable(&r);
	}
	return ret;
}

static void assert_same_lines(const char *name, const char *libc, const char *ours)
{
	while (*libc || *ours) {
		int a = (int)strcspn(libc, "\n"), b = (int)strcspn(ours, "\n");

		cr_assert(a == b && strncmp(libc, ours, (size_t)a) == 0, "%s: libc's child sees %.*s, uspawn's %.*s",
			  name, a, libc, b, ours);
		libc += a + 1;
		ours += b + 1;
	}
}

static void assert_same(const struct wish *w)
{
	struct outcome libc = run(by_libc, w), ours = run(by_uspawn, w);

	cr_assert_eq(libc.error, ours.error, "%s: libc says %d, uspawn %d", w->name, libc.error, ours.error);
	cr_assert_eq(libc.status, ours.status, "%s: libc's ends with %#x, uspawn's with %#x", w->name,
		     (unsigned)libc.status, (unsigned)ours.status);
	cr_assert((libc.text == NULL) == (ours.text == NULL), "%s", w->name);
	if (libc.text)
		assert_same_lines(w->name, libc.text, ours.text);
	free(libc.text);
	free(ours.text);
}

CheckedTest(reference, same_child)
{
	int kept = file_new(70), source = file_new(80), closed = file_new(90);
	const struct wish wishes[] = {
		{ "plain" },
		{ "environment", .envp = LIST("A=1", "A=2", "NOEQ", "=x", "") },
		{ "no environment", .envp = (char *[]){ NULL } },
		{ "mask", .flags = POSIX_SPAWN_SETSIGMASK, .mask = SIGTERM },
		{ "empty mask", .flags = POSIX_SPAWN_SETSIGMASK },
		{ "default", .flags = POSIX_SPAWN_SETSIGDEF, .def = SIGPIPE },
		{ "new group", .flags = POSIX_SPAWN_SETPGROUP },
		{ "our group", .flags = POSIX_SPAWN_SETPGROUP, .group = getpgrp() },
		{ "session", .flags = POSIX_SPAWN_SETSID },
		{ "dup2", .from = source, .to = 5 },
		{ "dup2 to the same", .from = source, .to = source },
		{ "open", .open = "/dev/null" },
		{ "close", .closed = closed },
		{ "chdir", .chdir = "/" },
	};

	fcntl(kept, F_SETFD, 0);
	fcntl(closed, F_SETFD, 0);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	for (size_t i = 0; i < sizeof(wishes) / sizeof(*wishes); i++)
		assert_same(&wishes[i]);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	close(kept);
	close(source);
	close(closed);
}

CheckedTest(reference, same_end)
{
	SCRATCH s;
	int gone = file_free_number(64);

	scratch_make(&s);
	scratch_file(&s, "plain", 0644, "#!/bin/sh\n");
	scratch_file(&s, "text", 0755, "exit 7\n");
	scratch_file(&s, "noint", 0755, "#!/no/such\n");
	setenv("PATH", s.path, 1);
	{
		const struct wish wishes[] = {
			{ "exit", .argv = LIST("w", "exit", "7") },
			{ "killed", .argv = LIST("w", "kill", "9") },
			{ "not there", .program = "/no/such", .argv = LIST("x") },
			{ "not a directory", .program = "/dev/null/x", .argv = LIST("x") },
			{ "not executable", .program = scratch_path(&s, "plain"), .argv = LIST("x") },
			{ "no interpreter named", .program = scratch_path(&s, "text"), .argv = LIST("x") },
			{ "no such interpreter", .program = scratch_path(&s, "noint"), .argv = LIST("x") },
			{ "searched, not there", .program = "no-such", .search = 1, .argv = LIST("x") },
			{ "searched, not executable", .program = "plain", .search = 1, .argv = LIST("x") },
			{ "searched, no interpreter named", .program = "text", .search = 1, .argv = LIST("x") },
			{ "searched, child's PATH", .program = "sh", .search = 1, .argv = LIST("sh", "-c", ":"),
			  .envp = LIST("PATH=/bin:/usr/bin") },
			{ "missing file", .open = "/no/such", .argv = LIST("x") },
			{ "closed source", .from = gone, .to = 1, .argv = LIST("x") },
			{ "missing directory", .chdir = "/no/such", .argv = LIST("x") },
			{ "no such group", .flags = POSIX_SPAWN_SETPGROUP, .group = 999999999, .argv = LIST("x") },
		};

		for (size_t i = 0; i < sizeof(wishes) / sizeof(*wishes); i++)
			assert_same(&wishes[i]);
	}
}
