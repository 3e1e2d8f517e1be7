/* SPDX-License-Identifier: MIT */
/*
 * A process of its own for each contestant: a fork leaves its parent's pages write-protected, so a contestant that
 * forks would slow down whoever comes next in the same process. Each thread is a lane with children of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include "bench.h"

struct thread {
	pthread_t thread;
	struct worker *worker;
	struct lane lane;
	int error;
};

struct worker {
	const struct task *task;
	struct thread *threads;
	uint32_t nlanes; /* threads that start children */
	pthread_barrier_t barrier;
	struct order order;
	struct answer answer;
	int over;
};

static int touch_memory(size_t bytes, uint32_t huge)
{
	const size_t huge_page = 2 << 20;
	char *p;

	if (!bytes)
		return 0;
	p = mmap(NULL, bytes + huge_page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return -errno;
	p += huge_page - (uintptr_t)p % huge_page;
	if (madvise(p, bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE) < 0 && huge)
		return -errno;
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

static void *thread_main(void *arg)
{
	struct thread *t = arg;
	struct worker *w = t->worker;

	t->error = lane_open(&t->lane);
	for (;;) {
		pthread_barrier_wait(&w->barrier); /* ready */
		pthread_barrier_wait(&w->barrier); /* go */
		if (w->over)
			break;
		t->error = lane_run(&t->lane, &w->order, w->answer.samples);
	}
	lane_close(&t->lane);
	return NULL;
}

/* Beside the one that starts: it is there, and that is all. */
static void *sleeper_main(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return NULL;
}

static struct usage usage_now(void)
{
	struct rusage self, children;

	getrusage(RUSAGE_SELF, &self);
	getrusage(RUSAGE_CHILDREN, &children);
#define US(t) ((uint64_t)(t).tv_sec * 1000000u + (uint64_t)(t).tv_usec)
	return (struct usage){
		.user_us = US(self.ru_utime),
		.system_us = US(self.ru_stime),
		.child_us = US(children.ru_utime) + US(children.ru_stime),
		.voluntary = (uint64_t)self.ru_nvcsw,
		.involuntary = (uint64_t)self.ru_nivcsw,
		.faults = (uint64_t)(self.ru_minflt + children.ru_minflt),
	};
#undef US
}

static struct usage usage_between(struct usage a, struct usage b)
{
	return (struct usage){
		.user_us = b.user_us - a.user_us,
		.system_us = b.system_us - a.system_us,
		.child_us = b.child_us - a.child_us,
		.voluntary = b.voluntary - a.voluntary,
		.involuntary = b.involuntary - a.involuntary,
		.faults = b.faults - a.faults,
	};
}

static void answer(struct worker *w, int sock)
{
	const char *remark = NULL;
	size_t size;

	w->answer.error = 0;
	w->answer.count = 0;
	for (uint32_t i = 0; i < w->nlanes; i++) {
		const struct lane *lane = &w->threads[i].lane;

		if (w->threads[i].error < 0)
			w->answer.error = w->threads[i].error;
		w->answer.count += lane->count;
		if (lane->contestant->remark && lane->self)
			remark = lane->contestant->remark(lane->self);
	}
	snprintf(w->answer.remark, sizeof(w->answer.remark), "%s", remark ? remark : "");
	size = offsetof(struct answer, samples);
	if (w->order.kind != DO_RATE && !w->answer.error)
		size += w->answer.count * sizeof(struct sample);
	w->over = send(sock, &w->answer, size, MSG_NOSIGNAL) < 0;
}

static void run_order(struct worker *w)
{
	struct usage before = usage_now();
	uint64_t t0 = now_ns();

	pthread_barrier_wait(&w->barrier);
	w->threads[0].error = lane_run(&w->threads[0].lane, &w->order, w->answer.samples);
	pthread_barrier_wait(&w->barrier);
	w->answer.ns = w->order.kind == DO_RATE ? w->order.ns : now_ns() - t0;
	w->answer.usage = usage_between(before, usage_now());
}

/* The first lane is the process itself, since a process with threads pays more for each call on its descriptors. */
static void serve(struct worker *w, int sock)
{
	w->threads[0].error = lane_open(&w->threads[0].lane);
	pthread_barrier_wait(&w->barrier);
	if (!w->threads[0].error) /* descriptors come last, as in a program that sets up its rings first */
		w->threads[0].error = open_descriptors(w->task->setting.fds);
	for (uint32_t i = 0; i < w->nlanes; i++)
		w->threads[i].lane.count = 0;
	answer(w, sock);
	while (!w->over && recv(sock, &w->order, sizeof(w->order), 0) == sizeof(w->order)) {
		run_order(w);
		answer(w, sock);
	}
	w->over = 1;
	pthread_barrier_wait(&w->barrier);
	lane_close(&w->threads[0].lane);
}

static void worker_fail(struct worker *w, int sock, int error)
{
	w->answer.error = error;
	send(sock, &w->answer, offsetof(struct answer, samples), MSG_NOSIGNAL);
	_exit(1);
}

void worker_main(int sock, const struct contestant *contestant, const struct task *task)
{
	static struct worker w;
	const struct setting *s = &task->setting;
	int r;

	w.task = task;
	w.nlanes = task->measure == RATE ? s->threads : 1;
	w.threads = calloc(s->threads, sizeof(*w.threads));
	prctl(PR_SET_TIMERSLACK, 1);
	if (!w.threads || pthread_barrier_init(&w.barrier, NULL, w.nlanes))
		worker_fail(&w, sock, -ENOMEM);
	r = commands_prepare(s);
	if (r >= 0)
		r = stamps_prepare();
	if (r >= 0)
		r = touch_memory((size_t)s->rss_mib << 20, s->huge);
	for (uint32_t i = 0; r >= 0 && i < s->threads; i++) {
		struct thread *t = &w.threads[i];

		t->worker = &w;
		t->lane = (struct lane){ .contestant = contestant, .task = task, .live = s->live / w.nlanes };
		if (i)
			r = -pthread_create(&t->thread, NULL, i < w.nlanes ? thread_main : sleeper_main, t);
	}
	if (r < 0)
		worker_fail(&w, sock, r);
	serve(&w, sock);
	for (uint32_t i = 1; i < w.nlanes; i++)
		pthread_join(w.threads[i].thread, NULL);
	_exit(0);
}
