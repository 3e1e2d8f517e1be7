/* SPDX-License-Identifier: MIT */
/* What is done while system calls fail: each scene is run in a process of its own, and looks itself at what came of it.
 */
#ifndef TESTS_FAULTS_SCENES_H
#define TESTS_FAULTS_SCENES_H

#include <stdint.h>

/* What the scene says, in memory that the tracer shares. */
struct record {
	int error;     /* the first that a call of the library said */
	uint32_t step; /* and where */
	uint32_t index;
	uint32_t rung_before, rung_after; /* that it took first, and once all was well again */
	long grown_kib;                   /* mappings, of a scene that had run once before */
	char wrong[400];                  /* what must not be; empty: nothing */
	char skipped[100];
};

struct scene {
	const char *name;
	void (*fn)(const struct scene *scene, struct record *record);
	uint32_t rung;       /* enum uspawn_rung */
	uint32_t ring_flags; /* of scenes with a ring */
};

extern const struct scene scenes[];
extern const int nscenes;

/*
 * Runs it between two marks, then once more without faults, and compares what the process owns. `warm`: once before
 * the marks, too, so that only what is new each time can fail, and its memory must not have grown.
 */
void scene_run(const struct scene *scene, int warm, struct record *record);

/* ---- For scenes ---- */

struct uspawn_child;
struct uspawn_failure;

/* A call returned r: the first error is noted, with its failure (may be NULL). */
void scene_said(struct record *record, int r, const struct uspawn_failure *failure);

/* The same of a start, whose child must have ended if it failed. Returns r. */
int scene_started(struct record *record, int r, const struct uspawn_child *child);

/* It has ended so, or says why it failed. */
void scene_assert_end(struct record *record, const struct uspawn_child *child, int code, int status);

/* Waits for that. */
void scene_end(struct record *record, struct uspawn_child *child, int code, int status);

#define ARGV(...) ((char *[]){ "witness", __VA_ARGS__, NULL })

/* The first thing that must not be is kept. */
__attribute__((format(printf, 2, 3))) void wrong(struct record *record, const char *format, ...);

/* Not of the library: between the marks only its own calls count. */
#define OWN(expression)                          \
	({                                       \
		int saved_ = errno;              \
		call_mark(MARK_OWN);             \
		__auto_type own_ = (expression); \
		call_mark(MARK_LIBRARY);         \
		errno = saved_;                  \
		own_;                            \
	})

#endif
