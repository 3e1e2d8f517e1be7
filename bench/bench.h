/* SPDX-License-Identifier: MIT */
/*
 * The words of the benchmark.
 *
 *	contestant  one way to start a process and learn its end: a line of contestant.c.
 *	setting     what the starting process looks like, and its child: an axis each, see axis.c.
 *	worker      a process that was prepared as the setting says and runs one contestant, a little at a time.
 *	conductor   tells the workers in turn, so that whatever the machine does hits all contestants alike.
 *	metric      a time of one start: see enum metric.
 *	run         what one command measures: a case, or one for each value of a swept axis.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <time.h>

enum { TOKEN = 42 }; /* what every child exits with */
enum { BATCH = 20, MAX_BATCH = 1024, MAX_ENTRIES = 24, MAX_PROCESSES = 64, MAX_CASES = 32 };

enum measure { START, RATE, REAP, NMEASURES };

/* All but CYCLE's end and ENTRY are the parent's; with --rate and --burst counted from when the start was due. */
enum metric {
	LATE,     /* until the call began: only with --rate and --burst */
	RETURN,   /* R: until the call returned */
	ENTRY,    /* E: until the child's first instruction, by the child's own clock */
	CYCLE,    /* C: until the child was waited for */
	NOTIFIED, /* from the child's exit until its parent ran and knew */
	REAPED,   /* from there until it was waited for; not where that is one call */
	NMETRICS
};

/* A contestant that takes part in none of them unless it is named. */
#define ONLY_NAMED (1u << 31)

/* Whom the children are: CHILD is the one that is measured, the setting says which kind. */
enum program { CHILD, CLOCKED, LEAVING, IDLE, NPROGRAMS };
enum child_kind { TINY, STATIC, DYNAMIC, SCRIPT, SHELL, NCHILDREN };
enum reaper_kind { OWN, BLOCKING, RING_POLL, RING_WAITID, EPOLL, ON_SIGCHLD, NREAPERS };

struct setting {
	uint32_t rss_mib;   /* memory that the worker has touched */
	uint32_t huge;      /* in huge pages */
	uint32_t fds;       /* descriptors that are open in it */
	uint32_t threads;   /* RATE: that start children; otherwise they sleep beside the one that does */
	uint32_t processes; /* RATE: workers of each contestant */
	uint32_t inflight;  /* RATE: children that run at once */
	uint32_t live;      /* children that stay */
	uint32_t env, argv; /* strings of 32 bytes that the child is given */
	uint32_t path_misses;
	uint32_t child;  /* enum child_kind */
	uint32_t reaper; /* enum reaper_kind */
	uint32_t rate;   /* START: due each second; 0: one after the other */
	uint32_t burst;  /* START: due at once; 0: one after the other */
};

/* What a worker is told first. */
struct task {
	struct setting setting;
	uint32_t measure; /* enum measure */
	uint32_t slow_ns; /* added to each start, to see whether a comparison notices */
};

struct sample {
	uint64_t ns[NMETRICS];
};

struct command {
	char *path;
	char *file; /* NULL, or: look this up in PATH */
	char **argv, **envp;
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
	int (*wait)(void *self, uint32_t *ended); /* for one that is not IDLE, and says in which slot */
	pid_t (*pid)(void *self, uint32_t slot);
	int (*pidfd)(void *self, uint32_t slot); /* NULL: it has none */
	uint64_t (*notified_ns)(void *self);     /* when the wait knew; NULL: when it returned */
	const char *(*remark)(void *self);       /* what a reader must know about how it ran, or NULL */
	void (*close)(void *self);
	const char *(*version)(void); /* of what stands behind it; NULL: nothing */
	int kind;                     /* the file's own */
	int by_pid;                   /* another reaper can wait for its children: --reaper */
	const char *missing;          /* why it cannot take part */
	const char *worker;           /* the program that is its worker; NULL: this one */
	uint32_t measures; /* bit n: takes part in enum measure n without being named, or ONLY_NAMED; 0: in all */
	const struct contestant *starter; /* reaped.c: who starts */
};

/* contestant.c */
extern const struct contestant *const contestants[];
extern const size_t ncontestants;
const struct contestant *contestant_named(const char *name, size_t length);

/* reaped.c: the same contestant, its children waited for by another reaper; -EOPNOTSUPP */
int contestant_reaped(struct contestant *ret, const struct contestant *contestant, enum reaper_kind reaper);

/* programs.c: the files that are started, absolute; found beside this program */
enum program_file { FILE_CLOCKED = NCHILDREN, FILE_LEAVING, FILE_IDLE, NFILES }; /* below: enum child_kind */
int programs_find(void);
char *program_path(uint32_t file);
const char *program_folder(void);

/* command.c: what is started, as the setting says. In the worker, before its contestant opens. */
int commands_prepare(const struct setting *setting);
const struct command *command_of(enum program program);
size_t command_size(const struct setting *setting);

/* stamps.c: what a child's own clock said. They are the worker's standard output, which each child inherits. */
struct stamp {
	uint64_t entered, left;
};
int stamps_prepare(void);
volatile struct stamp *stamp_of(pid_t pid);

/* worker.c */
enum order_kind { DO_STARTS, DO_ENTRIES, DO_ENDS, DO_RATE };
struct order {
	uint32_t kind;  /* enum order_kind */
	uint32_t count; /* how many, MAX_BATCH at most */
	uint64_t ns;    /* DO_RATE: for how long */
};
struct usage {
	uint64_t user_us, system_us, child_us, voluntary, involuntary, faults;
};
struct answer {
	int32_t error;
	uint32_t count; /* of children */
	uint64_t ns;    /* that they took */
	struct usage usage;
	char remark[96];
	struct sample samples[MAX_BATCH];
};
__attribute__((noreturn)) void worker_main(int sock, const struct contestant *contestant, const struct task *task);

/* lane.c: a thread that starts, with children of its own */
struct lane {
	const struct contestant *contestant;
	const struct task *task;
	void *self;
	uint32_t *idle; /* slots without a child, a queue: in the order in which they will be used */
	uint32_t first; /* of it */
	uint32_t live;  /* children that stay */
	uint32_t count;
	uint32_t nslots; /* for children that come and go */
};
int lane_open(struct lane *lane);
void lane_close(struct lane *lane);
int lane_run(struct lane *lane, const struct order *order, struct sample *samples);

static inline uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

#endif
