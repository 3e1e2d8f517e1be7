/* SPDX-License-Identifier: MIT */
/*
 * cgroup.kill (5.14) meets those that are being forked, too. Where there is none, and for other signals, the group is
 * frozen, with all below it, while members are listed; a number in a list is signalled by a pidfd, and only if it is
 * still in the list once that is open, so that it is no stranger's.
 */
#include <dirent.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clone.h"
#include "sys_io.h"
#include "tree.h"

#define LIST_SIZE   512 /* signal handlers call */
#define STAT_SIZE   1024
#define DIRENT_MIN  24 /* of a name of up to four bytes */
#define DIRENT_STEP 8
#define DIRENT_MAX  280
#define DEPTH_MAX   32
#define NAME_TRIES  1000
#define FREEZE_NS   50000000
#define SIGNO_MAX   64

struct dir_entry {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

static _Atomic uint32_t counter;

static int open_file(int dir, const char *name, int flags)
{
	return sys_above_stdio(sys_openat(dir, name, flags | O_CLOEXEC, 0));
}

static int make_directory(struct tree *tree, int parent)
{
	int r = -EEXIST;

	for (int i = 0; r == -EEXIST && i < NAME_TRIES; i++) {
		snprintf(tree->name, sizeof(tree->name), "uspawn-%d-%u", sys_getpid(), atomic_fetch_add(&counter, 1));
		r = sys_mkdirat(parent, tree->name, 0755);
	}
	if (r < 0)
		return r;
	tree->dir = open_file(parent, tree->name, O_RDONLY | O_DIRECTORY);
	if (tree->dir < 0) {
		r = tree->dir;
		sys_rmdirat(parent, tree->name);
	}
	return r;
}

int tree_new(struct tree *ret, int parent, struct uspawn_tree_usage *usage)
{
	int r;

	*ret = (struct tree){ .dir = -1, .events = -1, .usage = usage, .ready = 1, .maker = sys_getpid() };
	r = make_directory(ret, parent);
	if (r < 0)
		return r;
	ret->events = open_file(ret->dir, "cgroup.events", O_RDONLY);
	r = ret->events;
	if (r < 0) {
		tree_close(ret, 0);
		return r == -ENOENT ? -EINVAL : r;
	}
	sys_inode(ret->dir, &ret->inode);
	sys_inode(ret->events, &ret->events_inode);
	if (usage)
		*usage = (struct uspawn_tree_usage){ 0 };
	return 0;
}

/* ---- Looking ---- */

/* NUL-terminated. -errno. */
static long read_file(int dir, const char *name, char *text, size_t size)
{
	int file = open_file(dir, name, O_RDONLY);
	long n;

	if (file < 0)
		return file;
	n = sys_read(file, text, size - 1);
	sys_close(file);
	text[n > 0 ? n : 0] = '\0';
	return n;
}

int tree_look(struct tree *tree)
{
	char text[STAT_SIZE];
	long n;

	if (tree->ready && !tree->is_empty) {
		tree->ready = 0;
		n = sys_is_lost(tree->events, &tree->events_inode) ? -EBADF
								   : sys_pread(tree->events, text, sizeof(text) - 1);
		text[n > 0 ? n : 0] = '\0';
		tree->is_empty = n < 0 || strstr(text, "populated 0") != NULL;
	}
	return tree->is_empty;
}

static uint64_t number_after(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

static void tell_usage(struct tree *tree)
{
	char text[STAT_SIZE];
	int saved = errno;

	if (read_file(tree->dir, "memory.peak", text, sizeof(text)) > 0)
		tree->usage->memory_peak = strtoull(text, NULL, 10);
	if (read_file(tree->dir, "cpu.stat", text, sizeof(text)) > 0) {
		tree->usage->cpu_us = number_after(text, "usage_usec ");
		tree->usage->user_us = number_after(text, "user_usec ");
		tree->usage->system_us = number_after(text, "system_usec ");
	}
	errno = saved;
}

void tree_close(struct tree *tree, int keeps_dir)
{
	char path[TREE_NAME_SIZE + 4];
	int r = 0, lost = sys_is_lost(tree->dir, &tree->inode);

	if (tree->dir < 0)
		return;
	if (tree->usage && !lost)
		tell_usage(tree);
	snprintf(path, sizeof(path), "../%s", tree->name);
	if (tree->maker == sys_getpid()) /* not in a forked copy */
		r = lost ? -EBADF : sys_rmdirat(tree->dir, path);
	if (r < 0 && r != -ENOENT && tree->usage)
		tree->usage->left = 1;
	sys_close_kept(tree->events, &tree->events_inode);
	if (!keeps_dir && !lost)
		sys_close(tree->dir);
	tree->dir = tree->events = -1;
}

/* ---- Signals ---- */

static int write_file(int dir, const char *name, const char *text)
{
	int file = sys_openat(dir, name, O_WRONLY | O_CLOEXEC, 0);
	long r;

	if (file < 0)
		return file;
	r = sys_write(file, text, strlen(text));
	sys_close(file);
	return r < 0 ? (int)r : 0;
}

/* Numbers, a line each: the next one from *at on, or 0. */
static int next_number(const char **at, const char *end)
{
	int n = 0;

	while (*at < end && **at >= '0' && **at <= '9')
		n = n * 10 + *(*at)++ - '0';
	while (*at < end && (**at < '0' || **at > '9'))
		++*at;
	return n;
}

/* What is left of a number that goes on, to the front: so much of `text` is read already then. */
static size_t keep_rest(char *text, const char *end, const char *read)
{
	memmove(text, end, (size_t)(read - end));
	return (size_t)(read - end);
}

/* Read on, never by a place: one in the list is another's once one before it has ended. */
static int is_listed(int list, int pid)
{
	char text[LIST_SIZE];
	size_t kept = 0;
	long n;

	sys_lseek(list, 0);
	while ((n = sys_read(list, text + kept, sizeof(text) - kept)) > 0) {
		const char *at = text, *read = text + kept + n, *end = read;

		while (end > text && end[-1] != '\n')
			end--;
		while (at < end)
			if (next_number(&at, end) == pid)
				return 1;
		kept = keep_rest(text, end, read);
	}
	return 0;
}

/* One group's, for a signal to each: while one list is read, who is met is looked for in the other. */
struct members {
	int list, again;
	uint64_t group;
};

static int open_members(int dir, struct members *ret)
{
	struct sys_inode inode = { 0 };
	int flags = O_RDONLY | O_CLOEXEC, r;

	r = ret->list = sys_openat(dir, "cgroup.procs", flags, 0);
	if (r < 0)
		return r;
	r = ret->again = sys_openat(dir, "cgroup.procs", flags, 0);
	if (r < 0) {
		sys_close(ret->list);
		return r;
	}
	ret->group = sys_inode(dir, &inode) < 0 ? 0 : inode.ino;
	return 0;
}

/* PIDFD_GET_INFO knows (6.13); older kernels, and what has threads in other groups, by the list. */
static int is_member(const struct members *members, int pid, int pidfd)
{
	struct sys_pidfd_info info = { .mask = SYS_PIDFD_INFO_CGROUPID };

	if (pidfd >= 0 && sys_ioctl(pidfd, SYS_PIDFD_GET_INFO, &info) == 0 && (info.mask & SYS_PIDFD_INFO_CGROUPID) &&
	    info.cgroupid == members->group)
		return 1;
	return is_listed(members->again, pid);
}

/* Its group is frozen: without pidfds, too, the number is another's only if it was killed just now. */
static int signal_member(const struct members *members, int pid, int signo)
{
	int pidfd = clone_keeps_to_old_calls() ? -ENOSYS : sys_pidfd_open(pid, 0), r = -ESRCH;

	if (is_member(members, pid, pidfd)) {
		r = pidfd < 0 ? pidfd : sys_pidfd_send_signal(pidfd, signo, 0);
		if (pidfd < 0 || clone_unsupported(r)) /* refused, or for lack of a descriptor */
			r = sys_kill(pid, signo);
	}
	if (pidfd >= 0)
		sys_close(pidfd);
	return r;
}

/* 0: somebody was met. -EPERM: none of them may be signalled. -ESRCH: nobody is in it, or it is gone. */
static int signal_members(int dir, int signo)
{
	struct members members;
	char text[LIST_SIZE];
	int r = open_members(dir, &members), met = 0, refused = 0;
	size_t kept = 0;
	long n;

	if (r < 0)
		return r == -ENODEV || r == -ENOENT ? -ESRCH : r;
	while ((n = sys_read(members.list, text + kept, sizeof(text) - kept)) > 0) {
		const char *at = text, *read = text + kept + n, *end = read;

		while (end > text && end[-1] != '\n')
			end--;
		while (at < end) {
			int pid = next_number(&at, end);

			if (!pid)
				continue; /* of another PID namespace; to kill(2) it would be our own group */
			r = signal_member(&members, pid, signo);
			met |= r == 0;
			refused |= r == -EPERM;
		}
		kept = keep_rest(text, end, read);
	}
	sys_close(members.list);
	sys_close(members.again);
	return n == -ENOMEM ? (int)n : met ? 0 : refused ? -EPERM : -ESRCH;
}

/*
 * One, and no more: a place in a cgroup's directory is the hash of a name, which others may share, so there is no going
 * back to one. What the kernel keeps of an open directory tells them apart.
 */
static long read_entry(int dir, void *buf)
{
	long n = -EINVAL; /* it takes more room, and is still the next one */

	for (size_t size = DIRENT_MIN; n == -EINVAL && size <= DIRENT_MAX; size += DIRENT_STEP)
		n = sys_getdents64(dir, buf, size);
	return n;
}

/* The next one directly below, opened; -ENOENT: that was the last. */
static int next_below(int dir)
{
	union {
		struct dir_entry entry;
		char bytes[DIRENT_MAX];
	} buf;
	int below = -ENOENT;

	while (below == -ENOENT && read_entry(dir, &buf) > 0)
		if (buf.entry.type == DT_DIR && strcmp(buf.entry.name, ".") != 0 && strcmp(buf.entry.name, "..") != 0)
			below = sys_openat(dir, buf.entry.name, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	return below;
}

struct tally {
	int met;     /* anybody */
	int refused; /* to signal somebody, which after kill(2) is an error only if nobody was met */
	int error;   /* the first, for which somebody may have been missed; or 0 */
};

static void count(struct tally *tally, int r)
{
	tally->met |= r == 0;
	tally->refused |= r == -EPERM;
	if (r < 0 && r != -ESRCH && r != -EPERM && !tally->error)
		tally->error = r;
}

/* Whoever may have been missed counts more than those that were met; but these are not to be met again for a lack. */
static int sum_up(const struct tally *tally)
{
	if (tally->error)
		return tally->met && sys_is_lack(tally->error) ? -EAGAIN : tally->error;
	return tally->met ? 0 : tally->refused ? -EPERM : -ESRCH;
}

/* Depth first, and on little stack: signal handlers call. */
static void signal_below(int top, int signo, struct tally *tally)
{
	int dirs[DEPTH_MAX], depth = 0, below;

	dirs[0] = sys_openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0); /* a place to read at that is our own */
	if (dirs[0] < 0) {
		count(tally, dirs[0] == -ENOENT ? -ESRCH : dirs[0]);
		return;
	}
	while (depth >= 0) {
		below = next_below(dirs[depth]);
		if (below == -ENOENT) {
			sys_close(dirs[depth--]);
		} else if (below < 0) {
			count(tally, below);
		} else if (depth + 1 < DEPTH_MAX) {
			count(tally, signal_members(below, signo));
			dirs[++depth] = below;
		} else {
			count(tally, -ELOOP);
			sys_close(below);
		}
	}
}

/* Who is just being made is not stopped yet, and in no list; who cannot be stopped is not waited for long. */
static void await_frozen(int dir)
{
	const struct timespec slice = sys_timespec(FREEZE_NS / 500);
	int64_t until_ns = sys_now_ns() + FREEZE_NS;
	char text[LIST_SIZE];

	while (read_file(dir, "cgroup.events", text, sizeof(text)) > 0 && !strstr(text, "frozen 1") &&
	       sys_now_ns() < until_ns)
		sys_nanosleep(&slice);
}

/* So that nobody escapes, or takes the number of who has ended. Whoever had it frozen before keeps it so. */
static int freeze(int dir, int freezer)
{
	char state = '1';

	if (freezer < 0 || sys_read(freezer, &state, 1) != 1 || state != '0' || sys_write(freezer, "1", 1) != 1)
		return 0;
	await_frozen(dir);
	return 1;
}

int tree_kill(int dir, int signo)
{
	int r = signo == SIGKILL ? write_file(dir, "cgroup.kill", "1") : -ENOENT, freezer, frozen;
	struct tally tally = { 0 };

	if (signo < 0 || signo > SIGNO_MAX)
		return -EINVAL;
	if (r != -ENOENT)
		return r == -ENODEV ? -ESRCH : r;
	/* Open until it is thawed, for which there may be no other then. */
	freezer = signo ? sys_openat(dir, "cgroup.freeze", O_RDWR | O_CLOEXEC, 0) : -ENOENT;
	if (sys_is_lack(freezer))
		return freezer;
	frozen = freeze(dir, freezer);
	count(&tally, signal_members(dir, signo));
	signal_below(dir, signo, &tally);
	if (frozen)
		sys_write(freezer, "0", 1);
	if (freezer >= 0)
		sys_close(freezer);
	return sum_up(&tally);
}
