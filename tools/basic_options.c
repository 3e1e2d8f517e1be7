/* SPDX-License-Identifier: MIT */
/*
 * The options of "uspawn run" that everybody needs. Names are those of env(1), timeout(1) and setsid(1) where these
 * have one.
 */
#include "run_options.h"
#include "commands.h"
#include "duration.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK, DEFAULT, IGNORE };

static char *no_environment[] = { NULL };

static int set_help(struct run *run, const struct run_option *o, char *value)
{
	char *next = run->argv[optind];

	(void)o;
	if (!value && next && *next != '-')
		value = next;
	return print_run_help(value);
}

static int set_flag(struct run *run, const struct run_option *o, char *value)
{
	(void)value;
	run->request.flags |= (uint64_t)o->detail;
	return -1;
}

static int set_verbose(struct run *run, const struct run_option *o, char *value)
{
	(void)o;
	(void)value;
	run->verbose = true;
	return -1;
}

static int set_show(struct run *run, const struct run_option *o, char *value)
{
	(void)o;
	(void)value;
	run->show = true;
	return -1;
}

static int set_foreground(struct run *run, const struct run_option *o, char *value)
{
	(void)o;
	(void)value;
	run->foreground = true;
	return -1;
}

static int set_argv0(struct run *run, const struct run_option *o, char *value)
{
	(void)o;
	run->argv0 = value;
	return -1;
}

static int set_json(struct run *run, const struct run_option *o, char *value)
{
	if (value && !*value)
		return refuse(o, value, "a file or fd:N; for standard error, leave out the =");
	run->json = value ? value : "";
	return -1;
}

static int set_path(struct run *run, const struct run_option *o, char *value)
{
	(void)o;
	run->request.search = value;
	return -1;
}

/* The list has room: run_options() made it as long as the command line. detail: it sets. */
static int set_environment(struct run *run, const struct run_option *o, char *change)
{
	char *equals = strchr(change, '=');

	if (o->detail && (!equals || equals == change))
		return refuse(o, change, "NAME=VALUE, and NAME not empty");
	if (!o->detail && (equals || !*change))
		return refuse(o, change, "a NAME, not empty and without '='");
	run->setenv[run->nsetenv++] = change;
	return -1;
}

static int clear_environment(struct run *run, const struct run_option *o, char *value)
{
	(void)o;
	(void)value;
	run->request.envp = no_environment;
	run->nsetenv = 0; /* in the order given: what was set before is gone, too */
	return -1;
}

static int set_signals(struct run *run, const struct run_option *o, char *list)
{
	uint64_t set;

	if (signal_list_parse(list, &set))
		return refuse(o, list, "signals such as TERM, SIGINT, 15 or RTMIN+1, with commas between them");
	switch (o->detail) {
	case BLOCK:
		run->request.sigmask |= set;
		break;
	case DEFAULT:
		run->request.sigdefault |= set;
		run->request.sigignore &= ~set;
		break;
	default:
		/* env(1) leaves out what cannot be ignored only when no signal is named */
		if (list && set & (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP)))
			return refuse(o, list, "signals that can be ignored, which KILL and STOP cannot");
		if (!list)
			set &= ~(SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP));
		run->request.sigignore |= set;
		run->request.sigdefault &= ~set;
	}
	return -1;
}

/* detail: the flag that makes the number count. */
static int set_descriptor(struct run *run, const struct run_option *o, char *value)
{
	uint64_t n;
	int code = take_number(o, value, 0, INT_MAX, "the number of an open descriptor", &n);

	run->request.flags |= (uint64_t)o->detail;
	if (code < 0)
		*(o->detail == USPAWN_FEXEC ? &run->request.exec_fd : &run->request.cwd_fd) = (int32_t)n;
	return code;
}

static int set_group(struct run *run, const struct run_option *o, char *value)
{
	uint64_t n = 0;
	int code = value ? take_number(o, value, 0, INT_MAX, "a process group's number, 0 for a new one", &n) : -1;

	run->request.flags |= USPAWN_SETPGROUP;
	run->request.pgroup = (int32_t)n;
	return code;
}

static int set_umask(struct run *run, const struct run_option *o, char *text)
{
	char *end;
	unsigned long mask = strtoul(text, &end, 8);

	if (*text < '0' || *text > '7' || *end || mask > 0777)
		return refuse(o, text, "an octal number up to 777, such as 022");
	run->request.flags |= USPAWN_SETUMASK;
	run->request.umask = (uint32_t)mask;
	return -1;
}

static int set_directory(struct run *run, const struct run_option *o, char *value)
{
	run->request.cwd = value;
	return *value ? -1 : refuse(o, value, "a directory");
}

static int set_rung(struct run *run, const struct run_option *o, char *value)
{
	return rung_parse(value, &run->request.rung) ? refuse(o, value, "any, async, vfork, clone, relay or fork") : -1;
}

