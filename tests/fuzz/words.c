/* SPDX-License-Identifier: MIT */
/*
 * The rule by which a shell is left out. tests/shell-fuzz.c asks a shell whether the words are right; here it is seen
 * that none is found where there may be more to a command, and that quoting them all changes nothing.
 */
#include "bytes.h"
#include "posix/words.h"

static int is_plain(char c)
{
	return c && strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+,-./:=@_ \t'\"", c);
}

/* Outside of quotes. */
static int has_other(const char *text)
{
	char quote = 0;

	for (; *text; text++) {
		if (quote)
			quote = *text == quote ? 0 : quote;
		else if (*text == '\'' || *text == '"')
			quote = *text;
		else if (!is_plain(*text))
			return 1;
	}
	return quote != 0;
}

/* All words between single quotes; 0 if one has such a quote in it. */
static int quote_all(char *ret, char *const *words)
{
	for (; *words; words++) {
		if (strchr(*words, '\''))
			return 0;
		ret += sprintf(ret, "'%s' ", *words);
	}
	return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes b = { data, size };
	char *text = take_text(&b);
	size_t length = strlen(text), most = 4 * length + 8, n, again;
	char *room = malloc(length + 1), *quoted = malloc(most), *more = malloc(most);
	char **words = malloc(words_most(length) * sizeof(*words)),
	     **others = malloc(words_most(most) * sizeof(*others));

	MUST(room && quoted && more && words && others);
	n = words_split(text, room, words);
	if (n) {
		MUST(!has_other(text) && n < words_most(length) && !words[n] && !strchr(words[0], '='));
		for (size_t i = 0; i < n; i++)
			MUST(words[i] >= room && words[i] + strlen(words[i]) <= room + length);
	}
	if (n && quote_all(quoted, words)) {
		again = words_split(quoted, more, others);
		MUST(again == n || again == 0);
		for (size_t i = 0; i < again; i++)
			MUST(strcmp(words[i], others[i]) == 0);
	}
	free(text);
	free(room);
	free(quoted);
	free(more);
	free(words);
	free(others);
	return 0;
}
