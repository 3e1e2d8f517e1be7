/* SPDX-License-Identifier: MIT */
/* Operands of an instruction as people read them. */
#ifndef USPAWN_FIELD_H
#define USPAWN_FIELD_H

#include "child.h"
#include "plan.h"
#include "text.h"

/* A letter of describe.c's forms. */
void field_print(struct text *t, char field, const struct child_instr *in, const struct uspawn_plan *plan);

/* As the request named it: an argument, or the number that the plan has a copy of. */
void field_descriptor(struct text *t, const struct uspawn_plan *plan, int fd);

#endif
