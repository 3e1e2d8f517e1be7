/* SPDX-License-Identifier: MIT */
/*
 * What who waits for a child does for it besides: its pipes are pumped, its timed signals sent, and its exit, which
 * comes before its end, told. Made by the start, used by the ring or the blocking wait, and gone with the end.
 */
#ifndef USPAWN_CARE_H
#define USPAWN_CARE_H

#include "plan.h"
#include "stream.h"
#include "tree.h"

struct fds;

#define CARE_NEVER INT64_MAX

struct care {
	struct uspawn_child *child; /* where it was when a call last came with it: it may be moved */
	struct uspawn_timed *timed; /* behind the streams */
	uint32_t ntimed;
	uint32_t events;
	uint64_t drain_ns;
	int64_t start_ns;
	int64_t heard_ns; /* the last byte that was captured */
	int64_t exit_ns;
	uint64_t lacking;            /* of timed, a bit each: what could not be sent, for lack of descriptors, */
	int64_t lacking_ns;          /* waits until then */
	uint64_t passed, sent, told; /* of timed, a bit each: whose time has come, and who was reached */
	uint8_t exited, exit_told, idle_stands;
	uint8_t has_tree, empty_told;
	uint8_t busy; /* on a ring's list of those to be visited */
	_Atomic int32_t
		attended; /* by a blocking wait of this process, or 0: a fork takes the word along, not the wait */
	struct care *next_busy;
	struct tree tree;
	uint32_t heap_at; /* in a ring's deadlines, from 1; 0: not there */
	int64_t due_ns;   /* as the ring has it */
	uint64_t tag;     /* of the ring's entry */
	uint32_t nstreams;
	struct stream streams[];
};

/* Does this plan need it? */
static inline int care_is_needed(const struct uspawn_plan *plan)
{
	return plan->nstreams || plan->ntimed || plan->events || plan->flags & USPAWN_TREE;
}

/*
 * Before the child is made. `copies` stand for the descriptors of args->outputs, where not NULL. Nothing is left behind
 * on failure. 0 without has_tree: *reterr says why there is none.
 */
int care_new(struct care **ret, const struct uspawn_plan *plan, const struct uspawn_args *args, const int *copies,
	     struct uspawn_failure *reterr);

/* The child runs: takes the library's ends of its pipes. */
void care_begin(struct care *care, struct uspawn_child *child, struct fds *fds);

/* Closes what is open, and frees it. The child owns none any more, and its pidfd may be closed. NULL does nothing. */
void care_free(struct care *care);

/* All that it has open may be ready. */
void care_look(struct care *care);

/* Pumps all streams. 1: there may be more to do at once. */
int care_pump(struct care *care, struct scratch *scratch);

/* A byte has come. */
void care_heard(struct care *care);

/* The process has ended, and its status is taken. */
void care_exited(struct care *care);

/* Its pipes are to be cut off as soon as the process has ended. */
void care_drain_no_more(struct care *care);

/* When something is to be done whatever happens, or CARE_NEVER. */
int64_t care_due(const struct care *care);

/*
 * Sends what is due; the caller has looked whether the process has ended. `settled`: and has read what was written, so
 * that who seems idle is. 1: its pipes are to be cut off.
 */
int care_expire(struct care *care, int64_t now_ns, int settled);

/* Nobody waits for its pipes any more; none of them is watched. */
void care_cut_off(struct care *care);

/* Is the END all that is left to say? */
int care_is_over(const struct care *care);

/* The next event before the END, if any. */
int care_next_event(struct care *care, struct uspawn_event *event);

/* There is nobody to give this output to: it went nowhere. */
void care_take_back(struct care *care, const struct uspawn_event *event);

#endif
