/* SPDX-License-Identifier: MIT */
/* Tables, and the few rules for what is between and beyond their rows. */
#include "words.h"
#include "sys_attrs.h"

#define COUNT(table) (sizeof(table) / sizeof(*(table)))

struct word {
	uint64_t value;
	const char *name;
};

static const char *find(const struct word *words, size_t n, uint64_t value)
{
	for (size_t i = 0; i < n; i++)
		if (words[i].value == value)
			return words[i].name;
	return NULL;
}

static void add(struct text *t, const struct word *words, size_t n, uint64_t value)
{
	const char *name = find(words, n, value);

	if (name)
		text_add(t, "%s", name);
	else
		text_add(t, "%llu", (unsigned long long)value);
}

void words_signals(struct text *t, uint64_t set)
{
	static const char names[][8] = {
		"",     "HUP",  "INT",  "QUIT", "ILL",    "TRAP", "ABRT",  "BUS",  "FPE",  "KILL", "USR1",
		"SEGV", "USR2", "PIPE", "ALRM", "TERM",   "",     "CHLD",  "CONT", "STOP", "TSTP", "TTIN",
		"TTOU", "URG",  "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO",   "PWR",  "SYS",
	};
	size_t begin = t->length;

	if (!set || set == UINT64_MAX) {
		text_add(t, set ? "all" : "none");
		return;
	}
	for (int n = 1; n < _NSIG; n++) {
		if (!(set >> (n - 1) & 1))
			continue;
		text_comma(t, begin);
		if (n < (int)COUNT(names) && *names[n])
			text_add(t, "%s", names[n]);
		else
			text_add(t, "%d", n);
	}
}

void words_capabilities(struct text *t, uint64_t set)
{
	static const char *const names[] = {
		"chown",
		"dac_override",
		"dac_read_search",
		"fowner",
		"fsetid",
		"kill",
		"setgid",
		"setuid",
		"setpcap",
		"linux_immutable",
		"net_bind_service",
		"net_broadcast",
		"net_admin",
		"net_raw",
		"ipc_lock",
		"ipc_owner",
		"sys_module",
		"sys_rawio",
		"sys_chroot",
		"sys_ptrace",
		"sys_pacct",
		"sys_admin",
		"sys_boot",
		"sys_nice",
		"sys_resource",
		"sys_time",
		"sys_tty_config",
		"mknod",
		"lease",
		"audit_write",
		"audit_control",
		"setfcap",
		"mac_override",
		"mac_admin",
		"syslog",
		"wake_alarm",
		"block_suspend",
		"audit_read",
		"perfmon",
		"bpf",
		"checkpoint_restore",
	};
	size_t begin = t->length;

	if (!set)
		text_add(t, "none");
	for (size_t n = 0; n < 64; n++) {
		if (!(set >> n & 1))
			continue;
		text_comma(t, begin);
		if (n < COUNT(names))
			text_add(t, "%s", names[n]);
		else
			text_add(t, "%zu", n);
	}
}

void words_open(struct text *t, int flags, unsigned mode)
{
	static const struct word words[] = {
		{ O_CREAT, "O_CREAT" },         { O_EXCL, "O_EXCL" },         { O_TRUNC, "O_TRUNC" },
		{ O_APPEND, "O_APPEND" },       { O_NONBLOCK, "O_NONBLOCK" }, { O_NOCTTY, "O_NOCTTY" },
		{ O_DIRECTORY, "O_DIRECTORY" }, { O_NOFOLLOW, "O_NOFOLLOW" }, { O_SYNC, "O_SYNC" },
		{ O_CLOEXEC, "O_CLOEXEC" },
	};
	int access = flags & O_ACCMODE;

	text_add(t, access == O_WRONLY ? "O_WRONLY" : access == O_RDWR ? "O_RDWR" : "O_RDONLY");
	flags &= ~O_ACCMODE;
	for (size_t i = 0; i < COUNT(words); i++) {
		int word = (int)words[i].value;

		if ((flags & word) != word)
			continue;
		text_add(t, "|%s", words[i].name);
		flags &= ~word;
	}
	if (flags)
		text_add(t, "|0%o", (unsigned)flags);
	if (mode)
		text_add(t, ", 0%o", mode);
}

