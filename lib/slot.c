/* SPDX-License-Identifier: MIT */
/* Looking is cheap (a word of memory), so it is done in passing, at each start and each wait: a few at a time, in turn.
 */
#include <stdlib.h>
#include <unistd.h>

#include "clone.h"
#include "handle.h"
#include "slot.h"
#include "sys.h"

#define STACK_SIZE      4096
#define MEMORY_SIZE     12288
#define BUSY_BOUND      1024 /* more starts at once than this wait for their exec */
#define LOOK_AT         4
#define SETTLE_SLICE_NS 50000000

#define CLAIMED_SLICE_NS 20000

static _Atomic(struct slot *) all;

void slot_pool_init(struct slot_pool *pool, int apart)
{
	*pool = (struct slot_pool){ .apart = apart, .busy_end = &pool->busy };
}

/* ---- Slots of the process ---- */

static int map_slot(struct slot *slot)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t size = (STACK_SIZE + MEMORY_SIZE + page - 1) / page * page;
	void *mapped;
	char *map;

	if (sys_mmap(page + size, MAP_PRIVATE, -1, &mapped) < 0)
		return -ENOMEM;
	map = mapped;
	if (sys_mprotect(map, page, PROT_NONE) < 0 || sys_madvise(map + page, size, MADV_WIPEONFORK) < 0) {
		sys_munmap(map, page + size);
		return -ENOMEM;
	}
	/* The stack grows down to the guard; what the child reads first lies right above it. */
	slot->stack = map + page;
	slot->stack_size = STACK_SIZE;
	slot->memory = (struct slot_memory *)(map + page + STACK_SIZE);
	slot->room_size = size - STACK_SIZE - sizeof(struct slot_memory);
	return 0;
}

static struct slot *find_free(void)
{
	for (struct slot *slot = atomic_load(&all); slot; slot = slot->next_all) {
		uint32_t no = 0;

		if (!atomic_load(&slot->taken) && atomic_compare_exchange_strong(&slot->taken, &no, 1))
			return slot;
	}
	return NULL;
}

static struct slot *new_slot(void)
{
	int saved = errno;
	struct slot *slot = calloc(1, sizeof(*slot));

	if (slot && map_slot(slot) < 0) {
		free(slot);
		slot = NULL;
	}
	errno = saved;
	if (!slot)
		return NULL;
	slot->taken = 1;
	slot->next_all = atomic_load(&all);
	while (!atomic_compare_exchange_weak(&all, &slot->next_all, slot))
		;
	return slot;
}

/* ---- The slots of a ring ---- */

struct slot *slot_take(struct slot_pool *pool, size_t room)
{
	struct slot *slot = pool->idle;

	if (slot) {
		pool->idle = slot->next;
	} else {
		if (pool->nbusy >= BUSY_BOUND)
			return NULL;
		slot = find_free();
		if (!slot)
			slot = new_slot();
		if (!slot)
			return NULL;
	}
	if (room > slot->room_size) {
		int saved = errno;

		slot->more_room = malloc(room);
		errno = saved;
		if (!slot->more_room) {
			slot_untake(pool, slot);
			return NULL;
		}
	}
	slot->memory->report = (struct child_report){ 0 };
	slot->memory->settled = 1;
	slot->child = SLOT_FORGOTTEN;
	slot->plan = NULL;
	return slot;
}

void *slot_room(const struct slot *slot)
{
	return slot->more_room ? slot->more_room : slot->memory->room;
}

void slot_untake(struct slot_pool *pool, struct slot *slot)
{
	free(slot->more_room);
	slot->more_room = NULL;
	slot->memory->settled = 0;
	slot->next = pool->idle;
	pool->idle = slot;
}

static void append(struct slot_pool *pool, struct slot *slot)
{
	slot->next = NULL;
	*pool->busy_end = slot;
	pool->busy_end = &slot->next;
}

void slot_started(struct slot_pool *pool, struct slot *slot)
{
	slot->pool = pool;
	append(pool, slot);
	pool->nbusy++;
	slot->is_holding = (slot->fds.pinned | slot->fds.owned | slot->fds.given) != 0;
	pool->nholding += slot->is_holding;
}

static void tell(struct uspawn_child *child, const struct child_report *report)
{
	struct handle *handle = handle_of(child);

	if (report->errnum) {
		child->failure = (struct uspawn_failure){
			.errnum = report->errnum,
			.step = report->step == CHILD_STEP_CUT ? USPAWN_STEP_FD : report->step,
			.index = report->index,
		};
		handle->flags |= HANDLE_FAILED;
	}
	handle_note(child, report->allowed.errnum, report->allowed.step, report->allowed.index);
	atomic_store(&handle->slot, NULL);
}

/* What the child said goes to whoever waits for it. */
static void bring_report(struct slot *slot, struct uspawn_child *child)
{
	const struct child_report *report = &slot->memory->report;

	if (report->errnum && report->step == CHILD_STEP_CUT)
		clone_cut_refused();
	if (child)
		tell(child, report);
}

static int claim(struct slot *slot, uintptr_t child)
{
	return atomic_compare_exchange_strong(&slot->child, &child, SLOT_CLAIMED);
}

/* A claim is held for as long as a report takes to be copied, unless its thread is not let run. */
static void look_again(unsigned *looks)
{
	const struct timespec slice = sys_timespec(CLAIMED_SLICE_NS);

	if (++*looks > 100)
		sys_nanosleep(&slice);
}

