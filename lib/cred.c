/* SPDX-License-Identifier: MIT */
/* The one room that knows libcap, and of it only what reads text. */
#include <errno.h>
#include <sys/capability.h>

#include "cred.h"

#define BITS 64

static uint64_t flag_of(cap_t caps, cap_flag_t flag)
{
	cap_flag_value_t value;
	uint64_t set = 0;

	for (int n = 0; n < BITS && cap_get_flag(caps, n, flag, &value) == 0; n++)
		set |= (uint64_t)(value == CAP_SET) << n;
	return set;
}

int cred_read_caps(const char *text, struct cred *ret)
{
	int saved = errno;
	cap_t caps = cap_from_text(text);

	if (caps) {
		ret->effective = flag_of(caps, CAP_EFFECTIVE);
		ret->permitted = flag_of(caps, CAP_PERMITTED);
		ret->inheritable = flag_of(caps, CAP_INHERITABLE);
		cap_free(caps);
	}
	errno = saved;
	return caps ? 0 : -EINVAL;
}

static uint64_t vector_of(cap_iab_t iab, cap_iab_vector_t vector)
{
	uint64_t set = 0;

	for (int n = 0; n < cap_max_bits(); n++)
		set |= (uint64_t)(cap_iab_get_vector(iab, vector, n) == CAP_SET) << n;
	return set;
}

int cred_read_iab(const char *text, struct cred *ret)
{
	int saved = errno;
	cap_iab_t iab = cap_iab_from_text(text);

	if (iab) {
		ret->inheritable = vector_of(iab, CAP_IAB_INH);
		ret->ambient = vector_of(iab, CAP_IAB_AMB);
		ret->unbounded = vector_of(iab, CAP_IAB_BOUND);
		cap_free(iab);
	}
	errno = saved;
	return iab ? 0 : -EINVAL;
}
