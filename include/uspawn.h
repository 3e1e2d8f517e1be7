/* SPDX-License-Identifier: MIT */
/*
 * uspawn: start processes fast, and learn how they ended. Linux only.
 *
 *	request  what to run. Zero means "as the calling thread has it".
 *	plan     a request compiled once: an immutable snapshot, for any number of starts, from any thread.
 *	args     what differs from start to start.
 *	child    one process from its start to its end, in the caller's memory.
 *	ring     starts that do not suspend the caller, and the ends of many children.
 *
 * Returns. 0, a count, or -errno; errno itself is never changed. Nothing here prints, exits, installs a signal
 * handler, is a cancellation point, or needs a call before main.
 *
 * Memory and descriptors. When a call has returned, the library refers to nothing of the caller's. One exception: a
 * child that was given to a ring stays where it is until its end is reported (on an external ring: until uspawn_wait()
 * has returned 1) or uspawn_done(). Descriptors that the library makes are close-on-exec from birth.
 *
 * Threads. A plan: any number at once. A ring and the children on it: one at a time. Any other child: uspawn_wait()
 * from several at once, the rest one at a time. uspawn_kill(): any child, any thread, signal handlers too; who is told
 * of an end, or lets a child go, waits until no such call is inside it. A child of an external ring is on none.
 *
 * Growth. A struct that begins with `size` grows at its end: set size to sizeof, zero the rest. A shorter one is read
 * as if zeros followed; a longer one must be zero where this library's ends, else -E2BIG. Other structs never change.
 * Unknown flags are -EINVAL, and a request's flags share no bit with any other, so that a misplaced one is unknown.
 *
 * Since. All of it since 0.1, except where it says 0.2. Layouts and values are frozen from 1.0 on.
 *
 * Kernel. Linux 5.3 or newer for all of it; what an older or restricted one lacks is replaced or said (uspawn_probe()).
 */
#ifndef USPAWN_H
#define USPAWN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct io_uring_sqe;
struct sock_filter;
struct uspawn_plan;
struct uspawn_ring;

#define USPAWN_VERSION 0x000200u /* of this header: major, minor, patch, a byte each */

/* A zeroed, sized struct in place, C only: uspawn(&child, USPAWN(request, .argv = argv), NULL) */
#ifndef __cplusplus
#define USPAWN(type, ...) (&(struct uspawn_##type){ .size = sizeof(struct uspawn_##type), __VA_ARGS__ })
#endif

/* ---- How it ended ------------------------------------------------------------------------------------------- */

enum uspawn_code {
	USPAWN_EXITED = 1,   /* CLD_EXITED: status is the exit code */
	USPAWN_KILLED = 2,   /* CLD_KILLED: status is the signal */
	USPAWN_DUMPED = 3,   /* CLD_DUMPED: the same, with a core dump */
	USPAWN_FAILED = -1,  /* the program never ran: status is the errno, child->failure says where */
	USPAWN_UNKNOWN = -2, /* ended; someone else took the status, or SIGCHLD is ignored (Linux before 6.15) */
};

/* What was used is the process's and that of descendants it waited for: getrusage(2). Its maxrss is that of the memory
 * it began with, if that was more: the caller's. */
struct uspawn_exit {
	int32_t code; /* enum uspawn_code: read it first */
	int32_t status;
	uint64_t utime_us, stime_us, maxrss_kib, minflt, majflt, inblock, oublock, nvcsw, nivcsw;
	uint64_t timed; /* 0.2: how many of the request's timed signals met somebody; 0: it ended in time */
};

/*
 * What failed: its values follow the order of execution and leave room between them. A request that contradicts itself
 * fails at the step in question with EINVAL.
 */
