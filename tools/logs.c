/* SPDX-License-Identifier: MIT */
/*
 * Logs are read by scripts, some of them while the run goes on: each record is a line and written at once, and a log
 * that could not be written in full is an error of the whole run.
 */
#include "logs.h"
#include "commands.h"
#include "job.h"
#include "record.h"

#include <errno.h>
#include <string.h>

/* `keep` as of record_begin(): of a log that is gone on with, as it was read. */
static int open_log(FILE **ret, const char *option, const char *where, off_t keep, bool read, int input)
{
	int r;

	if (!where)
		return 0;
	*ret = record_open_untouched(where, keep >= 0);
	if (!*ret) {
		r = -errno;
		complain("%s: %s: %s", option, where, strerror(-r));
		return r;
	}
	if (record_same_open_file(fileno(*ret), input))
		complain("%s: %s: not the file of the input, which would be overwritten", option, where);
	else if (read && keep >= 0 && record_own_output(fileno(*ret)) >= 0)
		complain("%s: %s: not the file of our own output, which is no log to go on with", option, where);
	else
		return 0;
	return -EINVAL;
}

static int begin_log(FILE *file, const char *option, const char *where, off_t keep)
{
	int r = file ? record_begin(file, where, keep) : 0;

	if (r)
		complain("%s: %s: %s", option, where, strerror(-r));
	return r;
}

/* Whoever gives two descriptors of one file, or one twice, has said where each goes on. */
static bool overwrite(const struct logs *logs)
{
	return logs->joblog && logs->json && record_same_open_file(fileno(logs->joblog), fileno(logs->json)) &&
	       (strncmp(logs->joblog_name, "fd:", 3) || strncmp(logs->json_name, "fd:", 3));
}

int logs_open(struct logs *logs, const char *joblog, const char *json, int input, off_t keep)
{
	int r;

	*logs = (struct logs){ .joblog_name = joblog, .json_name = json };
	r = open_log(&logs->joblog, "--joblog", joblog, keep, true, input);
	if (!r)
		r = open_log(&logs->json, "--json", json, keep, false, input);
	if (!r && overwrite(logs)) {
		complain("--json: not the file of --joblog, which one of them would overwrite");
		r = -EINVAL;
	}
	if (!r)
		r = begin_log(logs->joblog, "--joblog", joblog, keep);
	if (!r)
		r = begin_log(logs->json, "--json", json, keep < 0 ? keep : INT64_MAX);
	if (!r && joblog && keep <= 0)
		joblog_header(logs->joblog);
	return r;
}

void logs_write(struct logs *logs, const struct job *job, char *const *argv)
{
	struct record record = {
		.child = &job->child,
		.argv = argv,
		.item = job->item,
		.seq = job->seq,
		.tries = job->tries,
		.began_us = job->began_us,
		.wall_ns = job->wall,
		.received = job->received,
		.timed_out = job->timed_out,
		.out_of_memory = job->out_of_memory,
	};

	if (!argv)
		return; /* no memory for it: what follows says so */
	if (logs->joblog)
		joblog_line(logs->joblog, &record);
	if (logs->json)
		record_json(logs->json, &record);
}

static int close_log(FILE *file, const char *option, const char *where)
{
	bool failed = file && ferror(file);

	if (!file || (!fclose(file) && !failed))
		return 0;
	complain("%s: %s: could not be written in full", option, where);
	return -EIO;
}

int logs_close(struct logs *logs)
{
	int r = close_log(logs->joblog, "--joblog", logs->joblog_name);
	int s = close_log(logs->json, "--json", logs->json_name);

	*logs = (struct logs){ 0 };
	return r ? r : s;
}
