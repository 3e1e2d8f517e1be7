/* SPDX-License-Identifier: MIT */
/* How contestants look: the same colour, dash and mark in every plot, on a light and on a dark screen. */
#ifndef LOOK_H
#define LOOK_H

#include <stdio.h>

/* As gnuplot's line style n: set style line n ... Names that are not known take turns with what is left. */
void look_line(FILE *script, unsigned int n, const char *name);

/* The style sheet of a picture. */
void look_styles(FILE *out);

/* The style sheet of the page. */
extern const char page_styles[];

/* gnuplot.c: text for XML and HTML. */
void put_escaped(FILE *out, const char *text);

#endif