enum uspawn_step {
	USPAWN_STEP_NONE = 0,
	/* in the parent: no process was made */
	USPAWN_STEP_REQUEST = 10, /* size, unknown flags, no program, args that do not fit the plan */
	USPAWN_STEP_SOURCE = 20,  /* a descriptor that is not open, or cannot be held */
	USPAWN_STEP_PIPE = 30,
	USPAWN_STEP_PTY = 40,    /* 0.2 */
	USPAWN_STEP_CGROUP = 50, /* 0.2. Also in the child, where the kernel cannot give birth in a group */
	USPAWN_STEP_CLONE = 60,  /* EAGAIN, ENOMEM: try later */
	/* in the child */
	USPAWN_STEP_SETSID = 100,
	USPAWN_STEP_SETPGROUP = 110,
	USPAWN_STEP_FD = 120,
	USPAWN_STEP_OPEN = 130,    /* after the others are in place */
	USPAWN_STEP_SETCTTY = 140, /* 0.2, and all from here to UID */
	USPAWN_STEP_FOREGROUND = 150,
	USPAWN_STEP_RLIMIT = 160, /* before the ids: raising a hard limit needs a capability. NOFILE may come later */
	USPAWN_STEP_NICE = 170,
	USPAWN_STEP_SCHEDULER = 180,
	USPAWN_STEP_AFFINITY = 190,
	USPAWN_STEP_MEMPOLICY = 200,
	USPAWN_STEP_IOPRIO = 210,
	USPAWN_STEP_OOM_SCORE = 220,
	USPAWN_STEP_TIMERSLACK = 230,
	USPAWN_STEP_PERSONALITY = 240,
	USPAWN_STEP_NAMESPACE = 250, /* index: which is joined; the new ones come last, as one */
	USPAWN_STEP_IDMAP = 260,
	USPAWN_STEP_LABEL = 270,
	USPAWN_STEP_ROOT = 280,
	USPAWN_STEP_SECUREBITS = 290,
	USPAWN_STEP_BOUNDING = 300,
	USPAWN_STEP_GROUPS = 310,
	USPAWN_STEP_GID = 320,
	USPAWN_STEP_UID = 330,
	USPAWN_STEP_CAPS = 340,    /* 0.2 */
	USPAWN_STEP_AMBIENT = 350, /* 0.2 */
	USPAWN_STEP_CWD = 360,
	USPAWN_STEP_UMASK = 370,
	USPAWN_STEP_PDEATHSIG = 380, /* 0.2. After the ids, whose change clears it */
	USPAWN_STEP_ACTION = 390,    /* 0.2. After the ids, as POSIX has it */
	USPAWN_STEP_SIGNALS = 400,
	USPAWN_STEP_NO_NEW_PRIVS = 410, /* 0.2 */
	USPAWN_STEP_LANDLOCK = 420,     /* 0.2 */
	USPAWN_STEP_SIGMASK = 430,
	USPAWN_STEP_SECCOMP = 440, /* 0.2. After it only exec is needed */
	USPAWN_STEP_CALLBACK = 480,
	USPAWN_STEP_EXEC = 490,
};

struct uspawn_failure {
	int32_t errnum;
	uint32_t step;  /* enum uspawn_step */
	uint32_t index; /* which of the caller's entries: fds, actions, rlimits, join, groups */
	uint32_t reserved;
};

/* A step's name as people read it ("cwd"). Never NULL. */
const char *uspawn_strstep(uint32_t step);

/* ---- A child ------------------------------------------------------------------------------------------------ */

enum uspawn_state { USPAWN_UNSET, USPAWN_RUNNING, USPAWN_ENDED };

/* Every way to make a child, fastest first. */
enum uspawn_rung {
	USPAWN_RUNG_ANY,
	USPAWN_RUNG_ASYNC, /* ring starts only: shared memory, the caller goes on */
	USPAWN_RUNG_VFORK, /* shared memory, the calling thread waits for the exec */
	USPAWN_RUNG_CLONE, /* the same by the old clone(2); the descriptor table is copied */
	USPAWN_RUNG_RELAY, /* 0.2: shared memory, then a second stage with memory of its own, which runs the program */
	USPAWN_RUNG_FORK,  /* copied memory, and a pipe for the report */
};

/*
 * One process, in the caller's memory. Needs no initialising before a start or uspawn_adopt(); all zero is unset. Its
 * fields are to be read, `data` also to be written. While no ring has it, nor an external one has started it, it may be
 * moved like any bytes.
 */
struct uspawn_child {
	int32_t pidfd; /* readable when it may have ended: uspawn_wait(child, 0). Not the caller's to close. -1: none */
	int32_t pid;   /* for printing; stays after the end */
	uint32_t state;
	uint32_t rung;                 /* how it was made */
	void *data;                    /* the caller's: no function touches it */
	struct uspawn_exit exit;       /* valid once ended */
	struct uspawn_failure failure; /* of a failed start; or the first step that was allowed to fail, and did */
	uint64_t opaque[16];
};

/* ---- A request ---------------------------------------------------------------------------------------------- */

