/* SPDX-License-Identifier: MIT */
/* Many children: every end is told, whatever could not be had on the way. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uspawn.h>

#include "calls.h"
#include "rings.h"

#define COUNT(list) (sizeof(list) / sizeof(*(list)))

static struct uspawn_ring *ring_of(const struct scene *scene, struct record *record)
{
	struct uspawn_ring *ring = NULL;
	int r = uspawn_ring_new(&ring, 4, scene->ring_flags);

	scene_said(record, r, NULL);
	return r < 0 ? NULL : ring;
}

static struct uspawn_plan *plan_of(const struct uspawn_request *request, struct record *record)
{
	struct uspawn_failure failure = { 0 };
	struct uspawn_plan *plan = NULL;
	int r = uspawn_plan_new(&plan, request, &failure);

	scene_said(record, r, &failure);
	return r < 0 ? NULL : plan;
}

/* Until nobody is left; how many ENDs. */
static int collect(struct uspawn_ring *ring, struct record *record, int code, int status)
{
	struct uspawn_event events[2];
	int n, nended = 0;

	while ((n = uspawn_ring_wait(ring, events, COUNT(events), -1)) != -ECHILD) {
		if (n < 0) {
			scene_said(record, n, NULL);
			if (OWN(poll(NULL, 0, 1)) < 0)
				break;
		}
		for (int i = 0; i < n; i++)
			if (events[i].type == USPAWN_EVENT_END) {
				scene_assert_end(record, events[i].child, code, status);
				nended++;
			}
	}
	return nended;
}

static void start_all(struct uspawn_ring *ring, struct record *record, const struct uspawn_request *request, int code,
		      int status)
{
	struct uspawn_plan *plan = plan_of(request, record);
	struct uspawn_child children[3];
	int nstarted = 0, nended;

	for (size_t i = 0; plan && i < COUNT(children); i++)
		nstarted += scene_started(record, uspawn_ring_start(ring, &children[i], plan, NULL), &children[i]) == 0;
	uspawn_plan_free(plan);
	nended = collect(ring, record, code, status);
	if (nended != nstarted)
		wrong(record, "%d started, %d ended", nstarted, nended);
}

void ring_plain(const struct scene *scene, struct record *record)
{
	struct uspawn_ring *ring = ring_of(scene, record);

	if (ring)
		start_all(ring, record,
			  USPAWN(request, .rung = scene->rung, .path = WITNESS_PATH, .argv = ARGV("exit", "3"),
				 .cwd = "/"),
			  USPAWN_EXITED, 3);
	uspawn_ring_free(ring);
}

/* One at a time, and the rest waits inside. */
void ring_limited(const struct scene *scene, struct record *record)
{
	struct uspawn_ring *ring = ring_of(scene, record);

	if (ring) {
		scene_said(record, uspawn_ring_limit(ring, 1), NULL);
		start_all(ring, record,
			  USPAWN(request, .rung = scene->rung, .path = WITNESS_PATH, .argv = ARGV("exit", "3")),
			  USPAWN_EXITED, 3);
	}
	uspawn_ring_free(ring);
}

void ring_cared(const struct scene *scene, struct record *record)
{
	const struct uspawn_fd fds[] = { { 0, USPAWN_FEED, .fd = USPAWN_ARG(0) },
					 { 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(1) } };
	struct uspawn_output outputs[2] = { { 0 }, { .head = 100 } };
	struct uspawn_ring *ring = ring_of(scene, record);
	struct uspawn_plan *plan = plan_of(USPAWN(request, .path = WITNESS_PATH, .argv = ARGV("copy", "0", "1"),
						  .fds = fds, .nfds = 2, .drain_ns = 60000000000),
					   record);
	struct uspawn_child child;
	int n;

	if (ring && plan) {
		n = scene_started(record,
				  uspawn_ring_start(ring, &child, plan,
						    USPAWN(args, .outputs = outputs, .noutputs = 2, .input = "there",
							   .ninput = 5)),
				  &child) == 0;
		if (collect(ring, record, USPAWN_EXITED, 0) != n)
			wrong(record, "no END, or one too many");
		scene_said(record, outputs[1].error, NULL);
		if (n && !outputs[1].error && child.exit.code == USPAWN_EXITED &&
		    (outputs[1].len != 5 || memcmp(outputs[1].data, "there", 5) != 0))
			wrong(record, "%llu bytes came out", (unsigned long long)outputs[1].len);
	}
	free(outputs[1].data);
	uspawn_plan_free(plan);
	uspawn_ring_free(ring);
}

