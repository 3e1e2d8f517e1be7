/* SPDX-License-Identifier: MIT */
/*
 * The second stage: a program of its own, static, without libc, around the same interpreter. Its first argument is the
 * descriptor of a block (block.h), its second the block's size. It maps it where its pointers say it is, closes it, and
 * goes on with what the first stage left. If it cannot, it exits before it has taken the block's lock: its parent then
 * starts another way.
 */
#include "block.h"
#include "sys_io.h"

#define CANNOT     127
#define MAX_NUMBER 0x7fffffff

void relay_main(const long *stack) __attribute__((noreturn));

__asm__(ARCH_START);

/* Strictly, since anyone can run this. -1: it is none. */
static long number(const char *digits)
{
	long n = 0;

	if (!*digits)
		return -1;
	for (; *digits >= '0' && *digits <= '9' && n <= MAX_NUMBER; digits++)
		n = n * 10 + (*digits - '0');
	return *digits || n > MAX_NUMBER ? -1 : n;
}

/* Whatever else stands at that number is left as it is. */
static int is_block(int fd, long size)
{
	struct {
		uint64_t magic, size;
	} found;

	return sys_pread(fd, &found, sizeof(found)) == sizeof(found) && found.magic == BLOCK_MAGIC &&
	       found.size == (uint64_t)size;
}

/* An emulator without robust futexes: nobody would learn that the program runs. */
static int can_hold_lock(struct child_report *report)
{
	report->robust.list.next = &report->robust.list;
	return sys_set_robust_list(&report->robust) == 0;
}

void relay_main(const long *stack)
{
	const char *const *argv = (const void *)(stack + 1);
	struct block_head *head = (void *)BLOCK_AT;
	long fd, size;

	if (stack[0] != 3)
		sys_exit_group(CANNOT);
	fd = number(argv[1]);
	size = number(argv[2]);
	if (fd < 0 || size < 0 || !is_block((int)fd, size) || sys_mmap_at(head, (size_t)size, (int)fd) < 0)
		sys_exit_group(CANNOT);
	if (!can_hold_lock(&head->report))
		sys_exit_group(BLOCK_NO_LOCK);
	sys_close((int)fd);
	child_main(&head->start);
	__builtin_unreachable();
}