static int set_time(struct run *run, const struct run_option *o, char *value)
{
	run->says_timeout |= !o->detail;
	return duration_parse(value, o->detail ? &run->kill_after : &run->timeout) ? refuse(o, value, DURATION_FORM)
										   : -1;
}

/* detail: the target, or -1 for "TARGET=SOURCE". */
static int set_redirect(struct run *run, const struct run_option *o, char *source)
{
	int error = o->detail < 0 ? redirect_add_mapping(&run->redirects, source)
				  : redirect_add(&run->redirects, o->name, (int)o->detail, source);

	return error ? refuse(o, source, o->detail < 0 ? REDIRECT_FD_FORM : REDIRECT_FORM) : -1;
}

/* Names of steps as --show prints them. Of those before the child has begun only the group can be left out. */
static int set_best_effort(struct run *run, const struct run_option *o, char *list)
{
	size_t n = 0, most = sizeof(run->best_effort) / sizeof(*run->best_effort) - 1;
	char *rest = list, *name;
	uint32_t step;

	while (run->best_effort[n])
		n++;
	while ((name = strsep(&rest, ","))) {
		for (step = USPAWN_STEP_CGROUP; step <= USPAWN_STEP_SECCOMP && strcmp(uspawn_strstep(step), name);
		     step += 10)
			;
		if (step > USPAWN_STEP_SECCOMP || step == USPAWN_STEP_FD ||
		    (step < USPAWN_STEP_SETSID && step != USPAWN_STEP_CGROUP) || n == most)
			return refuse(o, name,
				      "names of steps as --show prints them, with commas between them, but not of "
				      "descriptors or the program");
		run->best_effort[n++] = (uint16_t)step;
	}
	return -1;
}

#define NONE USPAWN_STEP_NONE

const struct run_option basic_options[] = {
	{ "argv0", 0, required_argument, NONE, 0, set_argv0 },
	{ "best-effort", 0, required_argument, NONE, 0, set_best_effort },
	{ "block-signal", 0, optional_argument, NONE, BLOCK, set_signals },
	{ "chdir", 'C', required_argument, USPAWN_STEP_CWD, 0, set_directory },
	{ "clear-env", 'i', no_argument, NONE, 0, clear_environment },
	{ "cwd", 0, required_argument, USPAWN_STEP_CWD, 0, set_directory },
	{ "cwd-fd", 0, required_argument, USPAWN_STEP_CWD, USPAWN_FCHDIR, set_descriptor },
	{ "default-signal", 0, optional_argument, NONE, DEFAULT, set_signals },
	{ "env", 'e', required_argument, NONE, 1, set_environment },
	{ "exec-fd", 0, required_argument, NONE, USPAWN_FEXEC, set_descriptor },
	{ "fd", 0, required_argument, NONE, -1, set_redirect },
	{ "foreground", 0, no_argument, NONE, 0, set_foreground },
	{ "help", 'h', optional_argument, NONE, 0, set_help },
	{ "ignore-environment", 0, no_argument, NONE, 0, clear_environment },
	{ "ignore-signal", 0, optional_argument, NONE, IGNORE, set_signals },
	{ "inherit-fds", 0, no_argument, NONE, USPAWN_INHERIT_FDS, set_flag },
	{ "json", 0, optional_argument, NONE, 0, set_json },
	{ "kill-after", 'k', required_argument, NONE, 1, set_time },
	{ "kill-on-close", 0, no_argument, USPAWN_STEP_CLONE, USPAWN_KILL_ON_CLOSE, set_flag },
	{ "path", 0, required_argument, NONE, 0, set_path },
	{ "rung", 0, required_argument, NONE, 0, set_rung },
	{ "setpgid", 0, optional_argument, USPAWN_STEP_SETPGROUP, 0, set_group },
	{ "setsid", 0, no_argument, USPAWN_STEP_SETSID, USPAWN_SETSID, set_flag },
	{ "sh-fallback", 0, no_argument, NONE, USPAWN_SH_FALLBACK, set_flag },
	{ "show", 0, no_argument, NONE, 0, set_show },
	{ "stderr", 0, required_argument, NONE, 2, set_redirect },
	{ "stdin", 0, required_argument, NONE, 0, set_redirect },
	{ "stdout", 0, required_argument, NONE, 1, set_redirect },
	{ "timeout", 0, required_argument, NONE, 0, set_time },
	{ "umask", 0, required_argument, NONE, 0, set_umask },
	{ "unset", 'u', required_argument, NONE, 0, set_environment },
	{ "verbose", 'v', no_argument, NONE, 0, set_verbose },
	{ "wd", 0, required_argument, USPAWN_STEP_CWD, 0, set_directory },
	{ NULL, 0, 0, 0, 0, NULL },
};
