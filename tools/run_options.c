/* SPDX-License-Identifier: MIT */
/*
 * The command line of "uspawn run" into a request. Names are those of env(1), timeout(1) and setsid(1) where these
 * have one. Everything that can be refused is refused here, before there is a child.
 */
#include "run.h"
#include "commands.h"
#include "duration.h"
#include "options.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum {
	ARGV0 = 256,
	BLOCK_SIGNAL,
	DEFAULT_SIGNAL,
	EXEC_FD,
	FD,
	FOREGROUND,
	IGNORE_SIGNAL,
	INHERIT_FDS,
	JSON,
	PATH,
	RUNG,
	SETPGID,
	SETSID,
	SH_FALLBACK,
	STDIN,
	STDOUT,
	STDERR,
	TIMEOUT,
	UMASK,
};

static const struct option known[] = {
	{ "argv0", required_argument, NULL, ARGV0 },
	{ "block-signal", optional_argument, NULL, BLOCK_SIGNAL },
	{ "chdir", required_argument, NULL, 'C' },
	{ "clear-env", no_argument, NULL, 'i' },
	{ "cwd", required_argument, NULL, 'C' },
	{ "default-signal", optional_argument, NULL, DEFAULT_SIGNAL },
	{ "env", required_argument, NULL, 'e' },
	{ "exec-fd", required_argument, NULL, EXEC_FD },
	{ "fd", required_argument, NULL, FD },
	{ "foreground", no_argument, NULL, FOREGROUND },
	{ "help", no_argument, NULL, 'h' },
	{ "ignore-environment", no_argument, NULL, 'i' },
	{ "ignore-signal", optional_argument, NULL, IGNORE_SIGNAL },
	{ "inherit-fds", no_argument, NULL, INHERIT_FDS },
	{ "json", optional_argument, NULL, JSON },
	{ "kill-after", required_argument, NULL, 'k' },
	{ "path", required_argument, NULL, PATH },
	{ "rung", required_argument, NULL, RUNG },
	{ "setpgid", optional_argument, NULL, SETPGID },
	{ "setsid", no_argument, NULL, SETSID },
	{ "sh-fallback", no_argument, NULL, SH_FALLBACK },
	{ "stderr", required_argument, NULL, STDERR },
	{ "stdin", required_argument, NULL, STDIN },
	{ "stdout", required_argument, NULL, STDOUT },
	{ "timeout", required_argument, NULL, TIMEOUT },
	{ "umask", required_argument, NULL, UMASK },
	{ "unset", required_argument, NULL, 'u' },
	{ "verbose", no_argument, NULL, 'v' },
	{ NULL, 0, NULL, 0 },
};

static char *no_environment[] = { NULL };

/* The list has room: run_options() made it as long as the command line. */
static int change_environment(struct run *run, const char *option, char *change, bool set)
{
	char *equals = strchr(change, '=');

	if (set && (!equals || equals == change))
		return refuse_value(option, change, "NAME=VALUE, and NAME not empty");
	if (!set && (equals || !*change))
		return refuse_value(option, change, "a NAME, not empty and without '='");
	run->setenv[run->nsetenv++] = change;
	return -1;
}

static int change_signals(struct run *run, int opt, const char *list)
{
	uint64_t set;

	if (signal_list_parse(list, &set))
		return refuse_value(opt == BLOCK_SIGNAL     ? "--block-signal"
				    : opt == DEFAULT_SIGNAL ? "--default-signal"
							    : "--ignore-signal",
				    list, "signals such as TERM, SIGINT, 15 or RTMIN+1, with commas between them");
	switch (opt) {
	case BLOCK_SIGNAL:
		run->request.sigmask |= set;
		break;
	case DEFAULT_SIGNAL:
		run->request.sigdefault |= set;
		run->request.sigignore &= ~set;
		break;
	default:
		/* env(1) leaves out what cannot be ignored only when no signal is named */
		if (!list)
			set &= ~(SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP));
		run->request.sigignore |= set;
		run->request.sigdefault &= ~set;
	}
	return -1;
}

static int set_number(const char *option, const char *text, uint64_t max, const char *form, int32_t *ret)
{
	uint64_t n;

	if (number_parse(text, 0, max, &n))
		return refuse_value(option, text, form);
	*ret = (int32_t)n;
	return -1;
}

static int set_umask(struct uspawn_request *request, const char *text)
{
	char *end;
	unsigned long mask = strtoul(text, &end, 8);

	if (*text < '0' || *text > '7' || *end || mask > 0777)
		return refuse_value("--umask", text, "an octal number up to 777, such as 022");
	request->flags |= USPAWN_SETUMASK;
	request->umask = (uint32_t)mask;
	return -1;
}

static int redirect(struct run *run, const char *option, int target, const char *source)
{
	int error = target < 0 ? redirect_add_mapping(&run->redirects, source)
			       : redirect_add(&run->redirects, option, target, source);

	return error ? refuse_value(option, source, target < 0 ? REDIRECT_FD_FORM : REDIRECT_FORM) : -1;
}

