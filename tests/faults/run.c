/* SPDX-License-Identifier: MIT */
/* What a scene's process owns, before and after: descriptors, children, mappings, signal mask. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uspawn.h>

#include "calls.h"
#include "scenes.h"

enum { NFDS = 256 };

struct stock {
	char fds[NFDS][64]; /* what is open, by number */
	long mapped_kib;
	sigset_t mask;
};

void wrong(struct record *record, const char *format, ...)
{
	va_list args;

	if (*record->wrong)
		return;
	va_start(args, format);
	vsnprintf(record->wrong, sizeof(record->wrong), format, args);
	va_end(args);
}

static void list_descriptors(struct stock *stock)
{
	DIR *dir = opendir("/proc/self/fd");

	memset(stock->fds, 0, sizeof(stock->fds));
	for (struct dirent *e; dir && (e = readdir(dir));) {
		int fd = atoi(e->d_name);
		char path[64];

		if (*e->d_name == '.' || fd == dirfd(dir) || fd >= NFDS)
			continue;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		if (readlink(path, stock->fds[fd], sizeof(stock->fds[fd]) - 1) < 0)
			strcpy(stock->fds[fd], "?");
	}
	if (dir)
		closedir(dir);
}

/* Without what malloc and the stack are grown by; and without slots, told by their guard, which are kept. */
static long count_mapped(void)
{
#ifdef __SANITIZE_ADDRESS__ /* which has mappings of its own */
	return 0;
#endif
	FILE *file = fopen("/proc/self/maps", "re");
	unsigned long from, to, guard_end = 0;
	char line[512], how[8];
	long kib = 0;

	while (file && fgets(line, sizeof(line), file)) {
		if (strstr(line, "[heap]") || strstr(line, "[stack]") ||
		    sscanf(line, "%lx-%lx %7s", &from, &to, how) != 3)
			continue;
		if (strcmp(how, "---p") == 0)
			guard_end = to;
		else if (from != guard_end)
			kib += (long)(to - from) / 1024;
	}
	if (file)
		fclose(file);
	return kib;
}

static void take_stock(struct stock *stock)
{
	list_descriptors(stock);
	stock->mapped_kib = count_mapped();
	sigprocmask(SIG_SETMASK, NULL, &stock->mask);
}

/* The library's own numbers: dups of one pipe, many of them, and the relay. */
static int is_own(const struct stock *now, const char *what)
{
	int same = 0;

	if (strstr(what, "memfd:uspawn-relay"))
		return 1;
	for (int fd = 0; strncmp(what, "pipe:", 5) == 0 && fd < NFDS; fd++)
		same += strcmp(now->fds[fd], what) == 0;
	return same > 4;
}

static void compare(const struct stock *old, const struct stock *now, const char *when, struct record *record)
{
	siginfo_t info = { 0 };

	for (int fd = 0; fd < NFDS; fd++)
		if (strcmp(old->fds[fd], now->fds[fd]) != 0 && !is_own(now, now->fds[fd]) && !is_own(old, old->fds[fd]))
			wrong(record, "%s, descriptor %d: '%s' was '%s'", when, fd, now->fds[fd], old->fds[fd]);
	if (memcmp(&old->mask, &now->mask, sizeof(old->mask)) != 0)
		wrong(record, "%s, another signal mask", when);
	if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0)
		wrong(record, "%s, a child %s: %d", when, info.si_pid ? "is a zombie" : "still runs", info.si_pid);
	else if (errno != ECHILD)
		wrong(record, "%s, waitid: %s", when, strerror(errno));
}

/* So that what the library keeps is all there, whatever failed when it first wanted that: its numbers, and the
   memory of a start that waits, which a ring's start comes to where there is no other way. */
static void complete_kept(void)
{
	struct uspawn_ring *ring;
	struct uspawn_child child;

	if (uspawn_ring_new(&ring, 0, USPAWN_RING_EPOLL) == 0)
		uspawn_ring_free(ring);
	uspawn(&child, USPAWN(request, .path = "/", .argv = ARGV("no program")), NULL);
}

void scene_run(const struct scene *scene, int warm, struct record *record)
{
	static struct stock before, after;
	struct record calm = { 0 };

	if (warm) {
		complete_kept();
		scene->fn(scene, &calm);
	}
	if (*calm.skipped) {
		*record = calm;
		return;
	}
	take_stock(&before);
	errno = 77;
	call_mark(MARK_BEGIN);
	scene->fn(scene, record);
	call_mark(MARK_END);
	if (errno != 77)
		wrong(record, "errno was changed to %d", errno);
	complete_kept();
	take_stock(&after);
	compare(&before, &after, "afterwards", record);
	record->grown_kib = warm ? after.mapped_kib - before.mapped_kib : 0;

	memset(&calm, 0, sizeof(calm));
	scene->fn(scene, &calm);
	record->rung_after = calm.rung_before;
	if (calm.error)
		wrong(record, "the next start: %s at %s", strerror(calm.error), uspawn_strstep(calm.step));
	if (*calm.wrong)
		wrong(record, "the next start: %s", calm.wrong);
	take_stock(&after);
	compare(&before, &after, "after the next start", record);
}
