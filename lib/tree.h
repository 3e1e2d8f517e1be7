/* SPDX-License-Identifier: MIT */
/*
 * A cgroup (version 2) of one child's own, made below the one that was asked for: everything the child starts is in it,
 * whatever group or session it makes. It can be killed as a whole, says when it is empty, and is removed then.
 */
#ifndef USPAWN_TREE_H
#define USPAWN_TREE_H

#include <uspawn.h>

#include "sys.h"

#define TREE_NAME_SIZE 32

struct tree {
	int dir, events; /* -1: none */
	struct sys_inode inode, events_inode;
	char name[TREE_NAME_SIZE];
	struct uspawn_tree_usage *usage; /* the caller's, or NULL */
	int maker;                       /* the process whose it is to be removed */
	uint8_t ready;                   /* something may have changed */
	uint8_t is_empty, given_up;
	uint8_t watched; /* by a ring */
};

/* -errno: nothing is left behind. */
int tree_new(struct tree *ret, int parent, struct uspawn_tree_usage *usage);

/* Looks, if something may have changed: 1 once it is empty. */
int tree_look(struct tree *tree);

/* Tells what was used, and removes it if it is empty. `dir` is left open if it is someone else's to close. */
void tree_close(struct tree *tree, int keeps_dir);

/*
 * To all that are in it, and in groups below. By its descriptor: any thread, signal handlers too. -ESRCH: nobody is
 * there; -EAGAIN: some were met, and for a lack of descriptors or memory others may not have been.
 */
int tree_kill(int dir, int signo);

#endif
