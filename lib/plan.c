/* SPDX-License-Identifier: MIT */
/*
 * Everything a start needs is laid out here once, so that a start only reads: strings, the environment, the candidates
 * of a PATH search, descriptors by target. A plan keeps descriptors of its own, since a number that the request named
 * may be another file by the time of a start.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "actions.h"
#include "confine.h"
#include "env.h"
#include "layout.h"
#include "path.h"
#include "place.h"
#include "plan.h"
#include "request.h"
#include "reserve.h"
#include "rlimits.h"
#include "scheduling.h"
#include "sys.h"

extern char **environ;

static char *const *keep_list(struct layout *at, char *const *list)
{
	char **ret = at->pointers;

	if (!list || at->borrow)
		return list;
	for (; *list; list++)
		*at->pointers++ = layout_keep_string(at, *list);
	*at->pointers++ = NULL;
	return ret;
}

static char *const *keep_env(struct layout *at, char *const *base, char *const *changes)
{
	char **ret = at->pointers, **end;

	if (!changes)
		return keep_list(at, base);
	env_merge(base, changes, ret);
	for (end = ret; *end; end++)
		*end = layout_keep_string(at, *end);
	at->pointers = end + 1;
	return ret;
}

/* What the program is looked up as; *retsearch is NULL where there is no search. */
static const char *program_name(const struct uspawn_request *r, const char **retsearch)
{
	const char *name = r->path ? r->path : r->file ? r->file : r->argv ? r->argv[0] : NULL;

	*retsearch = NULL;
	if (r->flags & USPAWN_FEXEC || (!r->path && !r->file && r->callback && !r->argv))
		return NULL;
	if (!r->path) {
		*retsearch = r->search ? r->search : getenv("PATH");
		if (!*retsearch)
			*retsearch = PATH_DEFAULT;
	}
	return name;
}

struct measure {
	const char *name, *search;
	struct path_size candidates;
	char *const *env;
	size_t npointers, nbytes;
};

static struct measure measure(const struct uspawn_request *r, int borrow)
{
	struct measure m = { .env = r->envp ? r->envp : environ };
	static char *const none[] = { NULL };

	if (!m.env)
		m.env = none;
	m.name = program_name(r, &m.search);
	if (m.name) {
		m.candidates = path_measure(m.name, m.search);
		m.npointers += m.candidates.count + 1;
		m.nbytes += m.candidates.bytes;
	}
	if (r->setenv || !borrow)
		m.npointers += env_count(m.env) + env_count(r->setenv) + 1;
	m.nbytes += scheduling_measure(r) + confine_measure(r);
	if (!borrow) {
		m.npointers += env_count(r->argv) + 1;
		m.nbytes += env_size(m.env) + env_size(r->setenv) + env_size(r->argv);
		for (uint32_t i = 0; i < r->nfds; i++)
			m.nbytes += r->fds[i].path ? strlen(r->fds[i].path) + 1 : 0;
		m.nbytes += rlimits_measure(r) + actions_measure(r) + place_measure(r);
	}
	return m;
}

/* ---- Descriptors ---- */

static int by_target(const void *a, const void *b)
{
	const struct plan_fd *x = a, *y = b;

	return (x->target > y->target) - (x->target < y->target);
}

static int find_copy(const struct uspawn_plan *plan, int fd, int apart)
{
	for (uint32_t i = 0; i < plan->ncopies; i++)
		if (plan->copies[i].from == fd && !(apart && plan_has_target(plan, plan->copies[i].fd)))
			return plan->copies[i].fd;
	return -1;
}

static int add_copy(struct uspawn_plan *plan, int from, int fd, int pinned)
{
	plan->copies[plan->ncopies++] = (struct plan_copy){ from, fd, pinned };
	return fd;
}

