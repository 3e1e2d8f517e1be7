/* SPDX-License-Identifier: MIT */
/*
 * Filling is done for each item, so the usual case, where the item is a word of its own at the end, copies nothing.
 */
#include "template.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int template_new(struct template *t, char **words, const char *mark)
{
	*t = (struct template){ .words = words, .mark = mark };
	for (; words[t->n]; t->n++)
		t->anywhere |= strstr(words[t->n], mark) != NULL;
	t->in_program = strstr(words[0], mark) != NULL;
	t->argv = calloc(t->n + 2, sizeof(*t->argv));
	if (!t->argv)
		return -ENOMEM;
	memcpy(t->argv, words, t->n * sizeof(*words));
	return 0;
}

/* Where to is NULL, only counts. Returns the length with the final NUL. */
static size_t fill_word(char *to, const char *word, const char *mark, const char *item, size_t item_len)
{
	size_t mark_len = strlen(mark), total = 0, len;
	const char *gap;

	for (;; word = gap + mark_len) {
		gap = strstr(word, mark);
		len = gap ? (size_t)(gap - word) : strlen(word) + 1;
		if (to) {
			memcpy(to + total, word, len);
			if (gap)
				memcpy(to + total + len, item, item_len);
		}
		total += len;
		if (!gap)
			return total;
		total += item_len;
	}
}

char **template_fill(struct template *t, char *item)
{
	size_t item_len, need = 0, at = 0;

	if (!t->anywhere) {
		t->argv[t->n] = item;
		return t->argv;
	}
	item_len = strlen(item);
	for (size_t i = 0; i < t->n; i++)
		need += fill_word(NULL, t->words[i], t->mark, item, item_len);
	if (need > t->size) {
		free(t->text);
		t->size = need * 2;
		t->text = malloc(t->size);
		if (!t->text) {
			t->size = 0;
			return NULL;
		}
	}
	for (size_t i = 0; i < t->n; i++) {
		t->argv[i] = t->text + at;
		at += fill_word(t->argv[i], t->words[i], t->mark, item, item_len);
	}
	return t->argv;
}

void template_done(struct template *t)
{
	free(t->argv);
	free(t->text);
	*t = (struct template){ 0 };
}
