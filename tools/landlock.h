/* SPDX-License-Identifier: MIT */
/* Landlock rulesets as setpriv(1) words them: what is restricted, and what is allowed all the same. */
#ifndef LANDLOCK_H
#define LANDLOCK_H

#include <stdint.h>

#define LANDLOCK_ACCESS_FORM "fs, or fs:ACCESS,... such as fs:write-file,remove-file"
#define LANDLOCK_RULE_FORM   "path-beneath:ACCESS,...:PATH, such as path-beneath:read-file,read-dir:/usr"

/* "fs" is all that this kernel knows. 0 or -EINVAL; -EOPNOTSUPP: this kernel has no Landlock. */
int landlock_access_parse(const char *text, uint64_t *ret);

/* A descriptor of a ruleset that restricts `access`, or -errno; *retrule is the rule that was wrong, or NULL. */
int landlock_ruleset(uint64_t access, char *const *rules, uint32_t nrules, const char **retrule);

#endif
