/* SPDX-License-Identifier: MIT */
/*
 * Its terminal. --ctty is setsid(1)'s and --pty that of su(1); --foreground is timeout(1)'s and means something else,
 * so the foreground of a terminal is asked for by --tty-foreground.
 */
#include "run_options.h"
#include "commands.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* detail: the flag. Without a value it is standard input. */
static int set_tty(struct run *run, const struct run_option *o, char *value)
{
	uint64_t n = 0;
	int code = value ? take_number(o, value, 0, INT_MAX, "the number of one of the program's descriptors", &n) : -1;

	if (code >= 0)
		return code;
	if (run->has_tty && run->request.tty != (int)n)
		return refuse_name(o->name, "not another terminal than the one named before");
	run->has_tty = true;
	run->request.tty = (int32_t)n;
	run->request.flags |= (uint64_t)o->detail;
	return -1;
}

static int set_pty(struct run *run, const struct run_option *o, char *value)
{
	(void)o;
	(void)value;
	run->pty = true;
	return -1;
}

/* Where no option says otherwise, the program's standard descriptors are the new terminal. */
int terminal_finish(struct run *run)
{
	struct uspawn_fd fd = { .source = USPAWN_PTY, .fd = USPAWN_ARG(0), .flags = USPAWN_NONBLOCK };
	struct winsize size = { 0 };
	int first = -1, r = 0;

	if (!run->pty)
		return -1;
	if (run->has_tty)
		return refuse_name("pty", "is the controlling terminal already: leave out --ctty and --tty-foreground");
	if (run->request.flags & USPAWN_SETPGROUP)
		return refuse_name("pty", "makes a session, and so a group: leave out --setpgid");
	for (int n = 0; n < 3 && !size.ws_row; n++)
		ioctl(n, TIOCGWINSZ, &size);
	fd.rows = size.ws_row;
	fd.cols = size.ws_col;
	for (fd.target = 0; fd.target < 3 && r == 0; fd.target++) {
		if (redirects_name(&run->redirects, fd.target))
			continue;
		if (first < 0)
			first = fd.target;
		r = redirect_append(&run->redirects, "pty", &fd);
	}
	if (r < 0)
		return refuse_name("pty", strerror(-r));
	if (first < 0)
		return refuse_name("pty", "all of --stdin, --stdout and --stderr go elsewhere");
	run->request.tty = first;
	run->request.flags |= USPAWN_SETSID | USPAWN_SETCTTY;
	return -1;
}

const struct run_option terminal_options[] = {
	{ "ctty", 0, optional_argument, USPAWN_STEP_SETCTTY, USPAWN_SETCTTY | USPAWN_SETSID, set_tty },
	{ "pty", 0, no_argument, USPAWN_STEP_PTY, 0, set_pty },
	{ "tty-foreground", 0, optional_argument, USPAWN_STEP_FOREGROUND, USPAWN_FOREGROUND, set_tty },
	{ NULL, 0, 0, 0, 0, NULL },
};
