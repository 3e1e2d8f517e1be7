/* SPDX-License-Identifier: MIT */
/* libuv as its programs use it: uv_spawn, and a loop that runs until the exit callback came and the handle is closed.
 */
#include <errno.h>
#include <stdlib.h>
#include <uv.h>
#include "bench.h"

struct uv {
	uv_loop_t loop;
	uint32_t ended, nended; /* slots: a list that begins with the last */
	int wrong;
	struct uv_child {
		uv_process_t process;
		uint32_t next;
	} children[];
};

static int uv_open(void **ret, const struct contestant *contestant, const struct setting *setting)
{
	struct uv *u = calloc(1, sizeof(*u) + (setting->inflight + setting->live) * sizeof(u->children[0]));
	int r;

	(void)contestant;
	if (!u)
		return -ENOMEM;
	r = uv_loop_init(&u->loop);
	if (r < 0) {
		free(u);
		return r;
	}
	u->loop.data = u;
	*ret = u;
	return 0;
}

static void on_close(uv_handle_t *handle)
{
	struct uv *u = handle->loop->data;
	struct uv_child *child = (struct uv_child *)handle;

	child->next = u->ended;
	u->ended = (uint32_t)(child - u->children);
	u->nended++;
}

static void on_end(uv_process_t *process, int64_t status, int signal)
{
	struct uv *u = process->loop->data;

	u->wrong |= signal || status != TOKEN;
	uv_close((uv_handle_t *)process, on_close);
}

static int uv_start(void *self, uint32_t slot, enum program program)
{
	struct uv *u = self;
	const struct command *c = command_of(program);
	uv_stdio_container_t stdio[] = {
		{ .flags = UV_INHERIT_FD, .data.fd = 0 },
		{ .flags = UV_INHERIT_FD, .data.fd = 1 },
		{ .flags = UV_INHERIT_FD, .data.fd = 2 },
	};
	uv_process_options_t options = {
		.exit_cb = on_end,
		.file = c->file ? c->file : c->path,
		.args = c->argv,
		.env = c->envp,
		.stdio_count = 3,
		.stdio = stdio,
	};

	return uv_spawn(&u->loop, &u->children[slot].process, &options);
}

static int uv_wait(void *self, uint32_t *ended)
{
	struct uv *u = self;

	while (!u->nended)
		uv_run(&u->loop, UV_RUN_ONCE);
	*ended = u->ended;
	u->ended = u->children[*ended].next;
	u->nended--;
	return u->wrong ? -EPROTO : 0;
}

static pid_t uv_pid(void *self, uint32_t slot)
{
	return ((struct uv *)self)->children[slot].process.pid;
}

static const char *uv_version_text(void)
{
	return uv_version_string();
}

const struct contestant uv_contestant = {
	.name = "libuv",
	.about = "uv_spawn, uv_run",
	.open = uv_open,
	.start = uv_start,
	.wait = uv_wait,
	.pid = uv_pid,
	.version = uv_version_text,
	.close = free, /* children that stay keep the loop busy: it ends with the process */
};