void words_resource(struct text *t, int resource)
{
	static const struct word words[] = {
		{ RLIMIT_AS, "as" },           { RLIMIT_CORE, "core" },         { RLIMIT_CPU, "cpu" },
		{ RLIMIT_DATA, "data" },       { RLIMIT_FSIZE, "fsize" },       { RLIMIT_LOCKS, "locks" },
		{ RLIMIT_MEMLOCK, "memlock" }, { RLIMIT_MSGQUEUE, "msgqueue" }, { RLIMIT_NICE, "nice" },
		{ RLIMIT_NOFILE, "nofile" },   { RLIMIT_NPROC, "nproc" },       { RLIMIT_RSS, "rss" },
		{ RLIMIT_RTPRIO, "rtprio" },   { RLIMIT_RTTIME, "rttime" },     { RLIMIT_SIGPENDING, "sigpending" },
		{ RLIMIT_STACK, "stack" },
	};

	add(t, words, COUNT(words), (unsigned)resource);
}

void words_limit(struct text *t, uint64_t value)
{
	if (value == UINT64_MAX)
		text_add(t, "unlimited");
	else
		text_add(t, "%llu", (unsigned long long)value);
}

void words_policy(struct text *t, int policy)
{
	static const struct word words[] = {
		{ 0, "other" }, { 1, "fifo" },     { 2, "rr" },  { 3, "batch" },
		{ 5, "idle" },  { 6, "deadline" }, { 7, "ext" },
	};

	add(t, words, COUNT(words), (unsigned)policy & ~SYS_SCHED_RESET_ON_FORK);
	if ((unsigned)policy & SYS_SCHED_RESET_ON_FORK)
		text_add(t, ", reset on fork");
}

void words_mempolicy(struct text *t, int mode)
{
	static const struct word words[] = {
		{ 0, "default" },
		{ 1, "preferred" },
		{ 2, "membind" },
		{ 3, "interleave" },
		{ 4, "localalloc" },
		{ 5, "preferred-many" },
		{ 6, "weighted-interleave" },
	};

	add(t, words, COUNT(words), (unsigned)mode & 0xff);
	if (mode & ~0xff)
		text_add(t, " (flags 0x%x)", (unsigned)(mode & ~0xff));
}

void words_ioprio(struct text *t, int priority)
{
	static const struct word words[] = { { 0, "none" }, { 1, "realtime" }, { 2, "best-effort" }, { 3, "idle" } };

	add(t, words, COUNT(words), (unsigned)priority >> 13);
	if (priority >> 13 == 1 || priority >> 13 == 2)
		text_add(t, " %d", priority & 0x1fff);
}

void words_numbers(struct text *t, const unsigned long *bits, size_t nbits)
{
	size_t begin = t->length, width = 8 * sizeof(*bits);

	for (size_t first = 0, end; first < nbits; first = end + 1) {
		for (end = first; end < nbits && bits[end / width] >> end % width & 1; end++)
			;
		if (end == first)
			continue;
		text_comma(t, begin);
		text_add(t, "%zu", first);
		if (end - first > 1)
			text_add(t, "-%zu", end - 1);
	}
}

void words_namespaces(struct text *t, uint64_t flags)
{
	static const struct word words[] = {
		{ CLONE_NEWUSER, "user" }, { CLONE_NEWNS, "mnt" },        { CLONE_NEWPID, "pid" },
		{ CLONE_NEWNET, "net" },   { CLONE_NEWIPC, "ipc" },       { CLONE_NEWUTS, "uts" },
		{ CLONE_NEWTIME, "time" }, { CLONE_NEWCGROUP, "cgroup" },
	};
	size_t begin = t->length;

	for (size_t i = 0; i < COUNT(words); i++) {
		if (!(flags & words[i].value))
			continue;
		text_comma(t, begin);
		text_add(t, "%s", words[i].name);
	}
}
