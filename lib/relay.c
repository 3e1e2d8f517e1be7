/* SPDX-License-Identifier: MIT */
/*
 * The second stage: a program of its own, static, without libc, around the same interpreter. Its first argument is the
 * descriptor of a block (block.h), its second the block's size. It maps it where its pointers say it is, closes it, and
 * goes on with what the first stage left. If it cannot, it exits before it has taken the block's lock: its parent then
 * starts another way.
 */
#include "block.h"
#include "sys.h"

#define CANNOT 127

void relay_main(const long *stack) __attribute__((noreturn));

__asm__(ARCH_START);

static unsigned long number(const char *digits)
{
	unsigned long n = 0;

	for (; *digits >= '0' && *digits <= '9'; digits++)
		n = n * 10 + (unsigned long)(*digits - '0');
	return n;
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
	int fd;

	if (stack[0] != 3)
		sys_exit_group(CANNOT);
	fd = (int)number(argv[1]);
	if (sys_mmap_at(head, number(argv[2]), fd) < 0)
		sys_exit_group(CANNOT);
	if (!can_hold_lock(&head->report))
		sys_exit_group(BLOCK_NO_LOCK);
	sys_close(fd);
	child_main(&head->start);
	__builtin_unreachable();
}
