/* SPDX-License-Identifier: MIT */
/*
 * What all commands' options have in common: numbers and names as values, and the one line that is said about an
 * option or a value that cannot be right.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decimal digits and nothing else, from min to max. 0 or -EINVAL. */
int number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *ret);

/* Bytes, as systemd.syntax(7) writes them: 4096, 64K, 512M, 2G, 1T. 0 or -EINVAL; 0 bytes are none. */
int size_parse(const char *text, uint64_t *ret);

/* What an option that takes a size says when it got something else. */
#define SIZE_FORM "bytes, or with a unit: 64K, 512M, 2G, 1T"

/* As taskset(1) has it: "0,3,7-11", "0-31:2" into bits. 0 or -EINVAL. */
int list_parse(const char *list, unsigned long *bits, uint32_t nbits);

/* enum uspawn_rung by name, and back. 0 or -EINVAL; never NULL. */
int rung_parse(const char *name, uint32_t *ret);
const char *rung_name(uint32_t rung);

/* "--umask '9z': must be FORM". Returns EXIT_OWN_ERROR, as the next does. */
int refuse_value(const char *option, const char *value, const char *form);

/* As getopt_long(3); but "--" in a word of its own is no option's value, and ':' is the answer. */
int next_option(int argc, char **argv, const char *letters, const struct option *known);

/* About the option that next_option() has just answered with '?' or ':'. Its letters begin with "+:". */
int refuse_option(int answer, char *const *argv, const struct option *known);

/*
 * Before words there stood, as the last option, one that takes a value only behind a '='. Was it to have the first of
 * them? So it seems if a "--" comes later: "--json FILE -- PROGRAM".
 */
bool seems_a_value(char *const *words);

/* Is there one by that whole name, of len letters? */
bool options_have(const struct option *known, const char *name, size_t len);

#endif
