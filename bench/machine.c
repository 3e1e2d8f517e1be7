/* SPDX-License-Identifier: MIT */
/* The machine that the figures belong to, and whether it was busy with something else. */
#include <gnu/libc-version.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "run.h"

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

void machine_describe(struct machine *ret)
{
	struct utsname name = { 0 };
	double load[1] = { 0 };

	memset(ret, 0, sizeof(*ret));
	uname(&name);
	snprintf(ret->kernel, sizeof(ret->kernel), "%s %s", name.sysname, name.release);
	snprintf(ret->arch, sizeof(ret->arch), "%s", name.machine);
	if (!read_line("/proc/cpuinfo", "model name", ret->cpu, sizeof(ret->cpu)))
		snprintf(ret->cpu, sizeof(ret->cpu), "unknown");
	read_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "", ret->governor, sizeof(ret->governor));
	snprintf(ret->libc, sizeof(ret->libc), "glibc %s", gnu_get_libc_version());
	ret->cpus = sysconf(_SC_NPROCESSORS_ONLN);
	ret->memory_mib = sysconf(_SC_PHYS_PAGES) / (1048576 / sysconf(_SC_PAGESIZE));
	getloadavg(load, 1);
	ret->load = load[0];
}

static double seconds_of(int who)
{
	struct rusage u;

	getrusage(who, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* Own time is that of all workers and children that were waited for. */
void busy_begin(struct busy *ret)
{
	double user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0;
	double ticks = (double)sysconf(_SC_CLK_TCK);
	char text[256] = "";

	read_line("/proc/stat", "cpu ", text, sizeof(text));
	sscanf(text, "%lf %lf %lf %lf %lf %lf %lf %lf", &user, &nice, &system, &idle, &iowait, &irq, &softirq, &steal);
	ret->used = (user + nice + system + irq + softirq + steal) / ticks;
	ret->total = ret->used + (idle + iowait) / ticks;
	ret->own = seconds_of(RUSAGE_SELF) + seconds_of(RUSAGE_CHILDREN);
}

double busy_share(const struct busy *begin)
{
	struct busy now;
	double others;

	busy_begin(&now);
	others = now.used - begin->used - (now.own - begin->own);
	return now.total > begin->total && others > 0 ? others / (now.total - begin->total) : 0;
}
