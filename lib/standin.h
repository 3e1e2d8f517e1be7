/* SPDX-License-Identifier: MIT */
/*
 * Until its exec a child has no exit signal, and a plain wait passes it over. One that was killed before it got there
 * would be nobody's, where the caller waits for a pid by itself.
 */
#ifndef USPAWN_STANDIN_H
#define USPAWN_STANDIN_H

/*
 * 0: a plain wait finds *pid, which another child may have by now: one that ends in the same way, if the first has been
 * reaped here. -errno: it has been, and no other could be made.
 */
int standin_for(int *pid);

#endif
