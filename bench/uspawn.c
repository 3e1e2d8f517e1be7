/* SPDX-License-Identifier: MIT */
/*
 * The library by four of its ways: started and waited for one at a time, on a ring, in two stages, and by its slowest
 * rung; and, if asked for by name, with a child of another user, which takes the fastest way that such a child may.
 * Plans are made before the clock runs, as a program that starts the same command often would make them.
 */
#include <errno.h>
#include <stdlib.h>
#include <uspawn.h>
#include "bench.h"

enum kind { SYNC, RING, RELAYED, FORKED, IDENTITY };

static const uint32_t rungs[] = {
	[SYNC] = USPAWN_RUNG_ANY,    [RING] = USPAWN_RUNG_ANY,     [RELAYED] = USPAWN_RUNG_RELAY,
	[FORKED] = USPAWN_RUNG_FORK, [IDENTITY] = USPAWN_RUNG_ANY,
};

static const uint32_t groups[] = { 65534, 100 };
static const struct uspawn_identity nobody = {
	.size = sizeof(nobody), .uid = 65534, .gid = 65534, .groups = groups, .ngroups = 2
};

struct ours {
	enum kind kind;
	uint32_t inflight, next;
	uint32_t slowest; /* rung that a start took */
	struct uspawn_plan *plans[NPROGRAMS];
	struct uspawn_ring *ring;
	struct uspawn_child children[];
};

static void ours_close(void *self)
{
	struct ours *o = self;

	uspawn_ring_free(o->ring);
	for (int program = 0; program < NPROGRAMS; program++)
		uspawn_plan_free(o->plans[program]);
	free(o);
}

static int plan_of(struct uspawn_plan **ret, enum program program, enum kind kind)
{
	const struct command *c = command_of(program);
	struct uspawn_request request = { .size = sizeof(request),
					  .path = c->file ? NULL : c->path,
					  .file = c->file,
					  .argv = c->argv,
					  .envp = c->envp,
					  .rung = rungs[kind] };

	if (kind == IDENTITY) {
		request.identity = &nobody;
		request.iab = "^cap_net_bind_service";
	}
	return uspawn_plan_new(ret, &request, NULL);
}

static int ours_open(void **ret, const struct contestant *contestant, const struct setting *setting)
{
	uint32_t slots = setting->inflight + setting->live;
	struct ours *o = calloc(1, sizeof(*o) + slots * sizeof(o->children[0]));
	int r = 0;

	if (!o)
		return -ENOMEM;
	o->kind = (enum kind)contestant->kind;
	o->inflight = setting->inflight;
	for (uint32_t i = 0; i < slots; i++)
		o->children[i].data = &o->children[i];
	if (o->kind == RING)
		r = uspawn_ring_new(&o->ring, slots, 0);
	for (int program = 0; r >= 0 && program < NPROGRAMS; program++)
		r = plan_of(&o->plans[program], (enum program)program, o->kind);
	if (r < 0) {
		ours_close(o);
		return r;
	}
	*ret = o;
	return 0;
}

static int ours_start(void *self, uint32_t slot, enum program program)
{
	struct ours *o = self;

	if (o->kind == RING)
		return uspawn_ring_start(o->ring, &o->children[slot], o->plans[program], NULL);
	return uspawn_start(&o->children[slot], o->plans[program], NULL);
}

static int ours_wait(void *self, uint32_t *ended)
{
	struct ours *o = self;
	struct uspawn_child *child = &o->children[o->next];
	struct uspawn_event event;
	int r;

	if (o->kind == RING) {
		do
			r = uspawn_ring_wait(o->ring, &event, 1, -1);
		while (r == 0);
		child = event.child;
	} else {
		r = uspawn_wait(child, -1);
		o->next = (o->next + 1) % o->inflight;
	}
	if (r < 0)
		return r;
	*ended = (uint32_t)(child - o->children);
	if (child->rung > o->slowest)
		o->slowest = child->rung;
	return child->exit.code == USPAWN_EXITED && child->exit.status == TOKEN ? 0 : -EPROTO;
}

static pid_t ours_pid(void *self, uint32_t slot)
{
	return ((struct ours *)self)->children[slot].pid;
}

/* A kernel or a filter that refuses the fast ways makes the library slower, not wrong. The reader must be told. */
static const char *ours_remark(void *self)
{
	const struct ours *o = self;

	if (o->slowest == USPAWN_RUNG_FORK && (o->kind == RELAYED || o->kind == IDENTITY))
		return "the second stage cannot be had here: by fork";
	if (o->slowest == USPAWN_RUNG_FORK && o->kind != FORKED)
		return "the fast ways are refused here: by fork";
	if (o->slowest == USPAWN_RUNG_CLONE)
		return "clone3 is refused here: by clone";
	if (o->slowest == USPAWN_RUNG_VFORK && o->kind == RING)
		return "asynchronous starts are refused here: by vfork";
	return NULL;
}

#define USPAWN_CONTESTANT(label, number, text, ...)                                                         \
	{                                                                                                   \
		.name = label, .about = text, .kind = number, .open = ours_open, .start = ours_start,       \
		.wait = ours_wait, .pid = ours_pid, .remark = ours_remark, .close = ours_close, __VA_ARGS__ \
	}

const struct contestant uspawn_contestant = USPAWN_CONTESTANT("uspawn", SYNC, "uspawn_start, uspawn_wait");
const struct contestant async_contestant = USPAWN_CONTESTANT("uspawn-async", RING,
							     "uspawn_ring_start, uspawn_ring_wait");
const struct contestant relayed_contestant = USPAWN_CONTESTANT("uspawn-relay", RELAYED, "uspawn_start in two stages");
const struct contestant forked_contestant = USPAWN_CONTESTANT("uspawn-fork", FORKED,
							      "uspawn_start by its slowest rung");
const struct contestant identity_contestant = USPAWN_CONTESTANT(
	"uspawn-identity", IDENTITY, "uspawn_start: other uid, gid and groups, an ambient capability",
	.measures = ONLY_NAMED);
