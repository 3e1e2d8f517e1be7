/* SPDX-License-Identifier: MIT */
/* What is not understood is refused, never guessed: two readings of one request are how requests are smuggled. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http.h"

size_t http_head_length(const char *buffer, size_t length)
{
	const char *end = memmem(buffer, length, "\r\n\r\n", 4);

	return end ? (size_t)(end - buffer) + 4 : 0;
}

static int is_token(const char *text)
{
	static const char allowed[] = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

	return *text && text[strspn(text, allowed)] == '\0';
}

/* Cuts the line that begins at *at off, and moves *at behind it. NULL: there is a bare CR, LF or NUL in it. */
static char *next_line(char **at)
{
	char *line = *at, *end = strstr(line, "\r\n");

	if (!end)
		return NULL;
	*end = '\0';
	*at = end + 2;
	return line[strcspn(line, "\r\n")] ? NULL : line;
}

static int parse_request_line(struct http_request *request, char *line)
{
	char *target = strchr(line, ' '), *version = target ? strchr(target + 1, ' ') : NULL;

	if (!version)
		return 400;
	*target++ = *version++ = '\0';
	if (!is_token(line) || *target != '/' || strpbrk(target, " \t#"))
		return 400;
	if (strcmp(version, "HTTP/1.1") && strcmp(version, "HTTP/1.0"))
		return 505;
	request->keep_alive = version[7] == '1';
	request->method = line;
	request->path = target;
	request->query = "";
	target = strchr(target, '?');
	if (target) {
		*target = '\0';
		request->query = target + 1;
	}
	return 0;
}

static int parse_header(struct http_request *request, char *line)
{
	char *value = strchr(line, ':'), *end;

	if (!value || request->nheaders == HTTP_HEADERS)
		return value ? 431 : 400;
	*value++ = '\0';
	if (!is_token(line))
		return 400;
	value += strspn(value, " \t");
	for (end = value + strlen(value); end > value && (end[-1] == ' ' || end[-1] == '\t'); end--)
		;
	*end = '\0';
	request->headers[request->nheaders++] = (struct http_header){ line, value };
	return 0;
}

const char *http_header(const struct http_request *request, const char *name)
{
	for (unsigned i = 0; i < request->nheaders; i++)
		if (!strcasecmp(request->headers[i].name, name))
			return request->headers[i].value;
	return NULL;
}

static int parse_length(struct http_request *request)
{
	const char *given = NULL;

	for (unsigned i = 0; i < request->nheaders; i++) {
		if (strcasecmp(request->headers[i].name, "Content-Length"))
			continue;
		if (given)
			return 400;
		given = request->headers[i].value;
	}
	if (http_header(request, "Transfer-Encoding"))
		return 411;
	if (!given)
		return 0;
	if (!*given || given[strspn(given, "0123456789")] || strlen(given) > 18)
		return 400;
	request->content_length = strtoull(given, NULL, 10);
	return 0;
}

int http_parse(struct http_request *ret, char *head, size_t length)
{
	const char *connection;
	char *at = head, *line;
	int r;

	*ret = (struct http_request){ 0 };
	if (memchr(head, '\0', length))
		return 400;
	head[length - 2] = '\0'; /* in place of the empty line's CR */
	line = next_line(&at);
	r = line ? parse_request_line(ret, line) : 400;
	while (!r && *at) {
		line = next_line(&at);
		r = line ? parse_header(ret, line) : 400;
	}
	if (!r)
		r = parse_length(ret);
	connection = http_header(ret, "Connection");
	if (connection && !strcasecmp(connection, "close"))
		ret->keep_alive = 0;
	else if (connection && !strcasecmp(connection, "keep-alive"))
		ret->keep_alive = 1;
	return r;
}

const char *http_reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} known[] = {
		{ 200, "OK" },
		{ 302, "Found" },
		{ 400, "Bad Request" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 411, "Length Required" },
		{ 413, "Content Too Large" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
		{ 505, "HTTP Version Not Supported" },
	};

	for (unsigned i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (known[i].status == status)
			return known[i].reason;
	return "Unknown";
}