/* Options that change what the child is. */
static int request_option(struct run *run, int opt, char *value)
{
	struct uspawn_request *request = &run->request;

	switch (opt) {
	case 'C':
		request->cwd = value;
		return *value ? -1 : refuse_value("--chdir", value, "a directory");
	case 'e':
		return change_environment(run, "--env", value, true);
	case 'u':
		return change_environment(run, "--unset", value, false);
	case 'i':
		request->envp = no_environment;
		return -1;
	case BLOCK_SIGNAL:
	case DEFAULT_SIGNAL:
	case IGNORE_SIGNAL:
		return change_signals(run, opt, value);
	case EXEC_FD:
		request->flags |= USPAWN_FEXEC;
		return set_number("--exec-fd", value, INT_MAX, "the number of an open descriptor", &request->exec_fd);
	case FD:
		return redirect(run, "--fd", -1, value);
	case STDIN:
		return redirect(run, "--stdin", 0, value);
	case STDOUT:
		return redirect(run, "--stdout", 1, value);
	case STDERR:
		return redirect(run, "--stderr", 2, value);
	case INHERIT_FDS:
		request->flags |= USPAWN_INHERIT_FDS;
		return -1;
	case PATH:
		request->search = value;
		return -1;
	case RUNG:
		return rung_parse(value, &request->rung)
			       ? refuse_value("--rung", value, "any, async, vfork, clone or fork")
			       : -1;
	case SETPGID:
		request->flags |= USPAWN_SETPGROUP;
		return value ? set_number("--setpgid", value, INT_MAX, "a process group's number, 0 for a new one",
					  &request->pgroup)
			     : -1;
	case SETSID:
		request->flags |= USPAWN_SETSID;
		return -1;
	case SH_FALLBACK:
		request->flags |= USPAWN_SH_FALLBACK;
		return -1;
	default:
		return set_umask(request, value);
	}
}

/* Options about what the program does itself; the rest is the request's. */
static int own_option(struct run *run, int opt, char *value, const char **argv0)
{
	switch (opt) {
	case 'h':
		return print_help(help_run);
	case 'k':
		return duration_parse(value, &run->kill_after) ? refuse_value("--kill-after", value, DURATION_FORM)
							       : -1;
	case TIMEOUT:
		return duration_parse(value, &run->timeout) ? refuse_value("--timeout", value, DURATION_FORM) : -1;
	case 'v':
		run->verbose = true;
		return -1;
	case FOREGROUND:
		run->foreground = true;
		return -1;
	case JSON:
		run->json = value ? value : "";
		return -1;
	case ARGV0:
		*argv0 = value;
		return -1;
	default:
		return request_option(run, opt, value);
	}
}

static int finish(struct run *run, char **command, const char *argv0)
{
	struct uspawn_request *request = &run->request;

	if (!*command) {
		complain("a command is missing: uspawn run [OPTION]... -- COMMAND [ARG]...");
		return EXIT_OWN_ERROR;
	}
	if ((request->flags & USPAWN_SETSID) && (request->flags & USPAWN_SETPGROUP)) {
		complain("--setpgid: not together with --setsid, which makes a new group already");
		return EXIT_OWN_ERROR;
	}
	if (run->kill_after && !run->timeout) {
		complain("--kill-after: counts from --timeout, which is missing");
		return EXIT_OWN_ERROR;
	}
	/* a group of its own lets a timeout reach what the command has started */
	if (run->timeout && !run->foreground && !(request->flags & USPAWN_SETSID))
		request->flags |= USPAWN_SETPGROUP;
	if (!(request->flags & USPAWN_FEXEC))
		request->file = command[0];
	run->argv = command;
	if (argv0)
		run->argv[0] = (char *)argv0;
	request->argv = run->argv;
	request->setenv = run->nsetenv ? run->setenv : NULL;
	request->fds = run->redirects.fds;
	request->nfds = run->redirects.n;
	/* the program is about to block signals for itself */
	request->flags |= USPAWN_SETSIGMASK;
	request->sigmask |= run->start.blocked;
	request->sigignore |= run->start.ignored & SIGNAL_BIT(SIGCHLD) & ~request->sigdefault;
	return -1;
}

int run_options(struct run *run, int argc, char **argv)
{
	const char *argv0 = NULL;
	int opt, code;

	run->request.size = sizeof(run->request);
	run->setenv = calloc((size_t)argc + 1, sizeof(*run->setenv));
	if (!run->setenv) {
		complain("%s", strerror(ENOMEM));
		return EXIT_OWN_ERROR;
	}
	signal_state_read(&run->start);
	while ((opt = getopt_long(argc, argv, "+:C:e:hik:u:v", known, NULL)) != -1) {
		code = opt == '?' || opt == ':' ? refuse_option(opt, argv, known)
						: own_option(run, opt, optarg, &argv0);
		if (code >= 0)
			return code;
	}
	return finish(run, argv + optind, argv0);
}

void run_done(struct run *run)
{
	free(run->setenv);
	redirects_done(&run->redirects);
}
