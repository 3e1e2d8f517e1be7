/* SPDX-License-Identifier: MIT */
/* In place of cred.c in what is preloaded, which should not need libcap, and where there is no libcap. */
#include <errno.h>

#include "cred.h"

int cred_read_caps(const char *text, struct cred *ret)
{
	(void)text;
	(void)ret;
	return -EOPNOTSUPP;
}

int cred_read_iab(const char *text, struct cred *ret)
{
	(void)text;
	(void)ret;
	return -EOPNOTSUPP;
}
