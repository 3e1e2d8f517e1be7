/* SPDX-License-Identifier: MIT */
/* Capabilities as people write them, to the words the kernel takes. */
#ifndef USPAWN_CRED_H
#define USPAWN_CRED_H

#include <stdint.h>

struct cred {
	uint64_t effective, permitted, inheritable, ambient;
	uint64_t unbounded; /* to be dropped from the bounding set */
};

/* As cap_from_text(3) has it: the first three 0, or -EINVAL. */
int cred_read_caps(const char *text, struct cred *ret);

/* As cap_iab_from_text(3) has it: the last three. */
int cred_read_iab(const char *text, struct cred *ret);

#endif
