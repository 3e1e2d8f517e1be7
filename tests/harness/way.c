/* SPDX-License-Identifier: MIT */
/* What is true of every start, by whatever rung, is asserted here, once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel.h"
#include "way.h"

static uint32_t cap_of_environment(void)
{
	static const char *const names[] = { "", "async", "vfork", "clone", "relay", "fork" };
	const char *value = getenv("USPAWN_RUNG");

	for (uint32_t i = 1; value && i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(value, names[i]) == 0)
			return i;
	return USPAWN_RUNG_ANY;
}

static const char *refused(const char *what, int error)
{
	static char text[80];

	snprintf(text, sizeof(text), "%s: %s", what, strerror(-error));
	return text;
}

const char *way_missing(uint32_t rung)
{
	int r;

#ifdef USPAWN_LIBC_CALLS
	if (rung < USPAWN_RUNG_CLONE || rung == USPAWN_RUNG_RELAY)
		return "built to make its calls through libc";
#endif
	if (rung < cap_of_environment())
		return "USPAWN_RUNG caps the rungs below this one";
	if (rung <= USPAWN_RUNG_VFORK && (r = kernel_clone3()) < 0)
		return refused("clone3", r);
	if (rung == USPAWN_RUNG_ASYNC && (r = kernel_wipe_on_fork()) < 0)
		return refused("MADV_WIPEONFORK", r);
	if (rung == USPAWN_RUNG_CLONE && (r = kernel_clone_vm()) < 0)
		return refused("clone(CLONE_VM)", r);
	if (rung == USPAWN_RUNG_RELAY && (r = kernel_relay()) < 0)
		return refused("what the relay needs", r);
	return NULL;
}

uint32_t way_own_memory(const struct way *way)
{
	return way->rung == USPAWN_RUNG_FORK || way_missing(USPAWN_RUNG_RELAY) ? USPAWN_RUNG_FORK : USPAWN_RUNG_RELAY;
}

void way_enter(struct way *way)
{
	const char *missing = way_missing(way->rung);

	if (missing)
		cr_skip_test("%s", missing);
	if (way->rung == USPAWN_RUNG_ASYNC)
		cr_assert_eq(uspawn_ring_new(&way->ring, 8, 0), 0);
}

void way_leave(struct way *way)
{
	way->ring = uspawn_ring_free(way->ring);
	cr_assert_null(way->ring);
}

int way_start(struct way *way, struct uspawn_child *child, const struct uspawn_request *request,
	      const struct uspawn_args *args)
{
	struct uspawn_request forced = *request;
	struct uspawn_plan *plan;
	uint32_t rung = way->rung;
	int r;

	forced.rung = way->rung;
	if (way->rung == USPAWN_RUNG_RELAY && request->nactions)
		rung = USPAWN_RUNG_FORK; /* they act on descriptors that the relay's exec would close */
	if (rung < USPAWN_RUNG_RELAY && request->confine && request->confine->filter && !kernel_is(5, 16))
		rung = way_own_memory(way); /* a kill by it would be the caller's end */
	if (!way->ring) {
		r = uspawn(child, &forced, args);
	} else {
		r = uspawn_plan_new(&plan, &forced, &child->failure);
		if (r < 0) {
			child->pidfd = -1;
			child->state = USPAWN_ENDED;
			child->exit = (struct uspawn_exit){ .code = USPAWN_FAILED, .status = -r };
			return r;
		}
		r = uspawn_ring_start(way->ring, child, plan, args);
		uspawn_plan_free(plan);
	}
	if (r < 0) {
		cr_assert_eq(child->state, USPAWN_ENDED);
		assert_failed(child, -r, child->failure.step, child->failure.index);
	} else {
		cr_assert_eq(r, 0);
		cr_assert_eq(child->rung, rung, "asked for rung %u, got %u", rung, child->rung);
	}
	return r;
}

void way_end(struct way *way, struct uspawn_child *child)
{
	struct uspawn_event event;
	int n;

	if (!way->ring) {
		cr_assert_eq(uspawn_wait(child, -1), 1);
	} else {
		do
			n = uspawn_ring_wait(way->ring, &event, 1, -1);
		while (n == 0); /* interrupted */
		cr_assert_eq(n, 1);
		cr_assert_eq(event.child, child);
		cr_assert_eq(event.type, USPAWN_EVENT_END);
	}
	cr_assert_eq(child->state, USPAWN_ENDED);
	cr_assert_eq(uspawn_wait(child, 0), 1, "asked again");
}

int way_run(struct way *way, struct uspawn_child *child, const struct uspawn_request *request,
	    const struct uspawn_args *args)
{
	int r = way_start(way, child, request, args);

	if (r == 0)
		way_end(way, child);
	cr_assert_eq(child->pidfd, -1);
	return child->exit.code == USPAWN_FAILED ? -child->exit.status : r;
}

void way_report(struct way *way, struct report *report, const struct uspawn_request *request,
		const struct uspawn_args *args)
{
	struct uspawn_request whole = *request;
	struct uspawn_child child;
	int r;

	if (!whole.path && !whole.file && !(whole.flags & USPAWN_FEXEC))
		whole.path = witness_path;
	if (!whole.argv)
		whole.argv = report->argv;
	r = way_run(way, &child, &whole, args);
	cr_assert_eq(r, 0, "%s: %s", uspawn_strstep(child.failure.step), strerror(-r));
	assert_exited(&child, 0);
	report_read(report);
}

void way_report_by_output(struct way *way, struct report *report, const struct uspawn_request *request)
{
	char *argv[] = { "witness", "report", "1", NULL };
	const struct uspawn_fd fd = { .target = 1, .fd = report->file };
	struct uspawn_request whole = *request;

	cr_assert(ftruncate(report->file, 0) == 0 && lseek(report->file, 0, SEEK_SET) == 0);
	whole.fds = &fd;
	whole.nfds = 1;
	whole.argv = argv;
	way_report(way, report, &whole, NULL);
}

void assert_exited(const struct uspawn_child *child, int code)
{
	cr_assert(child->exit.code == USPAWN_EXITED && child->exit.status == code,
		  "code %d, status %d instead of exit %d; step %s: %s", child->exit.code, child->exit.status, code,
		  uspawn_strstep(child->failure.step), strerror(child->failure.errnum));
}

void assert_killed(const struct uspawn_child *child, int signo)
{
	cr_assert((child->exit.code == USPAWN_KILLED || child->exit.code == USPAWN_DUMPED) &&
			  child->exit.status == signo,
		  "code %d, status %d instead of signal %d", child->exit.code, child->exit.status, signo);
}

void assert_failed(const struct uspawn_child *child, int errnum, uint32_t step, uint32_t index)
{
	cr_assert(child->exit.code == USPAWN_FAILED && child->exit.status == errnum,
		  "code %d, status %d instead of failed, %d", child->exit.code, child->exit.status, errnum);
	cr_assert_eq(child->failure.errnum, errnum, "failure says %d, not %d", child->failure.errnum, errnum);
	cr_assert_eq(child->failure.step, step, "step %s, not %s", uspawn_strstep(child->failure.step),
		     uspawn_strstep(step));
	cr_assert_eq(child->failure.index, index, "entry %u, not %u", child->failure.index, index);
}
