/* SPDX-License-Identifier: MIT */
/* A child with a care counts one caller inside (wait.h), so that its pidfd stays open, and its group can be met, until
 * the end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "care.h"
#include "fds.h"
#include "handle.h"
#include "request.h"
#include "sys.h"
#include "timed.h"
#include "wait.h"

static int open_streams(struct care *care, const struct uspawn_plan *plan, const struct uspawn_args *args,
			const int *copies, struct uspawn_failure *reterr)
{
	int events = (plan->events & 1u << USPAWN_EVENT_OUTPUT) != 0;

	for (uint32_t n = 0; n < plan->nargs; n++) {
		struct stream *stream = &care->streams[care->nstreams];
		const struct plan_arg *arg = &plan->args[n];
		struct uspawn_output *to = n < args->noutputs ? &args->outputs[n] : NULL;
		int r = 0;

		if (!arg->ours)
			continue;
		*stream = (struct stream){ .fd = -1, .n = (uint8_t)n, .output.fd = -1 };
		if (arg->use == PLAN_READ_END) {
			stream->feeds = 1;
			stream->input = args->input;
			stream->left = args->ninput;
		} else {
			r = output_open(&stream->output, to, copies ? copies[n] : to ? to->fd : -1, events);
		}
		if (r < 0)
			return request_fail(reterr, -r, USPAWN_STEP_SOURCE, arg->index);
		care->nstreams++;
	}
	return 0;
}

static int open_tree(struct care *care, const struct uspawn_plan *plan, const struct uspawn_args *args,
		     struct uspawn_failure *reterr)
{
	int parent = plan->cgroup_fd, r;

	if (!(plan->flags & USPAWN_TREE))
		return 0;
	if (plan_is_arg(parent)) {
		if (plan_arg_number(parent) >= args->nfds)
			return request_fail(reterr, EINVAL, USPAWN_STEP_REQUEST, 0);
		parent = args->fds[plan_arg_number(parent)];
	}
	r = tree_new(&care->tree, parent, args->tree);
	care->has_tree = r == 0;
	return r < 0 ? request_fail(reterr, -r, USPAWN_STEP_CGROUP, 0) : 0;
}

int care_new(struct care **ret, const struct uspawn_plan *plan, const struct uspawn_args *args, const int *copies,
	     struct uspawn_failure *reterr)
{
	int saved = errno, r;
	struct care *care = calloc(1, sizeof(*care) + plan->nstreams * sizeof(*care->streams) +
					      plan->ntimed * sizeof(*care->timed));

	errno = saved;
	if (!care)
		return request_fail(reterr, ENOMEM, USPAWN_STEP_REQUEST, 0);
	/* The plan may be gone, and what it borrowed, when the child still runs. */
	care->timed = (struct uspawn_timed *)(care->streams + plan->nstreams);
	care->ntimed = plan->ntimed;
	care->events = plan->events;
	care->drain_ns = plan->drain_ns;
	if (plan->ntimed)
		memcpy(care->timed, plan->timed, plan->ntimed * sizeof(*care->timed));
	r = open_streams(care, plan, args, copies, reterr);
	if (r == 0)
		r = open_tree(care, plan, args, reterr);
	if (r < 0 && reterr->step == USPAWN_STEP_CGROUP && plan_may_fail(plan, USPAWN_STEP_CGROUP)) {
		if (args->tree)
			*args->tree = (struct uspawn_tree_usage){ 0 };
		r = 0;
	}
	if (r < 0)
		care_free(care);
	else
		*ret = care;
	return r;
}

void care_begin(struct care *care, struct uspawn_child *child, struct fds *fds)
{
	struct scratch none = { NULL, 0 };
	uint64_t bytes = 0;

	care->child = child;
	care->start_ns = care->heard_ns = sys_now_ns();
	for (uint32_t i = 0; i < care->nstreams; i++) {
		struct stream *stream = &care->streams[i];

		stream_open(stream, fds_take_other(fds, stream->n));
		stream->ready = stream->feeds;
		if (stream->feeds) /* a short input is in the pipe at once, and nobody need watch it */
			stream_pump(stream, &none, &bytes);
	}
	handle_of(child)->care = care;
	if (care->has_tree) {
		handle_of(child)->tree = care->tree.dir;
		handle_of(child)->tree_inode = care->tree.inode;
	}
	handle_of(child)->flags |= HANDLE_CARED;
	wait_enter(child);
}

/* It has ended, or is shut: the last that is inside closes the tree, and may be a killer. */
static void let_go(struct uspawn_child *child)
{
	struct handle *handle = handle_of(child);

	handle->care = NULL;
	handle->flags &= ~(uint32_t)HANDLE_CARED;
	wait_leave(child);
}

void care_free(struct care *care)
{
	if (!care)
		return;
	for (uint32_t i = 0; i < care->nstreams; i++)
		stream_close(&care->streams[i]);
	if (care->has_tree)
		tree_close(&care->tree, care->child != NULL);
	if (care->child)
		let_go(care->child);
	free(care);
}

