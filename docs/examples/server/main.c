/* SPDX-License-Identifier: MIT */
/*
 * A small HTTP server that runs a program for each request below /cgi/ (CGI/1.1), on one io_uring, in one thread. Every
 * program has a deadline and a cap on its output; only so many run at once, and the others wait their turn.
 *
 * The spawner is chosen when this is built, so that servers which differ in nothing else can be compared.
 */
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "call.h"
#include "connection.h"
#include "spawner.h"

enum { ENTRIES = 4096, BATCH = 256 };
enum tag { TAG_ACCEPT = 5, TAG_SIGNAL = 6, TAG_MASK = 7 };

static struct io_uring uring;

struct io_uring_sqe *get_sqe(void)
{
	struct io_uring_sqe *sqe;

	while (!(sqe = io_uring_get_sqe(&uring)))
		io_uring_submit(&uring);
	return sqe;
}

/* ---- The command line ---- */

static const char help[] = "Usage: %s [options] ROOT\n"
			   "Serves /, /status and, below /cgi/, a program of ROOT for each request, on 127.0.0.1.\n"
			   "\n"
			   "  -p, --port N          0, the default: any; it is printed\n"
			   "  -l, --limit N         programs that run at once (64); more requests wait\n"
			   "  -w, --waiting N       requests that wait (10000); more are refused with 503\n"
			   "  -d, --deadline MS     for a program (10000); then it is killed, and the answer is 504\n"
			   "  -c, --cap BYTES       of a program's output (1048576); more is 502\n"
			   "  -u, --user NAME       programs run as this user\n"
			   "  -h, --help\n";

static int number(const char *option, const char *text, unsigned long max, unsigned long *ret)
{
	char *end;

	errno = 0;
	*ret = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || *ret > max) {
		fprintf(stderr, "--%s: '%s' is no number up to %lu\n", option, text, max);
		return -1;
	}
	return 0;
}

static int user(const char *name, struct settings *ret)
{
	const struct passwd *entry = getpwnam(name);

	if (!entry) {
		fprintf(stderr, "--user: there is no user '%s'\n", name);
		return -1;
	}
	ret->drops_privileges = 1;
	ret->uid = entry->pw_uid;
	ret->gid = entry->pw_gid;
	return 0;
}

static int parse(int argc, char **argv, struct settings *ret)
{
	static const struct option options[] = {
		{ "port", required_argument, NULL, 'p' },    { "limit", required_argument, NULL, 'l' },
		{ "waiting", required_argument, NULL, 'w' }, { "deadline", required_argument, NULL, 'd' },
		{ "cap", required_argument, NULL, 'c' },     { "user", required_argument, NULL, 'u' },
		{ "help", no_argument, NULL, 'h' },          { 0 },
	};
	unsigned long n = 0;
	int c, r = 0;

	while (!r && (c = getopt_long(argc, argv, "p:l:w:d:c:u:h", options, NULL)) != -1) {
		switch (c) {
		case 'p':
			r = number("port", optarg, 65535, &n);
			ret->port = (uint16_t)n;
			break;
		case 'l':
			r = number("limit", optarg, 100000, &n);
			ret->limit = n ? (uint32_t)n : 1;
			break;
		case 'w':
			r = number("waiting", optarg, 1000000, &n);
			ret->waiting = (uint32_t)n;
			break;
		case 'd':
			r = number("deadline", optarg, 86400000, &n);
			ret->deadline_ns = (int64_t)n * 1000000;
			break;
		case 'c':
			r = number("cap", optarg, 1ul << 30, &n);
			ret->output_cap = n;
			break;
		case 'u':
			r = user(optarg, ret);
			break;
		case 'h':
			printf(help, argv[0]);
			exit(0);
		default:
			return -1;
		}
	}
	if (!r && optind != argc - 1) {
		fprintf(stderr, "%s: one folder with programs is needed (see --help)\n", argv[0]);
		r = -1;
	}
	ret->root = argv[optind];
	return r;
}

/* ---- The server ---- */

