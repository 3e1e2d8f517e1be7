/* SPDX-License-Identifier: MIT */
/* The same for programs: schema "uspawn-bench/1". Fields may be added; those that are there keep their meaning. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "bench.h"

static void put_string(FILE *file, const char *text)
{
	fputc('"', file);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', file);
		if ((unsigned char)*text >= ' ')
			fputc(*text, file);
	}
	fputc('"', file);
}

static void put_field(FILE *file, const char *name, const char *text)
{
	fprintf(file, "\"%s\":", name);
	put_string(file, text);
	fputc(',', file);
}

static void put_summary(FILE *file, const char *name, const struct entry *e, size_t member)
{
	struct summary s;

	summarize(&s, e->samples, e->nsamples, member);
	fprintf(file,
		",\"%s\":{\"min\":%" PRIu64 ",\"p50\":%" PRIu64 ",\"p90\":%" PRIu64 ",\"p99\":%" PRIu64
		",\"p999\":%" PRIu64 ",\"max\":%" PRIu64 "}",
		name, s.min, s.p50, s.p90, s.p99, s.p999, s.max);
}

static void put_contestant(FILE *file, const struct run *run, const struct entry *e)
{
	fputs("{", file);
	put_field(file, "name", e->contestant->name);
	if (*e->remark)
		put_field(file, "remark", e->remark);
	fprintf(file, "\"samples\":%u", run->measure == START ? e->nsamples : e->children);
	if (run->measure == START) {
		put_summary(file, "return_ns", e, offsetof(struct sample, return_ns));
		put_summary(file, "cycle_ns", e, offsetof(struct sample, cycle_ns));
	} else {
		fprintf(file, ",\"rate\":%.1f,\"rates\":[", median(e->rates, ROUNDS));
		for (int i = 0; i < ROUNDS; i++)
			fprintf(file, "%s%.1f", i ? "," : "", e->rates[i]);
		fputs("]", file);
	}
	fputs("}", file);
}

static int put_run(FILE *file, const struct run *run)
{
	const struct machine *m = &run->machine;
	const struct setting *s = &run->setting;

	fputs("{\"schema\":\"uspawn-bench/1\",\"environment\":{", file);
	put_field(file, "kernel", m->kernel);
	put_field(file, "machine", m->arch);
	put_field(file, "cpu", m->cpu);
	put_field(file, "libc", m->libc);
	fprintf(file, "\"cpus\":%ld,\"load\":%.2f},\"cases\":[{", m->cpus, m->load);
	put_field(file, "measure", run->measure == START ? "start" : "rate");
	fprintf(file,
		"\"setting\":{\"rss\":%u,\"fds\":%u,\"threads\":%u,\"processes\":%u,\"inflight\":%u,\"live\":%u},"
		"\"contestants\":[",
		s->rss_mib, s->fds, s->threads, s->processes, s->inflight, s->live);
	for (uint32_t i = 0; i < run->nentries; i++) {
		if (i)
			fputc(',', file);
		put_contestant(file, run, &run->entries[i]);
	}
	fputs("]}]}\n", file);
	return fflush(file) || ferror(file) ? -EIO : 0;
}

/* Known before the measurement: whether its result can be written. */
int json_check(const char *path)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];
	struct stat st;

	if (!stat(path, &st))
		return S_ISDIR(st.st_mode) ? -EISDIR : access(path, W_OK) < 0 ? -errno : 0;
	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
	return access(dir, W_OK) < 0 ? -errno : 0;
}

/* A file appears whole or not at all. What is no plain file (/dev/stdout) is written to as it is. */
int json_save(const char *path, const struct run *run)
{
	char beside[PATH_MAX];
	struct stat st;
	int in_place = !stat(path, &st) && !S_ISREG(st.st_mode);
	FILE *file;
	int r;

	if ((size_t)snprintf(beside, sizeof(beside), "%s%s", path, in_place ? "" : ".part") >= sizeof(beside))
		return -ENAMETOOLONG;
	file = fopen(beside, "we");
	if (!file)
		return -errno;
	r = put_run(file, run);
	if (fclose(file) && !r)
		r = -errno;
	if (!in_place && !r && rename(beside, path) < 0)
		r = -errno;
	if (!in_place && r)
		unlink(beside);
	return r;
}