/* A number for fd's file that stays as it is while the plan lives; `apart`: one that is no target. */
static int hold(struct uspawn_plan *plan, int fd, int borrow, int apart)
{
	int copy = find_copy(plan, fd, apart), low = 3, in_the_way, r;

	if (copy >= 0)
		return copy;
	if (sys_fcntl(fd, F_GETFD, 0) < 0)
		return -EBADF;
	in_the_way = apart && plan_has_target(plan, fd);
	if (borrow && !in_the_way && fd < RESERVE_END)
		return fd;
	if ((r = reserve_pin(fd)) >= 0) {
		if (!apart || !plan_has_target(plan, r))
			return add_copy(plan, fd, r, 1);
		reserve_unpin(r);
	}
	if (borrow && !in_the_way)
		return fd;
	while ((r = sys_fcntl(fd, F_DUPFD_CLOEXEC, low)) >= 0 && apart && plan_has_target(plan, r)) {
		sys_close(r);
		low = r + 1;
	}
	return r < 0 ? r : add_copy(plan, fd, r, 0);
}

/* Notes that a start must bring argument n, and as what. */
static int use_arg(struct uspawn_plan *plan, int fd, enum plan_arg_use use, const struct uspawn_fd *entry,
		   uint32_t index)
{
	unsigned n = plan_arg_number(fd);
	struct plan_arg *arg = &plan->args[n];

	if (n >= PLAN_ARGS || (arg->use != PLAN_UNUSED && arg->use != use))
		return -EINVAL;
	if (arg->use == PLAN_UNUSED)
		arg->index = index;
	if (use == PLAN_PTY) {
		if ((entry->rows && arg->rows && entry->rows != arg->rows) ||
		    (entry->cols && arg->cols && entry->cols != arg->cols))
			return -EINVAL;
		arg->rows |= entry->rows;
		arg->cols |= entry->cols;
	}
	arg->use = (uint8_t)use;
	if (entry && entry->flags & USPAWN_NONBLOCK)
		arg->nonblock = 1;
	if (!entry)
		arg->apart = 1;
	if (n >= plan->nargs)
		plan->nargs = n + 1;
	return fd;
}

static int take_source(struct uspawn_plan *plan, const struct uspawn_fd *entry, uint32_t index, int borrow)
{
	if (entry->source == USPAWN_READ_END)
		return use_arg(plan, entry->fd, PLAN_READ_END, entry, index);
	if (entry->source == USPAWN_WRITE_END)
		return use_arg(plan, entry->fd, PLAN_WRITE_END, entry, index);
	if (entry->source == USPAWN_PTY)
		return use_arg(plan, entry->fd, PLAN_PTY, entry, index);
	if (plan_is_arg(entry->fd))
		return use_arg(plan, entry->fd, PLAN_DESCRIPTOR, entry, index);
	return hold(plan, entry->fd, borrow, 0);
}

static void list_fds(struct uspawn_plan *plan, const struct uspawn_request *r, struct layout *at)
{
	for (uint32_t i = 0; i < r->nfds; i++) {
		const struct uspawn_fd *fd = &r->fds[i];

		plan->fds[i] = (struct plan_fd){
			.target = fd->target,
			.fd = fd->fd,
			.index = i,
			.kind = fd->source == USPAWN_CLOSED ? PLAN_CLOSED
				: fd->source == USPAWN_NULL ? PLAN_OPEN
				: fd->source == USPAWN_OPEN ? PLAN_OPEN
							    : PLAN_SOURCE,
			.mode = (uint16_t)fd->mode,
			.oflag = fd->source == USPAWN_NULL ? O_RDWR : fd->oflag,
			.path = fd->source == USPAWN_NULL ? "/dev/null" : layout_keep_string(at, fd->path),
		};
	}
	plan->nfds = r->nfds;
	qsort(plan->fds, plan->nfds, sizeof(*plan->fds), by_target);
}

static void list_targets(struct uspawn_plan *plan)
{
	int stdio = 0;

	for (uint32_t i = 0; i < plan->nfds; i++) {
		for (; stdio < 3 && stdio < plan->fds[i].target; stdio++)
			plan->targets[plan->ntargets++] = stdio;
		if (stdio == plan->fds[i].target)
			stdio++;
		if (plan->fds[i].kind == PLAN_SOURCE) {
			plan->targets[plan->ntargets++] = plan->fds[i].target;
			plan->nsources++;
		}
	}
	for (; stdio < 3; stdio++)
		plan->targets[plan->ntargets++] = stdio;
}

