/* SPDX-License-Identifier: MIT */
/*
 * In a GLib main loop: a source on the ring's descriptor. A child is fed its input and its output is kept in memory; at
 * the end of service what still runs gets a ladder of signals, and the loop stays what it was.
 */
#include <glib-unix.h>
#include <glib.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <uspawn.h>

struct service {
	GMainLoop *loop;
	struct uspawn_ring *ring;
	struct uspawn_child sorts, sleeps;
	struct uspawn_output outputs[2]; /* by argument: 0 is the input, which has none */
};

static gboolean collect(gint fd, GIOCondition condition, gpointer data)
{
	static const struct uspawn_timed ladder[] = { { 0, SIGTERM, 0 }, { 5000000000, SIGKILL, 0 } };
	struct service *service = data;
	struct uspawn_event events[16];
	int n = uspawn_ring_wait(service->ring, events, 16, 0);

	(void)fd, (void)condition;
	for (int i = 0; i < n; i++)
		if (events[i].child == &service->sorts)
			uspawn_ring_end(service->ring, ladder, 2);
		else
			g_main_loop_quit(service->loop);
	return G_SOURCE_CONTINUE;
}

static int start_all(struct service *service)
{
	static const char text[] = "pear\napple\nplum\n";
	const struct uspawn_fd fds[] = { { 0, USPAWN_FEED, .fd = USPAWN_ARG(0) },
					 { 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(1) } };
	char *sort[] = { "sort", NULL }, *sleep[] = { "sleep", "100", NULL };
	struct uspawn_plan *sorter = NULL, *sleeper = NULL;
	int r = uspawn_plan_new(&sorter, USPAWN(request, .argv = sort, .fds = fds, .nfds = 2), NULL);

	if (r == 0)
		r = uspawn_plan_new(&sleeper, USPAWN(request, .argv = sleep), NULL);
	if (r == 0)
		r = uspawn_ring_start(service->ring, &service->sleeps, sleeper, NULL);
	if (r == 0)
		r = uspawn_ring_start(service->ring, &service->sorts, sorter,
				      USPAWN(args, .input = text, .ninput = sizeof(text) - 1,
					     .outputs = service->outputs, .noutputs = 2));
	uspawn_plan_free(sorter);
	uspawn_plan_free(sleeper);
	return r;
}

int main(void)
{
	struct service service = { .loop = g_main_loop_new(NULL, FALSE), .outputs[1].head = 100 };
	struct uspawn_output *sorted = &service.outputs[1];
	guint source;
	int right;

	if (uspawn_ring_new(&service.ring, 2, 0) < 0 || start_all(&service) < 0)
		return 1;
	source = g_unix_fd_add(uspawn_ring_fd(service.ring), G_IO_IN, collect, &service);
	g_main_loop_run(service.loop);
	g_source_remove(source); /* before the ring goes: the descriptor is the ring's */
	g_print("%.*ssort: %d, sleep: signal %d\n", (int)sorted->len, sorted->data, service.sorts.exit.status,
		service.sleeps.exit.status);
	right = sorted->len == 16 && memcmp(sorted->data, "apple\npear\nplum\n", 16) == 0 &&
		service.sorts.exit.code == USPAWN_EXITED && service.sleeps.exit.code == USPAWN_KILLED &&
		service.sleeps.exit.status == SIGTERM;
	free(sorted->data);
	uspawn_ring_free(service.ring);
	g_main_loop_unref(service.loop);
	return right ? 0 : 1;
}
