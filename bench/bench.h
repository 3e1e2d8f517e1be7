/* SPDX-License-Identifier: MIT */
/*
 * The words of the benchmark.
 *
 *	contestant  one way to start a process and learn its end: a line of contestant.c.
 *	setting     what the starting process looks like: open descriptors, memory, living children.
 *	worker      a process that was prepared as the setting says and runs one contestant, a little at a time.
 *	conductor   tells the workers in turn, so that whatever the machine does hits all contestants alike.
 *	sample      one start: R until the call returned, C until the child was waited for.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <time.h>

enum { TOKEN = 42 }; /* what tiny.c exits with */
enum { ROUNDS = 9, BATCH = 20, MAX_CONTESTANTS = 16, MAX_PROCESSES = 64 };

enum program { TINY, IDLE };

struct setting {
	uint32_t fds;       /* descriptors that are open in the worker */
	uint32_t rss_mib;   /* memory that it has touched, in pages of 4 KiB */
	uint32_t live;      /* children that stay */
	uint32_t inflight;  /* children that run at once, besides */
	uint32_t threads;   /* that start children, in each worker */
	uint32_t processes; /* workers of each contestant */
};

struct sample {
	uint64_t return_ns, cycle_ns;
};

/*
 * Slots 0 to inflight - 1 take turns in a fixed order; those above are for live children. A contestant may therefore
 * wait for its children in the order of their start. All return 0 or -errno; -EPROTO: the child did not run.
 */
struct contestant {
	const char *name;
	const char *about;
	int (*open)(void **ret, const struct contestant *contestant, const struct setting *setting);
	int (*start)(void *self, uint32_t slot, enum program program);
	int (*wait)(void *self, uint32_t *ended); /* for one TINY, and says in which slot */
	pid_t (*pid)(void *self, uint32_t slot);
	const char *(*remark)(void *self); /* what a reader must know about how it ran, or NULL */
	void (*close)(void *self);
	int kind; /* the file's own */
};

/* programs.c: their paths, absolute; found beside this program */
int programs_find(void);
char *program_path(enum program program);

/* machine.c */
struct machine {
	char kernel[160], arch[80], cpu[128], libc[64];
	long cpus;
	double load;
};
void machine_describe(struct machine *ret);
int machine_allows(const struct setting *setting, uint32_t workers, char *why, size_t size);

/* worker.c */
enum measure { START, RATE };
struct order {
	uint32_t measure; /* enum measure */
	uint32_t count;   /* START: how many, BATCH at most */
	uint64_t ns;      /* RATE: for how long */
};
struct answer {
	int32_t error;
	uint32_t count; /* of children */
	uint64_t ns;    /* that they took */
	char remark[96];
	struct sample samples[BATCH];
};
__attribute__((noreturn)) void worker_main(int sock, const struct contestant *contestant,
					   const struct setting *setting);

/* conductor.c */
struct entry { /* a contestant in this run */
	const struct contestant *contestant;
	uint32_t nworkers;
	int socks[MAX_PROCESSES];
	pid_t pids[MAX_PROCESSES];
	char remark[96];
	struct sample *samples; /* START */
	uint32_t nsamples;
	uint32_t children;    /* RATE */
	double rates[ROUNDS]; /* RATE: children a second */
};
struct run {
	enum measure measure;
	struct setting setting;
	struct machine machine;
	uint32_t samples; /* START: each contestant's */
	double seconds;   /* RATE: each contestant's */
	struct entry entries[MAX_CONTESTANTS];
	uint32_t nentries;
};
int conduct(struct run *run);

/* contestant.c */
extern const struct contestant *const contestants[];
extern const size_t ncontestants;
int contestants_select(struct run *run, const char *only, char *why, size_t size);

/* statistics.c */
struct summary {
	uint64_t min, p50, p90, p99, p999, max;
};
void summarize(struct summary *ret, const struct sample *samples, uint32_t n, size_t member);
double median(const double *values, uint32_t n);
double paired_ratio(const double *values, const double *base, uint32_t n);

/* report.c, json.c */
void report(const struct run *run);
int json_check(const char *path);
int json_save(const char *path, const struct run *run);

static inline uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

#endif
