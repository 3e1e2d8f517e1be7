/* SPDX-License-Identifier: MIT */
/* In the place of a contestant whose library was not there when this was built: NAME, LIBRARY, SYMBOL. */
#include "bench.h"

extern const struct contestant SYMBOL;

const struct contestant SYMBOL = {
	.name = NAME,
	.about = LIBRARY "'s way",
	.missing = LIBRARY " was not installed when this was built",
};
