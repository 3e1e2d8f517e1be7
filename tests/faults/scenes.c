/* SPDX-License-Identifier: MIT */
/*
 * Each call of the library may fail, with an error of lack, or do what it was asked for: nothing in between. What a
 * child was to say arrives whole, or its output says why not.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uspawn.h>

#include "calls.h"
#include "rings.h"

#define COUNT(list) (sizeof(list) / sizeof(*(list)))

void scene_said(struct record *record, int r, const struct uspawn_failure *failure)
{
	if (r >= 0 || record->error)
		return;
	record->error = -r;
	record->step = failure ? failure->step : 0;
	record->index = failure ? failure->index : 0;
	if (failure && (failure->errnum != -r || !failure->step))
		wrong(record, "%s was returned, and the failure says %s at %s", strerror(-r), strerror(failure->errnum),
		      uspawn_strstep(failure->step));
}

/* The start returned r. 0: it runs. */
int scene_started(struct record *record, int r, const struct uspawn_child *child)
{
	if (r < 0) {
		scene_said(record, r, &child->failure);
		if (child->state != USPAWN_ENDED || child->exit.code != USPAWN_FAILED || child->pidfd != -1)
			wrong(record, "a start failed, and its child has not ended so");
	} else if (!record->rung_before) {
		record->rung_before = child->rung;
	}
	return r;
}

void scene_assert_end(struct record *record, const struct uspawn_child *child, int code, int status)
{
	if (child->exit.code == USPAWN_FAILED)
		scene_said(record, -child->exit.status, &child->failure);
	else if (child->exit.code != code || child->exit.status != status)
		wrong(record, "ended with code %d, status %d", child->exit.code, child->exit.status);
	if (child->pidfd != -1)
		wrong(record, "ended, and still has a pidfd");
}

void scene_end(struct record *record, struct uspawn_child *child, int code, int status)
{
	int r = uspawn_wait(child, -1);

	if (r != 1)
		wrong(record, "uspawn_wait: %d", r);
	else
		scene_assert_end(record, child, code, status);
}

/* ---- One child ---- */

static void assert_read(struct record *record, int fd, const char *expected)
{
	char text[256] = "";
	ssize_t n, at = 0;

	while ((n = read(fd, text + at, sizeof(text) - 1 - (size_t)at)) > 0)
		at += n;
	close(fd);
	if (strcmp(text, expected) != 0)
		wrong(record, "it wrote '%s'", text);
}

static void start(const struct scene *scene, struct record *record)
{
	int given = OWN(fcntl(2, F_DUPFD_CLOEXEC, 100)), ends[2] = { -1, given };
	const struct uspawn_fd fds[] = { { 0, USPAWN_NULL },
					 { 1, USPAWN_WRITE_END, .fd = USPAWN_ARG(0) },
					 { 5, USPAWN_OPEN, .path = "/dev/null", .oflag = O_WRONLY },
					 { 6, .fd = USPAWN_ARG(1) },
					 { 7, .fd = 0 } };
	const struct uspawn_rlimit core = { RLIMIT_CORE, 0, 0, 0 };
	struct uspawn_child child;
	int r = uspawn(&child,
		       USPAWN(request, .rung = scene->rung, .path = WITNESS_PATH, .argv = ARGV("write", "1", "here"),
			      .fds = fds, .nfds = COUNT(fds), .cwd = "/tmp", .rlimits = &core, .nrlimits = 1,
			      .flags = USPAWN_SETPGROUP | USPAWN_SETSIGMASK, .sigdefault = 1 << (SIGTERM - 1)),
		       USPAWN(args, .fds = ends, .nfds = 2));

	OWN(close(given));
	if (scene_started(record, r, &child) == 0) {
		OWN((assert_read(record, ends[0], "here"), 0));
		scene_end(record, &child, USPAWN_EXITED, 0);
	} else if (ends[0] != -1) {
		wrong(record, "an end of a pipe was set although the start failed");
	}
}

