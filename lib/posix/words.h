/* SPDX-License-Identifier: MIT */
/* Pure: the words of a command that a shell would do nothing with but run. */
#ifndef POSIX_WORDS_H
#define POSIX_WORDS_H

#include <stddef.h>

/* How many words a text of that length has at most, and the NULL behind them. */
static inline size_t words_most(size_t length)
{
	return length / 2 + 2;
}

/*
 * Splits text if a POSIX shell would, too, and would then run the first word as a program with the others as its
 * arguments, whatever its variables, files and options are. That is so if
 *
 *	- between words there is nothing but blanks and tabs, and no other control character and no byte above ASCII is
 *	  anywhere;
 *	- outside of quotes a word consists of letters, digits and % + , - . / : = @ _ (so there is no operator, no
 *	  expansion, no pattern, no tilde, brace or comment);
 *	- quotes are '...', and "..." without $ ` \ ! in it, closed, next to each other or to plain characters;
 *	- the first word begins with a letter, a digit, / . or _, has no = in it (no assignment), and is neither a
 *	  reserved word nor a builtin, nor a function's usual name, of any shell that serves as /bin/sh;
 *	- the text does not begin with a sign, which the shell might take for an option.
 *
 * Returns how many words there are, in ret with a NULL behind them and their bytes in room (as long as the text with
 *its NUL), or 0: it takes a shell.
 */
size_t words_split(const char *text, char *room, char **ret);

#endif
