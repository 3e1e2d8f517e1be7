/* SPDX-License-Identifier: MIT */
/*
 * A process of its own for each contestant: a fork leaves its parent's pages write-protected, so a contestant that
 * forks would slow down whoever comes next in the same process. Each thread is a lane with children of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bench.h"

enum { LEAD = 2 };

struct lane {
	pthread_t thread;
	struct worker *worker;
	void *self;
	uint32_t *idle; /* slots without a child, a queue: in the order in which they will be used */
	uint32_t first; /* of it */
	uint32_t count;
	int error;
};

struct worker {
	const struct contestant *contestant;
	struct setting setting; /* of one lane: its share of the live children */
	struct lane *lanes;
	uint32_t nlanes;
	pthread_barrier_t barrier;
	struct order order;
	struct answer answer;
	int over;
};

static int touch_memory(size_t bytes)
{
	char *p;

	if (!bytes)
		return 0;
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return -errno;
	madvise(p, bytes, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < bytes; i += 4096)
		p[i] = 1;
	return 0;
}

static int open_descriptors(uint32_t n)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	for (uint32_t i = 1; fd >= 0 && i < n; i++)
		if (fcntl(fd, F_DUPFD_CLOEXEC, 0) < 0)
			return -errno;
	if (fd >= 0 && !n)
		close(fd);
	return fd < 0 ? -errno : 0;
}

static int lane_open(struct lane *lane)
{
	const struct contestant *c = lane->worker->contestant;
	const struct setting *s = &lane->worker->setting;
	uint32_t slot;
	int r;

	lane->idle = calloc(s->inflight, sizeof(*lane->idle));
	if (!lane->idle)
		return -ENOMEM;
	for (slot = 0; slot < s->inflight; slot++)
		lane->idle[slot] = slot;
	r = c->open(&lane->self, c, s);
	if (r >= 0) /* one to see that it can */
		r = c->start(lane->self, 0, TINY);
	if (r >= 0)
		r = c->wait(lane->self, &lane->first);
	lane->first = 1 % s->inflight;
	for (; r >= 0 && slot < s->inflight + s->live; slot++)
		r = c->start(lane->self, slot, IDLE);
	return r;
}

/* Kills what stayed. The numbers are still this process's children's: nobody has waited for them. */
static void lane_close(struct lane *lane)
{
	const struct contestant *c = lane->worker->contestant;
	const struct setting *s = &lane->worker->setting;

	for (int round = 0; lane->self && round < 2; round++)
		for (uint32_t slot = s->inflight; slot < s->inflight + s->live; slot++) {
			pid_t pid = c->pid(lane->self, slot);
			if (pid > 0 && round == 0)
				kill(pid, SIGKILL);
			else if (pid > 0)
				waitpid(pid, NULL, __WALL);
		}
	if (lane->self)
		c->close(lane->self);
	free(lane->idle);
}

/* The first starts of a turn pay for the turn, with cold caches and a processor that slept: LEAD of them do not count.
 */
static int run_start(struct lane *lane)
{
	const struct contestant *c = lane->worker->contestant;
	struct sample *samples = lane->worker->answer.samples;
	uint32_t slot;

	for (uint32_t i = 0; i < LEAD + lane->worker->order.count; i++) {
		uint64_t t0 = now_ns(), t1, t2;
		int r = c->start(lane->self, 0, TINY);

		t1 = now_ns();
		if (r < 0 || (r = c->wait(lane->self, &slot)) < 0)
			return r;
		t2 = now_ns();
		if (i >= LEAD)
			samples[lane->count++] = (struct sample){ .return_ns = t1 - t0, .cycle_ns = t2 - t0 };
	}
	return 0;
}

