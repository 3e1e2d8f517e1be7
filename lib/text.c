/* SPDX-License-Identifier: MIT */
/* One pointer that moves, so that no caller has to count. */
#include <stdarg.h>
#include <stdio.h>

#include "text.h"

void text_add(struct text *t, const char *format, ...)
{
	size_t left = t->length < t->size ? t->size - t->length : 0;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(left ? t->buf + t->length : NULL, left, format, args);
	va_end(args);
	if (n > 0)
		t->length += (size_t)n;
}

void text_comma(struct text *t, size_t begin)
{
	if (t->length > begin)
		text_add(t, ",");
}