/* Served by a loop of the caller's, which waits for the ring's descriptor. */
void ring_polled(const struct scene *scene, struct record *record)
{
	const struct uspawn_timed limit = { 1000000, SIGKILL, 0 };
	const struct uspawn_fd in = { 0, USPAWN_READ_END, .fd = USPAWN_ARG(0) };
	struct uspawn_ring *ring = ring_of(scene, record);
	struct uspawn_plan *plan = plan_of(USPAWN(request, .path = WITNESS_PATH, .argv = ARGV("eof", "0"), .fds = &in,
						  .nfds = 1, .timed = &limit, .ntimed = 1),
					   record);
	struct uspawn_child child;
	struct uspawn_event event;
	int held = -1, fd = ring ? uspawn_ring_fd(ring) : -1, n = 0;

	if (ring)
		scene_said(record, fd < 0 ? fd : 0, NULL);
	if (fd >= 0 && plan &&
	    scene_started(record, uspawn_ring_start(ring, &child, plan, USPAWN(args, .fds = &held, .nfds = 1)),
			  &child) == 0) {
		while (n == 0) {
			struct pollfd p = { .fd = fd, .events = POLLIN };

			if (OWN(poll(&p, 1, 5000)) == 0)
				wrong(record, "the ring's descriptor stays silent");
			n = uspawn_ring_wait(ring, &event, 1, *record->wrong ? -1 : 0);
			if (n < 0) {
				scene_said(record, n, NULL);
				n = 0;
			}
		}
		scene_assert_end(record, &child, USPAWN_KILLED, SIGKILL);
		OWN(close(held));
	}
	uspawn_plan_free(plan);
	uspawn_ring_free(ring);
}

void ring_external(const struct scene *scene, struct record *record)
{
	struct uspawn_ring *ring = ring_of(scene, record);
	struct uspawn_plan *plan = plan_of(USPAWN(request, .path = WITNESS_PATH, .argv = ARGV("exit", "3")), record);
	struct uspawn_child child;

	if (ring && plan && scene_started(record, uspawn_ring_start(ring, &child, plan, NULL), &child) == 0)
		scene_end(record, &child, USPAWN_EXITED, 3);
	uspawn_plan_free(plan);
	uspawn_ring_free(ring);
}

/* Children that were made otherwise, watched and let go: the ring reaps them. */
void ring_let_go(const struct scene *scene, struct record *record)
{
	struct uspawn_ring *ring = ring_of(scene, record);
	struct uspawn_child child, other;
	int fd, r = -1;

	if (ring &&
	    scene_started(record,
			  uspawn(&child, USPAWN(request, .path = WITNESS_PATH, .argv = ARGV("exit", "3")), NULL),
			  &child) == 0) {
		fd = uspawn_release(&child);
		r = uspawn_adopt(&other, child.pid, fd, 0);
		scene_said(record, r, NULL);
		if (r == 0 && (r = uspawn_ring_add(ring, &other)) < 0)
			scene_said(record, r, NULL);
		if (r == 0)
			uspawn_done(&other);
		else
			OWN(waitid(P_PIDFD, (id_t)fd, NULL, WEXITED));
		OWN(close(fd));
		collect(ring, record, USPAWN_EXITED, 3);
		if (r == 0) /* silently, as soon as the ring sees it */
			for (siginfo_t info; OWN(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL)) == 0;)
				uspawn_ring_wait(ring, &(struct uspawn_event){ 0 }, 1, 1000000);
	}
	uspawn_ring_free(ring);
}
