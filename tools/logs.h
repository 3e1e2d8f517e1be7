/* SPDX-License-Identifier: MIT */
/*
 * The records that "uspawn each" was asked to write, a line for each item that has ended.
 */
#ifndef LOGS_H
#define LOGS_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

struct job;

struct logs {
	const char *joblog_name, *json_name;
	FILE *joblog, *json; /* NULL: not asked for */
};

/*
 * Names may be NULL. None of them may be the file of the input. keep: so many bytes of the job log stay, and the
 * records go on where they ended; negative: both begin. 0 or -errno, after a line about it; logs_close() is needed
 * either way.
 */
int logs_open(struct logs *logs, const char *joblog, const char *json, int input, off_t keep);

void logs_write(struct logs *logs, const struct job *job, char *const *argv);

/* 0, or -EIO after a line about it: a log that is not whole must not look so. */
int logs_close(struct logs *logs);

#endif
