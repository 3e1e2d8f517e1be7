/* SPDX-License-Identifier: MIT */
/* GLib as its programs use it: g_spawn_async with its usual flags, and a child watch in a main loop. */
#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <glib.h>
#include "bench.h"

struct glib {
	GMainContext *context;
	uint32_t ended, nended; /* slots: a list that begins with the last */
	int wrong;
	struct glib_child {
		struct glib *glib;
		GPid pid;
		uint32_t next;
	} children[];
};

static int glib_open(void **ret, const struct contestant *contestant, const struct setting *setting)
{
	uint32_t slots = setting->inflight + setting->live;
	struct glib *g = calloc(1, sizeof(*g) + slots * sizeof(g->children[0]));

	(void)contestant;
	if (!g)
		return -ENOMEM;
	g->context = g_main_context_new();
	for (uint32_t i = 0; i < slots; i++)
		g->children[i].glib = g;
	*ret = g;
	return 0;
}

static void on_end(GPid pid, gint status, gpointer data)
{
	struct glib_child *child = data;
	struct glib *g = child->glib;

	g->wrong |= !WIFEXITED(status) || WEXITSTATUS(status) != TOKEN;
	child->next = g->ended;
	g->ended = (uint32_t)(child - g->children);
	g->nended++;
	g_spawn_close_pid(pid);
}

static int glib_start(void *self, uint32_t slot, enum program program)
{
	struct glib *g = self;
	struct glib_child *child = &g->children[slot];
	const struct command *c = command_of(program);
	char *path = c->argv[0];
	gboolean ok;
	GSource *source;

	if (c->file)
		c->argv[0] = c->file;
	ok = g_spawn_async(NULL, c->argv, c->envp,
			   G_SPAWN_DO_NOT_REAP_CHILD | (c->file ? G_SPAWN_SEARCH_PATH : G_SPAWN_DEFAULT), NULL, NULL,
			   &child->pid, NULL);
	c->argv[0] = path;
	if (!ok)
		return -ECHILD;
	source = g_child_watch_source_new(child->pid);
	g_source_set_callback(source, G_SOURCE_FUNC(on_end), child, NULL);
	g_source_attach(source, g->context);
	g_source_unref(source);
	return 0;
}

static int glib_wait(void *self, uint32_t *ended)
{
	struct glib *g = self;
	int wrong;

	while (!g->nended)
		g_main_context_iteration(g->context, TRUE);
	*ended = g->ended;
	g->ended = g->children[*ended].next;
	g->nended--;
	wrong = g->wrong;
	g->wrong = 0;
	return wrong ? -EPROTO : 0;
}

static pid_t glib_pid(void *self, uint32_t slot)
{
	return ((struct glib *)self)->children[slot].pid;
}

static const char *glib_version_text(void)
{
	static char version[32];

	snprintf(version, sizeof(version), "%u.%u.%u", glib_major_version, glib_minor_version, glib_micro_version);
	return version;
}

const struct contestant glib_contestant = {
	.name = "glib",
	.about = "g_spawn_async, g_child_watch_source_new",
	.open = glib_open,
	.start = glib_start,
	.wait = glib_wait,
	.pid = glib_pid,
	.version = glib_version_text,
	.close = free, /* children that stay keep their watches: they end with the process */
};