static int take_fds(struct uspawn_plan *plan, const struct uspawn_request *r, int borrow, struct uspawn_failure *reterr)
{
	for (uint32_t i = 0; i < plan->nfds; i++) {
		struct plan_fd *fd = &plan->fds[i];
		int number;

		if (i && fd[-1].target == fd->target)
			return request_fail(reterr, EINVAL, USPAWN_STEP_FD,
					    fd->index > fd[-1].index ? fd->index : fd[-1].index);
		if (fd->kind != PLAN_SOURCE)
			continue;
		number = take_source(plan, &r->fds[fd->index], fd->index, borrow);
		if (number < 0 && !plan_is_arg(number))
			return request_fail(reterr, -number, number == -EINVAL ? USPAWN_STEP_FD : USPAWN_STEP_SOURCE,
					    fd->index);
		fd->fd = number;
	}
	return 0;
}

/*
 * A descriptor that the child needs after its targets are in place, until exec: it sits on none of them. *ret is what
 * fds_number() understands.
 */
static int take_apart(struct uspawn_plan *plan, int fd, int borrow, uint32_t step, uint32_t index, int *ret,
		      struct uspawn_failure *reterr)
{
	int number = plan_is_arg(fd) ? use_arg(plan, fd, PLAN_DESCRIPTOR, NULL, index) : hold(plan, fd, borrow, 1);

	if (number < 0 && !plan_is_arg(number))
		return request_fail(reterr, -number, step, index);
	plan->apart[plan->napart++] = (struct plan_apart){ .fd = number, .copied = find_copy(plan, fd, 1) == number };
	*ret = number;
	return 0;
}

/*
 * The kernel refuses to run a script by a descriptor that is close-on-exec, since its interpreter could not open it.
 * Who maps the descriptor, too, gets it run by its target, which is not.
 */
static int mapped_exec_target(const struct uspawn_request *r)
{
	for (uint32_t i = 0; r->flags & USPAWN_FEXEC && i < r->nfds; i++)
		if (r->fds[i].source == USPAWN_FD && r->fds[i].fd == r->exec_fd)
			return r->fds[i].target;
	return -1;
}

/* ---- The whole ---- */

static void fill(struct uspawn_plan *plan, const struct uspawn_request *r, const struct measure *m, struct layout *at)
{
	plan->references = 1;
	plan->rung = r->rung;
	plan->flags = r->flags;
	for (const uint16_t *step = r->best_effort; step && *step; step++)
		plan->may_fail |= plan_step_bit(*step);
	plan->pgroup = r->pgroup;
	plan->tty = r->tty;
	plan->pdeathsig = r->pdeathsig;
	plan->sigmask = r->sigmask;
	plan->sigdefault = r->sigdefault;
	plan->sigignore = r->sigignore;
	plan->callback = r->callback;
	plan->callback_data = r->callback_data;
	plan->argv = keep_list(at, r->argv);
	plan->envp = keep_env(at, m->env, r->setenv);
	if (m->name) {
		plan->candidates = (const char *const *)at->pointers;
		path_list(m->name, m->search, at->bytes, (const char **)at->pointers);
		at->pointers += m->candidates.count + 1;
		at->bytes += m->candidates.bytes;
	}
}

/* Used before anything is put in place. */
static int take_cgroup(struct uspawn_plan *plan, const struct uspawn_request *r, int borrow,
		       struct uspawn_failure *reterr)
{
	int fd = r->cgroup_fd;

	plan->cgroup_fd = -1;
	if (!(r->flags & USPAWN_SETCGROUP))
		return 0;
	fd = plan_is_arg(fd) ? use_arg(plan, fd, PLAN_DESCRIPTOR, NULL, 0) : hold(plan, fd, borrow, 0);
	if (fd < 0 && !plan_is_arg(fd))
		return request_fail(reterr, -fd, USPAWN_STEP_CGROUP, 0);
	plan->cgroup_fd = fd;
	return 0;
}