static int listen_on(uint16_t *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(*port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (sock < 0 || setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(sock, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(sock, 4096) < 0 ||
	    getsockname(sock, (struct sockaddr *)&address, &length) < 0)
		return -errno;
	*port = ntohs(address.sin_port);
	return sock;
}

static void watch_listener(int listener)
{
	struct io_uring_sqe *sqe = get_sqe();

	io_uring_prep_multishot_accept(sqe, listener, NULL, NULL, SOCK_CLOEXEC);
	io_uring_sqe_set_data64(sqe, TAG_ACCEPT);
}

static void watch_signals(int signals)
{
	struct io_uring_sqe *sqe = get_sqe();

	io_uring_prep_poll_add(sqe, signals, 1);
	io_uring_sqe_set_data64(sqe, TAG_SIGNAL);
}

/* Returns 1 when the server is to end. */
static int complete(uint64_t data, int res, unsigned flags, int listener)
{
	void *owner = (void *)(uintptr_t)(data & ~(uint64_t)TAG_MASK);

	switch (data & TAG_MASK) {
	case TAG_ACCEPT:
		if (res >= 0)
			connection_new(res);
		if (!(flags & IORING_CQE_F_MORE))
			watch_listener(listener);
		break;
	case TAG_SIGNAL:
		return 1;
	case SPAWNER_TAG:
		spawner_complete(data, res);
		break;
	case CONNECTION_RECEIVE:
	case CONNECTION_SEND:
		connection_complete(owner, (enum connection_operation)(data & TAG_MASK), res);
		break;
	case CALL_OUTPUT:
	case CALL_INPUT:
		call_complete(owner, (enum call_operation)(data & TAG_MASK), res);
		break;
	}
	return 0;
}

static void serve(int listener)
{
	struct { /* as it was: what a completion leads to may wait for more */
		uint64_t data;
		int res;
		unsigned flags;
	} batch[BATCH];
	int stop = 0;

	while (!stop) {
		struct io_uring_cqe *cqe;
		int64_t left = calls_deadline();
		struct __kernel_timespec ts = { .tv_sec = left / 1000000000, .tv_nsec = left % 1000000000 };
		unsigned head, n = 0;

		io_uring_submit_and_wait_timeout(&uring, &cqe, 1, left < 0 ? NULL : &ts, NULL);
		io_uring_for_each_cqe (&uring, head, cqe) {
			batch[n].data = cqe->user_data;
			batch[n].res = cqe->res;
			batch[n++].flags = cqe->flags;
			if (n == BATCH)
				break;
		}
		io_uring_cq_advance(&uring, n);
		for (unsigned i = 0; i < n; i++)
			stop |= complete(batch[i].data, batch[i].res, batch[i].flags, listener);
	}
}

static int open_uring(void)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_CQSIZE | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
		.cq_entries = 8 * ENTRIES,
	};
	int r = io_uring_queue_init_params(ENTRIES, &uring, &params);

	if (r != -EINVAL)
		return r;
	params = (struct io_uring_params){ .flags = IORING_SETUP_CQSIZE, .cq_entries = 8 * ENTRIES };
	return io_uring_queue_init_params(ENTRIES, &uring, &params);
}

int main(int argc, char **argv)
{
	struct settings settings = {
		.limit = 64,
		.waiting = 10000,
		.deadline_ns = 10000000000,
		.output_cap = 1 << 20,
		.body_cap = 1 << 20,
	};
	int listener, signals, r;
	sigset_t set;

	if (parse(argc, argv, &settings) < 0)
		return 2;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	signal(SIGPIPE, SIG_IGN);
	r = open_uring();
	if (r == 0)
		r = spawner_open(&uring, &settings, call_job_ended);
	if (r < 0) {
		fprintf(stderr, "%s: %s\n", spawner_name, strerror(-r));
		return 1;
	}
	listener = listen_on(&settings.port);
	if (listener < 0) {
		fprintf(stderr, "port %u: %s\n", settings.port, strerror(-listener));
		return 1;
	}
	calls_open(&settings, connection_answered);
	connections_open(&settings, settings.port);
	printf("%s: http://127.0.0.1:%u/\n", spawner_name, settings.port);
	fflush(stdout);
	watch_listener(listener);
	watch_signals(signals);
	serve(listener);
	spawner_close();
	io_uring_queue_exit(&uring);
	return 0;
}
