/* SPDX-License-Identifier: MIT */
/*
 * Resource limits, named as prlimit(1) names them. Its --nice alone is --limit-nice here, since --nice is how nice the
 * program is. --memory-max, which is of a control group, has systemd's name.
 */
#include "run_options.h"
#include "cell.h"
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
	run->limit_said[i] = o->name;
	run->request.nrlimits += i == run->request.nrlimits;
	return -1;
}

static int set_memory_max(struct run *run, const struct run_option *o, char *value)
{
	return size_parse(value, &run->memory_max) ? refuse(o, value, SIZE_FORM) : -1;
}

/* Last of all: what fails after it has a group to remove. */
int limits_finish(struct run *run)
{
	struct cells cells;
	int r;

	if (!run->memory_max)
		return -1;
	r = cells_open(&cells, run->memory_max, run->cgroup);
	if (!r) {
		r = run_hold(run, cell_new(&cells));
		if (r < 0)
			complain("--memory-max: %s", strerror(-r));
	}
	cells_close(&cells);
	if (r < 0)
		return EXIT_OWN_ERROR;
	run->request.flags |= USPAWN_SETCGROUP;
	run->request.cgroup_fd = run->cell = r;
	return -1;
}

#define LIMIT(name, resource)                                                       \
	{                                                                           \
		name, 0, required_argument, USPAWN_STEP_RLIMIT, resource, set_limit \
	}

const struct run_option limits_options[] = {
	LIMIT("as", RLIMIT_AS),
	LIMIT("core", RLIMIT_CORE),
	LIMIT("cpu", RLIMIT_CPU),
	LIMIT("data", RLIMIT_DATA),
	LIMIT("fsize", RLIMIT_FSIZE),
	LIMIT("limit-nice", RLIMIT_NICE),
	LIMIT("locks", RLIMIT_LOCKS),
	LIMIT("memlock", RLIMIT_MEMLOCK),
	LIMIT("msgqueue", RLIMIT_MSGQUEUE),
	LIMIT("nofile", RLIMIT_NOFILE),
	LIMIT("nproc", RLIMIT_NPROC),
	LIMIT("rss", RLIMIT_RSS),
	LIMIT("rtprio", RLIMIT_RTPRIO),
	LIMIT("rttime", RLIMIT_RTTIME),
	LIMIT("sigpending", RLIMIT_SIGPENDING),
	LIMIT("stack", RLIMIT_STACK),
	{ "memory-max", 0, required_argument, USPAWN_STEP_CGROUP, 0, set_memory_max },
	{ NULL, 0, 0, 0, 0, NULL },
};