static int take_aparts(struct uspawn_plan *plan, const struct uspawn_request *r, int borrow,
		       struct uspawn_failure *reterr)
{
	int result;

	plan->exec_target = mapped_exec_target(r);
	plan->exec_fd = plan->cwd_fd = plan->landlock_fd = -1;
	result = take_cgroup(plan, r, borrow, reterr);
	if (result == 0 && r->flags & USPAWN_FEXEC && plan->exec_target == -1)
		result = take_apart(plan, r->exec_fd, borrow, USPAWN_STEP_EXEC, 0, &plan->exec_fd, reterr);
	if (result == 0 && r->flags & USPAWN_FCHDIR)
		result = take_apart(plan, r->cwd_fd, borrow, USPAWN_STEP_CWD, 0, &plan->cwd_fd, reterr);
	if (result == 0 && plan->confine && plan->confine->flags & USPAWN_LANDLOCK)
		result = take_apart(plan, plan->confine->landlock_fd, borrow, USPAWN_STEP_LANDLOCK, 0,
				    &plan->landlock_fd, reterr);
	return result;
}

/* How many descriptors at most are taken apart. */
static size_t count_aparts(const struct uspawn_request *r)
{
	return (r->flags & USPAWN_FEXEC ? 1 : 0) + (r->flags & USPAWN_FCHDIR ? 1 : 0) + (r->confine ? 1 : 0);
}

int plan_compile(struct uspawn_plan **ret, const struct uspawn_request *r, int borrow, struct uspawn_failure *reterr)
{
	struct measure m = measure(r, borrow);
	size_t nfds = r->nfds, naparts = count_aparts(r), ncopies = nfds + naparts + 1;
	struct uspawn_plan *plan;
	struct layout at;
	int saved = errno, result;

	plan = calloc(1, sizeof(*plan) + m.npointers * sizeof(char *) + nfds * sizeof(*plan->fds) +
				 naparts * sizeof(*plan->apart) + ncopies * sizeof(*plan->copies) +
				 (nfds + 3) * sizeof(*plan->targets) + m.nbytes);
	if (!plan) {
		errno = saved;
		return request_fail(reterr, ENOMEM, USPAWN_STEP_REQUEST, 0);
	}
	at.pointers = (char **)(plan + 1);
	plan->fds = (struct plan_fd *)(at.pointers + m.npointers);
	plan->apart = (struct plan_apart *)(plan->fds + nfds);
	plan->copies = (struct plan_copy *)(plan->apart + naparts);
	plan->targets = (int *)(plan->copies + ncopies);
	at.bytes = (char *)(plan->targets + nfds + 3);
	at.borrow = borrow;
	fill(plan, r, &m, &at);
	list_fds(plan, r, &at);
	list_targets(plan);
	rlimits_keep(plan, r, &at);
	actions_keep(plan, r, &at);
	scheduling_keep(plan, r, &at);
	place_keep(plan, r, &at);
	confine_keep(plan, r, &at);
	plan->cut = actions_cut(plan);
	if ((result = take_fds(plan, r, borrow, reterr)) < 0 || (result = take_aparts(plan, r, borrow, reterr)) < 0) {
		plan_unref(plan);
		return result;
	}
	*ret = plan;
	return 0;
}

struct uspawn_plan *plan_ref(const struct uspawn_plan *plan)
{
	struct uspawn_plan *counted = (struct uspawn_plan *)plan;

	atomic_fetch_add_explicit(&counted->references, 1, memory_order_relaxed);
	return counted;
}

void plan_unref(struct uspawn_plan *plan)
{
	if (!plan || atomic_fetch_sub_explicit(&plan->references, 1, memory_order_acq_rel) != 1)
		return;
	for (uint32_t i = 0; i < plan->ncopies; i++) {
		if (plan->copies[i].pinned)
			reserve_unpin(plan->copies[i].fd);
		else
			sys_close(plan->copies[i].fd);
	}
	free(plan);
}
