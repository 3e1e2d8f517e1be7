/* SPDX-License-Identifier: MIT */
/* Sessions with a terminal, and the foreground of one. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "harness/copy.h"
#include "harness/files.h"
#include "harness/way.h"

CheckedSuite(terminal);

#define PTY(target, ...)                                             \
	{                                                            \
		target, USPAWN_PTY, .fd = USPAWN_ARG(0), __VA_ARGS__ \
	}
#define SESSION USPAWN_SETSID | USPAWN_SETCTTY | USPAWN_FOREGROUND

EachRung(terminal, pty)
{
	REPORT r;
	struct report_fd fd[3];
	struct winsize size;
	int master = -1, number;
	char path[32];

	report_open(&r);
	way_report(way, &r,
		   USPAWN(request, .flags = SESSION, .tty = 1,
			  FDS(PTY(0), PTY(1, .rows = 24, .cols = 80), PTY(2, .rows = 24))),
		   USPAWN(args, .fds = &master, .nfds = 1));
	cr_assert_eq(fcntl(master, F_GETFD), FD_CLOEXEC);
	cr_assert_eq(fcntl(master, F_GETFL) & O_NONBLOCK, 0);
	cr_assert(ioctl(master, TIOCGWINSZ, &size) == 0 && size.ws_row == 24 && size.ws_col == 80);
	cr_assert_eq(ioctl(master, TIOCGPTN, &number), 0);
	snprintf(path, sizeof(path), "/dev/pts/%d", number);
	for (int i = 0; i < 3; i++) {
		cr_assert(report_fd(&r, i, &fd[i]));
		cr_assert_str_eq(fd[i].target, path);
		cr_assert(fd[i].dev == fd[0].dev && fd[i].ino == fd[0].ino);
		cr_assert_eq(fd[i].status & O_NONBLOCK, 0);
		cr_assert_str_eq(fd[i].access, "rw");
	}
	cr_assert_str_eq(report_fds(&r), "0 1 2");
	cr_assert_neq(report_number(&r, "tty"), 0);
	cr_assert_eq(report_number(&r, "sid"), report_number(&r, "pid"));
	cr_assert_eq(report_number(&r, "tpgid"), report_number(&r, "pid"));
	close(master);
}

/* Who opens it by name must be allowed to. */
EachRung(terminal, pty_of_another_user)
{
	struct way own = { .rung = way_own_memory(way) };
	struct uspawn_child child;
	int master = -1, number;
	struct stat st;
	char path[32];

	if (geteuid() != 0)
		cr_skip_test("needs root");
	cr_assert_eq(way_start(&own, &child,
			       USPAWN(request, .path = "/bin/true", .argv = LIST("true"), FDS(PTY(0)),
				      .identity = USPAWN(identity, .uid = 65534, .gid = 65534)),
			       USPAWN(args, .fds = &master, .nfds = 1)),
		     0);
	cr_assert_eq(ioctl(master, TIOCGPTN, &number), 0);
	snprintf(path, sizeof(path), "/dev/pts/%d", number);
	cr_assert(stat(path, &st) == 0 && st.st_uid == 65534);
	way_end(&own, &child);
	assert_exited(&child, 0);
	close(master);
}

/* Both directions, and its end once the child has gone. */
EachRung(terminal, talk)
{
	struct uspawn_child child;
	int master = -1;
	char text[64];

	cr_assert_eq(way_start(way, &child,
			       USPAWN(request, WITNESS("write", "1", "hello", "copy", "0", "1"), .flags = SESSION,
				      FDS(PTY(0, .flags = USPAWN_NONBLOCK), PTY(1))),
			       USPAWN(args, .fds = &master, .nfds = 1)),
		     0);
	cr_assert(fcntl(master, F_GETFL) & O_NONBLOCK);
	fcntl(master, F_SETFL, 0);
	cr_assert_eq(read(master, text, sizeof(text)), 5);
	cr_assert_eq(write(master, "\x04", 1), 1); /* end-of-file */
	way_end(way, &child);
	assert_exited(&child, 0);
	cr_assert(read(master, text, sizeof(text)) == -1 && errno == EIO);
	close(master);
}

