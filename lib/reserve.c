/* SPDX-License-Identifier: MIT */
/*
 * A reserved number is a dup of the anchor, a pipe of our own. Hosts close what they don't know, and their next open
 * then gets the number: so it is used only while it still is the anchor's inode, and given back only while it still is
 * the file that was put there. What is held and what is idle is a word of bits each, so threads take and give without
 * a lock.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include "reserve.h"
#include "sys.h"

#define TABLE_WANTED 65536 /* half a MiB of the kernel's memory */

struct anchor {
	int fd;
	struct sys_inode inode;
	struct anchor
		*older; /* which the host has closed: another thread may be looking at it, and its dups are ours */
};

static _Atomic(struct anchor *) current;
static _Atomic uint64_t held, idle;        /* by number; the idle ones are among the held ones */
static struct sys_inode lent[RESERVE_END]; /* the file of a number that is held and not idle */

static uint64_t bit(int number)
{
	return 1ull << number;
}

static int is_ours(int fd)
{
	struct sys_inode inode;

	if (sys_inode(fd, &inode) < 0)
		return 0;
	for (const struct anchor *a = atomic_load(&current); a; a = a->older)
		if (a->inode.dev == inode.dev && a->inode.ino == inode.ino)
			return 1;
	return 0;
}

static int publish(struct anchor *anchor, int fd, struct anchor *seen)
{
	int r = sys_inode(fd, &anchor->inode);

	anchor->fd = fd;
	anchor->older = seen;
	if (r == 0 && atomic_compare_exchange_strong(&current, &seen, anchor))
		return fd;
	sys_close(fd);
	free(anchor);
	return r < 0 ? r : seen->fd; /* another thread's, which came first */
}

static int anchor_new(struct anchor *seen)
{
	struct anchor *anchor;
	int fds[2], r;

	r = sys_pipe2(fds, O_CLOEXEC);
	if (r < 0)
		return r;
	sys_close(fds[1]);
	fds[0] = sys_above_stdio(fds[0]);
	if (fds[0] < 0)
		return fds[0];
	anchor = SYS_KEEP_ERRNO(malloc(sizeof(*anchor)));
	if (anchor)
		return publish(anchor, fds[0], seen);
	sys_close(fds[0]);
	return -ENOMEM;
}

static int anchor_get(void)
{
	struct anchor *anchor = atomic_load(&current);

	return anchor && is_ours(anchor->fd) ? anchor->fd : anchor_new(anchor);
}

/* Whoever puts it among the held ones makes it idle: not what somebody still has to give back. */
static void hold(int number)
{
	if (!(atomic_fetch_or(&held, bit(number)) & bit(number)))
		atomic_fetch_or(&idle, bit(number));
}

/* Of one that is not idle: the host has it now, unless it has been reserved anew. */
static void forget(int number)
{
	atomic_fetch_and(&held, ~bit(number));
	if (is_ours(number))
		hold(number);
}

static void forget_lost(void)
{
	for (uint64_t numbers = atomic_load(&idle); numbers; numbers &= numbers - 1) {
		int number = __builtin_ctzll(numbers);

		if (!is_ours(number) && atomic_fetch_and(&idle, ~bit(number)) & bit(number))
			forget(number);
	}
}

/* Where few descriptors are allowed, most of them stay the caller's. */
static int affordable(int count)
{
	struct rlimit64 limit;

	if (sys_getrlimit(RLIMIT_NOFILE, &limit) == 0 && (uint64_t)count > limit.rlim_cur / 4)
		count = (int)(limit.rlim_cur / 4);
	return count;
}

int reserve_fill(int count)
{
	int from = anchor_get();

	if (from < 0)
		return from;
	forget_lost();
	count = affordable(count);
	while (is_ours(from) && __builtin_popcountll(atomic_load(&held)) < count) {
		int fd = sys_dup_from(from, 3);

		if (fd < 0)
			break;
		if (fd >= RESERVE_END) {
			sys_close(fd);
			break;
		}
		hold(fd);
	}
	return __builtin_popcountll(atomic_load(&held));
}

int reserve_holds(int fd)
{
	const struct anchor *anchor = atomic_load(&current);
	int is_held = fd >= 0 && fd < RESERVE_END && atomic_load(&held) & bit(fd);

	return (is_held || (anchor && fd == anchor->fd)) && is_ours(fd);
}

int reserve_pin(int fd)
{
	uint64_t numbers = atomic_load(&idle);

	while (numbers) {
		int number = __builtin_ctzll(numbers), r;

		if (!atomic_compare_exchange_weak(&idle, &numbers, numbers & (numbers - 1)))
			continue;
		if (is_ours(number)) {
			r = sys_dup3(fd, number, O_CLOEXEC);
			if (r < 0)
				atomic_fetch_or(&idle, bit(number));
			else
				sys_inode(number, &lent[number]);
			return r;
		}
		forget(number);
		numbers = atomic_load(&idle);
	}
	return -EAGAIN;
}

void reserve_unpin(int number)
{
	const struct anchor *anchor = atomic_load(&current);
	int here = !sys_is_replaced(number, &lent[number]);

	if (here && is_ours(anchor->fd) && sys_dup3(anchor->fd, number, O_CLOEXEC) == number) {
		atomic_fetch_or(&idle, bit(number));
		return;
	}
	if (here)
		sys_close(number);
	forget(number);
}

void reserve_grow_table(void)
{
	struct rlimit64 limit;
	int fd;

	if (sys_getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == 0)
		return;
	if (limit.rlim_cur > TABLE_WANTED)
		limit.rlim_cur = TABLE_WANTED;
	fd = sys_dup_from(atomic_load(&current)->fd, (int)limit.rlim_cur - 1);
	if (fd >= 0)
		sys_close(fd);
}
