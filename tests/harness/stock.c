/* SPDX-License-Identifier: MIT */
/* Descriptors are compared by number, file and flags: one that was replaced is as bad as one that was left open. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uspawn.h>

#include "stock.h"
#include "told.h"

struct held {
	int fd, flags;
	dev_t dev;
	ino_t ino;
};

struct inventory {
	struct held *list;
	size_t n;
};

static struct inventory before;
static struct held reserved; /* any one of the library's own numbers */
static uint64_t mask_before;

static int by_number(const void *a, const void *b)
{
	return ((const struct held *)a)->fd - ((const struct held *)b)->fd;
}

static struct inventory list_descriptors(void)
{
	struct inventory ret = { NULL, 0 };
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		int fd = atoi(entry->d_name);
		struct held held = { .fd = fd, .flags = fcntl(fd, F_GETFD) };
		struct stat st;

		if (*entry->d_name == '.' || fd == dirfd(dir) || fstat(fd, &st) < 0)
			continue;
		held.dev = st.st_dev;
		held.ino = st.st_ino;
		ret.list = realloc(ret.list, (ret.n + 1) * sizeof(held));
		ret.list[ret.n++] = held;
	}
	if (dir)
		closedir(dir);
	if (ret.n)
		qsort(ret.list, ret.n, sizeof(*ret.list), by_number);
	return ret;
}

static const char *target_of(int fd)
{
	static char target[512];
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, target, sizeof(target) - 1);
	target[n < 0 ? 0 : n] = '\0';
	return target;
}

/* The library keeps one, from the first start that needs it. */
static int is_relay(const struct held *held)
{
	const char *target = target_of(held->fd), *name = strrchr(target, '/');

	return held->flags == FD_CLOEXEC && (strcmp(target, "/memfd:uspawn-relay (deleted)") == 0 ||
					     (name && strcmp(name, "/uspawn-relay") == 0)); /* the installed one */
}

static int is_reserved(const struct held *held)
{
	if (is_relay(held))
		return 1;
	return reserved.ino && held->dev == reserved.dev && held->ino == reserved.ino && held->flags == FD_CLOEXEC;
}

static int same(const struct held *a, const struct held *b)
{
	return a->fd == b->fd && a->flags == b->flags && a->dev == b->dev && a->ino == b->ino;
}

static const char *describe(const char *what, int fd)
{
	static char text[600];
	const char *target = target_of(fd);

	snprintf(text, sizeof(text), "%s: descriptor %d (%s)", what, fd, *target ? target : "closed");
	return text;
}

static const char *compare(const struct inventory *old, const struct inventory *now)
{
	size_t i = 0, j = 0;

	while (i < old->n || j < now->n) {
		const struct held *a = i < old->n ? &old->list[i] : NULL, *b = j < now->n ? &now->list[j] : NULL;

		if (a && is_reserved(a))
			i++;
		else if (b && is_reserved(b))
			j++;
		else if (!b || (a && a->fd < b->fd))
			return describe("gone", a->fd);
		else if (!a || b->fd < a->fd)
			return describe("left open", b->fd);
		else if (!same(a, b))
			return describe("another file or other flags", b->fd);
		else
			i++, j++;
	}
	return NULL;
}

static uint64_t signal_mask(void)
{
	uint64_t bits = 0;
	sigset_t mask;

	sigprocmask(SIG_SETMASK, NULL, &mask);
	for (int signo = 1; signo <= 64; signo++)
		bits |= (uint64_t)(sigismember(&mask, signo) == 1) << (signo - 1);
	return bits;
}

static const char *children(void)
{
	static char text[80];
	int status;
	pid_t pid = waitpid(-1, &status, WNOHANG | __WALL);

	if (pid < 0)
		return errno == ECHILD ? NULL : "waitpid failed";
	if (pid == 0)
		return "a child still runs";
	snprintf(text, sizeof(text), "a child was left as a zombie: %d", (int)pid);
	return text;
}

static void learn_reserved(void)
{
	struct inventory cold = list_descriptors(), warm;
	struct uspawn_ring *ring;

	/* The plain kind, which leaves the library as it was in all else: it has not read its environment yet. */
	if (uspawn_ring_new(&ring, 0, USPAWN_RING_EPOLL) == 0)
		uspawn_ring_free(ring);
	warm = list_descriptors();
	for (size_t i = 0, j = 0; j < warm.n; j++) {
		while (i < cold.n && cold.list[i].fd < warm.list[j].fd)
			i++;
		if (i == cold.n || cold.list[i].fd != warm.list[j].fd)
			reserved = warm.list[j];
	}
	free(cold.list);
	free(warm.list);
}

/* A suite that was started by nohup, or in the background of a script. */
static void heed_signals(void)
{
	static const int signals[] = { SIGHUP, SIGINT, SIGQUIT };

	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		signal(signals[i], SIG_DFL);
}

void stock_take(void)
{
	heed_signals();
	told_refuse();
	mask_before = signal_mask();
	learn_reserved();
	free(before.list);
	before = list_descriptors();
}

const char *stock_difference(void)
{
	struct inventory now = list_descriptors();
	const char *difference = compare(&before, &now);

	free(now.list);
	if (!difference && signal_mask() != mask_before)
		difference = "another signal mask";
	return difference ? difference : children();
}

void stock_check(void)
{
	const char *difference = stock_difference();

	cr_assert(!difference, "left behind: %s", difference);
}
