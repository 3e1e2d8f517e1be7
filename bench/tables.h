/* SPDX-License-Identifier: MIT */
/* All figures of a section, as tables that scroll inside themselves. */
#ifndef TABLES_H
#define TABLES_H

#include <stdio.h>
#include "plot.h"

void tables_put(FILE *out, const struct section *section);

/* page.c: text in an element. */
void put_words(FILE *out, const char *tag, const char *text);

#endif
