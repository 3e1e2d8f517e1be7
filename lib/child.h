/* SPDX-License-Identifier: MIT */
/*
 * What a child is told, and how it answers. All thinking is done by the parent, which writes a flat program; the child
 * is an interpreter for it (child.c) that makes system calls and nothing else.
 *
 * Terms. An instruction is one system call or a small loop of them; it belongs to a step (enum uspawn_step) and to the
 * caller's entry `index`, which is what a failure says. A child shares its parent's memory on every rung but the fork
 * rung, and its descriptor table until OP_CUT where shares_table is set.
 */
#ifndef USPAWN_CHILD_H
#define USPAWN_CHILD_H

#include <stdint.h>
#include <linux/futex.h>

enum child_op {
	OP_CUT, /* a: numbers from here on go; what the parent does with its table is nothing to us after it */
	OP_SETSID,
	OP_SETPGID,        /* a */
	OP_KEEP,           /* a stays over exec */
	OP_CLOEXEC,        /* a does not */
	OP_MOVE,           /* a to b */
	OP_SAVE,           /* a to a fresh number, one at a time */
	OP_RESTORE,        /* that number to b, and gone */
	OP_CLOSE,          /* a; no error if it is not open */
	OP_CLOSE_POSSIBLE, /* the same, but EBADF for a number that no descriptor of its limit can have */
	OP_CLOSE_RANGE,    /* a to b, both included */
	OP_OPEN,           /* path, with flags a and mode b, as c */
	OP_REOPEN,         /* the same; c is closed first, and close-on-exec is left as it comes out */
	OP_CHDIR,          /* path */
	OP_FCHDIR,         /* a */
	OP_UMASK,          /* a */
	OP_RLIMIT,         /* a: resource; bits: soft, more_bits: hard */
	OP_DEFAULT,        /* the signals in bits */
	OP_IGNORE,         /* the signals in bits */
	OP_SIGMASK,        /* the mask of struct child_start, which is not known when the program is written */
	OP_CALLBACK,
	OP_EXEC,       /* the candidates, until one runs */
	OP_EXEC_FD,    /* a */
	OP_EXIT,       /* with a */
	OP_RELAY,      /* data: its argv, a: its descriptor. What follows is done by it */
	OP_HIDE,       /* from those of the same ids: only where the memory is the child's own */
	OP_CAPS,       /* data: struct sys_caps, a: which of it, enum child_caps */
	OP_AMBIENT,    /* bits: the whole set */
	OP_SECUREBITS, /* a */
	OP_BOUNDING,   /* bits: to be dropped */
	OP_GROUPS,     /* data: a numbers */
	OP_GID,        /* bits: real, effective and saved */
	OP_UID,        /* the same */
	OP_KEEP_CAPS,  /* over the next change of the uid */
	OP_RESET_GID,  /* effective becomes real */
	OP_RESET_UID,
	OP_SETNS,      /* a, which must be of type b, if that is not 0 */
	OP_UNSHARE,    /* bits */
	OP_PRIVATE,    /* mounts no longer reach the namespace it came from */
	OP_TIME,       /* text: the offsets, or NULL. Enters what it has unshared */
	OP_IDMAP,      /* a: the parent who writes the maps */
	OP_PIVOT,      /* path */
	OP_LABEL,      /* path: "exec LABEL" */
	OP_CGROUP,     /* a: the directory of the group it moves to */
	OP_SETCTTY,    /* a */
	OP_FOREGROUND, /* of terminal a, for its process group */
	OP_CHROOT,     /* path; and into it */
	OP_PDEATHSIG,  /* a: the signal, b: the parent, to be looked for afterwards */
	OP_NO_NEW_PRIVS,
	OP_LANDLOCK,    /* a */
	OP_SECCOMP,     /* data: struct sock_fprog, a: flags */
	OP_NICE,        /* a */
	OP_SCHEDULER,   /* a: policy, b: priority */
	OP_SCHED_PARAM, /* a: priority */
	OP_SCHED_ATTR,  /* data: struct sys_sched_attr */
	OP_AFFINITY,    /* data: a bytes */
	OP_MEMPOLICY,   /* a: mode, data: nodes, more_bits: their maxnode */
	OP_IOPRIO,      /* a */
	OP_OOM_SCORE,   /* word: a characters */
	OP_TIMERSLACK,  /* bits: nanoseconds */
	OP_PERSONALITY, /* bits */
};

enum child_caps { CHILD_CAPS_RIGHTS = 1, CHILD_CAPS_INHERITABLE = 2, CHILD_CAPS_ALL = 3 };

struct child_instr {
	uint8_t op;
	uint8_t may_fail; /* its failure is noted, and the child goes on */
	uint16_t step;
	uint32_t index;
	int32_t a, b, c;
	uint32_t skips; /* how many after it have no meaning without it */
	union {
		const char *path;
		const void *data;
		uint64_t bits;
		char word[8];
	};
	union {
		const char *text;
		const void *more_data;
		uint64_t more_bits;
	};
};

/*
 * Written by the child, read by the parent: after the kernel has said that the child left the shared memory, or, on the
 * fork rung, that it let go of the robust futex (`lock`), which exec and death do (evidence of a kernel, not of a pipe
 * that a stranger may hold open).
 */
struct child_report {
	volatile uint32_t begun; /* set first of all */
	volatile int32_t errnum; /* 0: no failure */
	volatile uint32_t step, index;
	struct child_allowed { /* the first failure that was allowed */
		volatile int32_t errnum;
		volatile uint32_t step, index;
	} allowed;
	volatile uint32_t stage; /* enum child_stage; a futex word */
	volatile int32_t answer; /* 0, or -errno */
	struct robust_list_head robust;
	struct {
		struct robust_list list;
		volatile uint32_t word;
	} lock;
};

/* Of a child that enters a user namespace whose maps its parent writes. */
enum child_stage { CHILD_ENTERING, CHILD_ENTERED, CHILD_ANSWERED, CHILD_STAYS };

/* No place to cut a shared table: a step of its own, so that the parent can try again with a copied one. */
#define CHILD_STEP_CUT 1

/* The way to the relay: it says nothing about the request. Which part of it is the index. */
#define CHILD_STEP_RELAY 2
#define CHILD_RELAY_EXEC 1

/* Descriptors from there on are not looked for where neither close_range(2) nor /proc tells of them. */
#define CHILD_NUMBERS (1u << 20)

struct child_start {
	struct child_report *report;
	const struct child_instr *program;
	const char *const *candidates; /* paths to try in turn; NULL-terminated */
	char *const *argv;
	char *const *envp;
	char **sh_argv; /* for a file without #!: [1] is left for its path. NULL: no such fallback */
	int (*callback)(void *data);
	void *callback_data;
	const volatile int *stray; /* a number in the shared table that is not the child's: its own pidfd; or NULL */
	unsigned long *last_word;  /* of a set of CHILD_NUMBERS / 2 and one more, all zero before it. Or NULL */
	uint64_t sigmask;
	uint8_t shares_table : 1;    /* OP_CUT takes a table of its own first */
	uint8_t resets_handlers : 1; /* the clone did not */
	uint8_t holds_lock : 1;      /* report.lock says when exec has passed: maybe memory of its own */
	uint8_t old_calls : 1;       /* a filter may kill for close_range */
	volatile uint8_t seen;       /* by the child: the parent reads it where the memory is really shared */
	uint32_t born;               /* the new namespaces that the clone makes */
};

#define CHILD_FAILED 127 /* its exit code, which is nobody's but a shell's */

/* The entry point of every child: struct child_start. Returns never. */
void child_main(void *start);

#endif
