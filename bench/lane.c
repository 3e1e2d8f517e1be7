/* SPDX-License-Identifier: MIT */
/*
 * The measured loops. Everything that a loop needs was made before the clock runs; between two looks at the clock
 * stands nothing but the contestant's call.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include "bench.h"

/*
 * The first starts of a turn pay for the turn, with cold caches and a processor that slept: LEAD of them do not count.
 * With --rate a thread wakes up early, by more than a timer may be late, and looks at the clock until a start is due.
 */
enum { LEAD = 2, EARLY_NS = 100000 };

static uint32_t slots(const struct setting *s)
{
	return s->burst > s->inflight ? s->burst : s->inflight;
}

int lane_open(struct lane *lane)
{
	const struct contestant *c = lane->contestant;
	struct setting s = lane->task->setting;
	uint32_t slot, ended;
	int r;

	s.inflight = lane->nslots = slots(&s);
	s.live = lane->live;
	lane->idle = calloc(s.inflight, sizeof(*lane->idle));
	if (!lane->idle)
		return -ENOMEM;
	for (slot = 0; slot < s.inflight; slot++)
		lane->idle[slot] = slot;
	r = c->open(&lane->self, c, &s);
	if (r >= 0) /* one to see that it can */
		r = c->start(lane->self, 0, CHILD);
	if (r >= 0)
		r = c->wait(lane->self, &ended);
	lane->first = 1 % s.inflight;
	for (; r >= 0 && slot < s.inflight + s.live; slot++)
		r = c->start(lane->self, slot, IDLE);
	return r;
}

