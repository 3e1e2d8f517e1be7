/* SPDX-License-Identifier: MIT */
/*
 * Until its exec a child has no exit signal, and a plain wait passes it over. One that was killed before it got there
 * would be nobody's, where somebody else waits for it.
 */
#ifndef USPAWN_STANDIN_H
#define USPAWN_STANDIN_H

#include <uspawn.h>

/*
 * Is it one of those? It has ended, or does so now. Only of a child that was started here, by a start that waited:
 * others may be without an exit signal all their life. No pidfd: -1.
 */
int standin_is_needed(int pidfd, int pid);

/*
 * The pid of a child that ends in the same way, and that a plain wait finds; or -errno. Its pidfd, too, if that is
 * wanted. Who is stood in for has been reaped, for until then it counts against the limit of processes.
 */
int standin_new(const struct uspawn_exit *exit, int *retpidfd);

/* Both, for a pid alone. 0: a plain wait finds *pid, which may be another's by now. -errno: it has been reaped. */
int standin_for(int *pid);

#endif
