/* SPDX-License-Identifier: MIT */
/* What one command measures, and what came of it. */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include <jansson.h>
#include "bench.h"

/* SLICES: the processes of all contestants are made anew so often, since no two processes are equally fast. */
enum { SLICES = 10 };

/* machine.c */
struct machine {
	char kernel[160], arch[80], cpu[128], libc[64], governor[64];
	long cpus, memory_mib;
	double load;
};
struct busy { /* seconds of all processors */
	double used, total, own;
};
void machine_describe(struct machine *ret);
void busy_begin(struct busy *ret);
double busy_share(const struct busy *begin); /* of the machine's time, what others took since */

/* limits.c: 1, or 0 and one line that says which limit is in the way */
int limits_allow(const struct task *task, uint32_t nentries, uint32_t batch, char *why, size_t size);

/* A contestant in this case. */
struct entry {
	const struct contestant *contestant;
	struct contestant reaped; /* --reaper: with that */
	char name[32];
	uint32_t nworkers;
	int socks[MAX_PROCESSES];
	pid_t pids[MAX_PROCESSES];
	char remark[96];
	uint64_t *values[NMETRICS]; /* NULL: not measured */
	uint32_t counts[NMETRICS];
	uint32_t children;    /* whose use was counted */
	double rates[SLICES]; /* RATE: children a second */
	struct usage usage;   /* of those children */
	double calls;         /* system calls a start; below 0: not counted */
	uint64_t turn_ns;     /* what a turn takes */
};

struct own_cost {
	double clock_ns, sample_ns;
};

struct run {
	struct task task;
	struct machine machine;
	struct own_cost own_cost;
	uint32_t batch;     /* starts in one turn */
	uint32_t samples;   /* START, REAP: each contestant's; 0: what there is time for */
	double seconds;     /* RATE: each contestant's */
	const char *only;   /* --only */
	const char *slowed; /* --slowed */
	const char *json;
	const char *command; /* as it was typed */
	char date[32];
	struct entry entries[MAX_ENTRIES];
	uint32_t nentries;
	const struct axis *axis; /* swept; NULL: none */
	uint32_t values[MAX_CASES];
	uint32_t ncases, at;
	uint32_t taken;                       /* START, REAP: samples that this case took */
	uint32_t slice_ends[SLICES], nslices; /* in batches */
};

/* conductor.c */
int entry_open(struct entry *entry, const struct run *run);
void entry_close(struct entry *entry);
int ask(struct entry *entry, const struct order *order, struct answer *ret, double *rate);

/* tracer.c */
double count_calls(struct entry *entry, enum order_kind kind);

/* measure.c */
int measure_case(struct run *run);

/* owncost.c */
void own_cost_measure(struct own_cost *ret);

/* progress.c: how far it is, for who looks at a terminal */
void progress_begin(const struct run *run, double seconds);
void progress_show(const struct run *run, double share);
void progress_end(void);

/* entries.c */
const char *contestant_hindrance(const struct contestant *contestant); /* why it cannot, or NULL */
int entries_select(struct run *run, char *why, size_t size);
void entries_clear(struct run *run);
const struct entry *entry_reference(const struct run *run); /* whom ratios are to: posix_spawn, else the first */

/* json.c */
json_t *json_begin(const struct run *run);
int json_add_case(json_t *root, const struct run *run);

/* savefile.c */
int json_save(const json_t *root, const char *path);

/* table.c */
void table_header(const struct run *run);
void table_case(const struct run *run, const json_t *result);
void table_sweep(const struct run *run, const json_t *root);
void table_footer(const json_t *root);

/* How a metric is called: in a file, as a title. */
struct metric_words {
	const char *key, *title;
};
extern const struct metric_words metric_words[NMETRICS];
extern const char *const measure_names[NMEASURES];

#endif