/* Kills what stayed. The numbers are still this process's children's: nobody has waited for them. */
void lane_close(struct lane *lane)
{
	const struct contestant *c = lane->contestant;

	for (int round = 0; lane->self && round < 2; round++)
		for (uint32_t slot = lane->nslots; slot < lane->nslots + lane->live; slot++) {
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

static void wait_until(uint64_t due)
{
	uint64_t now = now_ns();

	if (now + 2 * EARLY_NS < due) {
		struct timespec t = { .tv_sec = (time_t)((due - EARLY_NS) / 1000000000u),
				      .tv_nsec = (long)((due - EARLY_NS) % 1000000000u) };

		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
	}
	while (now_ns() < due)
		;
}

/* --slowed: what a comparison must notice. */
static void be_slow(const struct lane *lane)
{
	uint64_t end = lane->task->slow_ns ? now_ns() + lane->task->slow_ns : 0;

	while (end && now_ns() < end)
		;
}

/* A start that is measured. due: 0, or when it should begin. */
static int start_one(struct lane *lane, enum program program, uint64_t *due, pid_t *pid, struct sample *ret)
{
	const struct contestant *c = lane->contestant;
	uint32_t slot = lane->idle[lane->first];
	uint64_t begin = now_ns(), returned;
	int r;

	if (lane->task->slow_ns)
		be_slow(lane);
	r = c->start(lane->self, slot, program);
	returned = now_ns();
	if (!*due)
		*due = begin;
	*pid = c->pid(lane->self, slot);
	lane->first = (lane->first + 1) % lane->nslots;
	ret->ns[LATE] = begin - *due;
	ret->ns[RETURN] = returned - *due;
	return r;
}

/* The child's stamp is new, or it did not run. */
static int read_stamp(pid_t pid, uint64_t since, struct stamp *ret)
{
	volatile struct stamp *stamp = stamp_of(pid);

	*ret = (struct stamp){ .entered = stamp->entered, .left = stamp->left };
	return ret->entered >= since && ret->left >= ret->entered ? 0 : -EPROTO;
}

/* What is known once the child was waited for, at `end`. */
static int finish_one(struct lane *lane, uint32_t order, pid_t pid, uint64_t due, uint64_t end, struct sample *ret)
{
	const struct contestant *c = lane->contestant;
	struct stamp stamp;
	int r = 0;

	ret->ns[CYCLE] = end - due;
	if (order == DO_STARTS)
		return 0;
	r = read_stamp(pid, due, &stamp);
	if (r < 0)
		return r;
	ret->ns[ENTRY] = stamp.entered - due;
	if (order == DO_ENDS) {
		uint64_t notified = c->notified_ns ? c->notified_ns(lane->self) : end;

		if (notified < stamp.left) /* it knew, from another clock or by a mistake, before the end */
			return -EPROTO;
		ret->ns[NOTIFIED] = notified - stamp.left;
		ret->ns[REAPED] = end - notified;
	}
	return 0;
}

static enum program program_of(uint32_t order)
{
	return order == DO_ENTRIES ? CLOCKED : order == DO_ENDS ? LEAVING : CHILD;
}

/* One after the other: as fast as it goes, or each when it is due. Who is late for one is late for the next, too. */
static int run_turn(struct lane *lane, const struct order *order, struct sample *samples)
{
	uint32_t rate = lane->task->setting.rate, slot;
	uint64_t t0 = now_ns() + EARLY_NS, due, end;
	struct sample sample;
	pid_t pid;
	int r;

	for (uint32_t i = 0; i < LEAD + order->count; i++) {
		due = rate ? t0 + i * 1000000000ull / rate : 0;
		if (due)
			wait_until(due);
		r = start_one(lane, program_of(order->kind), &due, &pid, &sample);
		if (r < 0 || (r = lane->contestant->wait(lane->self, &slot)) < 0)
			return r;
		end = now_ns();
		r = finish_one(lane, order->kind, pid, due, end, &sample);
		if (r < 0)
			return r;
		if (i >= LEAD)
			samples[lane->count++] = sample;
	}
	return 0;
}

/* All are due at once: each is counted from the beginning of the first. */
static int run_burst(struct lane *lane, const struct order *order, struct sample *samples)
{
	static _Thread_local pid_t pids[MAX_BATCH];
	static _Thread_local uint32_t at[MAX_BATCH]; /* a slot's sample */
	uint64_t due = now_ns(), end;
	uint32_t slot;
	int r = 0;

	for (uint32_t i = 0; r >= 0 && i < order->count; i++) {
		at[lane->idle[lane->first]] = i;
		r = start_one(lane, program_of(order->kind), &due, &pids[i], &samples[i]);
	}
	for (uint32_t i = 0; r >= 0 && i < order->count; i++) {
		uint32_t to = (lane->first + lane->nslots - order->count + i) % lane->nslots;

		r = lane->contestant->wait(lane->self, &slot);
		if (r < 0)
			break;
		end = now_ns();
		r = finish_one(lane, order->kind, pids[at[slot]], due, end, &samples[at[slot]]);
		lane->idle[to] = slot;
	}
	lane->count = order->count;
	return r;
}

/* Keeps `inflight` children running until the time is over, then waits for the rest. Counts those ended in time. */
static int run_rate(struct lane *lane, uint64_t ns)
{
	const struct contestant *c = lane->contestant;
	uint32_t n = lane->nslots, nidle = n, slot;
	uint64_t end = now_ns() + ns;
	int in_time, r;

	while ((in_time = now_ns() < end) || nidle < n) {
		for (; in_time && nidle; nidle--, lane->first = (lane->first + 1) % n) {
			if (lane->task->slow_ns)
				be_slow(lane);
			if ((r = c->start(lane->self, lane->idle[lane->first], CHILD)) < 0)
				return r;
		}
		if ((r = c->wait(lane->self, &slot)) < 0)
			return r;
		lane->idle[(lane->first + nidle++) % n] = slot;
		lane->count += (uint32_t)in_time;
	}
	return 0;
}

int lane_run(struct lane *lane, const struct order *order, struct sample *samples)
{
	lane->count = 0;
	if (order->kind == DO_RATE)
		return run_rate(lane, order->ns);
	if (lane->task->setting.burst)
		return run_burst(lane, order, samples);
	return run_turn(lane, order, samples);
}
