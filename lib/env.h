/* SPDX-License-Identifier: MIT */
/* Lists of strings, and an environment with changes. Pure: knows neither plans nor system calls. */
#ifndef USPAWN_ENV_H
#define USPAWN_ENV_H

#include <stddef.h>

size_t env_count(char *const *list); /* without the NULL; NULL: 0 */

/* The bytes of all strings, their ends included. NULL: 0. */
size_t env_size(char *const *list);

/* "NAME=value" sets, "NAME" removes. An empty name is -EINVAL, with its place in *reterr. */
int env_check(char *const *changes, size_t *reterr);

/*
 * Writes the addresses of base's strings that no change names, then of the last change of each name that sets it, then
 * NULL. `ret` has room for all of both, and one more. What base has twice, or without "=", stays as it is.
 */
void env_merge(char *const *base, char *const *changes, char **ret);

#endif
