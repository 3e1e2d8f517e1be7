/* SPDX-License-Identifier: MIT */
/* Runs a scene as a tracer that follows its children, and lets one system call fail. */
#ifndef TESTS_FAULTS_TRACER_H
#define TESTS_FAULTS_TRACER_H

#include "calls.h"
#include "scenes.h"

/* Which call of a scene: of its process's, or of those of its children up to their exec of a program not ours. */
struct place {
	int of_child;
	unsigned number; /* from 0 */
	struct call call;
};

struct fault {
	struct place place;
	int error;
	int lasts; /* the same call fails from then on */
};

enum end { END_WELL, END_HANG, END_CRASH, END_NO_TRACER };

struct places {
	struct place *list;
	unsigned n;
};

struct outcome {
	enum end end;
	unsigned ninjected;
	struct record record;
};

/* `fault` NULL: none. `seen` (may be NULL) gets the calls that were made, and is the caller's to free. */
void tracer_run(const struct scene *scene, int warm, const struct fault *fault, struct outcome *ret,
		struct places *seen);

#endif
