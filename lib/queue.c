/* SPDX-License-Identifier: MIT */
/* One allocation each, since a queue is where a server keeps what it cannot do now: it may be long. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ends.h"
#include "env.h"
#include "fds.h"
#include "handle.h"
#include "output.h"
#include "queue.h"
#include "request.h"
#include "sys.h"

static uint64_t bit(unsigned n)
{
	return 1ull << n;
}

void queue_init(struct queue *queue)
{
	*queue = (struct queue){ .end = &queue->first };
}

/* ---- Copies ---- */

static char *const *copy_list(char ***pointers, char **bytes, char *const *list)
{
	char **ret = *pointers;

	if (!list)
		return NULL;
	for (; *list; list++) {
		size_t size = strlen(*list) + 1;

		*(*pointers)++ = memcpy(*bytes, *list, size);
		*bytes += size;
	}
	*(*pointers)++ = NULL;
	return ret;
}

static struct queued *allocate(const struct uspawn_args *args, uint32_t nfds)
{
	size_t n = env_count(args->argv) + env_count(args->envp) + env_count(args->setenv) + 3;
	size_t size = env_size(args->argv) + env_size(args->envp) + env_size(args->setenv);
	int saved = errno;
	struct queued *queued = malloc(sizeof(*queued) + n * sizeof(char *) + nfds * sizeof(struct sys_inode) + size);
	char **pointers, *bytes;

	errno = saved;
	if (!queued)
		return NULL;
	*queued = (struct queued){ .args = *args };
	pointers = queued->strings;
	queued->inodes = memset(pointers + n, 0, nfds * sizeof(struct sys_inode));
	bytes = (char *)(queued->inodes + nfds);
	queued->args.argv = copy_list(&pointers, &bytes, args->argv);
	queued->args.envp = copy_list(&pointers, &bytes, args->envp);
	queued->args.setenv = copy_list(&pointers, &bytes, args->setenv);
	queued->args.size = sizeof(queued->args);
	queued->args.give = 0;
	return queued;
}

/* A bit each. */
struct taken {
	uint64_t copies, made, stay; /* ours; of new pipes; the caller's, by his number */
	int others[PLAN_ARGS];       /* the caller's ends of what was made */
};

static void close_all(const int *fds, uint64_t which)
{
	for (; which; which &= which - 1)
		if (fds[__builtin_ctzll(which)] >= 0)
			sys_close(fds[__builtin_ctzll(which)]);
}

/* One that is given stays at its number: it may be that there is no other. */
static int hold_descriptor(int fd, int given)
{
	return given && fd > 2 ? fd : sys_dup_from(fd, 3);
}

static int copy_output(struct queued *queued, const struct plan_arg *arg, unsigned n)
{
	const struct uspawn_output *to = n < queued->args.noutputs ? &queued->args.outputs[n] : NULL;
	uint8_t kind;
	int fd;

	if (!to || arg->use != PLAN_WRITE_END || !(to->flags & USPAWN_OUTPUT_FD))
		return 0;
	fd = output_copy_descriptor(to->fd, &kind);
	if (fd < 0)
		return fd;
	queued->fds[n] = fd;
	queued->outputs |= bit(n);
	return 0;
}

/* What is the child's of one arg. */
static int take_one(struct queued *queued, const struct uspawn_plan *plan, const struct uspawn_args *args, unsigned n,
		    struct taken *taken)
{
	const struct plan_arg *arg = &plan->args[n];
	struct ends ends;
	int r;

	if (arg->use == PLAN_UNUSED)
		return 0;
	if (arg->ours)
		return copy_output(queued, arg, n);
	if (arg->use == PLAN_DESCRIPTOR) {
		r = queued->fds[n] = hold_descriptor(args->fds[n], (args->give & bit(n)) != 0);
		if (r == args->fds[n]) {
			taken->stay |= bit(n);
			return 0;
		}
	} else if ((r = ends_open(&ends, plan, n)) == 0) {
		queued->fds[n] = ends.child;
		taken->others[n] = ends.caller;
		taken->made |= bit(n);
	}
	if (r >= 0)
		taken->copies |= bit(n);
	return r;
}

/* Takes everything or nothing; the caller's array is written last. */
static int take_descriptors(struct queued *queued, const struct uspawn_plan *plan, const struct uspawn_args *args,
			    struct uspawn_failure *reterr)
{
	struct taken taken = { 0 };
	int r = fds_check(plan, args, fds_closed(args), reterr);

