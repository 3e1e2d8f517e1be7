/* SPDX-License-Identifier: MIT */
/* By libuv: its loop's descriptor is polled on the server's io_uring, and the loop run when it has something to say. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <uv.h>

#include "settings.h"
#include "spawner.h"

struct job {
	uv_process_t process;
	void *owner;
	int status;
};

const char spawner_name[] = "libuv";

static uv_loop_t loop;
static void (*on_end)(struct job *job, int status);

static void watch(void)
{
	struct io_uring_sqe *sqe = get_sqe();

	io_uring_prep_poll_add(sqe, uv_backend_fd(&loop), POLLIN);
	io_uring_sqe_set_data64(sqe, SPAWNER_TAG);
}

int spawner_open(struct io_uring *uring, const struct settings *settings, void (*ended)(struct job *job, int status))
{
	(void)uring;
	if (settings->drops_privileges)
		return -EOPNOTSUPP;
	on_end = ended;
	return uv_loop_init(&loop);
}

void spawner_close(void)
{
	uv_loop_close(&loop);
}

static void closed(uv_handle_t *handle)
{
	struct job *job = (struct job *)handle;

	on_end(job, job->status);
}

static void failed(uv_handle_t *handle)
{
	free(handle->data);
}

static void ended(uv_process_t *process, int64_t code, int signo)
{
	struct job *job = (struct job *)process;

	job->status = signo ? signo : (int)code << 8;
	uv_close((uv_handle_t *)process, closed);
}

int spawner_start(struct job *job, const char *path, char *const envp[], int in, int out)
{
	char *argv[] = { (char *)path, NULL };
	uv_stdio_container_t stdio[3] = {
		{ .flags = in >= 0 ? UV_INHERIT_FD : UV_IGNORE, .data.fd = in },
		{ .flags = UV_INHERIT_FD, .data.fd = out },
		{ .flags = UV_INHERIT_FD, .data.fd = 2 },
	};
	const uv_process_options_t options = {
		.file = path,
		.args = argv,
		.env = (char **)envp,
		.stdio = stdio,
		.stdio_count = 3,
		.exit_cb = ended,
		.flags = UV_PROCESS_DETACHED,
	};
	static int watched;
	int r = uv_spawn(&loop, &job->process, &options);

	if (r == 0)
		uv_run(&loop, UV_RUN_NOWAIT); /* so that its new descriptors are on its epoll */
	if (r == 0 && !watched) {
		watched = 1;
		watch();
	}
	return r;
}

void spawner_kill(struct job *job)
{
	uv_kill(-job->process.pid, SIGKILL); /* it leads a session */
}

void spawner_complete(uint64_t user_data, int res)
{
	(void)user_data;
	(void)res;
	uv_run(&loop, UV_RUN_NOWAIT);
	watch();
}

struct job *job_new(void *owner)
{
	struct job *job = calloc(1, sizeof(*job));

	if (job)
		job->owner = owner;
	return job;
}

void *job_owner(const struct job *job)
{
	return job->owner;
}

/* A handle is the loop's until it says that it is closed, also that of a start that failed. */
void job_free(struct job *job)
{
	if (job->process.loop && !uv_is_closing((uv_handle_t *)&job->process)) {
		job->process.data = job;
		uv_close((uv_handle_t *)&job->process, failed);
	} else {
		free(job);
	}
}
