/* SPDX-License-Identifier: MIT */
/*
 * A server with an epoll loop that starts a process for each connection and never waits for a start. The socket is
 * given away with the start: the child has it as its input and output, and the server has nothing left to close.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uspawn.h>

enum { CLIENTS = 50 };

struct connection {
	struct uspawn_child child;
	int sock;
};

static struct uspawn_ring *ring;
static struct uspawn_plan *worker;
static int finished, failed;

/* The one place where a connection ends: its child has ended, or did not even start. */
static void finish(struct connection *c)
{
	finished++;
	failed += c->child.exit.code != USPAWN_EXITED || c->child.exit.status != 0;
	if (c->sock >= 0) /* -1 once it was given away */
		close(c->sock);
	free(c);
}

static void serve(int sock)
{
	struct connection *c = malloc(sizeof(*c));

	if (!c)
		exit(1);
	c->child.data = c;
	c->sock = sock;
	if (uspawn_ring_start(ring, &c->child, worker, USPAWN(args, .fds = &c->sock, .nfds = 1, .give = 1)) < 0)
		finish(c);
}

static void collect(void)
{
	struct uspawn_event events[64];

	for (int n; (n = uspawn_ring_wait(ring, events, 64, 0)) > 0;)
		while (n--)
			finish(events[n].child->data);
}

static int set_up(void)
{
	char *argv[] = { "cat", NULL };
	const struct uspawn_fd fds[] = { { 0, .fd = USPAWN_ARG(0) }, { 1, .fd = USPAWN_ARG(0) } };
	int r = uspawn_ring_new(&ring, CLIENTS, 0);

	return r < 0 ? r : uspawn_plan_new(&worker, USPAWN(request, .argv = argv, .fds = fds, .nfds = 2), NULL);
}

static void run(int listener)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event events[64] = { { .events = EPOLLIN } };

	events[0].data.fd = listener;
	epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &events[0]);
	events[0].data.fd = uspawn_ring_fd(ring);
	epoll_ctl(epoll, EPOLL_CTL_ADD, events[0].data.fd, &events[0]);
	while (finished < CLIENTS)
		for (int n = epoll_wait(epoll, events, 64, -1); n-- > 0;)
			if (events[n].data.fd == listener)
				serve(accept(listener, NULL, NULL));
			else
				collect();
	close(epoll);
}

/* The other side: connects and sends all it has to say. */
static int ask(const struct sockaddr_in *address, int question)
{
	int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(sock, (const struct sockaddr *)address, sizeof(*address)) < 0 ||
	    send(sock, &question, sizeof(question), MSG_NOSIGNAL) < 0)
		perror("client");
	shutdown(sock, SHUT_WR);
	return sock;
}

static int is_answered(int sock, int question)
{
	int answer[2], right = recv(sock, answer, sizeof(answer), MSG_WAITALL) == sizeof(int) && answer[0] == question;

	close(sock);
	return right;
}

int main(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), client[CLIENTS], answered = 0;

	if (bind(listener, (struct sockaddr *)&address, length) < 0 || listen(listener, CLIENTS) < 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &length) < 0 || set_up() < 0)
		return 1;
	for (int i = 0; i < CLIENTS; i++)
		client[i] = ask(&address, i);
	run(listener);
	for (int i = 0; i < CLIENTS; i++)
		answered += is_answered(client[i], i);
	close(listener);
	uspawn_ring_free(ring);
	uspawn_plan_free(worker);
	printf("%d connections, %d answered, %d failed\n", finished, answered, failed);
	return answered == CLIENTS && !failed ? 0 : 1;
}