static void actions(const struct scene *scene, struct record *record)
{
	const struct uspawn_action list[] = { { USPAWN_DO_OPEN, 5, .path = "/dev/null", .oflag = O_RDONLY },
					      { USPAWN_DO_DUP2, 5, 0 },
					      { USPAWN_DO_CLOSE, 5 },
					      { USPAWN_DO_CHDIR, .path = "/tmp" },
					      { USPAWN_DO_CLOSEFROM, 3 } };
	struct uspawn_child child;
	int r = uspawn(&child,
		       USPAWN(request, .rung = scene->rung, .file = "sh", .argv = ARGV("-c", "exit 4"), .actions = list,
			      .nactions = COUNT(list), .flags = USPAWN_INHERIT_FDS),
		       NULL);

	if (scene_started(record, r, &child) == 0)
		scene_end(record, &child, USPAWN_EXITED, 4);
}

static void run(const struct scene *scene, struct record *record)
{
	static const char text[] = "what goes in comes out";
	const struct uspawn_fd fds[] = { { 0, USPAWN_FEED, .fd = USPAWN_ARG(0) },
					 { 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(1) } };
	struct uspawn_output outputs[2] = { { 0 }, { .head = 4096 } };
	struct uspawn_child child;
	int r = uspawn_run(&child,
			   USPAWN(request, .rung = scene->rung, .path = WITNESS_PATH, .argv = ARGV("copy", "0", "1"),
				  .fds = fds, .nfds = 2),
			   USPAWN(args, .outputs = outputs, .noutputs = 2, .input = text, .ninput = sizeof(text)));

	if (scene_started(record, r, &child) == 0) {
		scene_assert_end(record, &child, USPAWN_EXITED, 0);
		scene_said(record, outputs[1].error, NULL);
		if (!outputs[1].error && child.exit.code == USPAWN_EXITED &&
		    (outputs[1].len != sizeof(text) || memcmp(outputs[1].data, text, sizeof(text)) != 0))
			wrong(record, "%llu bytes came out", (unsigned long long)outputs[1].len);
	}
	free(outputs[1].data);
}

static void timed(const struct scene *scene, struct record *record)
{
	const struct uspawn_fd in = { 0, USPAWN_READ_END, .fd = USPAWN_ARG(0) };
	const struct uspawn_timed ladder[] = { { 0, SIGCONT, 0 }, { 1000000, SIGKILL, USPAWN_TIMED_GROUP } };
	struct uspawn_child child;
	int held = -1, r;

	r = uspawn(&child,
		   USPAWN(request, .rung = scene->rung, .path = WITNESS_PATH, .argv = ARGV("eof", "0"), .fds = &in,
			  .nfds = 1, .timed = ladder, .ntimed = 2, .flags = USPAWN_SETPGROUP),
		   USPAWN(args, .fds = &held, .nfds = 1));
	if (scene_started(record, r, &child) == 0) {
		scene_end(record, &child, USPAWN_KILLED, SIGKILL);
		OWN(close(held));
	}
}

static void pty(const struct scene *scene, struct record *record)
{
	const struct uspawn_fd fds[] = { { 0, USPAWN_PTY, .fd = USPAWN_ARG(0), .rows = 24, .cols = 80 },
					 { 1, USPAWN_PTY, .fd = USPAWN_ARG(0), .rows = 24, .cols = 80 } };
	struct uspawn_child child;
	int master = -1;
	int r = uspawn(&child,
		       USPAWN(request, .rung = scene->rung, .path = WITNESS_PATH, .argv = ARGV("exit", "2"), .fds = fds,
			      .nfds = 2, .flags = USPAWN_SETSID | USPAWN_SETCTTY),
		       USPAWN(args, .fds = &master, .nfds = 1));

	if (scene_started(record, r, &child) == 0) {
		scene_end(record, &child, USPAWN_EXITED, 2);
		OWN(close(master));
	}
}

/* Of other ids: memory of its own, by the relay or a fork. */
static void identity(const struct scene *scene, struct record *record)
{
	const uint32_t groups[] = { 54321 };
	struct uspawn_child child;
	int r = uspawn(&child,
		       USPAWN(request, .rung = scene->rung, .path = "/bin/true", .argv = ARGV("x"),
			      .identity = USPAWN(identity, .uid = 54321, .gid = 54321, .groups = groups, .ngroups = 1)),
		       NULL);

	if (scene_started(record, r, &child) == 0)
		scene_end(record, &child, USPAWN_EXITED, 0);
}

