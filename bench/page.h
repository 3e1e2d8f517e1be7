/* SPDX-License-Identifier: MIT */
/* One HTML page with everything in it: no scripts, and nothing that is fetched. */
#ifndef PAGE_H
#define PAGE_H

#include <stdio.h>
#include "plot.h"

/* The sections of a result stand side by side. */
void page_put(FILE *out, const struct section *sections, size_t n);

#endif
