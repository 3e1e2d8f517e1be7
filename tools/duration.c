/* SPDX-License-Identifier: MIT */
/*
 * Durations as timeout(1) reads them, and one clock that nobody sets back.
 */
#include "duration.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int duration_parse(const char *text, int64_t *ret_ns)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = { { "", 1e9 }, { "ms", 1e6 }, { "s", 1e9 }, { "m", 60e9 }, { "h", 3600e9 }, { "d", 86400e9 } };
	char *end;
	double value;

	/* strtod(3) also takes signs, blanks, "nan" and hexadecimal */
	if (strspn(text, "0123456789.") == 0 || strchr(text, 'x') || strchr(text, 'X'))
		return -EINVAL;
	errno = 0;
	value = strtod(text, &end);
	if (end == text || errno == ERANGE) /* so small that it would be 0, which is no limit */
		return -EINVAL;
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (strcmp(end, units[i].name))
			continue;
		value *= units[i].ns;
		/* a century is for ever; a picosecond is still a limit */
		*ret_ns = value > 3e18 ? INT64_C(3000000000000000000) : value > 0 && value < 1 ? 1 : (int64_t)value;
		return 0;
	}
	return -EINVAL;
}

int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

int duration_to_poll(int64_t ns)
{
	if (ns < 0)
		return -1;
	if (ns > INT_MAX / 2 * NS_PER_MS)
		return INT_MAX / 2;
	return (int)((ns + NS_PER_MS - 1) / NS_PER_MS);
}
