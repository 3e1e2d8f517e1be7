/* SPDX-License-Identifier: MIT */
/*
 * What `uspawn with --trace` needs beside the starts: the ends, as the program that waits learns them, with the peak of
 * memory. A library of its own, preloaded only for a trace. The line: end AT_NS PARENT PID STATUS MAXRSS_KIB.
 *
 * A program may wait in a signal handler: everything is looked up when the library is loaded, or before that, if a
 * constructor of another one waits; and a line is put together without libc's formatting.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "export.h"
#include "journal.h"
#include "next.h"

static struct next libcs_wait4 NEXT_AT_LOAD = { .name = "wait4" };
static struct next libcs_waitid NEXT_AT_LOAD = { .name = "waitid" };

#define FILE_SIZE (PATH_MAX + 64)

/* Empty: nobody asked. A copy, since programs write their titles where the environment was. */
static const char *file(void)
{
	static char kept[FILE_SIZE];
	static _Atomic int is_known;
	const char *name = is_known ? NULL : secure_getenv("USPAWN_TRACE");

	if (name && strlen(name) < sizeof(kept))
		memcpy(kept, name, strlen(name) + 1);
	is_known = 1;
	return kept;
}

__attribute__((constructor)) static void look_up(void)
{
	next_look_up();
	file();
}

static char *put_number(char *at, unsigned long long n)
{
	char digits[24];
	int count = 0;

	*at++ = ' ';
	do {
		digits[count++] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	while (count)
		*at++ = digits[--count];
	return at;
}

static void record(pid_t pid, int status, long maxrss)
{
	char line[128] = "end", *at = line + 3;
	int saved = errno;
	struct timespec t;

	if (!*file())
		return;
	clock_gettime(CLOCK_MONOTONIC, &t);
	at = put_number(at, (unsigned long long)t.tv_sec * 1000000000 + (unsigned long long)t.tv_nsec);
	at = put_number(at, (unsigned long long)getpid());
	at = put_number(at, (unsigned long long)pid);
	at = put_number(at, (unsigned long long)status);
	at = put_number(at, (unsigned long long)maxrss);
	*at++ = '\n';
	journal_add(file(), line, (size_t)(at - line));
	errno = saved;
}

EXPORT pid_t wait4(pid_t pid, int *ret, int options, struct rusage *retusage)
{
	pid_t (*libcs)(pid_t, int *, int, struct rusage *) = next_find(&libcs_wait4);
	struct rusage usage;
	int status = 0;
	pid_t r = libcs(pid, &status, options, &usage);

	if (r > 0 && (WIFEXITED(status) || WIFSIGNALED(status)))
		record(r, status, usage.ru_maxrss);
	if (r > 0 && ret)
		*ret = status;
	if (r > 0 && retusage)
		*retusage = usage;
	return r;
}

EXPORT pid_t wait3(int *ret, int options, struct rusage *retusage)
{
	return wait4(-1, ret, options, retusage);
}

/* A cancellation point, as waitpid() is, and musl's wait4() is not. Returns whose status may be had, 0 or -1. */
static pid_t look(pid_t pid, int options)
{
	int (*libcs)(idtype_t, id_t, siginfo_t *, int) = next_find(&libcs_waitid);
	idtype_t type = pid > 0 ? P_PID : pid == -1 ? P_ALL : P_PGID;
	int how = WEXITED | WNOWAIT | (options & ~WUNTRACED) | (options & WUNTRACED ? WSTOPPED : 0);
	siginfo_t info = { 0 };

	if (libcs(type, (id_t)(pid > 0 ? pid : pid < -1 ? -pid : getpgrp()), &info, how) < 0)
		return -1;
	return info.si_pid;
}

EXPORT pid_t waitpid(pid_t pid, int *ret, int options)
{
	pid_t seen, r;

	if (next_is_glibc())
		return wait4(pid, ret, options, NULL);
	do {
		seen = look(pid, options);
		r = seen > 0 ? wait4(seen, ret, options | WNOHANG, NULL) : seen;
	} while (seen > 0 && (r == 0 || (r < 0 && errno == ECHILD))); /* another thread was faster */
	return r;
}

EXPORT pid_t wait(int *ret)
{
	return waitpid(-1, ret, 0);
}

/* libc's has no room for what was used. */
EXPORT int waitid(idtype_t type, id_t id, siginfo_t *ret, int options)
{
	int (*libcs)(idtype_t, id_t, siginfo_t *, int) = next_find(&libcs_waitid);
	siginfo_t info = { 0 };
	int r = libcs(type, id, &info, options), status = info.si_status;

	if (r == 0 && info.si_pid && !(options & WNOWAIT) && info.si_code != CLD_STOPPED &&
	    info.si_code != CLD_CONTINUED && info.si_code != CLD_TRAPPED)
		record(info.si_pid, info.si_code == CLD_EXITED ? status << 8 : status, 0);
	if (r == 0 && ret)
		*ret = info;
	return r;
}
