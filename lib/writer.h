/* SPDX-License-Identifier: MIT */
/* The program of one child while it is written: instructions from the front, what they point to behind them. */
#ifndef USPAWN_WRITER_H
#define USPAWN_WRITER_H

#include "child.h"
#include "fds.h"

struct crossing;

struct writer {
	struct child_instr *instr;
	char *room; /* what is left, pointers' alignment kept until strings are written */
	const struct uspawn_plan *plan;
	const struct fds *fds;
	int keeps[2];              /* numbers that stay open until exec, beside the plan's; or -1 */
	struct crossing *crossing; /* NULL: no relay */
	uint64_t born;             /* namespaces that the clone makes */
};

static inline struct child_instr *writer_put(struct writer *w, enum child_op op, uint32_t step, uint32_t index)
{
	struct child_instr *instr = w->instr++;

	instr->op = (uint8_t)op;
	instr->may_fail = (uint8_t)plan_may_fail(w->plan, step);
	instr->step = (uint16_t)step;
	instr->index = index;
	instr->skips = 0;
	return instr;
}

static inline void writer_put_number(struct writer *w, enum child_op op, uint32_t step, int a)
{
	writer_put(w, op, step, 0)->a = a;
}

static inline void *writer_claim(struct writer *w, size_t size)
{
	void *ret = w->room;

	w->room += (size + sizeof(char *) - 1) / sizeof(char *) * sizeof(char *);
	return ret;
}

#endif
