/* SPDX-License-Identifier: MIT */
/*
 * The witness: a program that is run only to say what it inherited. Its arguments are orders, carried out one after the
 * other; without any it reports to descriptor 1. It is linked statically and reads its descriptors before it opens
 * anything, so that nothing of its own gets into the report.
 *
 *	report WHERE   write the facts, one `key value` a line, to a descriptor or a path; the last line is `end`
 *	write FD TEXT  write the text
 *	copy FROM TO   copy until end-of-file
 *	eof FD         read until end-of-file
 *	open PATH      for writing; ends with the errno if that fails
 *	spin MS        use that much processor time
 *	breed N        N others, each of which makes a hundred more; says so on descriptor 1 when they have begun
 *	exit CODE, kill SIGNAL (to itself)
 *	pending SIGNAL exit with how many of this blocked one there are
 *	--             no more orders: what follows is there to be reported
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

#define NFDS 65536

static int fds[NFDS];
static int nfds = -1; /* not listed */

static void list_descriptors(void)
{
	static char buf[1 << 16];
	int dir = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ssize_t n;

	if (dir < 0)
		return;
	nfds = 0;
	while ((n = getdents64(dir, buf, sizeof(buf))) > 0) {
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *entry = (const void *)(buf + at);
			int fd = atoi(entry->d_name);

			if (*entry->d_name != '.' && fd != dir && nfds < NFDS)
				fds[nfds++] = fd;
			at += entry->d_reclen;
		}
	}
	close(dir);
}

/* Any bytes on one line: what is not plain is \xNN. */
static void print_bytes(FILE *out, const char *s)
{
	for (; *s; s++) {
		if (*s >= ' ' && *s < 127 && *s != '\\')
			putc(*s, out);
		else
			fprintf(out, "\\x%02x", (unsigned char)*s);
	}
	putc('\n', out);
}

static void print_link(FILE *out, const char *path)
{
	char target[4096];
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	target[n < 0 ? 0 : n] = '\0';
	print_bytes(out, target);
}

/* fd.N DEV:INO ACCESS FLAGS STATUS TARGET, where ACCESS is r, w or rw, FLAGS those of F_GETFD, STATUS of F_GETFL */
static void print_descriptors(FILE *out)
{
	static const char *const access[] = { "r", "w", "rw", "?" };

	for (int i = 0; i < nfds; i++) {
		char path[64];
		struct stat st;
		int flags = fcntl(fds[i], F_GETFD), status = fcntl(fds[i], F_GETFL);

		if (fstat(fds[i], &st) < 0)
			continue;
		fprintf(out, "fd.%d %llu:%llu %s %d %d ", fds[i], (unsigned long long)st.st_dev,
			(unsigned long long)st.st_ino, access[status & O_ACCMODE], flags, status);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[i]);
		print_link(out, path);
	}
}

/* Lines of /proc/self/status as they are, under the kernel's own names. */
static void print_status(FILE *out)
{
	static const char *const names[] = {
		"Name:",   "Umask:",  "Uid:",     "Gid:",     "Groups:",           "NoNewPrivs:",
		"SigBlk:", "SigIgn:", "SigCgt:",  "CapInh:",  "CapPrm:",           "CapEff:",
		"CapBnd:", "CapAmb:", "Seccomp:", "Threads:", "Cpus_allowed_list:"
	};
	char line[8192];
	FILE *status = fopen("/proc/self/status", "re");

	while (status && fgets(line, sizeof(line), status)) {
		for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
			size_t length = strlen(names[i]);

			if (strncmp(line, names[i], length) == 0)
				fprintf(out, "%.*s %s", (int)length - 1, line,
					line + length + strspn(line + length, "\t "));
		}
	}
	if (status)
		fclose(status);
}

static void print_file(FILE *out, const char *key, const char *path)
{
	char line[4096];
	FILE *file = fopen(path, "re");

	if (file && fgets(line, sizeof(line), file))
		fprintf(out, "%s %s", key, line);
	if (file)
		fclose(file);
}

/* tty: its number, 0: none; tpgid: the foreground group of it */
static void print_terminal(FILE *out)
{
	char line[4096], *at;
	int tty, tpgid;
	FILE *file = fopen("/proc/self/stat", "re");

	if (file && fgets(line, sizeof(line), file) && (at = strrchr(line, ')')) &&
	    sscanf(at, ") %*c %*d %*d %*d %d %d", &tty, &tpgid) == 2)
		fprintf(out, "tty %d\ntpgid %d\n", tty, tpgid);
	if (file)
		fclose(file);
}

/* Its place in the one hierarchy of version 2. */
static void print_cgroup(FILE *out)
{
	char line[4096];
	FILE *file = fopen("/proc/self/cgroup", "re");

	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, "0::", 3) == 0)
			fprintf(out, "cgroup2 %s", line + 3);
	if (file)
		fclose(file);
}

static void print_scheduling(FILE *out)
{
	struct {
		unsigned size, policy;
		unsigned long long flags;
		int nice;
		unsigned priority;
		unsigned long long runtime, deadline, period;
		unsigned util_min, util_max;
	} attr = { 0 };
	int mode;
	long ioprio;

	fprintf(out, "nice %d\npolicy %d\n", getpriority(PRIO_PROCESS, 0), sched_getscheduler(0));
	if (syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 0) == 0) {
		fprintf(out, "priority %u\nsched_flags %llu\n", attr.priority, attr.flags);
		fprintf(out, "deadline %llu %llu %llu\n", attr.runtime, attr.deadline, attr.period);
		fprintf(out, "uclamp %u %u\n", attr.util_min, attr.util_max);
	}
	if (syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 0) == 0)
		fprintf(out, "mempolicy %d\n", mode);
	ioprio = syscall(SYS_ioprio_get, 1, 0);
	fprintf(out, "ioprio %ld\ntimerslack %d\n", ioprio, prctl(PR_GET_TIMERSLACK));
	fprintf(out, "personality %d\n", personality(0xffffffff));
	print_file(out, "oom_score_adj", "/proc/self/oom_score_adj");
}

