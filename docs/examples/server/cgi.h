/* SPDX-License-Identifier: MIT */
/* CGI/1.1: what a program is told (RFC 3875, section 4) and what its answer means (section 6). Pure. */
#ifndef SERVER_CGI_H
#define SERVER_CGI_H

#include <stddef.h>
#include <stdint.h>

#include "http.h"

enum { CGI_VARIABLES = HTTP_HEADERS + 20, CGI_BYTES = 16384 };

struct cgi_environment {
	char *list[CGI_VARIABLES + 1]; /* for execve(2) */
	char bytes[CGI_BYTES];
	size_t used;
	unsigned count;
};

struct cgi_call {
	char *name;     /* of the program: one segment of the path */
	char *info;     /* what follows it, with its slash; "" */
	const char *ip; /* the client's */
	uint16_t port;  /* the server's */
};

/* 1: the path is a call of a program. Cuts it into the call's parts. */
int cgi_split(char *path, struct cgi_call *ret);

/* 0, or the status to refuse it with. */
int cgi_environment(struct cgi_environment *ret, const struct http_request *request, const struct cgi_call *call);

struct cgi_answer {
	int status;
	const char *type; /* NULL: none */
	size_t type_length;
	const char *location; /* NULL: none */
	size_t location_length;
	const char *body;
	size_t body_length;
};

/* 0, or -1: that is no answer. Points into the output. */
int cgi_parse(struct cgi_answer *ret, const char *output, size_t length);

#endif
