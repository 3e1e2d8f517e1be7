/* SPDX-License-Identifier: MIT */
/*
 * Low descriptor numbers of the library's own. A start copies the caller's table up to the highest number its child
 * needs; a source that is dup'd to a low number makes that copy short, and keeps an asynchronous child's file although
 * the caller closes its own number.
 */
#ifndef USPAWN_RESERVE_H
#define USPAWN_RESERVE_H

/* The kernel copies a table in grains of this many (sane_fdtable_size, 5.9): the same price for any number below. */
#define RESERVE_END 64

/*
 * Takes free numbers from 3 on until `count` are held, or a quarter of RLIMIT_NOFILE, or none is left below
 * RESERVE_END; those that the host has closed are no longer held. Returns how many are, or -errno.
 */
int reserve_fill(int count);

/* Is this number reserved, and so nobody's who names it? */
int reserve_holds(int fd);

/* Makes a reserved number refer to fd's file, close-on-exec, and returns it. -EAGAIN: none is left. */
int reserve_pin(int fd);

/* Gives back what reserve_pin() returned: the file is let go, the number stays reserved, unless the host has it now. */
void reserve_unpin(int number);

/* Grows the table once: growing it while a child shares it stalls a single-threaded caller for a grace period. */
void reserve_grow_table(void);

#endif
