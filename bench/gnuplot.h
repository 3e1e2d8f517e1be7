/* SPDX-License-Identifier: MIT */
/* gnuplot as a function from a script to an SVG picture. */
#ifndef GNUPLOT_H
#define GNUPLOT_H

/*
 * *ret: the picture, to be freed. id: a word that no other picture on the same page has. names: what the plots of the
 * script show, in its order, for a pointer that rests on them. Returns 0, or 2 after one line that says why.
 */
int gnuplot_draw(char **ret, const char *script, const char *id, const char *const *names, unsigned int nnames);

#endif
