/* SPDX-License-Identifier: MIT */
/* What this machine allows: better one line now than an error in the middle. */
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "run.h"

static uint64_t read_number(const char *path, const char *key, uint64_t otherwise)
{
	FILE *file = fopen(path, "re");
	char line[256];
	uint64_t ret = otherwise;

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, key, strlen(key))) {
			const char *text = line + strlen(key) + strspn(line + strlen(key), ": \t");

			if (*text >= '0' && *text <= '9')
				ret = strtoull(text, NULL, 10);
			break;
		}
	if (file)
		fclose(file);
	return ret;
}

/* The processes that this process's control group may have: version 2, else version 1. */
static uint64_t pids_of_group(void)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	uint64_t ret = UINT64_MAX, n;
	char line[512], path[640];

	while (file && fgets(line, sizeof(line), file)) {
		char *group = strchr(line, ':'), *folder = group ? strchr(group + 1, ':') : NULL;

		if (!folder)
			continue;
		line[strcspn(line, "\n")] = 0;
		*folder++ = 0;
		if (group[1] && strcmp(group + 1, "pids"))
			continue;
		snprintf(path, sizeof(path), "/sys/fs/cgroup/%s%s/pids.max", group + 1, folder);
		n = read_number(path, "", UINT64_MAX);
		ret = n < ret ? n : ret;
	}
	if (file)
		fclose(file);
	return ret;
}

static int pages_are_there(const struct setting *s, char *why, size_t size)
{
	char text[64] = "";
	FILE *file = s->huge && s->rss_mib ? fopen("/sys/kernel/mm/transparent_hugepage/enabled", "re") : NULL;
	int never = s->huge && s->rss_mib && (!file || !fgets(text, sizeof(text), file) || strstr(text, "[never]"));

	if (file)
		fclose(file);
	if (never)
		snprintf(why, size, "pages huge: there are none, see /sys/kernel/mm/transparent_hugepage/enabled");
	return !never;
}

static int processes_are_there(const struct task *task, uint64_t workers, uint32_t batch, char *why, size_t size)
{
	const struct setting *s = &task->setting;
	uint64_t threads = task->measure == RATE ? s->threads : 1;
	uint64_t busy = s->burst ? batch : s->inflight * threads;
	uint64_t needed = workers * (s->live + busy + s->threads);
	uint64_t limit = read_number("/proc/sys/kernel/pid_max", "", 32768), group = pids_of_group();
	const char *name = "kernel.pid_max";
	struct rlimit own = { RLIM_INFINITY, RLIM_INFINITY };

	if (geteuid())
		getrlimit(RLIMIT_NPROC, &own);
	if (group < limit)
		limit = group, name = "pids.max of the control group";
	if (own.rlim_cur < limit)
		limit = own.rlim_cur, name = "'ulimit -u'";
	if (needed <= limit / 10 * 9)
		return 1;
	snprintf(why, size,
		 "live %u, inflight %u and threads %u with %" PRIu64 " workers need %" PRIu64
		 " processes, %s is %" PRIu64 ": less, or fewer contestants by --only",
		 s->live, s->inflight, s->threads, workers, needed, name, limit);
	return 0;
}

int limits_allow(const struct task *task, uint32_t nentries, uint32_t batch, char *why, size_t size)
{
	const struct setting *s = &task->setting;
	uint64_t workers = (uint64_t)nentries * s->processes, threads = task->measure == RATE ? s->threads : 1;
	uint64_t busy = s->burst ? batch : s->inflight * threads;
	uint64_t fds = (uint64_t)s->fds + s->live + busy + 100;
	uint64_t kib = read_number("/proc/meminfo", "MemAvailable", UINT64_MAX);
	uint64_t bytes = command_size(s), most = (uint64_t)sysconf(_SC_ARG_MAX) / 10 * 9;
	struct rlimit limit = { 0 };

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (fds > limit.rlim_max)
		snprintf(why, size, "fds %u and live %u need %" PRIu64 " descriptors, 'ulimit -Hn' allows %" PRIu64,
			 s->fds, s->live, fds, (uint64_t)limit.rlim_max);
	else if (workers * s->rss_mib > kib / 1024 / 10 * 8)
		snprintf(why, size,
			 "rss %u with %" PRIu64 " workers needs %" PRIu64 " MiB, %" PRIu64
			 " are free: less, or fewer contestants by --only",
			 s->rss_mib, workers, workers * s->rss_mib, kib / 1024);
	else if (bytes > most)
		snprintf(why, size, "env %u and argv %u need %" PRIu64 " bytes, a program may be given %" PRIu64,
			 s->env, s->argv, bytes, most);
	else
		return pages_are_there(s, why, size) && processes_are_there(task, workers, batch, why, size);
	return 0;
}
