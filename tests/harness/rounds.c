/* SPDX-License-Identifier: MIT */
#include "rounds.h"

#include <stdlib.h>

int rounds(int whole)
{
	const char *percent = getenv("USPAWN_TEST_ROUNDS");
	int some = percent ? whole * atoi(percent) / 100 : whole;

	return some > 0 ? some : 1;
}