/* SET...: the field counts. A field that is not zero although its flag is missing is -EINVAL. */
enum uspawn_flags {
	USPAWN_SETPGROUP = 1 << 0,  /* pgroup; 0: a new group. It exists when the start returns */
	USPAWN_SETSID = 1 << 1,     /* a session of its own */
	USPAWN_SETCTTY = 1 << 2,    /* 0.2: the child's descriptor tty becomes its controlling terminal. With SETSID */
	USPAWN_FOREGROUND = 1 << 3, /* 0.2: its group gets the foreground of its descriptor tty */
	USPAWN_SETSIGMASK = 1 << 4, /* sigmask */
	USPAWN_SETUMASK = 1 << 5,   /* umask */
	USPAWN_FCHDIR = 1 << 6,     /* cwd_fd, not cwd */
	USPAWN_FEXEC = 1 << 7,      /* exec_fd, not path or file. For a script map it, too: execveat(2) */
	USPAWN_SETCGROUP = 1 << 8,  /* 0.2: cgroup_fd: born in that cgroup v2 directory. -EBUSY: it is frozen */
	USPAWN_RESETIDS = 1 << 9,   /* 0.2: effective ids become the real ones */
	USPAWN_INHERIT_FDS = 1 << 10,   /* also keep every descriptor that is not close-on-exec */
	USPAWN_SH_FALLBACK = 1 << 11,   /* a file the kernel cannot run (ENOEXEC) is run by /bin/sh */
	USPAWN_PID_ONLY = 1 << 12,      /* let go at once, no pidfd: the caller waits for child->pid. Not on a ring */
	USPAWN_NO_NEW_PRIVS = 1 << 13,  /* 0.2: PR_SET_NO_NEW_PRIVS(2const) */
	USPAWN_SETSECUREBITS = 1 << 14, /* 0.2: securebits, capabilities(7) */
	USPAWN_PIVOT_ROOT = 1 << 15,    /* 0.2: root replaces the root of a new mount namespace: pivot_root(2) */
	USPAWN_KILL_ON_CLOSE =
		1 << 16, /* 0.2: SIGKILL when the last copy of the pidfd is closed. -EOPNOTSUPP before Linux 7.1 */
	USPAWN_TREE = 1 << 17, /* 0.2: born in a cgroup of its own, made below cgroup_fd. With SETCGROUP */
	/* 0.2: not the caller's: init or the nearest subreaper inherits it at once, and reaps it. The child is as one
	 * that was adopted; with PID_ONLY it is let go. Not with pdeathsig, nor after a setns() or unshare() of the
	 * caller's that is about PID namespaces: whoever is its first process there must stay */
	USPAWN_DETACH = 1 << 18,
};

/*
 * A descriptor as an argument. Wherever a request takes a descriptor, USPAWN_ARG(n) means args->fds[n] of each start.
 * Any other number is read when the plan is made and must be open then. The plan keeps its own copy open until freed,
 * so what someone waits for end-of-file on should be an argument.
 */
enum { USPAWN_ARG0 = -10000 };
#define USPAWN_ARG(n) (USPAWN_ARG0 - (n))

enum uspawn_source {
	USPAWN_FD,        /* fd */
	USPAWN_NULL,      /* /dev/null */
	USPAWN_OPEN,      /* open(path, oflag, mode) by the child, still with the caller's root, ids, cwd and umask */
	USPAWN_READ_END,  /* of a new pipe. fd is USPAWN_ARG(n), and args->fds[n] is set to the write end */
	USPAWN_WRITE_END, /* of a new pipe; args->fds[n] is set to the read end */
	USPAWN_CLOSED,    /* nothing: the number is not open */
	USPAWN_PTY,       /* 0.2: of a new pseudo-terminal, rows by cols; args->fds[n] is set to its master */
	USPAWN_CAPTURE,   /* 0.2: of a new pipe that the library reads, as args->outputs[n] says. fd is USPAWN_ARG(n) */
	USPAWN_FEED, /* 0.2: of a new pipe to which the library writes args->input. fd is USPAWN_ARG(n); only one */
};

enum uspawn_fd_flags {
	USPAWN_NONBLOCK = 1 << 24, /* the caller's end of a new pipe or pty is non-blocking; the child's never is */
};

/*
 * One descriptor of the child. All sources are read as they are at the call, then put in place, so order does not
 * matter and swaps work. Entries that name the same new pipe or pty share it, and it belongs to the user of identity,
 * if the caller may give files away and no user namespace is entered, as a join of type 0 may. Of what is not named, 0,
 * 1 and 2 are the caller's, where they are not close-on-exec, and everything else is gone, close-on-exec or not. (An
 * asynchronous start reads 0, 1 and 2 that are not named when the child gets there: a caller that is about to change
 * its own names them. What is named stays, close-on-exec or not.)
 */
struct uspawn_fd {
	int32_t target;  /* the number in the child */
	uint32_t source; /* enum uspawn_source */
	int32_t fd;
	uint32_t flags; /* enum uspawn_fd_flags */
	const char *path;
	int32_t oflag;
	uint32_t mode;
	uint16_t rows, cols; /* 0.2: of a new pty; 0: not known */
	uint32_t reserved;
};

/*
 * 0.2: posix_spawn's file actions, one after the other, each on what the one before has left. They exclude fds, and
 * need USPAWN_INHERIT_FDS.
 */
enum uspawn_op {
	USPAWN_DO_CLOSE = 1,  /* fd; no error if it is not open */
	USPAWN_DO_DUP2,       /* fd as newfd; the same number: clears close-on-exec */
	USPAWN_DO_OPEN,       /* path, oflag, mode as fd */
	USPAWN_DO_CHDIR,      /* path */
	USPAWN_DO_FCHDIR,     /* fd */
	USPAWN_DO_CLOSEFROM,  /* fd and above */
	USPAWN_DO_FOREGROUND, /* its group gets the foreground of terminal fd: tcsetpgrp(3) */
};

struct uspawn_action {
	uint32_t op; /* enum uspawn_op */
	int32_t fd;
	int32_t newfd;
	int32_t oflag;
	uint32_t mode;
	uint32_t reserved;
	const char *path;
};

