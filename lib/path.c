/* SPDX-License-Identifier: MIT */
/*
 * A search is compiled once, in the parent: the child tries each candidate as it is. Nothing is looked up here, because
 * a relative entry means the directory that the child will be in.
 */
#include <limits.h>
#include <string.h>

#include "path.h"

/* A shell, or the interpreter of a script, would take it for its own option. */
static size_t here(const char *path, char *ret)
{
	if (*path != '-' && *path != '+')
		return 0;
	if (ret) {
		ret[0] = '.';
		ret[1] = '/';
	}
	return 2;
}

/* An empty entry is the directory itself. Written as "./", so that no shell takes the name for something else. */
static size_t prefix(const char *entry, size_t length, char *ret)
{
	const char *directory = length ? entry : ".";
	size_t before = here(directory, ret);

	if (!length)
		length = 1;
	if (ret) {
		memcpy(ret + before, directory, length);
		ret[before + length] = '/';
	}
	return before + length + 1;
}

/* A name that no directory can hold is for the kernel to refuse. */
static int searched(const char *file, const char *search)
{
	return search && *file && !strchr(file, '/') && strlen(file) <= NAME_MAX;
}

struct path_size path_measure(const char *file, const char *search)
{
	size_t size = strlen(file) + 1;
	struct path_size ret = { 0, 0 };

	if (!searched(file, search))
		return (struct path_size){ 1, here(file, NULL) + size };
	for (const char *entry = search;; entry++) {
		size_t length = strcspn(entry, ":");

		ret.count++;
		ret.bytes += prefix(entry, length, NULL) + size;
		entry += length;
		if (!*entry)
			return ret;
	}
}

void path_list(const char *file, const char *search, char *bytes, const char **ret)
{
	size_t size = strlen(file) + 1;

	if (!searched(file, search)) {
		memcpy(bytes + here(file, bytes), file, size);
		ret[0] = bytes;
		ret[1] = NULL;
		return;
	}
	for (const char *entry = search;; entry++) {
		size_t length = strcspn(entry, ":");

		*ret++ = bytes;
		bytes += prefix(entry, length, bytes);
		memcpy(bytes, file, size);
		bytes += size;
		entry += length;
		if (!*entry)
			break;
	}
	*ret = NULL;
}
