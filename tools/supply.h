/* SPDX-License-Identifier: MIT */
/* From the input to the places: the items that are to be run. */
#ifndef SUPPLY_H
#define SUPPLY_H

#include "outcome.h"

/* An item at a free place. NULL: there is no place, or no item now. */
struct job *supply_next(struct each *e);

/* More input. It may wait for that. */
void supply_read(struct each *e);

#endif