/* 0.2: setrlimit(2). */
struct uspawn_rlimit {
	uint32_t resource; /* RLIMIT_* */
	uint32_t reserved;
	uint64_t soft, hard; /* UINT64_MAX: unlimited */
};

/* 0.2: who runs it. All of it counts, zeros too: groups, then gid, then uid; real, effective and saved. */
struct uspawn_identity {
	uint32_t size;
	uint32_t uid;
	uint32_t gid;
	uint32_t keep_groups; /* 1: leave the supplementary groups, for callers that may not set them */
	const uint32_t *groups;
	uint32_t ngroups; /* 0: none */
	uint32_t reserved;
};

enum uspawn_sched_fields {
	USPAWN_NICE = 1 << 20,       /* nice: setpriority(2) */
	USPAWN_POLICY = 1 << 21,     /* policy, with priority, or the three times of SCHED_DEADLINE: sched_setattr(2) */
	USPAWN_PRIORITY = 1 << 22,   /* priority under the policy as it is */
	USPAWN_UCLAMP_MIN = 1 << 23, /* util_min, Linux 5.3 */
	USPAWN_UCLAMP_MAX = 1 << 24, /* util_max */
	USPAWN_AFFINITY = 1 << 25,   /* affinity: sched_setaffinity(2) */
	USPAWN_MEMPOLICY = 1 << 26,  /* mempolicy on nodes: set_mempolicy(2) */
	USPAWN_IOPRIO = 1 << 27,     /* ioprio: ioprio_set(2) */
	USPAWN_OOM_SCORE = 1 << 28,  /* oom_score_adj: proc_pid_oom_score_adj(5) */
	USPAWN_TIMERSLACK = 1 << 29, /* timerslack_ns: PR_SET_TIMERSLACK(2const) */
	USPAWN_PERSONALITY = 1 << 30, /* personality(2) */
};

/* 0.2: how it is scheduled, and what else the kernel weighs it by. */
struct uspawn_sched {
	uint32_t size;
	uint32_t set; /* enum uspawn_sched_fields: which of these count; the others are zero */
	int32_t nice;
	uint32_t policy; /* SCHED_*, with SCHED_RESET_ON_FORK */
	uint32_t priority;
	uint32_t util_min, util_max; /* 0 to 1024 */
	uint32_t ioprio;
	uint64_t runtime_ns, deadline_ns, period_ns;
	const void *affinity;       /* a cpu_set_t of affinity_size bytes */
	const unsigned long *nodes; /* nnodes bits */
	uint32_t affinity_size, nnodes;
	uint32_t mempolicy; /* MPOL_* and its mode flags */
	int32_t oom_score_adj;
	uint64_t timerslack_ns;
	uint64_t personality;
};

struct uspawn_idmap {
	uint32_t inside, outside, count, reserved;
};

struct uspawn_join {
	int32_t fd;    /* of a namespace, or a pidfd; of no PID namespace: -EOPNOTSUPP */
	uint32_t type; /* CLONE_NEW*: what fd must be; of a pidfd all that are joined. 0: whatever fd is of */
};

enum uspawn_namespaces_flags {
	USPAWN_DENY_SETGROUPS = 1 << 24, /* in the new user namespace; without privilege it is needed for gid_map */
	USPAWN_KEEP_PROPAGATION =
		1 << 25, /* mounts go on to reach the new mount namespace, and from it: else private */
};

/* 0.2: joined ones in the order given, then new ones; a new user namespace first, with its maps. */
struct uspawn_namespaces {
	uint32_t size;
	uint32_t unshare; /* CLONE_NEW* */
	const struct uspawn_join *join;
	const struct uspawn_idmap *uid_map, *gid_map; /* by the caller's right: user_namespaces(7) */
	const int32_t *set_tid;                       /* its pid, innermost namespace first: clone(2) */
	uint32_t njoin, nuid_map, ngid_map, nset_tid;
	uint32_t flags; /* enum uspawn_namespaces_flags */
	uint32_t reserved;
	int64_t monotonic_offset_ns, boottime_offset_ns; /* of a new time namespace */
};

enum uspawn_confine_flags {
	USPAWN_LANDLOCK = 1 << 24,           /* landlock_fd counts */
	USPAWN_SECCOMP_LOG = 1 << 25,        /* SECCOMP_FILTER_FLAG_LOG */
	USPAWN_SECCOMP_SPEC_ALLOW = 1 << 26, /* SECCOMP_FILTER_FLAG_SPEC_ALLOW */
};

/* 0.2: applied last. Needs USPAWN_NO_NEW_PRIVS or CAP_SYS_ADMIN: seccomp(2), landlock(7). */
struct uspawn_confine {
	uint32_t size;
	uint32_t flags;                   /* enum uspawn_confine_flags */
	const struct sock_filter *filter; /* NULL: none. It must let execve and exit_group pass */
	const char *label;                /* what the program runs under: SELinux or AppArmor */
	uint32_t filter_len;
	int32_t landlock_fd; /* a ruleset */
};

