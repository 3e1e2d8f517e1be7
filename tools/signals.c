/* SPDX-License-Identifier: MIT */
/*
 * A child must get the signal state that the program was started with, not what the program needs for itself. So the
 * state is read first, and afterwards signals are blocked and read from a descriptor: no handler runs, and none can
 * come between a look and a wait.
 */
#include "signals.h"
#include "options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <uspawn.h>

static const char *const names[] = {
	[SIGHUP] = "HUP",       [SIGINT] = "INT",       [SIGQUIT] = "QUIT", [SIGILL] = "ILL",   [SIGTRAP] = "TRAP",
	[SIGABRT] = "ABRT",     [SIGBUS] = "BUS",       [SIGFPE] = "FPE",   [SIGKILL] = "KILL", [SIGUSR1] = "USR1",
	[SIGSEGV] = "SEGV",     [SIGUSR2] = "USR2",     [SIGPIPE] = "PIPE", [SIGALRM] = "ALRM", [SIGTERM] = "TERM",
	[SIGCHLD] = "CHLD",     [SIGCONT] = "CONT",     [SIGSTOP] = "STOP", [SIGTSTP] = "TSTP", [SIGTTIN] = "TTIN",
	[SIGTTOU] = "TTOU",     [SIGURG] = "URG",       [SIGXCPU] = "XCPU", [SIGXFSZ] = "XFSZ", [SIGPROF] = "PROF",
	[SIGWINCH] = "WINCH",   [SIGVTALRM] = "VTALRM", [SIGIO] = "IO",     [SIGSYS] = "SYS",   [SIGPWR] = "PWR",
#ifdef SIGSTKFLT
	[SIGSTKFLT] = "STKFLT",
#endif
};

enum { NAMES = sizeof(names) / sizeof(*names), LAST = 64 };

int signal_parse(const char *name)
{
	uint64_t n;

	if (!number_parse(name, 1, LAST, &n))
		return (int)n;
	if (!strncmp(name, "SIG", 3))
		name += 3;
	for (int i = 1; i < NAMES; i++)
		if (names[i] && !strcmp(name, names[i]))
			return i;
	if (!strcmp(name, "RTMIN"))
		return SIGRTMIN;
	if (!strcmp(name, "RTMAX"))
		return SIGRTMAX;
	if (!strncmp(name, "RTMIN+", 6) && !number_parse(name + 6, 1, (uint64_t)(SIGRTMAX - SIGRTMIN), &n))
		return SIGRTMIN + (int)n;
	if (!strncmp(name, "RTMAX-", 6) && !number_parse(name + 6, 1, (uint64_t)(SIGRTMAX - SIGRTMIN), &n))
		return SIGRTMAX - (int)n;
	return -EINVAL;
}

int signal_list_parse(const char *list, uint64_t *ret)
{
	uint64_t set = 0;
	char name[16];
	size_t len;
	int n;

	if (!list) {
		*ret = ~UINT64_C(0);
		return 0;
	}
	for (;; list += len + 1) {
		len = strcspn(list, ",");
		if (len >= sizeof(name))
			return -EINVAL;
		memcpy(name, list, len);
		name[len] = 0;
		n = signal_parse(name);
		if (n < 0)
			return n;
		set |= SIGNAL_BIT(n);
		if (!list[len])
			break;
	}
	*ret = set;
	return 0;
}

const char *signal_name(int signo)
{
	static char text[24];

	if (signo > 0 && signo < NAMES && names[signo])
		snprintf(text, sizeof(text), "SIG%s", names[signo]);
	else if (signo >= SIGRTMIN && signo <= SIGRTMAX)
		snprintf(text, sizeof(text), "SIGRTMIN+%d", signo - SIGRTMIN);
	else
		snprintf(text, sizeof(text), "%d", signo);
	return text;
}

void signal_state_read(struct signal_state *ret)
{
	struct sigaction action;
	sigset_t set;

	*ret = (struct signal_state){ 0 };
	sigprocmask(SIG_BLOCK, NULL, &set);
	for (int n = 1; n <= LAST; n++) {
		if (sigismember(&set, n) == 1)
			ret->blocked |= SIGNAL_BIT(n);
		if (!sigaction(n, NULL, &action) && action.sa_handler == SIG_IGN)
			ret->ignored |= SIGNAL_BIT(n);
	}
}

