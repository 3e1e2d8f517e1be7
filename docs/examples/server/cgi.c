/* SPDX-License-Identifier: MIT */
/*
 * A program gets the variables of the standard and those of its request, and nothing of the server's own environment
 * but PATH. HTTP_PROXY is left out: programs take it for their proxy.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cgi.h"

int cgi_split(char *path, struct cgi_call *ret)
{
	static const char prefix[] = "/cgi/";
	char *name = path + sizeof(prefix) - 1, *info;

	if (strncmp(path, prefix, sizeof(prefix) - 1) || !*name || *name == '/' || *name == '.')
		return 0;
	info = strchr(name, '/');
	ret->name = name;
	ret->info = "";
	if (info) {
		/* The slash is both: it ends the name, and begins the rest. */
		memmove(name - 1, name, (size_t)(info - name));
		info[-1] = '\0';
		ret->name = name - 1;
		ret->info = info;
	}
	return 1;
}

__attribute__((format(printf, 2, 3))) static int put(struct cgi_environment *env, const char *format, ...)
{
	size_t left = sizeof(env->bytes) - env->used;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(env->bytes + env->used, left, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= left || env->count == CGI_VARIABLES)
		return 431;
	env->list[env->count++] = env->bytes + env->used;
	env->list[env->count] = NULL;
	env->used += (size_t)n + 1;
	return 0;
}

static int put_header(struct cgi_environment *env, const struct http_header *header)
{
	static const char *const elsewhere[] = { "Content-Length", "Content-Type", "Authorization", "Proxy",
						 "Connection" };
	char *name;
	int r;

	for (unsigned i = 0; i < sizeof(elsewhere) / sizeof(*elsewhere); i++)
		if (!strcasecmp(header->name, elsewhere[i]))
			return 0;
	r = put(env, "HTTP_%s=%s", header->name, header->value);
	if (r)
		return r;
	for (name = env->list[env->count - 1]; *name != '='; name++)
		*name = *name == '-' ? '_' : (char)toupper((unsigned char)*name);
	return 0;
}

int cgi_environment(struct cgi_environment *ret, const struct http_request *request, const struct cgi_call *call)
{
	const char *type = http_header(request, "Content-Type"), *host = http_header(request, "Host");
	const char *search = getenv("PATH");
	int r = 0;

	ret->used = ret->count = 0;
	r |= put(ret, "GATEWAY_INTERFACE=CGI/1.1");
	r |= put(ret, "SERVER_SOFTWARE=uspawn-example");
	r |= put(ret, "SERVER_PROTOCOL=HTTP/1.1");
	r |= put(ret, "SERVER_NAME=%s", host ? host : "localhost");
	r |= put(ret, "SERVER_PORT=%u", call->port);
	r |= put(ret, "REMOTE_ADDR=%s", call->ip);
	r |= put(ret, "REQUEST_METHOD=%s", request->method);
	r |= put(ret, "SCRIPT_NAME=/cgi/%s", call->name);
	r |= put(ret, "QUERY_STRING=%s", request->query);
	r |= put(ret, "PATH=%s", search ? search : "/usr/bin:/bin");
	if (*call->info)
		r |= put(ret, "PATH_INFO=%s", call->info);
	if (request->content_length)
		r |= put(ret, "CONTENT_LENGTH=%zu", request->content_length);
	if (type)
		r |= put(ret, "CONTENT_TYPE=%s", type);
	for (unsigned i = 0; !r && i < request->nheaders; i++)
		r = put_header(ret, &request->headers[i]);
	return r ? 431 : 0;
}

/* The line at *at without its end, which may be a bare LF here. NULL: no whole line is left. */
static const char *next_line(const char **at, const char *end, size_t *retlength)
{
	const char *line = *at, *stop = memchr(line, '\n', (size_t)(end - line));

	if (!stop)
		return NULL;
	*at = stop + 1;
	*retlength = (size_t)(stop - line) - (stop > line && stop[-1] == '\r');
	return line;
}

static const char *value_of(const char *line, size_t length, const char *name, size_t *retlength)
{
	size_t n = strlen(name);

	if (length <= n || strncasecmp(line, name, n) || line[n] != ':')
		return NULL;
	for (n++; n < length && (line[n] == ' ' || line[n] == '\t'); n++)
		;
	*retlength = length - n;
	return line + n;
}

int cgi_parse(struct cgi_answer *ret, const char *output, size_t length)
{
	const char *at = output, *end = output + length, *line, *value;
	size_t n, value_length;
	int seen = 0;

	*ret = (struct cgi_answer){ .status = 200 };
	while ((line = next_line(&at, end, &n)) && n) {
		seen = 1;
		if ((value = value_of(line, n, "Status", &value_length))) {
			ret->status = atoi(value);
		} else if ((value = value_of(line, n, "Content-Type", &value_length))) {
			ret->type = value;
			ret->type_length = value_length;
		} else if ((value = value_of(line, n, "Location", &value_length))) {
			ret->location = value;
			ret->location_length = value_length;
			ret->status = ret->status == 200 ? 302 : ret->status;
		} else if (!memchr(line, ':', n)) {
			return -1;
		}
	}
	if (!line || !seen || ret->status < 100 || ret->status > 999)
		return -1;
	ret->body = at;
	ret->body_length = (size_t)(end - at);
	return 0;
}
