/* SPDX-License-Identifier: MIT */
/*
 * A log may be long, so of each line only the number, how it ended, and a hash of the command are kept: enough to see
 * that the input or the command is another one than that of the log, and then nothing is skipped by mistake.
 */
#include "resume.h"
#include "commands.h"
#include "options.h"
#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COLUMNS = 9, SEQ = 0, EXITVAL = 6, SIGNAL = 7, COMMAND = 8 };

struct resume_line {
	uint64_t seq;
	uint64_t command; /* its hash */
	size_t line;
	bool succeeded;
};

/* FNV-1a, of 64 bits. */
static uint64_t hash_of(const char *text, size_t len)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static int add(struct resume *r, const struct resume_line *line)
{
	size_t size = r->size ? r->size * 2 : 1024;
	struct resume_line *lines;

	if (r->n == r->size) {
		lines = realloc(r->lines, size * sizeof(*lines));
		if (!lines)
			return -ENOMEM;
		r->lines = lines;
		r->size = size;
	}
	r->lines[r->n++] = *line;
	return 0;
}

/* 0, or -EINVAL: it is no line of a job log. */
static int parse(char *text, struct resume_line *ret)
{
	char *column[COLUMNS], *rest = text;

	for (int i = 0; i < COLUMNS; i++) {
		column[i] = i == COMMAND ? rest : strsep(&rest, "\t");
		if (!column[i])
			return -EINVAL;
	}
	ret->command = hash_of(column[COMMAND], strlen(column[COMMAND]));
	ret->succeeded = !strcmp(column[EXITVAL], "0") && !strcmp(column[SIGNAL], "0");
	return number_parse(column[SEQ], 1, UINT64_MAX, &ret->seq);
}

/* How a log begins, as far as it was written. */
static int begin(const struct resume *r, const char *text, size_t len, const char *joblog)
{
	if (!strncmp(text, "Seq\t", len < 4 ? len : 4))
		return 0;
	complain("%s: %s: this is no job log; name one that --joblog has written", r->option, joblog);
	return -EINVAL;
}

/* One line, without its newline. */
static int take(struct resume *r, char *text, size_t number, const char *joblog)
{
	struct resume_line line = { .line = number };
	int error;

	if (number == 1)
		return begin(r, text, 4, joblog);
	if (parse(text, &line)) {
		complain("%s: %s: line %zu is none of a job log; mend or remove it", r->option, joblog, number);
		return -EINVAL;
	}
	error = add(r, &line);
	if (error)
		complain("%s: %s: %s", r->option, joblog, strerror(-error));
	return error;
}

static int read_all(struct resume *r, FILE *file, const char *joblog)
{
	size_t size = 0, number = 0;
	char *text = NULL;
	int error = 0;
	ssize_t n;

	while (!error && (n = getline(&text, &size, file)) > 0 && text[n - 1] == '\n') {
		text[n - 1] = 0;
		r->whole += n;
		error = take(r, text, ++number, joblog);
	}
	if (!error && n > 0 && !number) /* it may be some other file */
		error = begin(r, text, (size_t)n, joblog);
	free(text);
	if (error)
		return error;
	if (ferror(file)) {
		error = errno;
		complain("%s: %s: %s", r->option, joblog, strerror(error));
	}
	return -error;
}

static int compare(const void *a, const void *b)
{
	const struct resume_line *x = a, *y = b;

	if (x->seq != y->seq)
		return x->seq < y->seq ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

/* Of several lines about one item the last counts. */
static void sort(struct resume *r)
{
	size_t n = 0;

	if (r->n)
		qsort(r->lines, r->n, sizeof(*r->lines), compare);
	for (size_t i = 0; i < r->n; i++)
		if (i + 1 == r->n || r->lines[i].seq != r->lines[i + 1].seq)
			r->lines[n++] = r->lines[i];
	r->n = n;
}

int resume_open(struct resume *resume, const char *joblog, bool failed_again)
{
	int fd = open(joblog, O_RDONLY | O_NONBLOCK | O_CLOEXEC), r; /* a FIFO is not waited for */
	FILE *file = NULL;
	struct stat st;

	*resume = (struct resume){ .option = failed_again ? "--resume-failed" : "--resume",
				   .failed_again = failed_again };
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd >= 0 && !fstat(fd, &st) && !S_ISREG(st.st_mode)) {
		complain("%s: %s: needs a --joblog that can be read: a file", resume->option, joblog);
		close(fd);
		return -EINVAL;
	}
	if (fd >= 0)
		file = fdopen(fd, "r");
	if (!file) {
		r = -errno;
		complain("%s: %s: %s", resume->option, joblog, strerror(errno));
		if (fd >= 0)
			close(fd);
		return r;
	}
	r = read_all(resume, file, joblog);
	fclose(file);
	sort(resume);
	return r;
}

static uint64_t hash_of_command(char *const *argv)
{
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);
	uint64_t hash;

	if (!to)
		return 0;
	shell_words(to, argv);
	fclose(to);
	hash = hash_of(text ? text : "", len);
	free(text);
	return hash;
}

enum resume_answer resume_look(struct resume *resume, uint64_t seq, char *const *argv)
{
	const struct resume_line *line;

	while (resume->at < resume->n && resume->lines[resume->at].seq < seq)
		resume->at++;
	line = &resume->lines[resume->at];
	if (resume->at == resume->n || line->seq != seq)
		return RESUME_NOT_DONE;
	if (!argv || line->command != hash_of_command(argv))
		return RESUME_OTHER;
	return line->succeeded || !resume->failed_again ? RESUME_DONE : RESUME_NOT_DONE;
}

void resume_close(struct resume *resume)
{
	free(resume->lines);
	*resume = (struct resume){ 0 };
}
