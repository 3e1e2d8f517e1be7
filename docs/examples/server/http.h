/* SPDX-License-Identifier: MIT */
/* The head of an HTTP/1.1 request, as far as a small server needs it: RFC 9112. Pure: no input, no output. */
#ifndef SERVER_HTTP_H
#define SERVER_HTTP_H

#include <stddef.h>

enum { HTTP_HEADERS = 64 };

struct http_header {
	const char *name, *value;
};

/* Points into the buffer that was parsed, which is cut into strings for it. */
struct http_request {
	char *method, *path, *query; /* query: "" if there is none */
	struct http_header headers[HTTP_HEADERS];
	unsigned nheaders;
	size_t content_length;
	int keep_alive;
};

/* How long the head is, with its empty line; 0: not all of it is there. */
size_t http_head_length(const char *buffer, size_t length);

/* 0, or the status to refuse it with. `head` ends with its empty line, and is written to. */
int http_parse(struct http_request *ret, char *head, size_t length);

/* NULL: not there. Names are compared without case. */
const char *http_header(const struct http_request *request, const char *name);

const char *http_reason(int status);

#endif