/* What is typed there reaches its foreground. */
EachRung(terminal, interrupt_character)
{
	struct uspawn_child child;
	int master = -1;
	char text[64];

	cr_assert_eq(way_start(way, &child,
			       USPAWN(request, WITNESS("write", "1", "hello", "copy", "0", "1"),
				      .flags = SESSION | USPAWN_SETSIGMASK, FDS(PTY(0), PTY(1))),
			       USPAWN(args, .fds = &master, .nfds = 1)),
		     0);
	cr_assert_eq(read(master, text, sizeof(text)), 5);
	cr_assert_eq(write(master, "\x03", 1), 1);
	way_end(way, &child);
	assert_killed(&child, SIGINT);
	close(master);
}

EachRung(terminal, opened_by_the_child)
{
	REPORT r;
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	char slave[64];

	report_open(&r);
	cr_assert(grantpt(master) == 0 && unlockpt(master) == 0 && ptsname_r(master, slave, sizeof(slave)) == 0);
	way_report(way, &r,
		   USPAWN(request, .flags = SESSION, .tty = 7,
			  FDS({ 7, USPAWN_OPEN, .path = slave, .oflag = O_RDWR | O_NOCTTY })),
		   NULL);
	cr_assert_neq(report_number(&r, "tty"), 0);
	cr_assert_eq(report_number(&r, "tpgid"), report_number(&r, "pid"));
	/* Without SETCTTY it stays without. */
	way_report(way, &r,
		   USPAWN(request, .flags = USPAWN_SETSID,
			  FDS({ 7, USPAWN_OPEN, .path = slave, .oflag = O_RDWR | O_NOCTTY })),
		   NULL);
	cr_assert_eq(report_number(&r, "tty"), 0);
	close(master);
}

EachRung(terminal, failures)
{
	struct uspawn_child child;
	int master = -1;
	struct uspawn_args args = { .size = sizeof(args), .fds = &master, .nfds = 1 };

	cr_assert_eq(way_run(way, &child,
			     USPAWN(request, WITNESS("exit", "0"), .flags = USPAWN_SETSID | USPAWN_SETCTTY, .tty = 50),
			     NULL),
		     -EBADF);
	assert_failed(&child, EBADF, USPAWN_STEP_SETCTTY, 0);
	cr_assert_eq(way_run(way, &child,
			     USPAWN(request, WITNESS("exit", "0"), .flags = USPAWN_SETSID | USPAWN_SETCTTY, .tty = 4,
				    FDS({ 4, USPAWN_NULL })),
			     NULL),
		     -ENOTTY);
	assert_failed(&child, ENOTTY, USPAWN_STEP_SETCTTY, 0);
	/* No terminal of its session. */
	cr_assert_eq(
		way_run(way, &child,
			USPAWN(request, WITNESS("exit", "0"), .flags = USPAWN_SETSID | USPAWN_FOREGROUND, FDS(PTY(0))),
			&args),
		-ENOTTY);
	assert_failed(&child, ENOTTY, USPAWN_STEP_FOREGROUND, 0);
	if (master >= 0)
		close(master); /* an asynchronous start has returned before */
}