static void namespaces(const struct scene *scene, struct record *record)
{
	const struct uspawn_idmap map = { 0, 0, 1, 0 };
	struct uspawn_child child;
	int r = uspawn(&child,
		       USPAWN(request, .rung = scene->rung, .path = "/bin/true", .argv = ARGV("x"),
			      .namespaces = USPAWN(namespaces, .unshare = CLONE_NEWUSER | CLONE_NEWNS, .uid_map = &map,
						   .nuid_map = 1, .gid_map = &map, .ngid_map = 1)),
		       NULL);

	if (scene_started(record, r, &child) == 0)
		scene_end(record, &child, USPAWN_EXITED, 0);
}

/* A stranger's child, that is, of ours: by pid, with and without a wait. */
static void adopted(const struct scene *scene, struct record *record)
{
	int gate[2], pid, r;
	struct uspawn_child child;

	(void)scene;
	pid = OWN((pipe(gate), fork()));
	if (pid == 0) {
		char c;

		call_mark(MARK_OWN);
		close(gate[1]);
		_exit(read(gate[0], &c, 1) == 0 ? 9 : 1);
	}
	r = uspawn_adopt(&child, pid, -1, 0);
	scene_said(record, r, NULL);
	if (r == 0 && (r = uspawn_wait(&child, 0)) != 0)
		wrong(record, "uspawn_wait of a child that lives: %d", r);
	OWN((close(gate[0]), close(gate[1])));
	if (r == 0)
		scene_end(record, &child, USPAWN_EXITED, 9);
	else
		OWN(waitpid(pid, NULL, 0));
}

static void reserved(const struct scene *scene, struct record *record)
{
	int r = uspawn_reserve_fds();

	(void)scene;
	scene_said(record, r < 0 ? r : 0, NULL);
	r = uspawn_settle(-1);
	scene_said(record, r, NULL);
}

#define EACH_RUNG(fn)                                                                           \
	{ #fn "-vfork", fn, USPAWN_RUNG_VFORK, 0 }, { #fn "-clone", fn, USPAWN_RUNG_CLONE, 0 }, \
		{ #fn "-relay", fn, USPAWN_RUNG_RELAY, 0 },                                     \
	{                                                                                       \
#fn "-fork", fn, USPAWN_RUNG_FORK, 0                                            \
	}
#define EACH_RING(fn)                                  \
	{ #fn "-uring", fn, 0, 0 },                    \
	{                                              \
#fn "-epoll", fn, 0, USPAWN_RING_EPOLL \
	}

const struct scene scenes[] = {
	EACH_RUNG(start),
	EACH_RUNG(run),
	{ "actions-vfork", actions, USPAWN_RUNG_VFORK, 0 },
	{ "actions-clone", actions, USPAWN_RUNG_CLONE, 0 },
	{ "actions-fork", actions, USPAWN_RUNG_FORK, 0 },
	{ "timed-vfork", timed, USPAWN_RUNG_VFORK, 0 },
	{ "pty-vfork", pty, USPAWN_RUNG_VFORK, 0 },
	{ "identity-relay", identity, USPAWN_RUNG_RELAY, 0 },
	{ "identity-fork", identity, USPAWN_RUNG_FORK, 0 },
	{ "namespaces-relay", namespaces, USPAWN_RUNG_RELAY, 0 },
	{ "namespaces-fork", namespaces, USPAWN_RUNG_FORK, 0 },
	{ "adopted", adopted, 0, 0 },
	{ "reserved", reserved, 0, 0 },
	EACH_RING(ring_plain),
	EACH_RING(ring_limited),
	EACH_RING(ring_cared),
	EACH_RING(ring_polled),
	EACH_RING(ring_let_go),
	{ "ring_plain-fork", ring_plain, USPAWN_RUNG_FORK, 0 },
	{ "ring_external", ring_external, 0, USPAWN_RING_EXTERNAL },
};
const int nscenes = COUNT(scenes);
