/* SPDX-License-Identifier: MIT */
/* The machine that the figures belong to, and what it allows: better one line now than an error in the middle. */
#include <gnu/libc-version.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "bench.h"

/* The rest of the first line of a file that begins with key; without key, of the file. */
static int read_line(const char *path, const char *key, char *ret, size_t size)
{
	FILE *file = fopen(path, "re");
	char line[512];
	int found = 0;

	while (file && !found && fgets(line, sizeof(line), file)) {
		const char *text = line + strlen(key);
		if (strncmp(line, key, strlen(key)))
			continue;
		text += strspn(text, "\t :");
		line[strcspn(line, "\n")] = 0;
		snprintf(ret, size, "%s", text);
		found = 1;
	}
	if (file)
		fclose(file);
	return found;
}

static uint64_t read_number(const char *path, const char *key, uint64_t otherwise)
{
	char text[64];

	return read_line(path, key, text, sizeof(text)) ? strtoull(text, NULL, 10) : otherwise;
}

void machine_describe(struct machine *ret)
{
	struct utsname name = { 0 };
	double load[1] = { 0 };

	uname(&name);
	snprintf(ret->kernel, sizeof(ret->kernel), "%s %s", name.sysname, name.release);
	snprintf(ret->arch, sizeof(ret->arch), "%s", name.machine);
	if (!read_line("/proc/cpuinfo", "model name", ret->cpu, sizeof(ret->cpu)))
		snprintf(ret->cpu, sizeof(ret->cpu), "unknown");
	snprintf(ret->libc, sizeof(ret->libc), "glibc %s", gnu_get_libc_version());
	ret->cpus = sysconf(_SC_NPROCESSORS_ONLN);
	getloadavg(load, 1);
	ret->load = load[0];
}

int machine_allows(const struct setting *setting, uint32_t workers, char *why, size_t size)
{
	uint64_t fds = (uint64_t)setting->fds + setting->live + (uint64_t)setting->inflight * setting->threads + 100;
	uint64_t children = (uint64_t)workers * (setting->live + setting->inflight * setting->threads);
	uint64_t pids = read_number("/proc/sys/kernel/pid_max", "", 32768);
	uint64_t kib = read_number("/proc/meminfo", "MemAvailable", UINT64_MAX);
	struct rlimit limit = { 0 };

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (fds > limit.rlim_max)
		snprintf(why, size, "--fds and --live need %" PRIu64 " descriptors, 'ulimit -Hn' allows %" PRIu64, fds,
			 (uint64_t)limit.rlim_max);
	else if (children > pids / 10 * 9)
		snprintf(why, size, "--live with %u workers needs %" PRIu64 " processes, kernel.pid_max is %" PRIu64,
			 workers, children, pids);
	else if ((uint64_t)workers * setting->rss_mib > kib / 1024 / 10 * 8)
		snprintf(why, size, "--rss with %u workers needs %" PRIu64 " MiB, %" PRIu64 " are free: use --only",
			 workers, (uint64_t)workers * setting->rss_mib, kib / 1024);
	else
		return 1;
	return 0;
}