/* Keeps `inflight` children running until the time is over, then waits for the rest. Counts those ended in time. */
static int run_rate(struct lane *lane)
{
	const struct contestant *c = lane->worker->contestant;
	uint32_t n = lane->worker->setting.inflight, nidle = n, slot;
	uint64_t end = now_ns() + lane->worker->order.ns;
	int in_time, r;

	while ((in_time = now_ns() < end) || nidle < n) {
		for (; in_time && nidle; nidle--, lane->first = (lane->first + 1) % n)
			if ((r = c->start(lane->self, lane->idle[lane->first], TINY)) < 0)
				return r;
		if ((r = c->wait(lane->self, &slot)) < 0)
			return r;
		lane->idle[(lane->first + nidle++) % n] = slot;
		lane->count += (uint32_t)in_time;
	}
	return 0;
}

static void lane_run(struct lane *lane)
{
	lane->count = 0;
	lane->error = lane->worker->order.measure == START ? run_start(lane) : run_rate(lane);
}

static void *lane_main(void *arg)
{
	struct lane *lane = arg;

	lane->error = lane_open(lane);
	for (;;) {
		pthread_barrier_wait(&lane->worker->barrier); /* ready */
		pthread_barrier_wait(&lane->worker->barrier); /* go */
		if (lane->worker->over)
			break;
		lane_run(lane);
	}
	lane_close(lane);
	return NULL;
}

static void answer(struct worker *w, int sock)
{
	const char *remark = NULL;

	w->answer.error = 0;
	w->answer.count = 0;
	for (uint32_t i = 0; i < w->nlanes; i++) {
		if (w->lanes[i].error < 0)
			w->answer.error = w->lanes[i].error;
		w->answer.count += w->lanes[i].count;
		if (w->contestant->remark && w->lanes[i].self)
			remark = w->contestant->remark(w->lanes[i].self);
	}
	snprintf(w->answer.remark, sizeof(w->answer.remark), "%s", remark ? remark : "");
	w->over = send(sock, &w->answer, sizeof(w->answer), MSG_NOSIGNAL) < 0;
}

/* A single lane is the process itself, since a process with threads pays more for each call on its descriptors. */
static void serve(struct worker *w, int sock)
{
	uint64_t t0;

	w->lanes[0].error = lane_open(&w->lanes[0]);
	pthread_barrier_wait(&w->barrier);
	if (!w->lanes[0].error) /* descriptors come last, as in a program that sets up its rings first */
		w->lanes[0].error = open_descriptors(w->setting.fds);
	answer(w, sock);
	while (!w->over && recv(sock, &w->order, sizeof(w->order), 0) == sizeof(w->order)) {
		t0 = now_ns();
		pthread_barrier_wait(&w->barrier);
		lane_run(&w->lanes[0]);
		pthread_barrier_wait(&w->barrier);
		w->answer.ns = w->order.measure == RATE ? w->order.ns : now_ns() - t0;
		answer(w, sock);
	}
	w->over = 1;
	pthread_barrier_wait(&w->barrier);
	lane_close(&w->lanes[0]);
}

void worker_main(int sock, const struct contestant *contestant, const struct setting *setting)
{
	struct worker w = { .contestant = contestant, .setting = *setting, .nlanes = setting->threads };

	w.setting.live /= w.nlanes;
	w.lanes = calloc(w.nlanes, sizeof(*w.lanes));
	if (!w.lanes || pthread_barrier_init(&w.barrier, NULL, w.nlanes) ||
	    touch_memory((size_t)setting->rss_mib << 20))
		_exit(1);
	for (uint32_t i = 0; i < w.nlanes; i++) {
		w.lanes[i].worker = &w;
		if (i && pthread_create(&w.lanes[i].thread, NULL, lane_main, &w.lanes[i]))
			_exit(1);
	}
	serve(&w, sock);
	for (uint32_t i = 1; i < w.nlanes; i++)
		pthread_join(w.lanes[i].thread, NULL);
	free(w.lanes);
	pthread_barrier_destroy(&w.barrier);
	_exit(0);
}