/* Of another session, which keeps it. */
EachRung(terminal, stealing)
{
	struct uspawn_child first, second;
	int master = -1, slave;

	cr_assert_eq(way_start(way, &first, USPAWN(request, WITNESS("eof", "0"), .flags = SESSION, FDS(PTY(0))),
			       USPAWN(args, .fds = &master, .nfds = 1)),
		     0);
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	cr_assert_geq(slave, 0);
	while (way->ring && first.state == USPAWN_RUNNING && tcgetsid(master) < 0) {
		struct uspawn_event event;

		uspawn_ring_wait(way->ring, &event, 1, 1000000);
	}
	cr_assert_eq(uspawn(&second,
			    USPAWN(request, WITNESS("exit", "0"), .rung = way->rung,
				   .flags = USPAWN_SETSID | USPAWN_SETCTTY, FDS({ 0, .fd = slave })),
			    NULL),
		     -EPERM);
	assert_failed(&second, EPERM, USPAWN_STEP_SETCTTY, 0);
	cr_assert_eq(write(master, "\x04", 1), 1);
	way_end(way, &first);
	assert_exited(&first, 0);
	close(slave);
	close(master);
}

/* Without a number for it. */
EachRung(terminal, no_number_for_a_pty)
{
	struct rlimit limit, low;
	struct uspawn_child child;
	int master = -1, r;

	getrlimit(RLIMIT_NOFILE, &limit);
	low = (struct rlimit){ (rlim_t)file_free_number(3), limit.rlim_max };
	setrlimit(RLIMIT_NOFILE, &low);
	r = way_start(way, &child, USPAWN(request, WITNESS("exit", "0"), FDS({ 4, USPAWN_NULL }, PTY(0))),
		      USPAWN(args, .fds = &master, .nfds = 1));
	setrlimit(RLIMIT_NOFILE, &limit);
	cr_assert_eq(r, -EMFILE);
	assert_failed(&child, EMFILE, USPAWN_STEP_PTY, 1);
	cr_assert_eq(master, -1);
}

static uint32_t rung;

/*
 * A shell's job: a group of its own takes the foreground of the shell's terminal before its program runs. With SIGTTOU
 * unblocked by then it would be stopped instead, for it is in the background when it asks.
 */
static void start_job(void)
{
	struct uspawn_child child;
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave, end = -1;

	copy_assert(setsid() > 0);
	copy_assert(grantpt(master) == 0 && unlockpt(master) == 0);
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_CLOEXEC);
	copy_assert(slave >= 0 && ioctl(slave, TIOCSCTTY, 0) == 0);
	copy_assert(tcgetpgrp(slave) == getpgrp());
	copy_assert(uspawn(&child,
			   USPAWN(request, WITNESS("eof", "0", "exit", "3"), .rung = rung,
				  .flags = USPAWN_SETPGROUP | USPAWN_FOREGROUND | USPAWN_SETSIGMASK, .tty = 5,
				  FDS({ 0, USPAWN_READ_END, .fd = USPAWN_ARG(0) }, { 5, .fd = slave })),
			   USPAWN(args, .fds = &end, .nfds = 1)) == 0);
	copy_assert(tcgetpgrp(slave) == child.pid);
	close(end);
	copy_assert(uspawn_wait(&child, -1) == 1);
	copy_assert(child.exit.code == USPAWN_EXITED && child.exit.status == 3);
	signal(SIGTTOU, SIG_IGN);
	copy_assert(tcsetpgrp(slave, getpgrp()) == 0);
	/* The same by a file action, as posix_spawn's users have it. */
	copy_assert(
		uspawn(&child,
		       USPAWN(request, WITNESS("exit", "0"), .rung = rung,
			      .flags = USPAWN_SETPGROUP | USPAWN_INHERIT_FDS | USPAWN_SETSIGMASK,
			      .sigdefault = 1ull << (SIGTTOU - 1),
			      .actions = (struct uspawn_action[]){ { USPAWN_DO_FOREGROUND, slave } }, .nactions = 1),
		       NULL) == 0);
	copy_assert(tcgetpgrp(slave) == child.pid);
	copy_assert(uspawn_wait(&child, -1) == 1);
	copy_assert(child.exit.code == USPAWN_EXITED);
}

EachWaitingRung(terminal, job_in_the_foreground)
{
	rung = way->rung;
	copy_run(start_job);
}