void care_look(struct care *care)
{
	care->tree.ready = 1;
	for (uint32_t i = 0; i < care->nstreams; i++) {
		care->streams[i].ready = 1;
		care->streams[i].blocked = 0;
	}
}

int care_pump(struct care *care, struct scratch *scratch)
{
	uint64_t bytes = 0;
	int more = 0;

	for (uint32_t i = 0; i < care->nstreams; i++)
		more |= stream_pump(&care->streams[i], scratch, &bytes) == STREAM_MORE;
	if (bytes)
		care_heard(care);
	if (care->has_tree && care->exited)
		tree_look(&care->tree);
	return more;
}

void care_heard(struct care *care)
{
	if (care->ntimed && !care->idle_stands)
		care->heard_ns = sys_now_ns();
}

static uint64_t count_sent(const struct care *care)
{
	return (uint64_t)__builtin_popcountll(care->sent);
}

void care_exited(struct care *care)
{
	care->exited = 1;
	if (care->drain_ns)
		care->exit_ns = sys_now_ns();
	care->child->exit.timed = count_sent(care);
}

void care_drain_no_more(struct care *care)
{
	care->drain_ns = 1;
	if (care->exited)
		care->exit_ns = sys_now_ns() - 1;
}

static int is_drained(const struct care *care)
{
	for (uint32_t i = 0; i < care->nstreams; i++)
		if (!stream_is_over(&care->streams[i]))
			return 0;
	return !care->has_tree || care->tree.is_empty || care->tree.given_up;
}

static int64_t drain_due(const struct care *care)
{
	uint64_t drain = care->drain_ns;

	if (!care->exited || !drain || drain > (uint64_t)(CARE_NEVER - care->exit_ns))
		return CARE_NEVER;
	return care->exit_ns + (int64_t)drain;
}

int64_t care_due(const struct care *care)
{
	int64_t timed = timed_due(care), drain = drain_due(care);

	return timed < drain ? timed : drain;
}

/* All are asked, so that each begins with its last now. */
static int is_dry(struct care *care)
{
	int dry = 1;

	for (uint32_t i = 0; i < care->nstreams; i++)
		dry &= stream_is_dry(&care->streams[i]);
	return dry;
}

int care_expire(struct care *care, int64_t now_ns, int settled)
{
	timed_expire(care, now_ns, settled);
	if (care->exited)
		care->child->exit.timed = count_sent(care);
	return settled && drain_due(care) <= now_ns && is_dry(care);
}

void care_cut_off(struct care *care)
{
	for (uint32_t i = 0; i < care->nstreams; i++)
		stream_cut_off(&care->streams[i]);
	care->tree.given_up = 1;
	care->drain_ns = 0;
}

int care_is_over(const struct care *care)
{
	return care->exited && is_drained(care);
}

/* ---- Events ---- */

static int wants(const struct care *care, enum uspawn_event_type type)
{
	return (care->events & 1u << type) != 0;
}

static int stream_event(struct care *care, struct stream *stream, struct uspawn_event *event)
{
	const char *piece;
	size_t n;

	if (stream->said)
		return 0;
	if (!stream->feeds && stream->output.events && (n = output_piece(&stream->output, &piece))) {
		event->type = USPAWN_EVENT_OUTPUT;
		event->data = (uintptr_t)piece;
		event->len = n;
	} else if (stream_is_over(stream)) {
		stream->said = 1;
		if (stream->feeds || !wants(care, USPAWN_EVENT_EOF))
			return 0;
		event->type = USPAWN_EVENT_EOF;
	} else {
		return 0;
	}
	event->index = stream->n;
	return 1;
}

void care_take_back(struct care *care, const struct uspawn_event *event)
{
	for (uint32_t i = 0; i < care->nstreams; i++)
		if (!care->streams[i].feeds && care->streams[i].n == event->index)
			care->streams[i].output.nowhere += event->len;
}

int care_next_event(struct care *care, struct uspawn_event *event)
{
	*event = (struct uspawn_event){ .child = care->child };
	if (wants(care, USPAWN_EVENT_TIMED) && care->sent != care->told) {
		event->type = USPAWN_EVENT_TIMED;
		event->index = __builtin_ctzll(care->sent & ~care->told);
		care->told |= 1ull << event->index;
		return 1;
	}
	if (care->exited && !care->exit_told) {
		care->exit_told = 1;
		if (wants(care, USPAWN_EVENT_EXIT)) {
			event->type = USPAWN_EVENT_EXIT;
			return 1;
		}
	}
	for (uint32_t i = 0; i < care->nstreams; i++)
		if (stream_event(care, &care->streams[i], event))
			return 1;
	if (care->has_tree && care->tree.is_empty && !care->empty_told) {
		care->empty_told = 1;
		event->type = USPAWN_EVENT_TREE_EMPTY;
		event->index = 0;
		return wants(care, USPAWN_EVENT_TREE_EMPTY);
	}
	return 0;
}
