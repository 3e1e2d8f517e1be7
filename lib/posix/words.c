/* SPDX-License-Identifier: MIT */
/*
 * When in doubt it takes a shell: a command that is not recognised costs half a millisecond, one that is taken for
 * plain and is not does something else.
 */
#include <stdlib.h>
#include <string.h>

#include "words.h"

/* Reserved words and builtins of dash, bash, ksh, mksh, zsh and yash, sorted. */
/* clang-format off */
static const char *const taken[] = {
	".", "[", "[[", "]]", "alias", "array", "autoload", "bg", "bind", "bindkey", "break", "builtin", "builtins",
	"bye", "caller", "case", "cd", "chdir", "command", "comparguments", "compgen", "complete", "compopt",
	"compound", "continue", "coproc", "declare", "dirs", "disable", "disown", "do", "done", "echo", "elif",
	"else", "emulate", "enable", "end", "enum", "esac", "eval", "exec", "exit", "export", "false", "fc", "fg",
	"fi", "float", "for", "foreach", "function", "functions", "getcap", "getln", "getopts", "global", "hash",
	"hist", "histcmd", "history", "if", "in", "inlib", "integer", "jobs", "kill", "let", "limit", "local",
	"login", "logout", "mapfile", "nameref", "namespace", "newgrp", "nocorrect", "noglob", "popd", "print",
	"printf", "private", "pushd", "pushln", "pwd", "r", "read", "readarray", "readonly", "rehash", "rename",
	"repeat", "return", "sched", "select", "set", "setcap", "setopt", "setvar", "shift", "shopt", "source",
	"strftime", "suspend", "test", "then", "time", "times", "trap", "true", "ttyctl", "type", "typeset",
	"ulimit", "umask", "unalias", "unfunction", "unhash", "unlimit", "unset", "unsetopt", "until", "vared",
	"wait", "whence", "where", "which", "while", "wordexp", "zcompile", "zformat", "zftp", "zle", "zmodload",
	"zparseopts", "zsocket", "zstat", "zstyle", "ztcp"
};
/* clang-format on */

static int compare(const void *word, const void *entry)
{
	return strcmp(word, *(const char *const *)entry);
}

static int is_letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static int is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static int is_plain(char c)
{
	return c && (is_letter_or_digit(c) || strchr("%+,-./:=@_", c));
}

/* Past the closing quote, or NULL. */
static const char *copy_quoted(const char *text, char **room)
{
	const char quote = *text++;

	for (; *text != quote; text++) {
		if ((*text < ' ' && *text != '\t') || *text > '~')
			return NULL;
		if (quote == '"' && strchr("$`\\!", *text))
			return NULL;
		*(*room)++ = *text;
	}
	return text + 1;
}

/* Past the word, or NULL: it takes a shell. */
static const char *copy_word(const char *text, char **room)
{
	while (text && *text && !is_blank(*text)) {
		if (*text == '\'' || *text == '"')
			text = copy_quoted(text, room);
		else if (is_plain(*text))
			*(*room)++ = *text++;
		else
			return NULL;
	}
	if (text)
		*(*room)++ = '\0';
	return text;
}

static int is_program(const char *word)
{
	return (is_letter_or_digit(*word) || *word == '/' || *word == '.' || *word == '_') && !strchr(word, '=') &&
	       !bsearch(word, taken, sizeof(taken) / sizeof(*taken), sizeof(*taken), compare);
}

size_t words_split(const char *text, char *room, char **ret)
{
	size_t n = 0;

	if (*text == '-' || *text == '+')
		return 0;
	for (;;) {
		while (is_blank(*text))
			text++;
		if (!*text)
			break;
		ret[n++] = room;
		text = copy_word(text, &room);
		if (!text)
			return 0;
	}
	ret[n] = NULL;
	return n && is_program(ret[0]) ? n : 0;
}
