/* SPDX-License-Identifier: MIT */
/* A result as a file. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "outfile.h"
#include "run.h"

int json_save(const json_t *root, const char *path)
{
	char *text = json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(8));
	size_t size;
	int r;

	if (!text)
		return -ENOMEM;
	size = strlen(text);
	text[size] = '\n'; /* in the place of its end */
	r = file_save(path, text, size + 1);
	free(text);
	return r;
}