enum uspawn_timed_flags {
	USPAWN_TIMED_IDLE = 1 << 24,  /* counted from the last byte captured, not the start; stands once one was sent */
	USPAWN_TIMED_GROUP = 1 << 25, /* as USPAWN_KILL_GROUP. Goes on after the exit, until the END */
	USPAWN_TIMED_TREE = 1 << 26,  /* as USPAWN_KILL_TREE, also after the exit. With USPAWN_TREE */
};

/*
 * 0.2: a signal, so long after the start. SIGTERM and, later, SIGKILL: a ladder of two. Without SIGKILL a child may run
 * on: that is the caller's choice.
 */
struct uspawn_timed {
	uint64_t after_ns; /* 0: at once. None before the one above it, those of TIMED_IDLE apart */
	int32_t signo;     /* 0: none, only the event */
	uint32_t flags;    /* enum uspawn_timed_flags */
};

struct uspawn_request {
	uint32_t size;
	uint32_t rung;  /* enum uspawn_rung: this one or a slower one. USPAWN_RUNG in the environment caps, too */
	uint64_t flags; /* enum uspawn_flags */

	/* The program is path, or file, or exec_fd, or, without any, argv[0] as file. */
	const char *path;    /* if relative: from the child's cwd */
	const char *file;    /* with a slash a path, else looked up in search */
	const char *search;  /* as $PATH has it; NULL: the caller's, when the plan is made */
	char *const *argv;   /* NULL: every start brings its own */
	char *const *envp;   /* the whole environment; NULL: the caller's, when the plan is made */
	char *const *setenv; /* changes to it: "NAME=value" sets, "NAME" removes */

	const struct uspawn_fd *fds;
	const struct uspawn_action *actions;
	uint32_t nfds, nactions;

	const char *cwd;
	const char *root; /* 0.2: chroot(2), before the ids; cwd is then / if not given */
	int32_t cwd_fd, exec_fd, cgroup_fd;
	int32_t tty; /* a number of the child's */
	int32_t pgroup;
	uint32_t umask;

	uint64_t sigmask;    /* signal n is bit n - 1 in these three; bits that mean nothing are no error */
	uint64_t sigdefault; /* no longer ignored; handlers never survive */
	uint64_t sigignore;

	const struct uspawn_rlimit *rlimits;
	const struct uspawn_identity *identity;
	const struct uspawn_sched *sched;
	const struct uspawn_namespaces *namespaces;
	const struct uspawn_confine *confine;
	const char *caps;            /* 0.2: as cap_from_text(3) reads it */
	const char *iab;             /* 0.2: as cap_iab_from_text(3) reads it */
	const uint16_t *best_effort; /* 0.2: steps that may fail, then 0: the first that does is in child->failure */
	uint32_t nrlimits;
	uint32_t securebits;
	int32_t pdeathsig; /* 0.2: 0: none. When the process dies, not the thread; -EOPNOTSUPP where that cannot be said
			    */
	uint32_t reserved;

	/*
	 * Last before exec, in a forked child (the start waits for it, also on a ring): async-signal-safe calls only.
	 * Returns 0 to go on, or an errno of either sign. Without a program the child then exits with 0.
	 */
	int (*callback)(void *data);
	void *callback_data;

	/* 0.2: what is done for the child by who waits for it: the ring, uspawn_wait(), uspawn_run(). Not with
	 * PID_ONLY, and like captures, a feed and a tree not on an external ring. */
	const struct uspawn_timed *timed;
	uint32_t ntimed;   /* up to 64 */
	uint32_t events;   /* 1 << enum uspawn_event_type: what a ring tells besides the END */
	uint64_t drain_ns; /* so long after its exit the pipes of a child that others hold open are cut off; 0: never */
};

/*
 * 0.2: what becomes of a CAPTURE. The bytes go to all that is named here: memory, and the descriptor or the callback.
 * Nothing named: to USPAWN_EVENT_OUTPUT, if the request asks for it. Zero: they are read, counted and dropped.
 */
enum uspawn_output_flags {
	USPAWN_OUTPUT_FD = 1 << 24,    /* fd counts */
	USPAWN_OUTPUT_LINES = 1 << 25, /* whole lines to the callback, or as events */
};

struct uspawn_output {
	/* set by the caller, who leaves it alone until the END, also what it points to */
	uint32_t flags; /* enum uspawn_output_flags */
	int32_t fd; /* written to. A pipe or a terminal must be non-blocking, else -EINVAL; it may be closed at once */
	uint64_t head;  /* how many of the first bytes are kept in memory */
	uint64_t tail;  /* and of the last; 0 and 0: none */
	uint64_t limit; /* how many bytes the descriptor, the callback or events get at most; 0: all */
	uint64_t line;  /* what a longer line is split at: a piece without its newline goes on. 0: 8192 */
	/* Takes len bytes. Not 0: no more, and the child's pipe is broken, as if its reader had ended. Makes no call on
	 * this child or its ring but uspawn_kill() */
	int (*callback)(void *data, const char *bytes, size_t len);
	void *callback_data;
	char *data; /* room for head + tail bytes; NULL: grown as needed, and the caller's to free(3) */
	/* written by the library, valid at the END */
	uint64_t len;     /* of data: the first bytes, then the last */
	uint64_t total;   /* how many bytes the child wrote */
	uint64_t dropped; /* how many of them went nowhere */
	int32_t error;    /* why reading ended before end-of-file: -errno, or what the callback returned */
	uint32_t cut_off; /* 1: because of drain_ns */
	uint64_t reserved[2];
};