	if (r < 0)
		return r;
	for (unsigned n = 0; n < plan->nargs; n++) {
		const struct plan_arg *arg = &plan->args[n];

		r = take_one(queued, plan, args, n, &taken);
		if (r < 0) {
			close_all(queued->fds, taken.copies);
			close_all(taken.others, taken.made);
			close_all(queued->fds, queued->outputs);
			return request_fail(reterr, -r, arg->ours ? USPAWN_STEP_SOURCE : arg->step, arg->index);
		}
	}
	for (unsigned n = 0; n < plan->nargs; n++) {
		if (taken.made & bit(n)) {
			args->fds[n] = taken.others[n];
			continue;
		}
		if (!(args->give & bit(n)))
			continue;
		if (taken.stay & bit(n)) /* no other child is to have it meanwhile */
			sys_fcntl(args->fds[n], F_SETFD, FD_CLOEXEC);
		else
			sys_close(args->fds[n]);
		args->fds[n] = -1;
	}
	queued->args.give = taken.copies | taken.stay;
	for (uint64_t left = queued->args.give | queued->outputs; left; left &= left - 1)
		sys_inode(queued->fds[__builtin_ctzll(left)], &queued->inodes[__builtin_ctzll(left)]);
	queued->args.fds = queued->fds;
	queued->args.nfds = plan->nargs;
	return 0;
}

/* ---- The queue ---- */

void queue_append(struct queue *queue, struct queued *queued)
{
	queued->next = NULL;
	queued->queue = queue;
	queued->at = queue->end;
	*queue->end = queued;
	queue->end = &queued->next;
	queue->n++;
	handle_of(queued->child)->queued = queued;
}

int queue_add(struct queue *queue, struct uspawn_child *child, const struct uspawn_plan *plan,
	      const struct uspawn_args *args, struct uspawn_failure *reterr)
{
	struct uspawn_args accepted;
	struct queued *queued;
	int r = request_accept_args(&accepted, args, reterr);

	if (r < 0)
		return r;
	for (unsigned n = 0; n < PLAN_ARGS; n++)
		for (unsigned m = 0; accepted.give & bit(n) && m <= n; m++)
			if (n >= plan->nargs || n >= accepted.nfds || plan->args[n].use != PLAN_DESCRIPTOR ||
			    (m < n && accepted.give & bit(m) && accepted.fds[m] == accepted.fds[n]))
				return request_fail(reterr, EINVAL, USPAWN_STEP_REQUEST, 0);
	queued = allocate(&accepted, plan->nargs);
	if (!queued)
		return request_fail(reterr, ENOMEM, USPAWN_STEP_REQUEST, 0);
	r = take_descriptors(queued, plan, &accepted, reterr);
	if (r < 0) {
		free(queued);
		return r;
	}
	queued->child = child;
	queued->plan = plan_ref(plan);
	handle_begin(child, 0, -1, USPAWN_RUNG_ANY, HANDLE_WATCHED);
	queue_append(queue, queued);
	return 0;
}

static void take_out(struct queued *queued)
{
	struct queue *queue = queued->queue;

	*queued->at = queued->next;
	if (queued->next)
		queued->next->at = queued->at;
	else
		queue->end = queued->at;
	queue->n--;
	handle_of(queued->child)->queued = NULL;
}

struct queued *queue_take(struct queue *queue)
{
	struct queued *queued = queue->first;

	take_out(queued);
	return queued;
}

void queue_put_back(struct queue *queue, struct queued *queued)
{
	queued->next = queue->first;
	queued->at = &queue->first;
	if (queue->first)
		queue->first->at = &queued->next;
	else
		queue->end = &queued->next;
	queue->first = queued;
	queue->n++;
	handle_of(queued->child)->queued = queued;
}

void queue_check(struct queued *queued)
{
	for (uint64_t left = queued->args.give | queued->outputs; left; left &= left - 1) {
		int n = __builtin_ctzll(left);

		if (queued->fds[n] >= 0 && sys_is_replaced(queued->fds[n], &queued->inodes[n]))
			queued->fds[n] = -1;
	}
}

void queue_remove(struct queued *queued)
{
	take_out(queued);
	queue_free(queued);
}

void queue_free(struct queued *queued)
{
	queue_check(queued);
	close_all(queued->fds, queued->args.give | queued->outputs);
	plan_unref(queued->plan);
	free(queued);
}
