/* SPDX-License-Identifier: MIT */
/* Where its memory comes from, as numactl(8) says it, and what kind of process it is to the kernel: setarch(8). */
#include "run_options.h"
#include "commands.h"

#include <linux/mempolicy.h>
#include <stdlib.h>
#include <sys/personality.h>

enum { PREFERRED_MANY = 5, WEIGHTED_INTERLEAVE = 6 }; /* Linux 5.15, 6.9 */

/* detail: MPOL_*. */
static int set_policy(struct run *run, const struct run_option *o, char *list)
{
	uint32_t last = 0;

	if (run->sched.set & USPAWN_MEMPOLICY)
		return refuse_name(o->name, "a second policy for memory");
	run->sched.set |= USPAWN_MEMPOLICY;
	run->sched.mempolicy = (uint32_t)o->detail;
	if (!list)
		return -1;
	if (list_parse(list, run->nodes, RUN_NODES))
		return refuse(o, list, "nodes such as 0 or 0-3,5 (numactl --hardware)");
	for (uint32_t n = 0; n < RUN_NODES; n++)
		if (run->nodes[n / (8 * sizeof(long))] >> n % (8 * sizeof(long)) & 1)
			last = n;
	run->sched.nodes = run->nodes;
	run->sched.nnodes = last + 1;
	return -1;
}

static void add_persona(struct run *run, uint64_t bits)
{
	if (!(run->sched.set & USPAWN_PERSONALITY))
		run->sched.personality = (uint32_t)personality(0xffffffff);
	run->sched.set |= USPAWN_PERSONALITY;
	run->sched.personality |= bits;
}

static int set_persona_flag(struct run *run, const struct run_option *o, char *value)
{
	(void)value;
	add_persona(run, (uint64_t)o->detail);
	return -1;
}

static int set_persona(struct run *run, const struct run_option *o, char *value)
{
	char *end;
	unsigned long long n = strtoull(value, &end, 0);

	if (*value < '0' || *value > '9' || *end || n >= UINT32_MAX)
		return refuse(o, value, "a number below 0xffffffff, such as 0x40000");
	run->sched.set |= USPAWN_PERSONALITY;
	run->sched.personality = n;
	return -1;
}

#define MEMORY  USPAWN_STEP_MEMPOLICY
#define PERSONA USPAWN_STEP_PERSONALITY

const struct run_option memory_options[] = {
	{ "interleave", 0, required_argument, MEMORY, MPOL_INTERLEAVE, set_policy },
	{ "localalloc", 0, no_argument, MEMORY, MPOL_LOCAL, set_policy },
	{ "membind", 0, required_argument, MEMORY, MPOL_BIND, set_policy },
	{ "preferred", 0, required_argument, MEMORY, MPOL_PREFERRED, set_policy },
	{ "preferred-many", 0, required_argument, MEMORY, PREFERRED_MANY, set_policy },
	{ "weighted-interleave", 0, required_argument, MEMORY, WEIGHTED_INTERLEAVE, set_policy },

	{ "personality", 0, required_argument, PERSONA, 0, set_persona },
	{ "3gb", 0, no_argument, PERSONA, ADDR_LIMIT_3GB, set_persona_flag },
	{ "32bit", 0, no_argument, PERSONA, ADDR_LIMIT_32BIT, set_persona_flag },
	{ "addr-compat-layout", 0, no_argument, PERSONA, ADDR_COMPAT_LAYOUT, set_persona_flag },
	{ "addr-no-randomize", 0, no_argument, PERSONA, ADDR_NO_RANDOMIZE, set_persona_flag },
	{ "fdpic-funcptrs", 0, no_argument, PERSONA, FDPIC_FUNCPTRS, set_persona_flag },
	{ "mmap-page-zero", 0, no_argument, PERSONA, MMAP_PAGE_ZERO, set_persona_flag },
	{ "read-implies-exec", 0, no_argument, PERSONA, READ_IMPLIES_EXEC, set_persona_flag },
	{ "short-inode", 0, no_argument, PERSONA, SHORT_INODE, set_persona_flag },
	{ "sticky-timeouts", 0, no_argument, PERSONA, STICKY_TIMEOUTS, set_persona_flag },
	{ "uname-2.6", 0, no_argument, PERSONA, UNAME26, set_persona_flag },
	{ "whole-seconds", 0, no_argument, PERSONA, WHOLE_SECONDS, set_persona_flag },
	{ NULL, 0, 0, 0, 0, NULL },
};