/* 0.2: what all in a USPAWN_TREE have used. 0: not known, since its controller is not enabled there. */
struct uspawn_tree_usage {
	uint64_t memory_peak; /* bytes, Linux 5.19 */
	uint64_t cpu_us, user_us, system_us;
	uint64_t left; /* 1: the cgroup is not empty and stays, because of drain_ns, or has others below it */
};

/* What differs from start to start. Zero is the plan's. */
struct uspawn_args {
	uint32_t size;
	uint32_t nfds;
	int *fds;          /* USPAWN_ARG(n): sources, read; and the caller's ends of new pipes, written. Not of CAPTURE
			    * and FEED, which need none */
	uint64_t give;     /* bit n: fds[n] is the library's to close, and set to -1, if the start returns 0 */
	char *const *argv; /* another argv for the same program */
	char *const *envp; /* replaces the plan's environment */
	char *const *setenv; /* changes to whichever it is */

	/* 0.2: both stay where they are until the END */
	const void
		*input; /* what a FEED writes: ninput bytes, then end-of-file. A child that reads less harms nobody */
	uint64_t ninput;
	struct uspawn_output *outputs; /* outputs[n] is of the CAPTURE that is USPAWN_ARG(n) */
	uint64_t noutputs;
	struct uspawn_tree_usage *tree; /* of USPAWN_TREE: written with the END; NULL: nobody asks */
};

/* ---- Start and wait, one child ------------------------------------------------------------------------------ */

/*
 * Starts, and returns when the program runs or has failed to. Suspends the calling thread only. args may be NULL.
 *
 * 0: running, until its end is reported, uspawn_release() or uspawn_done(). What was written to args->fds is the
 * caller's to close.
 * -errno: no process and no descriptor is left; child->failure says which step. The child has then ended, with
 * exit.code USPAWN_FAILED: waiting for it says the same again.
 */
int uspawn(struct uspawn_child *child, const struct uspawn_request *request, const struct uspawn_args *args);

/*
 * The same, from a plan. Allocates nothing, unless many descriptors or changes of the environment are asked for, or
 * what the library does while the child runs: pipes, timed signals, events, a tree.
 */
int uspawn_start(struct uspawn_child *child, const struct uspawn_plan *plan, const struct uspawn_args *args);

/*
 * Copies everything it is given: strings, environment, PATH, descriptors. What is zero is taken at each start, from
 * the thread that starts. -EINVAL, -E2BIG, -EBADF, -EMFILE, -ENOMEM, -EOPNOTSUPP: *reterr (may be NULL) has the step
 * and the entry.
 */
int uspawn_plan_new(struct uspawn_plan **ret, const struct uspawn_request *request, struct uspawn_failure *reterr);

/*
 * 0.2: the plan as text, a step a line, as snprintf(3) writes it; the first line names the rung it would take now.
 * Returns the length of the whole text.
 */
int uspawn_plan_describe(const struct uspawn_plan *plan, char *buf, size_t size);

/*
 * When no thread is inside a call with it; asynchronous starts under way keep what they need. NULL does nothing.
 * Returns NULL.
 */
struct uspawn_plan *uspawn_plan_free(struct uspawn_plan *plan);

/*
 * Waits for the end, up to timeout_ns (negative: for ever, 0: only looks). Signals do not cut it short. Of a child with
 * CAPTURE, FEED or timed signals one thread at a time, which does that meanwhile; its end is what END is on a ring.
 *
 * 1: ended, see child->exit; asking again says the same. The child owns nothing any more, and may start again.
 * 0: still running, or its END is yet to come. -EBUSY: a ring watches it. -ECHILD: unset.
 */
int uspawn_wait(struct uspawn_child *child, int64_t timeout_ns);

/*
 * 0.2: start, feed, capture, and wait for the end, in one call. 0: ended, see child->exit. -errno: as uspawn();
 * -EINVAL: with PID_ONLY.
 */
int uspawn_run(struct uspawn_child *child, const struct uspawn_request *request, const struct uspawn_args *args);

enum uspawn_kill_flags {
	/* the process group it leads; -ESRCH if it leads none. Of one that was started as a leader, and whose group has
	 * nobody in it, yet or any more: it alone */
	USPAWN_KILL_GROUP = 1 << 24,
	/* 0.2: all in its USPAWN_TREE, until the END. -EINVAL: it has none */
	USPAWN_KILL_TREE = 1 << 25,
	/* 0.2: with SIGKILL: frees its memory in this call, which takes as long as that takes (Linux 5.15, else no-op)
	 */
	USPAWN_KILL_RELEASE = 1 << 26,
};

