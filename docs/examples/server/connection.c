/* SPDX-License-Identifier: MIT */
/*
 * Receive the head, receive the body, answer or call a program, send, and again. A connection goes when nothing of the
 * kernel's refers to it any more: `pending` counts that.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "call.h"
#include "connection.h"
#include "spawner.h"

enum { HEAD_CAP = 8192, LINGER_CAP = 1 << 20 };

struct connection {
	int sock;
	unsigned pending;
	unsigned closing : 1, lingering : 1, keep_alive : 1, calling : 1;

	struct http_request request;
	char buffer[HEAD_CAP]; /* what was received: a head, and perhaps more */
	size_t received, head;
	char *body;
	size_t body_received;

	struct call call;
	char *answer;
	size_t answer_length, answer_sent;
};

static const struct settings *settings;
static uint16_t server_port;

void connections_open(const struct settings *given, uint16_t port)
{
	settings = given;
	server_port = port;
}

/* ---- Input, output, end ---- */

static void receive(struct connection *c)
{
	struct io_uring_sqe *sqe = get_sqe();

	if (c->body)
		io_uring_prep_recv(sqe, c->sock, c->body + c->body_received,
				   c->request.content_length - c->body_received, 0);
	else
		io_uring_prep_recv(sqe, c->sock, c->buffer + c->received, HEAD_CAP - c->received, 0);
	io_uring_sqe_set_data64(sqe, (uintptr_t)c | CONNECTION_RECEIVE);
	c->pending++;
}

static void send_rest(struct connection *c)
{
	struct io_uring_sqe *sqe = get_sqe();

	io_uring_prep_send(sqe, c->sock, c->answer + c->answer_sent, c->answer_length - c->answer_sent, MSG_NOSIGNAL);
	io_uring_sqe_set_data64(sqe, (uintptr_t)c | CONNECTION_SEND);
	c->pending++;
}

static void end(struct connection *c)
{
	if (!c->closing && c->calling && call_abandon(&c->call))
		c->calling = 0;
	c->closing = 1;
	if (c->pending || c->calling)
		return;
	close(c->sock);
	free(c->body);
	free(c->call.output);
	free(c->answer);
	free(c);
}

/* ---- Answers ---- */

static void answer(struct connection *c, int status, const struct cgi_answer *cgi, const char *body, size_t length)
{
	char head[512];
	int n = snprintf(head, sizeof(head), "HTTP/1.1 %d %s\r\nContent-Length: %zu\r\n%s", status, http_reason(status),
			 length, c->keep_alive ? "" : "Connection: close\r\n");

	if (cgi && cgi->location && cgi->location_length < 200)
		n += sprintf(head + n, "Location: %.*s\r\n", (int)cgi->location_length, cgi->location);
	if (cgi && cgi->type && cgi->type_length < 100)
		n += sprintf(head + n, "Content-Type: %.*s\r\n\r\n", (int)cgi->type_length, cgi->type);
	else
		n += sprintf(head + n, "Content-Type: text/plain\r\n\r\n");
	c->answer = malloc((size_t)n + length);
	if (!c->answer) {
		end(c);
		return;
	}
	memcpy(c->answer, head, (size_t)n);
	if (length)
		memcpy(c->answer + n, body, length);
	c->answer_length = (size_t)n + length;
	c->answer_sent = 0;
	send_rest(c);
}

static void refuse(struct connection *c, int status)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "%d %s\n", status, http_reason(status));

	answer(c, status, NULL, text, (size_t)n);
}

void connection_answered(struct call *call, int status)
{
	struct connection *c = call->owner;
	struct cgi_answer cgi;

	c->calling = 0;
	if (c->closing)
		end(c);
	else if (status != 200)
		refuse(c, status);
	else if (cgi_parse(&cgi, call->output, call->output_length) < 0)
		refuse(c, 502);
	else
		answer(c, cgi.status, &cgi, cgi.body, cgi.body_length);
}

