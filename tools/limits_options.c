/* SPDX-License-Identifier: MIT */
/*
 * Resource limits, named as prlimit(1) names them. Its --nice alone is --limit-nice here, since --nice is how nice the
 * program is.
 */
#include "run_options.h"
#include "commands.h"

#include <string.h>
#include <sys/resource.h>

#define FORM "SOFT:HARD, SOFT:, :HARD or one number for both; numbers, or unlimited"

static int parse(const char *text, size_t len, uint64_t *ret)
{
	char number[24];

	if (!len)
		return 0; /* as it is */
	if (len >= sizeof(number))
		return -1;
	memcpy(number, text, len);
	number[len] = '\0';
	if (!strcmp(number, "unlimited") || !strcmp(number, "-1")) {
		*ret = UINT64_MAX;
		return 0;
	}
	return number_parse(number, 0, UINT64_MAX - 1, ret);
}

static int set_limit(struct run *run, const struct run_option *o, char *value)
{
	size_t soft = strcspn(value, ":");
	const char *hard = value[soft] ? value + soft + 1 : value;
	struct uspawn_rlimit limit = { .resource = (uint32_t)o->detail };
	struct rlimit now;
	uint32_t i = 0;

	if (getrlimit((unsigned)o->detail, &now))
		return refuse(o, value, "a limit that this kernel has");
	limit.soft = now.rlim_cur == RLIM_INFINITY ? UINT64_MAX : now.rlim_cur;
	limit.hard = now.rlim_max == RLIM_INFINITY ? UINT64_MAX : now.rlim_max;
	if (!*value || !strcmp(value, ":") || parse(value, soft, &limit.soft) || parse(hard, strlen(hard), &limit.hard))
		return refuse(o, value, FORM);
	if (limit.soft > limit.hard)
		return refuse(o, value, "a soft limit no higher than the hard one; or both in one number");
	while (i < run->request.nrlimits &&
	       run->rlimits[i].resource != limit.resource) /* said twice: the last counts */
		i++;
	run->rlimits[i] = limit;
	run->request.nrlimits += i == run->request.nrlimits;
	return -1;
}

#define LIMIT(name, resource)                                                       \
	{                                                                           \
		name, 0, required_argument, USPAWN_STEP_RLIMIT, resource, set_limit \
	}

const struct run_option limits_options[] = {
	LIMIT("as", RLIMIT_AS),         LIMIT("core", RLIMIT_CORE),       LIMIT("cpu", RLIMIT_CPU),
	LIMIT("data", RLIMIT_DATA),     LIMIT("fsize", RLIMIT_FSIZE),     LIMIT("limit-nice", RLIMIT_NICE),
	LIMIT("locks", RLIMIT_LOCKS),   LIMIT("memlock", RLIMIT_MEMLOCK), LIMIT("msgqueue", RLIMIT_MSGQUEUE),
	LIMIT("nofile", RLIMIT_NOFILE), LIMIT("nproc", RLIMIT_NPROC),     LIMIT("rss", RLIMIT_RSS),
	LIMIT("rtprio", RLIMIT_RTPRIO), LIMIT("rttime", RLIMIT_RTTIME),   LIMIT("sigpending", RLIMIT_SIGPENDING),
	LIMIT("stack", RLIMIT_STACK),   { NULL, 0, 0, 0, 0, NULL },
};
