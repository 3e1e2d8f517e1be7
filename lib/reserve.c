/* SPDX-License-Identifier: MIT */
/*
 * A reserved number is a dup of the anchor, a pipe of our own. Hosts close what they don't know, and their next open
 * then gets the number: so it is used only while it still is the anchor's inode, and given back only while it still is
 * the file that was put there. What is held and what is idle is a word of bits each, so threads take and give without
 * a lock.
 */
#include <stdatomic.h>

#include "reserve.h"
#include "sys.h"

#define TABLE_WANTED 65536 /* half a MiB of the kernel's memory */

static _Atomic int anchor = -1;
static _Atomic uint64_t anchor_dev, anchor_ino;
static _Atomic uint64_t held, idle; /* by number; the idle ones are among the held ones */
static struct inode {
	uint64_t dev, ino;
} lent[RESERVE_END]; /* the file of a number that is held and not idle */

static int is_open_on(int fd, const struct inode *inode)
{
	uint64_t dev, ino;

	return sys_inode(fd, &dev, &ino) == 0 && dev == inode->dev && ino == inode->ino;
}

static int is_anchor(int fd)
{
	uint64_t dev, ino;

	return sys_inode(fd, &dev, &ino) == 0 && dev == atomic_load(&anchor_dev) && ino == atomic_load(&anchor_ino);
}

static int anchor_new(void)
{
	uint64_t dev, ino;
	int fds[2], none = -1, r;

	r = sys_pipe2(fds, O_CLOEXEC);
	if (r < 0)
		return r;
	sys_close(fds[1]);
	fds[0] = sys_above_stdio(fds[0]);
	if (fds[0] < 0)
		return fds[0];
	r = sys_inode(fds[0], &dev, &ino);
	if (r < 0) {
		sys_close(fds[0]);
		return r;
	}
	if (!atomic_compare_exchange_strong(&anchor, &none, fds[0])) {
		sys_close(fds[0]);
		return none; /* another thread's, which came first */
	}
	atomic_store(&anchor_dev, dev);
	atomic_store(&anchor_ino, ino);
	return fds[0];
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
	int from = atomic_load(&anchor);

	count = affordable(count);
	if (from < 0)
		from = anchor_new();
	if (from < 0)
		return from;
	while (is_anchor(from) && __builtin_popcountll(atomic_load(&held)) < count) {
		int fd = sys_dup_from(from, 3);

		if (fd < 0)
			break;
		if (fd >= RESERVE_END) {
			sys_close(fd);
			break;
		}
		atomic_fetch_or(&held, 1ull << fd);
		atomic_fetch_or(&idle, 1ull << fd);
	}
	return __builtin_popcountll(atomic_load(&held));
}

int reserve_pin(int fd)
{
	uint64_t numbers = atomic_load(&idle);

	while (numbers) {
		int number = __builtin_ctzll(numbers), r;

		if (!atomic_compare_exchange_weak(&idle, &numbers, numbers & (numbers - 1)))
			continue;
		if (is_anchor(number)) {
			r = sys_dup3(fd, number, O_CLOEXEC);
			if (r < 0)
				atomic_fetch_or(&idle, 1ull << number);
			else
				sys_inode(number, &lent[number].dev, &lent[number].ino);
			return r;
		}
		atomic_fetch_and(&held, ~(1ull << number)); /* the host has it now */
		numbers = atomic_load(&idle);
	}
	return -EAGAIN;
}

void reserve_unpin(int number)
{
	int from = atomic_load(&anchor), here = is_open_on(number, &lent[number]);

	if (here && is_anchor(from) && sys_dup3(from, number, O_CLOEXEC) == number) {
		atomic_fetch_or(&idle, 1ull << number);
		return;
	}
	if (here)
		sys_close(number);
	atomic_fetch_and(&held, ~(1ull << number)); /* the host has it now */
}

void reserve_grow_table(void)
{
	struct rlimit64 limit;
	int fd;

	if (sys_getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == 0)
		return;
	if (limit.rlim_cur > TABLE_WANTED)
		limit.rlim_cur = TABLE_WANTED;
	fd = sys_dup_from(atomic_load(&anchor), (int)limit.rlim_cur - 1);
	if (fd >= 0)
		sys_close(fd);
}