/* ---- Requests ---- */

static void call_program(struct connection *c)
{
	int status;

	c->call.request = &c->request;
	c->call.cgi.ip = "127.0.0.1";
	c->call.cgi.port = server_port;
	c->call.body = c->body;
	c->call.owner = c;
	status = call_begin(&c->call);
	c->calling = !status;
	if (status)
		refuse(c, status);
}

static void answer_status(struct connection *c)
{
	uint32_t running, waiting;
	char text[64];

	calls_count(&running, &waiting);
	answer(c, 200, NULL, text, (size_t)snprintf(text, sizeof(text), "running %u\nwaiting %u\n", running, waiting));
}

static void handle(struct connection *c)
{
	if (cgi_split(c->request.path, &c->call.cgi))
		call_program(c);
	else if (strcmp(c->request.method, "GET"))
		refuse(c, 405);
	else if (!strcmp(c->request.path, "/"))
		answer(c, 200, NULL, "hello\n", 6);
	else if (!strcmp(c->request.path, "/status"))
		answer_status(c);
	else
		refuse(c, 404);
}

/* Takes what came with the head. Returns 0 when there is no memory for the body. */
static int begin_body(struct connection *c)
{
	size_t length = c->request.content_length, here = c->received - c->head;

	c->body_received = here < length ? here : length;
	c->body = length ? malloc(length) : NULL;
	if (length && !c->body)
		return 0;
	if (length)
		memcpy(c->body, c->buffer + c->head, c->body_received);
	c->head += c->body_received;
	return 1;
}

static int parse_head(struct connection *c)
{
	int status;

	c->head = http_head_length(c->buffer, c->received);
	if (!c->head)
		return c->received == HEAD_CAP ? 431 : 0;
	status = http_parse(&c->request, c->buffer, c->head);
	if (!status && c->request.content_length > settings->body_cap)
		status = 413;
	return status ? status : begin_body(c) ? 0 : 503;
}

/* What was received may be a whole request by now. What cannot be understood ends the connection. */
static void advance(struct connection *c)
{
	int status = c->head ? 0 : parse_head(c);

	c->keep_alive = !status && c->request.keep_alive;
	if (status)
		refuse(c, status);
	else if (!c->head || c->body_received < c->request.content_length)
		receive(c);
	else
		handle(c);
}

/* A close with something unread would take the answer back: the rest is read, up to a bound, and let go. */
static void linger(struct connection *c)
{
	shutdown(c->sock, SHUT_WR);
	c->lingering = 1;
	c->head = c->received = 0;
	receive(c);
}

static void lingered(struct connection *c, int res)
{
	c->head += (size_t)res;
	if (c->head < LINGER_CAP)
		receive(c);
	else
		end(c);
}

static void next_request(struct connection *c)
{
	free(c->answer);
	free(c->body);
	c->answer = c->body = NULL;
	if (!c->keep_alive) {
		linger(c);
		return;
	}
	c->received -= c->head;
	memmove(c->buffer, c->buffer + c->head, c->received);
	c->head = 0;
	if (c->received)
		advance(c);
	else
		receive(c);
}

void connection_complete(struct connection *c, enum connection_operation operation, int res)
{
	c->pending--;
	if (res <= 0 || c->closing) {
		end(c);
	} else if (c->lingering) {
		lingered(c, res);
	} else if (operation == CONNECTION_RECEIVE) {
		*(c->body ? &c->body_received : &c->received) += (size_t)res;
		advance(c);
	} else {
		c->answer_sent += (size_t)res;
		if (c->answer_sent < c->answer_length)
			send_rest(c);
		else
			next_request(c);
	}
}

void connection_new(int sock)
{
	struct connection *c = calloc(1, sizeof(*c));

	if (!c) {
		close(sock);
		return;
	}
	c->sock = sock;
	receive(c);
}
