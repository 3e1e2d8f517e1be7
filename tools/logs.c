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

static int open_log(FILE **ret, const char *option, const char *where, bool append)
{
	if (!where)
		return 0;
	*ret = record_open(where, append);
	if (*ret)
		return 0;
	complain("%s: %s: %s", option, where, strerror(errno));
	return -errno;
}

int logs_open(struct logs *logs, const char *joblog, const char *json, bool append)
{
	int r;

	*logs = (struct logs){ .joblog_name = joblog, .json_name = json };
	r = open_log(&logs->joblog, "--joblog", joblog, append);
	if (!r)
		r = open_log(&logs->json, "--json", json, append);
	if (!r && joblog && (!append || !ftello(logs->joblog)))
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