/* Sends a signal. Never to another process: -ESRCH once the end was collected. */
int uspawn_kill(struct uspawn_child *child, int signo, uint32_t flags);

enum uspawn_adopt_flags {
	USPAWN_ADOPT_GIVE = 1 << 24, /* pidfd is the library's to close, if it returns 0 */
};

/*
 * A process started otherwise, by pid, pidfd or both (not known: 0, -1). A pidfd stays the caller's, and open, unless
 * given. If it is not a child of this process, its end is USPAWN_UNKNOWN before Linux 6.15, and on newer ones if its
 * own parent does not reap it at once. -errno: unset.
 */
int uspawn_adopt(struct uspawn_child *child, int pid, int pidfd, uint32_t flags);

/*
 * Hands the pidfd to the caller and forgets the process: unset. Returns it; -EBUSY: on a ring, or with
 * something done for it (captures, a feed, timed signals, events, a tree); -ECHILD: not running.
 * Of one that was killed before its exec, which a plain wait would not find, it is that of another child, which ends in
 * the same way; -EAGAIN and the like: none could be made, and the child has ended.
 */
int uspawn_release(struct uspawn_child *child);

/*
 * Lets go of a running child, or one that has ended and whose END is yet to come, since its pipes or its tree are in
 * use; to others it does nothing. The process goes on, unsignalled. A ring that watched it reaps it silently; otherwise
 * whoever waits for its pid does, or this, if it is known to have failed, or was killed before its exec where only a
 * wait with __WALL would find it. The child is unset and off its ring, its memory free. Fits __attribute__((cleanup)).
 */
void uspawn_done(struct uspawn_child *child);

/* ---- A ring: many children, never suspended ----------------------------------------------------------------- */

enum uspawn_ring_flags {
	USPAWN_RING_EXTERNAL = 1 << 24, /* only starts: the caller polls child->pidfd, then uspawn_wait(child, 0) */
	USPAWN_RING_EPOLL = 1 << 25,    /* as where there is no io_uring: tests */
	/* 0.2: of a subreaper or pid 1. Also reaps every child of this process that is not on it, and tells:
	 * USPAWN_EVENT_STRANGER. In each wait, and every second; so whoever gets SIGCHLD may wait with timeout 0. Such
	 * a process has one, all its children on it, and nobody else in it who waits for any. -EINVAL with EXTERNAL */
	USPAWN_RING_REAPER = 1 << 27,
};

/*
 * children: how many at once are expected, 0 for some; more are no error. A ring made early in a process gets the low
 * descriptor numbers that make its starts cheap. In a forked copy of the process it can only be freed: the rest is
 * -EPERM there.
 */
int uspawn_ring_new(struct uspawn_ring **ret, uint32_t children, uint32_t flags);

/*
 * Waits until children just being started are on their own, no longer than their exec takes. Running children go on,
 * and become children without a ring, to be waited for or let go. NULL does nothing. Returns NULL.
 */
struct uspawn_ring *uspawn_ring_free(struct uspawn_ring *ring);

/*
 * Readable, level-triggered, when uspawn_ring_wait() has something to do. Not the caller's to close. Made at the first
 * call: -EMFILE, -ENFILE, -ENOMEM. -EINVAL: an external ring has none.
 */
int uspawn_ring_fd(const struct uspawn_ring *ring);

/*
 * Starts without waiting for the exec.
 *
 * 0: exactly one USPAWN_EVENT_END will come, also if the program never ran (exit.code USPAWN_FAILED), unless it is let
 * go before. On an external ring child->pidfd becomes readable instead.
 * -errno: none will come. Nothing was started, nothing given was taken; the child has ended as after uspawn_start().
 * Of more than 1,024 starts on their way to their exec, a ring waits for each further one's.
 * Descriptors may be closed at once; who waits for end-of-file on one may get it only after the next call on the ring.
 */
int uspawn_ring_start(struct uspawn_ring *ring, struct uspawn_child *child, const struct uspawn_plan *plan,
		      const struct uspawn_args *args);

/*
 * Watches a running child that was started or adopted without this ring. Its end comes as an event. -ECHILD: not
 * running; -EBUSY: on a ring, or only its END is yet to come; -EINVAL: this ring is external; -ENOMEM; -ESHUTDOWN:
 * after uspawn_ring_end().
 */
int uspawn_ring_add(struct uspawn_ring *ring, struct uspawn_child *child);

/*
 * 0.2: no more than that many run at once (0: any number); further starts wait inside, in order. A start still returns
 * 0 for exactly one END. What it was given is copied or taken then; input and outputs stay where they are, as always.
 * Copies need descriptors, as do new pipes, but not what is given: -EMFILE. A queued child has no pid yet and cannot be
 * signalled; uspawn_done() takes it off. Whoever waits starts it, as a start of that thread at that time: what its
 * request leaves open, such as mask, directory and ids, is taken then. With a limit a start that fails for lack of
 * processes, descriptors or memory (uspawn_try_later()) while others run waits, too: for one of them to end, or a
 * moment. -EINVAL: an external ring.
 */
