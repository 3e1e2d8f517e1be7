/* SPDX-License-Identifier: MIT */
/*
 * Whatever stands between us and the relay, its own exec above all, is no failure of the request: it leads to the fork
 * rung. It is remembered where it is about the machine.
 */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "block.h"
#include "crossing.h"
#include "idmap.h"
#include "image.h"
#include "program.h"
#include "reserve.h"
#include "rung.h"
#include "stages.h"
#include "wait.h"

#define DIGITS 24

/* A number of one start's for the first stage to find a file of ours: low, and on no target. */
struct pin {
	int fd;
	int pinned, owned;
};

static int pin_low(struct pin *ret, int fd, const struct uspawn_plan *plan)
{
	int copied = (plan->flags & USPAWN_INHERIT_FDS) != 0;

	*ret = (struct pin){ .fd = fd };
	if (fd < RESERVE_END ? !plan_has_target(plan, fd) : copied && !plan_has_target(plan, fd))
		return 0;
	if (!copied && (ret->fd = reserve_pin(fd)) >= 0) {
		if (!plan_has_target(plan, ret->fd)) {
			ret->pinned = 1;
			return 0;
		}
		reserve_unpin(ret->fd);
	}
	if (!plan_has_target(plan, fd)) {
		ret->fd = fd;
		return 0;
	}
	ret->fd = fds_out_of_the_way(sys_dup_from(fd, 3), plan);
	ret->owned = 1;
	return ret->fd < 0 ? ret->fd : 0;
}

static void unpin(struct pin *pin)
{
	if (pin->pinned)
		reserve_unpin(pin->fd);
	else if (pin->owned)
		sys_close(pin->fd);
}

static char *put_number(char *end, size_t n)
{
	*--end = '\0';
	do
		*--end = (char)('0' + n % 10);
	while (n /= 10);
	return end;
}

enum { ANOTHER_IMAGE = STAGES_CANNOT + 1 };

static _Atomic uint8_t has_worked;

/* 0, or why the relay was not reached, or could not begin: its child is gone then. */
static int await_relay(const struct birth *birth, const struct uspawn_plan *plan, struct block *block,
		       enum image_kind kind)
{
	const struct child_report *report = &block->head->report;
	int lost = 0;

	if (!report->errnum) {
		idmap_serve(&block->head->report, plan, birth->pid);
		lost = block_wait(block, birth->pid);
	}

	if (lost == -ENOSYS)
		clone_refused(USPAWN_RUNG_RELAY);
	if (!lost && !report->errnum && report->lock.word & FUTEX_OWNER_DIED)
		atomic_store(&has_worked, 1);
	if (!lost && !(report->errnum && report->step == CHILD_STEP_RELAY))
		return 0;
	wait_discard(birth->pidfd, birth->pid);
	if (lost || report->index != CHILD_RELAY_EXEC || !image_is_refusal(-report->errnum))
		return STAGES_CANNOT;
	image_refused(kind);
	return ANOTHER_IMAGE;
}

static int attempt(struct crossing *crossing, struct birth *birth, const struct uspawn_plan *plan,
		   const struct uspawn_args *args, const struct fds *fds, void *room, struct child_report *ret)
{
	char number[DIGITS], size[DIGITS];
	enum image_kind kind;
	struct block block;
	struct pin image, told = { .fd = -1 };
	int r = image_get(&kind);

	if (r < 0 || pin_low(&image, r, plan) < 0)
		return STAGES_CANNOT;
	r = block_open(&block, plan);
	if (r == 0)
		r = pin_low(&told, block.fd, plan);
	if (image_is_refusal(r))
		r = STAGES_CANNOT;
	if (r == 0) {
		crossing->block = told.fd;
		crossing->image = image.fd;
		crossing->argv[0] = "uspawn-relay";
		crossing->argv[1] = put_number(number + DIGITS, (size_t)told.fd);
		program_write(birth->start, room, plan, args, fds, -1, crossing, 0);
		r = block_fill(&block, birth->start, crossing->first, crossing->end);
		if (r == -EFBIG)
			r = STAGES_CANNOT;
	}
	if (r == 0) {
		crossing->argv[2] = put_number(size + DIGITS, block.size);
		birth->start->report = &block.head->report;
		r = clone_attempt(birth, USPAWN_RUNG_RELAY);
	}
	if (r == 0)
		r = await_relay(birth, plan, &block, kind);
	if (r == 0)
		*ret = block.head->report;
	block_close(&block);
	unpin(&told);
	unpin(&image);
	crossing->argv[1] = crossing->argv[2] = NULL; /* the numbers are this function's */
	return r;
}

int stages_attempt(struct birth *birth, const struct uspawn_plan *plan, const struct uspawn_args *args,
		   const struct fds *fds, void *room, struct child_report *ret)
{
	struct crossing crossing = { .block = -1 };
	int r;

	if (!atomic_load_explicit(&has_worked, memory_order_relaxed) && clone_next_is_init())
		return STAGES_CANNOT;
	if (!rung_suits_relay(plan) || crossing_read_caps(&crossing.caps) < 0)
		return STAGES_CANNOT;
	do
		r = attempt(&crossing, birth, plan, args, fds, room, ret);
	while (r == ANOTHER_IMAGE);
	return r;
}
