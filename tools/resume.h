/* SPDX-License-Identifier: MIT */
/*
 * What a job log says was done already, so that it need not be done again.
 */
#ifndef RESUME_H
#define RESUME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct resume {
	struct resume_line *lines; /* by number, each once */
	size_t n, size;
	size_t at;          /* numbers are asked for in order */
	const char *option; /* that asked for it */
	bool failed_again;
	off_t whole; /* bytes of the log, without a last line that was not written in full */
};

/*
 * Reads the log, if there is one. failed_again: what it says has failed is not done. 0, or -errno: after a line about
 * it.
 */
int resume_open(struct resume *resume, const char *joblog, bool failed_again);

enum resume_answer { RESUME_NOT_DONE, RESUME_DONE, RESUME_OTHER };

/* Is item seq done? RESUME_OTHER: the log has another command for it. Numbers ascend from call to call. */
enum resume_answer resume_look(struct resume *resume, uint64_t seq, char *const *argv);

void resume_close(struct resume *resume);

#endif
