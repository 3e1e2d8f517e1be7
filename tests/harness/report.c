/* SPDX-License-Identifier: MIT */
/* A report is text; it is looked up line by line, which is fast enough for all that is asked of it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report.h"

void report_open(struct report *r)
{
	*r = (struct report){ .file = memfd_create("report", MFD_CLOEXEC) };
	cr_assert(r->file >= 0);
	snprintf(r->where, sizeof(r->where), "/proc/%d/fd/%d", getpid(), r->file);
	r->argv[0] = "witness";
	r->argv[1] = "report";
	r->argv[2] = r->where;
}

void report_close(struct report *r)
{
	if (r->file >= 0)
		close(r->file);
	free(r->text);
	*r = (struct report){ .file = -1 };
}

void report_read(struct report *r)
{
	struct stat st;

	free(r->text);
	cr_assert(fstat(r->file, &st) == 0);
	r->size = (size_t)st.st_size;
	r->text = malloc(r->size + 1);
	cr_assert(pread(r->file, r->text, r->size, 0) == st.st_size);
	r->text[r->size] = '\0';
	cr_assert(r->size >= 4 && strcmp(r->text + r->size - 4, "end\n") == 0, "the witness's report is cut short");
	for (size_t i = 0; i < r->size; i++)
		if (r->text[i] == '\n')
			r->text[i] = '\0';
}

const char *report_find(const struct report *r, const char *key)
{
	size_t length = strlen(key);

	for (const char *line = r->text; line < r->text + r->size; line += strlen(line) + 1)
		if (strncmp(line, key, length) == 0 && line[length] == ' ')
			return line + length + 1;
	return NULL;
}

const char *report_value(const struct report *r, const char *key)
{
	const char *value = report_find(r, key);

	cr_assert(value, "no %s in the witness's report", key);
	return value;
}

long report_number(const struct report *r, const char *key)
{
	return strtol(report_value(r, key), NULL, 10);
}

unsigned long long report_hex(const struct report *r, const char *key)
{
	return strtoull(report_value(r, key), NULL, 16);
}

int report_fd(const struct report *r, int fd, struct report_fd *ret)
{
	char key[32];
	const char *value;

	snprintf(key, sizeof(key), "fd.%d", fd);
	value = report_find(r, key);
	*ret = (struct report_fd){ 0 };
	if (!value)
		return 0;
	cr_assert(sscanf(value, "%llu:%llu %3s %d %d %511[^\n]", &ret->dev, &ret->ino, ret->access, &ret->flags,
			 &ret->status, ret->target) >= 5);
	return 1;
}

const char *report_fds(const struct report *r)
{
	static char numbers[1 << 16];
	size_t n = 0;

	*numbers = '\0';
	for (const char *line = r->text; line < r->text + r->size; line += strlen(line) + 1)
		if (strncmp(line, "fd.", 3) == 0 && n < sizeof(numbers) - 16)
			n += (size_t)sprintf(numbers + n, "%s%d", n ? " " : "", atoi(line + 3));
	return numbers;
}

void report_assert_file(const struct report *r, int fd, int mine)
{
	struct report_fd seen;
	struct stat st;

	cr_assert(fstat(mine, &st) == 0);
	cr_assert(report_fd(r, fd, &seen), "%d is not open in the child", fd);
	cr_assert(seen.dev == st.st_dev && seen.ino == st.st_ino, "%d is another file in the child: %s", fd,
		  seen.target);
	cr_assert_eq(seen.flags, 0, "%d is close-on-exec in the child", fd);
}