/* `forked`: in a copy of the process, where whoever has claimed it is not. */
static void bring_home(struct slot *slot, int forked)
{
	uintptr_t child = atomic_load(&slot->child);
	unsigned looks = 0;

	while ((child == SLOT_CLAIMED && !forked) || (child > SLOT_LEFT && !claim(slot, child))) {
		look_again(&looks);
		child = atomic_load(&slot->child);
	}
	if (child == SLOT_LEFT)
		return;
	bring_report(slot, child > SLOT_LEFT ? (struct uspawn_child *)child : NULL);
	fds_release(&slot->fds);
	plan_unref(slot->plan);
}

static void await_owner(struct handle *handle)
{
	unsigned looks = 0;

	while (atomic_load(&handle->slot)) {
		if (looks == 100 && handle->maker != sys_getpid())
			atomic_store(&handle->slot, NULL); /* nor is it here */
		look_again(&looks);
	}
}

void slot_vacate(struct uspawn_child *child)
{
	struct handle *handle = handle_of(child);
	struct slot *slot = atomic_load(&handle->slot);

	if (slot && claim(slot, (uintptr_t)child)) {
		/* Closing may take its time, and whoever waits for the slot none. */
		struct uspawn_plan *plan = slot->plan;
		struct fds fds = slot->fds;

		bring_report(slot, child);
		atomic_store(&slot->child, SLOT_LEFT);
		fds_release(&fds);
		plan_unref(plan);
	}
	await_owner(handle);
}

void slot_forget(struct uspawn_child *child)
{
	struct handle *handle = handle_of(child);
	struct slot *slot = atomic_load(&handle->slot);
	uintptr_t expected = (uintptr_t)child;

	if (slot && atomic_compare_exchange_strong(&slot->child, &expected, SLOT_FORGOTTEN))
		atomic_store(&handle->slot, NULL);
	await_owner(handle);
}

int slot_has_failed(const struct uspawn_child *child)
{
	struct handle *handle = handle_of(child);
	struct slot *slot = atomic_load(&handle->slot);

	if (slot && claim(slot, (uintptr_t)child)) {
		int error = __atomic_load_n(&slot->memory->report.errnum, __ATOMIC_ACQUIRE);

		atomic_store(&slot->child, (uintptr_t)child);
		return error != 0;
	}
	await_owner(handle);
	return (handle->flags & HANDLE_FAILED) != 0;
}

/* Takes the slot that *at points to out of the busy ones. */
static void retire(struct slot_pool *pool, struct slot **at, int forked)
{
	struct slot *slot = *at;

	*at = slot->next;
	if (pool->busy_end == &slot->next)
		pool->busy_end = at;
	pool->nbusy--;
	pool->nholding -= slot->is_holding;
	bring_home(slot, forked);
	slot_untake(pool, slot);
}

static int has_settled(const struct slot *slot)
{
	return __atomic_load_n(&slot->memory->settled, __ATOMIC_ACQUIRE) == 0;
}

void slot_harvest(struct slot_pool *pool, int everything)
{
	uint32_t looks = everything || pool->nbusy < LOOK_AT ? pool->nbusy : LOOK_AT;

	while (pool->busy && looks--) {
		struct slot *slot = pool->busy;

		if (has_settled(slot)) {
			retire(pool, &pool->busy, 0);
			continue;
		}
		/* To the end, so that a few that are stopped do not hide the others. */
		pool->busy = slot->next;
		if (!pool->busy)
			pool->busy_end = &pool->busy;
		append(pool, slot);
	}
}

void slot_settle(struct slot *slot)
{
	struct slot_pool *pool = slot->pool;

	for (struct slot **at = &pool->busy; *at; at = &(*at)->next)
		if (*at == slot) {
			retire(pool, at, 0);
			return;
		}
}

static int is_dead(int pid)
{
	siginfo_t info;
	int r = sys_look_for_end(P_PID, pid, &info);

	return r == -ECHILD || (r == 0 && info.si_pid == pid);
}

void slot_pool_done(struct slot_pool *pool, int forked)
{
	struct slot *slot;

	while ((slot = pool->busy)) {
		struct timespec slice = sys_timespec(SETTLE_SLICE_NS);

		/* The word may stay for ever if the host made it unwritable; the dead have left all the same. */
		while (!forked && !has_settled(slot))
			if (sys_futex_wait(&slot->memory->settled, 1, &slice) == -ETIMEDOUT && is_dead(slot->pid))
				break;
		retire(pool, &pool->busy, forked);
	}
	while ((slot = pool->idle)) {
		pool->idle = slot->next;
		atomic_store(&slot->taken, 0);
	}
}

int slot_settle_all(int64_t timeout_ns)
{
	int for_ever = timeout_ns < 0 || timeout_ns > INT64_MAX / 2;
	int64_t deadline = for_ever ? INT64_MAX : sys_now_ns() + timeout_ns;

	for (struct slot *slot = atomic_load(&all); slot; slot = slot->next_all) {
		while (!has_settled(slot)) {
			int64_t left = deadline - (for_ever ? 0 : sys_now_ns());
			struct timespec slice;

			if (left <= 0)
				return -ETIMEDOUT;
			slice = sys_timespec(left < SETTLE_SLICE_NS ? left : SETTLE_SLICE_NS);
			sys_futex_wait(&slot->memory->settled, 1, &slice);
		}
	}
	return 0;
}