int uspawn_ring_limit(struct uspawn_ring *ring, uint32_t running);

/* 0.2: does this error, as returned or from child->failure, say that the same may work later? 1 or 0 */
int uspawn_try_later(int error);

/*
 * 0.2: the end of its service. Further starts are -ESHUTDOWN, queued ones end with ECANCELED, running ones get the
 * ladder's signals, counted from now, while uspawn_ring_wait() is called until -ECHILD. USPAWN_TIMED_GROUP: the group
 * of who leads one. After the last step, or without any, no END waits for pipes that others hold open. With a SIGKILL
 * in it, it is bounded. Returns at once. -EALREADY; -EINVAL: the ladder, or an external ring; -ENOMEM.
 */
int uspawn_ring_end(struct uspawn_ring *ring, const struct uspawn_timed *ladder, uint32_t n);

/* Others than END come only of those whose request asks for them, and before it. 0.2 */
enum uspawn_event_type {
	USPAWN_EVENT_END = 1,  /* see child->exit. The child is off the ring, owns nothing, and may start again */
	USPAWN_EVENT_EXIT = 3, /* the process has ended: child->exit is valid. Its pipes may still be open */
	USPAWN_EVENT_OUTPUT =
		4,            /* index: n of USPAWN_ARG(n). data: the address of len bytes, valid until the next call */
	USPAWN_EVENT_EOF = 5, /* index: n. Nothing more comes from it */
	USPAWN_EVENT_TIMED = 6,      /* index: which of the request's was sent */
	USPAWN_EVENT_TREE_EMPTY = 7, /* nobody is left in its USPAWN_TREE */
	USPAWN_EVENT_STRANGER = 8,   /* child: NULL. index: its pid. data: enum uspawn_code. len: its status */
};

struct uspawn_event {
	struct uspawn_child *child;
	uint32_t type; /* enum uspawn_event_type */
	int32_t index;
	uint64_t data, len;
};

/*
 * Up to n events; waits for the first up to timeout_ns (negative: for ever, 0: not at all). Returns how many.
 * 0: none; time is up, or the wait was interrupted (by a signal handler, a tracer, the kernel's own work).
 * -ECHILD: it would wait, and there is no child to wait for; of a REAPER: the process has none at all. -EINVAL: n is
 * 0, or the ring is external.
 */
int uspawn_ring_wait(struct uspawn_ring *ring, struct uspawn_event *events, uint32_t n, int64_t timeout_ns);

/*
 * For the caller's own io_uring: an SQE that completes when the child may have ended. Whatever its res is,
 * uspawn_wait(child, 0) says: 1 ended, 0 prepare again. user_data is left alone; link a timeout or cancel at will. Of
 * a child without a pidfd it completes after a few milliseconds, with -ETIME. Not for a ring with IORING_SETUP_IOPOLL,
 * which polls no pidfd: res is -EINVAL.
 */
void uspawn_prep_wait(struct io_uring_sqe *sqe, const struct uspawn_child *child);

/* ---- The process's memory and descriptors ------------------------------------------------------------------- */

/*
 * To be called early in main, once: takes every free descriptor number from 3 to 63 for the library's own use. Files
 * that are opened later then sit at 64 and above, where no start duplicates them: the kernel copies a descriptor table
 * in grains of 64 (close_range(2), Linux 5.9), and what a start is given it finds at one of those numbers. Excepted are
 * starts with USPAWN_INHERIT_FDS, by USPAWN_RUNG_CLONE or FORK, and those that need more numbers at once than are held.
 * Without it a child holds the caller's files below 64 for about a microsecond, so that running a file that was just
 * written fails now and then with ETXTBSY, and a file that was just closed may stay open a moment longer. At most a
 * quarter of RLIMIT_NOFILE is taken, so that promise needs a limit of 256 or more. Returns how many numbers it holds,
 * or -errno. Any thread; again is no error, and takes anew what the host has closed.
 */
int uspawn_reserve_fds(void);

/*
 * Waits until no child started by any ring of this process shares its memory any more, up to timeout_ns (negative: for
 * ever, 0: only looks). To be called before dropping privileges, setns(2) into a time namespace, and the like. 0, or
 * -ETIMEDOUT. Any thread; starts that other threads make meanwhile may or may not be waited for.
 */
int uspawn_settle(int64_t timeout_ns);

/* ---- This machine ------------------------------------------------------------------------------------------- */

uint32_t uspawn_version(void); /* of the library, as USPAWN_VERSION */

/*
 * What the kernel allows, for n = 0, 1, ...: 1 works, or the -errno it answered (-EOPNOTSUPP for EINVAL); -EINVAL
 * after the last. Found by trying it now, in this thread: some start a child that does nothing, and are -EBUSY where
 * that would be the first of a PID namespace, and take it along.
 */
int uspawn_probe(uint32_t n);
const char *uspawn_strfeature(uint32_t n); /* its name; NULL after the last */

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
