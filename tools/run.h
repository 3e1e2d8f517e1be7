/* SPDX-License-Identifier: MIT */
/*
 * What "uspawn run" was asked for: a request for the library, and what the program itself does around it.
 */
#ifndef RUN_H
#define RUN_H

#include <stdbool.h>
#include <stdint.h>

#include <uspawn.h>

#include "redirect.h"
#include "signals.h"

enum { RUN_LIMITS = 16, RUN_MAPS = 32, RUN_JOINS = 16, RUN_TIDS = 32, RUN_CPUS = 8192, RUN_NODES = 1024 };

/* Capabilities as setpriv(1) changes them: what is said of each, in order. */
struct capability_change {
	const char *option, *list;
};

struct run {
	struct uspawn_request request;
	struct redirects redirects;
	struct signal_state start;
	const char *argv0;
	char **argv;   /* as the program sees it */
	char **setenv; /* of the request: all --env and --unset, in order */
	uint32_t nsetenv;
	int64_t timeout, kill_after; /* 0: none */
	const char *json;            /* NULL: no record, "": to standard error */
	bool says_timeout, foreground, verbose, show, pty;
	void (*die)(void); /* the program has died of the interrupt key, and so do we */

	struct uspawn_identity identity;
	bool has_uid, has_gid, says_gid, has_groups, init_groups;
	char *iab_text; /* owned */
	struct capability_change changes[3];

	struct uspawn_sched sched;
	unsigned long cpus[RUN_CPUS / (8 * sizeof(long))], nodes[RUN_NODES / (8 * sizeof(long))];
	uint32_t ioclass, iolevel;
	bool has_iolevel, has_sched_time;

	struct uspawn_namespaces namespaces;
	struct uspawn_idmap uid_map[RUN_MAPS], gid_map[RUN_MAPS];
	struct uspawn_join join[RUN_JOINS];
	int32_t set_tid[RUN_TIDS];
	const char *join_file[RUN_JOINS];
	int target;           /* a pid, or 0 */
	uint64_t join_target; /* CLONE_NEW*: of the target */
	bool denies_setgroups, says_setgroups, says_propagation, has_tty;
	const char *cgroup, *filter_file;

	struct uspawn_confine confine;
	uint64_t landlock_access; /* what is restricted */
	char **landlock_rules;
	uint32_t nlandlock_rules;

	struct uspawn_rlimit rlimits[RUN_LIMITS];
	const char *limit_said[RUN_LIMITS]; /* the option of each */
	uint64_t memory_max;                /* 0: none */
	int cell;                           /* the control group that has it; 0: none */
	uint16_t best_effort[64];
	int held[RUN_JOINS + 4]; /* what was opened for the request */
	uint32_t nheld;
	const char *said[64]; /* the option that asked for a step, by its number / 10; NULL: none */
};

/* -1: go on. Else the exit code: after --help, or after a line about what is wrong. */
int run_options(struct run *run, int argc, char **argv);

void run_done(struct run *run);

#endif
