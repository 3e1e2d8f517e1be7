/* SPDX-License-Identifier: MIT */
/*
 * Everything a start needs is laid out here once, so that a start only reads: strings, the environment, the candidates
 * of a PATH search, descriptors by target (sources.c).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "actions.h"
#include "confine.h"
#include "env.h"
#include "identity.h"
#include "layout.h"
#include "namespaces.h"
#include "path.h"
#include "place.h"
#include "plan.h"
#include "request.h"
#include "reserve.h"
#include "rlimits.h"
#include "scheduling.h"
#include "sources.h"
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
	m.nbytes += scheduling_measure(r) + confine_measure(r) + identity_measure(r) + namespaces_measure(r);
	if (!borrow) {
		m.npointers += env_count(r->argv) + 1;
		m.nbytes += env_size(m.env) + env_size(r->setenv) + env_size(r->argv);
		for (uint32_t i = 0; i < r->nfds; i++)
			m.nbytes += r->fds[i].path ? strlen(r->fds[i].path) + 1 : 0;
		m.nbytes += rlimits_measure(r) + actions_measure(r) + place_measure(r);
		m.nbytes += layout_size(r->ntimed * sizeof(*r->timed));
	}
	return m;
}

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
	plan->timed = layout_keep(at, r->timed, r->ntimed * sizeof(*r->timed));
	plan->ntimed = r->ntimed;
	plan->events = r->events;
	plan->drain_ns = r->drain_ns;
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

/* Zeroed. A start that needs no plan afterwards takes nothing from malloc(), which a signal handler may have met. */
static struct uspawn_plan *find_room(const struct plan_room *room, size_t size)
{
	int saved = errno;
	struct uspawn_plan *plan;
	void *mapped;

	if (!room) {
		plan = calloc(1, size);
		errno = saved;
		return plan;
	}
	if (size <= sizeof(room->bytes)) {
		plan = memset((void *)room->bytes, 0, size);
		plan->stays = 1;
		return plan;
	}
	if (sys_mmap(size, MAP_PRIVATE, -1, &mapped) < 0)
		return NULL;
	plan = mapped;
	plan->mapped = size;
	return plan;
}

static void give_back(struct uspawn_plan *plan)
{
	if (plan->mapped)
		sys_munmap(plan, plan->mapped);
	else if (!plan->stays)
		free(plan);
}

int plan_compile(struct uspawn_plan **ret, const struct uspawn_request *r, struct plan_room *room,
		 struct uspawn_failure *reterr)
{
	int borrow = room != NULL, result;
	struct measure m = measure(r, borrow);
	size_t nfds = r->nfds, naparts = sources_count_apart(r), ncopies = nfds + naparts + 1;
	struct uspawn_plan *plan;
	struct layout at;

	plan = find_room(room, sizeof(*plan) + m.npointers * sizeof(char *) + nfds * sizeof(*plan->fds) +
				       naparts * sizeof(*plan->apart) + ncopies * sizeof(*plan->copies) +
				       (nfds + 3) * sizeof(*plan->targets) + m.nbytes);
	if (!plan)
		return request_fail(reterr, ENOMEM, USPAWN_STEP_REQUEST, 0);
	at.pointers = (char **)(plan + 1);
	plan->fds = (struct plan_fd *)(at.pointers + m.npointers);
	plan->apart = (struct plan_apart *)(plan->fds + nfds);
	plan->copies = (struct plan_copy *)(plan->apart + naparts);
	plan->targets = (int *)(plan->copies + ncopies);
	at.bytes = (char *)(plan->targets + nfds + 3);
	at.borrow = borrow;
	fill(plan, r, &m, &at);
	sources_list(plan, r, &at);
	rlimits_keep(plan, r, &at);
	actions_keep(plan, r, &at);
	scheduling_keep(plan, r, &at);
	place_keep(plan, r, &at);
	confine_keep(plan, r, &at);
	identity_keep(plan, r, &at);
	namespaces_keep(plan, r, &at);
	plan->cut = actions_cut(plan);
	result = sources_take(plan, r, borrow, reterr);
	if (result < 0) {
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
		else if (!sys_is_replaced(plan->copies[i].fd, &plan->copies[i].inode))
			sys_close(plan->copies[i].fd);
	}
	give_back(plan);
}
