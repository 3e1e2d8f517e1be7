/* SPDX-License-Identifier: MIT */
/*
 * Requests with anything in their numbers, and lists with anything in their entries: refused in a way that says why,
 * or made into a plan whose steps come in the order of the enum. Pointers are good ones, as the caller's must be.
 */
#include <errno.h>
#include <uspawn.h>

#include "bytes.h"
#include "kernel.h"

enum { MAX = 4 };

static union lists {
	struct uspawn_fd fds[MAX];
	struct uspawn_action actions[MAX];
	struct uspawn_rlimit rlimits[MAX];
	struct uspawn_timed timed[MAX];
	struct uspawn_join join[MAX];
	struct uspawn_idmap map[MAX];
	uint32_t groups[MAX];
	int32_t pids[MAX];
	uint16_t steps[MAX + 1];
	unsigned long nodes[MAX];
	uint64_t filter[MAX];
} lists[12];

static char *const argv[] = { "program", "x", NULL };
static char *const changes[] = { "A=1", "B", NULL };
static const char *const texts[] = { "", "a", "/", "a/b", "cap_kill=ep", "!cap_kill", "=" };

static const char *draw_text(struct bytes *b)
{
	uint8_t n = take(b);

	return n % 2 ? texts[n / 2 % 7] : NULL;
}

static uint32_t draw_count(struct bytes *b)
{
	return take(b) % (MAX + 1);
}

/* Most often as it should be, so that what comes behind is looked at. */
static uint32_t draw_size(struct bytes *b, size_t size)
{
	uint8_t n = take(b);

	return (uint32_t)(n < 224 ? size : size - 4u * (n % 32u));
}

static void draw_lists(struct bytes *b)
{
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
		take_into(b, &lists[i], take(b) % (sizeof(lists[i]) + 1));
	for (int i = 0; i < MAX; i++) {
		lists[0].fds[i].path = draw_text(b);
		lists[1].actions[i].path = draw_text(b);
	}
	lists[8].steps[MAX] = 0;
}

static const void *draw_parts(struct bytes *b, struct uspawn_request *r)
{
	static struct uspawn_identity identity;
	static struct uspawn_sched sched;
	static struct uspawn_namespaces ns;
	static struct uspawn_confine confine;

	take_into(b, &identity, 16);
	identity.groups = lists[6].groups;
	identity.ngroups = draw_count(b);
	identity.size = draw_size(b, sizeof(identity));
	take_into(b, &sched, take(b) % 2 ? 8 : take(b) % (sizeof(sched) + 1));
	sched.affinity = sched.nodes = lists[9].nodes;
	sched.affinity_size = draw_count(b) * 8;
	sched.nnodes = draw_count(b) * 16;
	if (take(b) % 2)
		sched.affinity = sched.nodes = NULL;
	sched.size = draw_size(b, sizeof(sched));
	take_into(b, &ns, take(b) % 2 ? 8 : take(b) % (sizeof(ns) + 1));
	ns.join = lists[4].join;
	ns.uid_map = lists[5].map;
	ns.gid_map = lists[10].map;
	ns.set_tid = lists[7].pids;
	ns.njoin = draw_count(b);
	ns.nuid_map = draw_count(b);
	ns.ngid_map = draw_count(b);
	ns.nset_tid = draw_count(b);
	ns.size = draw_size(b, sizeof(ns));
	take_into(b, &confine, 8);
	confine.filter = (const void *)lists[11].filter;
	confine.filter_len = (uint16_t)draw_count(b);
	confine.label = draw_text(b);
	confine.landlock_fd = (int8_t)take(b);
	confine.size = draw_size(b, sizeof(confine));
	r->identity = take(b) % 2 ? &identity : NULL;
	r->sched = take(b) % 2 ? &sched : NULL;
	r->namespaces = take(b) % 2 ? &ns : NULL;
	r->confine = take(b) % 2 ? &confine : NULL;
	return r;
}

static int nothing(void *data)
{
	(void)data;
	return 0;
}

static void draw_request(struct bytes *b, struct uspawn_request *r)
{
	static const uint64_t masks[] = { 0, ~0ull, 0xFFFF, 1ull << 63 };

	take_into(b, r, take(b) % 4 ? 0 : take(b) % sizeof(*r)); /* the numbers; what points is put right below */
	r->size = draw_size(b, sizeof(*r));
	r->flags &= masks[take(b) % 4] | USPAWN_INHERIT_FDS;
	r->path = draw_text(b);
	r->file = draw_text(b);
	r->search = draw_text(b);
	r->argv = take(b) % 4 ? argv : NULL;
	r->envp = take(b) % 2 ? argv : NULL;
	r->setenv = take(b) % 4 == 0 ? changes : NULL;
	r->cwd = draw_text(b);
	r->root = draw_text(b);
	r->caps = draw_text(b);
	r->iab = draw_text(b);
	r->fds = lists[0].fds;
	r->nfds = draw_count(b);
	r->actions = lists[1].actions;
	r->nactions = draw_count(b);
	r->rlimits = lists[2].rlimits;
	r->nrlimits = draw_count(b);
	r->timed = lists[3].timed;
	r->ntimed = draw_count(b);
	r->best_effort = take(b) % 4 ? NULL : lists[8].steps;
	r->callback = take(b) % 8 ? NULL : nothing;
	draw_parts(b, r);
}

/* The step of a line of the description, or 0. */
static uint32_t step_of(const char *line)
{
	size_t length = strcspn(line, " ");

	for (uint32_t step = 10; step < 500; step += 10) {
		const char *name = uspawn_strstep(step);

		if (strlen(name) == length && strncmp(name, line, length) == 0)
			return step;
	}
	return 0;
}

/* `pipe` and `pty` are told apart by the caller's entries, one after the other: their lines may come in turns. */
static void check_order(char *text)
{
	uint32_t last = 0;

	for (char *line = text, *next; *line; line = next) {
		uint32_t step = step_of(line);

		next = line + strcspn(line, "\n");
		MUST(*next == '\n');
		next++;
		if (step <= USPAWN_STEP_CLONE)
			continue;
		MUST(step >= last || (last == USPAWN_STEP_AMBIENT && step >= USPAWN_STEP_CAPS));
		last = step;
	}
}

static void check_plan(struct uspawn_plan *plan)
{
	int length = uspawn_plan_describe(plan, NULL, 0);
	char *text = malloc((size_t)length + 1);

	MUST(length > 0 && text);
	MUST(uspawn_plan_describe(plan, text, (size_t)length + 1) == length);
	check_order(text);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes b = { data, size };
	struct uspawn_failure failure = { 0 };
	struct uspawn_plan *plan = NULL;
	struct uspawn_request request;
	int r;

	kernel_reset();
	for (int fd = 0; fd < 64; fd++)
		if (take(&b) % 4 || fd < 3)
			kernel_open(fd, fd % 2);
	draw_lists(&b);
	draw_request(&b, &request);
	errno = 77;
	r = uspawn_plan_new(&plan, &request, &failure);
	MUST(errno == 77);
	if (r < 0) {
		MUST(!plan && failure.errnum == -r && *uspawn_strstep(failure.step));
		return 0;
	}
	MUST(r == 0 && plan);
	check_plan(plan);
	uspawn_plan_free(plan);
	return 0;
}