int signal_listen(const struct signal_state *start, uint64_t signals)
{
	sigset_t set;
	int fd;

	signals &= ~(start->blocked | start->ignored) | SIGNAL_BIT(SIGCHLD);
	sigemptyset(&set);
	for (int n = 1; n <= LAST; n++)
		if (signals & SIGNAL_BIT(n))
			sigaddset(&set, n);
	signal(SIGCHLD, SIG_DFL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	sigprocmask(SIG_BLOCK, &set, NULL);
	return fd;
}

void signal_block(int signo)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signo);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

void signal_listen_no_more(int fd, const struct signal_state *start)
{
	bool terminal;
	sigset_t set;

	sigemptyset(&set);
	for (int n = 1; n <= LAST; n++)
		if (TO_HAND_ON & ~start->blocked & SIGNAL_BIT(n))
			sigaddset(&set, n);
	while (signal_take(fd, &terminal) > 0)
		;
	close(fd);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

int signal_take(int fd, bool *ret_terminal)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return 0;
	*ret_terminal = info.ssi_code == SI_KERNEL;
	return (int)info.ssi_signo;
}

/* Of a line of /proc/PID/status: its number in each PID namespace, innermost last. */
static bool is_first_in_a_namespace(const char *numbers)
{
	unsigned outer, number = 0, namespaces = 0;
	int length;

	for (; sscanf(numbers, "%u%n", &outer, &length) == 1; numbers += length) {
		number = outer;
		namespaces++;
	}
	return namespaces > 1 && number == 1;
}

int signal_that_arrives(pid_t pid, int signo)
{
	char path[32], line[512]; /* 32 namespaces may be nested */
	bool first = false, asked = (TO_HAND_ON & SIGNAL_BIT(signo)) != 0;
	uint64_t minds = 0, set;
	FILE *status;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	status = asked ? fopen(path, "re") : NULL;
	while (status && fgets(line, sizeof(line), status)) {
		if (!strncmp(line, "NSpid:", 6))
			first = is_first_in_a_namespace(line + 6);
		else if (sscanf(line, "SigBlk: %" SCNx64, &set) == 1 || sscanf(line, "SigIgn: %" SCNx64, &set) == 1 ||
			 sscanf(line, "SigCgt: %" SCNx64, &set) == 1)
			minds |= set;
	}
	if (status)
		fclose(status);
	return first && !(minds & SIGNAL_BIT(signo)) ? SIGKILL : signo;
}

bool signal_is_known_to(pid_t child, int signo, bool terminal)
{
	return terminal && signo != SIGHUP && getpgid(child) == getpgrp() && signal_that_arrives(child, signo) == signo;
}

void signal_send(struct uspawn_child *child, int signo, uint32_t flags)
{
	signo = signal_that_arrives(child->pid, signo);
	uspawn_kill(child, signo, flags);
	if (signo != SIGKILL && signo != SIGTSTP && signo != SIGSTOP && signo != SIGCONT)
		uspawn_kill(child, SIGCONT, flags);
}

/* One that is blocked comes in the middle. */
static void let_come(int signo, bool group)
{
	sigset_t set, before;

	sigemptyset(&set);
	sigaddset(&set, signo);
	kill(group ? 0 : getpid(), signo);
	sigprocmask(SIG_UNBLOCK, &set, &before);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

void signal_stop(void)
{
	let_come(SIGTSTP, false);
}

void signal_stop_group(void)
{
	let_come(SIGTSTP, true);
}

void signal_die_of_interrupt(void)
{
	signal(SIGINT, SIG_DFL);
	let_come(SIGINT, false);
}

void signal_interrupt_group(void)
{
	struct sigaction action;

	if (!sigaction(SIGINT, NULL, &action) && action.sa_handler != SIG_IGN)
		let_come(SIGINT, true);
}
