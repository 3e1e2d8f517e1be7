/* SPDX-License-Identifier: MIT */
/* A fuzzer's input, taken apart from its front. What is not there is zero. */
#ifndef FUZZ_BYTES_H
#define FUZZ_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bytes {
	const uint8_t *at;
	size_t left;
};

static inline uint8_t take(struct bytes *b)
{
	if (!b->left)
		return 0;
	b->left--;
	return *b->at++;
}

static inline void take_into(struct bytes *b, void *ret, size_t size)
{
	size_t n = size < b->left ? size : b->left;

	memset(ret, 0, size);
	if (n)
		memcpy(ret, b->at, n);
	b->at += n;
	b->left -= n;
}

/* Up to the next NUL, or all that is left; to be freed. */
static inline char *take_text(struct bytes *b)
{
	size_t n = strnlen((const char *)b->at, b->left);
	char *text = malloc(n + 1);

	if (!text)
		abort();
	take_into(b, text, n);
	text[n] = '\0';
	take(b);
	return text;
}

/* What must hold, whatever the input. */
#define MUST(truth)                                                                                \
	do {                                                                                       \
		if (!(truth)) {                                                                    \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #truth); \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
