/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "axis.h"
#include "run.h"

enum { ON_START = 1 << START, ON_RATE = 1 << RATE, ON_REAP = 1 << REAP, ALWAYS = ON_START | ON_RATE | ON_REAP };

static const char *const children[] = { "tiny", "static", "dynamic", "script", "sh", NULL };
static const char *const reaper_words[] = {
	"default", "blocking", "ring-poll", "ring-waitid", "epoll", "sigchld", NULL
};
static const char *const pages[] = { "small", "huge", NULL };

const char *const measure_names[] = { "start", "rate", "reap" };

#define NUMBER(label, field, low, high, where, text)                                                                 \
	{                                                                                                            \
		.name = label, .about = text, .member = offsetof(struct setting, field), .least = low, .most = high, \
		.measures = where                                                                                    \
	}
#define WORDS(label, field, list, where, text)                                               \
	{                                                                                    \
		.name = label, .about = text, .member = offsetof(struct setting, field),     \
		.most = sizeof(list) / sizeof(list[0]) - 2, .words = list, .measures = where \
	}

const struct axis axes[] = {
	NUMBER("rss", rss_mib, 0, 1 << 24, ALWAYS, "MiB of memory that the starting process has touched"),
	WORDS("pages", huge, pages, ALWAYS, "small, huge: those of that memory"),
	NUMBER("fds", fds, 0, 1 << 30, ALWAYS, "descriptors that it has open besides"),
	NUMBER("threads", threads, 1, 256, ALWAYS, "its threads; for rate they all start children, else one does"),
	NUMBER("processes", processes, 1, MAX_PROCESSES, ON_RATE, "such processes at once"),
	NUMBER("inflight", inflight, 1, 4096, ON_RATE, "children that run at once, for each thread [16]"),
	NUMBER("live", live, 0, 1 << 22, ALWAYS, "idle children that it has and watches"),
	NUMBER("env", env, 0, 1 << 20, ALWAYS, "environment variables of 32 bytes"),
	NUMBER("argv", argv, 0, 1 << 20, ALWAYS, "arguments of 32 bytes"),
	NUMBER("path-misses", path_misses, 0, 1000, ON_START | ON_RATE,
	       "folders of PATH before the one with the program; 0: no search"),
	WORDS("child", child, children, ON_START | ON_RATE,
	      "tiny (no libc), static, dynamic, script (#!/bin/sh), sh (-c)"),
	WORDS("reaper", reaper, reaper_words, ALWAYS,
	      "default (each contestant's own), blocking, ring-poll, ring-waitid, epoll, sigchld"),
	NUMBER("rate", rate, 0, 1000000, ON_START, "starts that are due each second; 0: one after the other"),
	NUMBER("burst", burst, 0, MAX_BATCH, ON_START, "starts that are due at once; 0: one after the other"),
};
const size_t naxes = sizeof(axes) / sizeof(axes[0]);

const struct axis *axis_named(const char *name, size_t length)
{
	for (size_t i = 0; i < naxes; i++)
		if (strlen(axes[i].name) == length && !strncmp(axes[i].name, name, length))
			return &axes[i];
	return NULL;
}

uint32_t axis_get(const struct axis *axis, const struct setting *setting)
{
	uint32_t value;

	memcpy(&value, (const char *)setting + axis->member, sizeof(value));
	return value;
}

void axis_set(const struct axis *axis, struct setting *setting, uint32_t value)
{
	memcpy((char *)setting + axis->member, &value, sizeof(value));
}

static int parse_word(const struct axis *axis, const char *text, size_t length, uint32_t *ret, char *why, size_t size)
{
	size_t at;

	for (uint32_t i = 0; i <= axis->most; i++)
		if (strlen(axis->words[i]) == length && !strncmp(axis->words[i], text, length)) {
			*ret = i;
			return 0;
		}
	at = (size_t)snprintf(why, size, "%s %.*s: there are", axis->name, (int)(length < 64 ? length : 64), text);
	for (uint32_t i = 0; i <= axis->most && at < size; i++)
		at += (size_t)snprintf(why + at, size - at, "%s %s", i ? "," : "", axis->words[i]);
	return -EINVAL;
}

int axis_parse(const struct axis *axis, enum measure measure, const char *text, size_t length, uint32_t *ret, char *why,
	       size_t size)
{
	char digits[32];
	unsigned long long n;
	char *end;

	if (!(axis->measures & 1u << measure)) {
		snprintf(why, size, "%s: has no meaning for %s%s", axis->name, measure_names[measure],
			 measure == START && !strcmp(axis->name, "inflight") ? "; there it is burst" : "");
		return -EINVAL;
	}
	if (axis->words)
		return parse_word(axis, text, length, ret, why, size);
	snprintf(digits, sizeof(digits), "%.*s", (int)length, text);
	n = strtoull(digits, &end, 10);
	if (length >= sizeof(digits) || *end || *digits < '0' || *digits > '9' || n < axis->least || n > axis->most) {
		snprintf(why, size, "%s %.*s: a number from %u to %u is needed", axis->name, (int)length, text,
			 axis->least, axis->most);
		return -EINVAL;
	}
	*ret = (uint32_t)n;
	return 0;
}

const char *axis_label(const struct axis *axis, uint32_t value, char *buffer, size_t size)
{
	if (axis->words)
		return axis->words[value];
	snprintf(buffer, size, "%u", value);
	return buffer;
}
