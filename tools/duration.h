/* SPDX-License-Identifier: MIT */
/*
 * Time: the durations that people write, and the clock they are measured by. All of it in nanoseconds.
 */
#ifndef DURATION_H
#define DURATION_H

#include <stdint.h>

#define NS_PER_S  INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)

/* As timeout(1) reads it: "1.5", "10s", "2m", "1h", "1d"; 0 means no limit. 0 or -EINVAL. */
int duration_parse(const char *text, int64_t *ret_ns);

/* What an option that takes a duration says when it got something else. */
#define DURATION_FORM "seconds, such as 1.5, or with a unit: 500ms, 30s, 5m, 2h, 1d"

int64_t now_ns(void);

/* For poll(2): never earlier than asked. Negative: for ever. */
int duration_to_poll(int64_t ns);

#endif
