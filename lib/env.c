/* SPDX-License-Identifier: MIT */
/* By putenv(3)'s rule, so that a caller needs to know one. */
#include <errno.h>
#include <string.h>

#include "env.h"

size_t env_count(char *const *list)
{
	size_t n = 0;

	while (list && list[n])
		n++;
	return n;
}

size_t env_size(char *const *list)
{
	size_t size = 0;

	for (; list && *list; list++)
		size += strlen(*list) + 1;
	return size;
}

int env_check(char *const *changes, size_t *reterr)
{
	for (size_t i = 0; changes && changes[i]; i++)
		if (*changes[i] == '\0' || *changes[i] == '=') {
			*reterr = i;
			return -EINVAL;
		}
	return 0;
}

static int names(const char *change, size_t length, const char *entry)
{
	return strncmp(change, entry, length) == 0 && (entry[length] == '=' || entry[length] == '\0');
}

static int named_by(char *const *changes, const char *entry)
{
	for (; *changes; changes++) {
		/* Most names differ in the first byte. */
		if (**changes == *entry && names(*changes, strcspn(*changes, "="), entry))
			return 1;
	}
	return 0;
}

void env_merge(char *const *base, char *const *changes, char **ret)
{
	for (; *base; base++)
		if (!strchr(*base, '=') || !named_by(changes, *base))
			*ret++ = *base;
	for (; *changes; changes++)
		if (strchr(*changes, '=') && !named_by(changes + 1, *changes))
			*ret++ = *changes;
	*ret = NULL;
}
