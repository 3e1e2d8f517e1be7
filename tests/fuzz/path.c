/* SPDX-License-Identifier: MIT */
/* Lists of directories and changes of an environment: against plainer ways to come to the same. */
#include "bytes.h"
#include "env.h"
#include "path.h"

/* What looks like an option is written with "./" before it. */
static const char *without_here(const char *found, const char *path)
{
	int marked = *path == '-' || *path == '+';

	MUST(!marked || strncmp(found, "./", 2) == 0);
	return found + 2 * marked;
}

static void check_path(const char *file, const char *search)
{
	struct path_size size = path_measure(file, search);
	char *bytes = malloc(size.bytes + 1);
	const char **list = malloc((size.count + 1) * sizeof(*list)), *at = search;
	size_t used = 0, n = 0;

	MUST(bytes && list);
	bytes[size.bytes] = 'x';
	path_list(file, search, bytes, list);
	MUST(bytes[size.bytes] == 'x');
	for (; list[n]; n++)
		used += strlen(list[n]) + 1;
	MUST(n == size.count && used == size.bytes);
	if (!search || !*file || strchr(file, '/')) {
		MUST(n == 1 && strcmp(without_here(list[0], file), file) == 0);
		at = NULL;
	}
	for (n = 0; at; n++) {
		size_t length = strcspn(at, ":");
		const char *found = list[n];

		MUST(found);
		if (length) {
			found = without_here(found, at);
			MUST(strncmp(found, at, length) == 0);
			found += length;
		} else {
			MUST(*found++ == '.');
		}
		MUST(*found == '/' && strcmp(found + 1, file) == 0);
		at = at[length] ? at + length + 1 : NULL;
	}
	free(list);
	free(bytes);
}

/* What a name is set to at the end, by the rule of env.h. */
static const char *last_of(char *const *list, const char *name, size_t length)
{
	const char *found = NULL;

	for (; *list; list++)
		if (strncmp(*list, name, length) == 0 && (!(*list)[length] || (*list)[length] == '='))
			found = *list;
	return found;
}

static void check_env(char *const *base, char *const *changes)
{
	size_t nbase = env_count(base), nchanges = env_count(changes), wrong = SIZE_MAX;
	char **merged = malloc((nbase + nchanges + 1) * sizeof(*merged));
	size_t n;

	MUST(merged);
	if (env_check(changes, &wrong) < 0) {
		MUST(wrong < nchanges && (!*changes[wrong] || *changes[wrong] == '='));
		free(merged);
		return;
	}
	env_merge(base, changes, merged);
	n = env_count(merged);
	MUST(n <= nbase + nchanges);
	for (size_t i = 0; i < nchanges; i++) {
		size_t length = strcspn(changes[i], "=");
		const char *last = last_of(changes, changes[i], length), *is = NULL;

		for (size_t j = 0; j < n; j++)
			if (strncmp(merged[j], changes[i], length) == 0 && merged[j][length] == '=') {
				MUST(!is);
				is = merged[j];
			}
		MUST(last[length] ? is == last : !is);
	}
	free(merged);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes b = { data, size };
	char *texts[18] = { NULL }, *file, *search;
	size_t n = 0, nbase;

	nbase = take(&b) % 8;
	file = take_text(&b);
	search = take_text(&b);
	check_path(file, search);
	check_path(file, NULL);
	while (b.left && n < 16) {
		n += n == nbase; /* the NULL between them */
		texts[n++] = take_text(&b);
	}
	if (n > nbase)
		check_env(texts, texts + nbase + 1);
	for (size_t i = 0; i < 18; i++)
		free(texts[i]);
	free(file);
	free(search);
	return 0;
}
