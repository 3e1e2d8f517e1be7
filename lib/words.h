/* SPDX-License-Identifier: MIT */
/* The kernel's numbers as people write them. What has no name here stays a number. */
#ifndef USPAWN_WORDS_H
#define USPAWN_WORDS_H

#include <stdint.h>

#include "text.h"

void words_signals(struct text *t, uint64_t set);          /* "HUP,RTMIN+1"; "all"; "none" */
void words_capabilities(struct text *t, uint64_t set);     /* without cap_ */
void words_open(struct text *t, int flags, unsigned mode); /* "O_WRONLY|O_CREAT, 0666" */
void words_resource(struct text *t, int resource);
void words_limit(struct text *t, uint64_t value);
void words_policy(struct text *t, int policy);
void words_mempolicy(struct text *t, int mode);
void words_ioprio(struct text *t, int priority);
void words_numbers(struct text *t, const unsigned long *bits, size_t nbits); /* "0-3,7" */
void words_namespaces(struct text *t, uint64_t flags);                       /* CLONE_NEW*: "user,mnt" */

#endif
