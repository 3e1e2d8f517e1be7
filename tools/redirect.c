/* SPDX-License-Identifier: MIT */
/*
 * Descriptors by name. All sources are taken as they were when uspawn was started, whatever the order of the options,
 * so that "--stdout fd:2 --stderr fd:1" swaps the two.
 */
#include "redirect.h"
#include "options.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { READ, WRITE };

static const struct {
	const char *word;
	int oflag;
} ways[] = {
	[READ] = { "read:", O_RDONLY },
	[WRITE] = { "write:", O_WRONLY | O_CREAT | O_TRUNC },
	{ "append:", O_WRONLY | O_CREAT | O_APPEND },
	{ "rw:", O_RDWR | O_CREAT },
};

/* In a mapping a number alone is a descriptor, and a file says in a word before it what it is for. */
static int parse_source(struct uspawn_fd *fd, const char *source, bool mapping)
{
	bool prefixed = !strncmp(source, "fd:", 3);
	uint64_t number;

	if (!strcmp(source, "null")) {
		fd->source = USPAWN_NULL;
		return 0;
	}
	if (!strcmp(source, "close")) {
		fd->source = USPAWN_CLOSED;
		return 0;
	}
	if ((prefixed || mapping) && !number_parse(source + (prefixed ? 3 : 0), 0, INT_MAX, &number)) {
		fd->source = USPAWN_FD;
		fd->fd = (int)number;
		return 0;
	}
	if (prefixed)
		return -EINVAL;
	fd->source = USPAWN_OPEN;
	fd->mode = 0666;
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		if (!strncmp(source, ways[i].word, strlen(ways[i].word))) {
			fd->path = source + strlen(ways[i].word);
			fd->oflag = ways[i].oflag;
		}
	if (!fd->path && !mapping) {
		fd->path = source;
		fd->oflag = ways[fd->target == 0 ? READ : WRITE].oflag;
	}
	return fd->path && *fd->path ? 0 : -EINVAL;
}

int redirect_append(struct redirects *r, const char *option, const struct uspawn_fd *fd)
{
	struct uspawn_fd *fds;
	const char **said;
	uint32_t i = 0;

	fds = realloc(r->fds, (r->n + 1) * sizeof(*fds));
	if (fds)
		r->fds = fds;
	said = realloc(r->said, (r->n + 1) * sizeof(*said));
	if (said)
		r->said = said;
	if (!fds || !said)
		return -ENOMEM;
	while (i < r->n && fds[i].target != fd->target) /* said twice: the last one counts */
		i++;
	fds[i] = *fd;
	said[i] = option;
	r->n += i == r->n;
	return 0;
}

int redirect_add(struct redirects *r, const char *option, int target, const char *source)
{
	struct uspawn_fd fd = { .target = target };
	int error = parse_source(&fd, source, false);

	return error ? error : redirect_append(r, option, &fd);
}

int redirect_add_mapping(struct redirects *r, const char *mapping)
{
	const char *equals = strchr(mapping, '=');
	char target[16] = "";
	struct uspawn_fd fd = { 0 };
	uint64_t number;
	int error;

	if (!equals || (size_t)(equals - mapping) >= sizeof(target))
		return -EINVAL;
	memcpy(target, mapping, (size_t)(equals - mapping));
	error = number_parse(target, 0, INT_MAX, &number);
	if (error)
		return error;
	fd.target = (int)number;
	error = parse_source(&fd, equals + 1, true);
	return error ? error : redirect_append(r, "fd", &fd);
}

bool redirects_name(const struct redirects *r, int target)
{
	for (uint32_t i = 0; i < r->n; i++)
		if (r->fds[i].target == target)
			return true;
	return false;
}

/* What the caller has left open to us is not close-on-exec; all that we open is. */
bool redirect_was_closed(int fd)
{
	int flags = fcntl(fd, F_GETFD);

	return flags >= 0 && flags & FD_CLOEXEC;
}

void redirects_done(struct redirects *r)
{
	free(r->fds);
	free(r->said);
	*r = (struct redirects){ 0 };
}