static void print_namespaces(FILE *out)
{
	static const char *const names[] = { "user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time" };
	char path[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
		fprintf(out, "ns.%s ", names[i]);
		print_link(out, path);
	}
	print_file(out, "uid_map", "/proc/self/uid_map");
	print_file(out, "gid_map", "/proc/self/gid_map");
	print_file(out, "setgroups", "/proc/self/setgroups");
	print_file(out, "timens", "/proc/self/timens_offsets");
	print_file(out, "label", "/proc/self/attr/current");
}

static void print_process(FILE *out)
{
	char cwd[4096];
	struct rlimit limit;
	int signo = 0;

	fprintf(out, "pid %d\nppid %d\npgid %d\nsid %d\n", getpid(), getppid(), getpgrp(), getsid(0));
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		getrlimit((unsigned)i, &limit);
		fprintf(out, "rlimit.%d %llu %llu\n", i, (unsigned long long)limit.rlim_cur,
			(unsigned long long)limit.rlim_max);
	}
	getrlimit(RLIMIT_NOFILE, &limit);
	fprintf(out, "nofile %llu %llu\n", (unsigned long long)limit.rlim_cur, (unsigned long long)limit.rlim_max);
	prctl(PR_GET_PDEATHSIG, &signo);
	fprintf(out, "pdeathsig %d\ndumpable %d\n", signo, prctl(PR_GET_DUMPABLE));
	fprintf(out, "securebits %d\n", prctl(PR_GET_SECUREBITS));
	print_namespaces(out);
	fprintf(out, "cwd ");
	print_bytes(out, getcwd(cwd, sizeof(cwd)) ? cwd : "");
	fprintf(out, "exe ");
	print_link(out, "/proc/self/exe");
	print_file(out, "cgroup", "/proc/self/cgroup");
	print_cgroup(out);
	print_terminal(out);
}

static void print_list(FILE *out, const char *key, char **list)
{
	int n = 0;

	for (; list[n]; n++) {
		fprintf(out, "%s.%d ", key, n);
		print_bytes(out, list[n]);
	}
	fprintf(out, "%s %d\n", key, n);
}

static int is_number(const char *s)
{
	return *s && strspn(s, "0123456789") == strlen(s);
}

static void report(const char *where, char **argv)
{
	FILE *out = is_number(where) ? fdopen(dup(atoi(where)), "w") : fopen(where, "we");

	if (!out)
		_exit(99);
	print_descriptors(out);
	print_status(out);
	print_process(out);
	print_scheduling(out);
	print_list(out, "arg", argv);
	print_list(out, "env", environ);
	fprintf(out, "end\n");
	if (fclose(out))
		_exit(98);
}

static void copy(int from, int to)
{
	char buf[4096];
	ssize_t n;

	while ((n = read(from, buf, sizeof(buf))) > 0)
		if (to >= 0 && write(to, buf, (size_t)n) != n)
			_exit(97);
}

static void spin(int ms)
{
	while (clock() < (clock_t)ms * (CLOCKS_PER_SEC / 1000))
		;
}

static void open_to_write(const char *path)
{
	if (open(path, O_WRONLY | O_CLOEXEC) < 0)
		_exit(errno);
}

/* So many that make others, while it says that they have begun. */
static void breed(int n)
{
	int others = n;

	while (others && fork() > 0)
		others--;
	if (!others && write(1, "b", 1) != 1)
		_exit(97);
	for (int i = 0; i < 100 && fork() != 0; i++)
		;
	pause();
}

static int take_pending(int signo)
{
	const struct timespec none = { 0, 0 };
	sigset_t set;
	int n = 0;

	sigemptyset(&set);
	sigaddset(&set, signo);
	while (sigtimedwait(&set, NULL, &none) == signo)
		n++;
	return n;
}

/* Returns how many words it was. */
static int obey(char **words, char **argv)
{
	const char *order = words[0], *a = words[1], *b = a ? words[2] : NULL;

	if (!a)
		_exit(96);
	if (strcmp(order, "report") == 0)
		report(a, argv);
	else if (strcmp(order, "eof") == 0)
		copy(atoi(a), -1);
	else if (strcmp(order, "open") == 0)
		open_to_write(a);
	else if (strcmp(order, "breed") == 0)
		breed(atoi(a));
	else if (strcmp(order, "spin") == 0)
		spin(atoi(a));
	else if (strcmp(order, "pending") == 0)
		_exit(take_pending(atoi(a)));
	else if (strcmp(order, "exit") == 0)
		_exit(atoi(a));
	else if (strcmp(order, "kill") == 0)
		kill(getpid(), atoi(a));
	else if (!b)
		_exit(96);
	else if (strcmp(order, "write") == 0 && write(atoi(a), b, strlen(b)) < 0)
		_exit(97);
	else if (strcmp(order, "copy") == 0)
		copy(atoi(a), atoi(b));
	return strcmp(order, "write") == 0 || strcmp(order, "copy") == 0 ? 3 : 2;
}

int main(int argc, char **argv)
{
	list_descriptors();
	if (argc < 2)
		report("1", argv);
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0;)
		i += obey(argv + i, argv);
	return 0;
}
