/* SPDX-License-Identifier: MIT */
/*
 * Random attributes and action lists through libc's posix_spawn and through the replacement: what each call returns,
 * how the child ends, and what a witness says that it has must be the same.
 *
 *	posix-fuzz [LISTS [SEED]]	default: 2,000 lists, seed 1
 *
 * Not compared, since it is meant to differ: libc's own two signals, which glibc's children ignore.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/family.h"

#define LIBC_SIGNALS (3ull << (32 - 1))
#define MOST_ACTIONS 8
#define TEXT         (1 << 17)

enum { CLOSE, DUP2, OPEN, CHDIR, FCHDIR, CLOSEFROM, TCSETPGRP, KINDS };

struct step {
	int kind, fd, newfd, oflag, past; /* past: added by libc's function, whichever family is tested */
	const char *path;
};

struct list {
	struct step steps[MOST_ACTIONS];
	int n, has_actions, has_attr, search, argv_is_empty, env_is_null;
	short flags;
	pid_t pgroup;
	sigset_t mask, def;
	int policy, priority;
	const char *program, *path;
};

struct outcome {
	int added[MOST_ACTIONS], flags_set, policy_set, error, status;
	char text[TEXT];
};

static uint64_t state;
static char room[64], made[80], below[80], directory[256], terminal[64], where[64];
static int report;

static uint32_t draw(uint32_t below_this)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 20) % below_this;
}

#define PICK(array) (array)[draw(sizeof(array) / sizeof(*(array)))]

static int draw_fd(void)
{
	static const int rare[] = { -1, 63, 64, 70, 71, 127, 128, 300, 301, 1 << 20, 1 << 30 };

	return draw(12) ? (int)draw(12) : PICK(rare);
}

static void draw_step(struct step *s)
{
	const char *const files[] = { "/dev/null", "/dev/zero",         "/dev/null", "/dev/null", made,
				      made,        "/proc/self/fd/4",   "/",         terminal,    "/proc/self/fd/71",
				      "file",      "/proc/self/fd/300", below };
	const char *const bad[] = { "", "/no/such", "file/x" };
	static const int oflags[] = { O_RDONLY,
				      O_WRONLY,
				      O_RDWR,
				      O_RDONLY | O_CLOEXEC,
				      O_WRONLY | O_CREAT | O_EXCL,
				      O_WRONLY | O_CREAT | O_APPEND,
				      O_RDONLY | O_DIRECTORY,
				      O_RDWR | O_NOCTTY };
	const char *const directories[] = { "/", room, below, ".", "..", room };

	*s = (struct step){ .kind = (int)draw(draw(4) ? CHDIR : KINDS), .fd = draw_fd(), .past = !draw(64) };
	s->newfd = draw(8) ? draw_fd() : s->fd;
	s->oflag = PICK(oflags);
	s->path = s->kind == OPEN ? PICK(files) : PICK(directories);
	if (s->kind == OPEN && s->path != made) /* nothing is made that the next run would find */
		s->oflag &= ~O_CREAT;
	if (s->kind == FCHDIR && draw(4))
		s->fd = draw(2) ? 4 : 71;
	if (s->kind == CLOSEFROM && draw(3))
		s->fd += 5;
	if (!draw(24))
		s->path = PICK(bad);
}

static void draw_set(sigset_t *set)
{
	memset(set, 0, sizeof(*set));
	for (int i = 0; i < 4; i++)
		*(uint64_t *)set |= 1ull << draw(64);
	if (!draw(8))
		memset(set, 0xff, sizeof(*set));
}

static void draw_list(struct list *l)
{
	static const pid_t groups[] = { 0, 0, 0, -1, 999999999, 1 };
	static const int policies[] = { SCHED_OTHER, SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, 77, -1 };
	static const int priorities[] = { 0, 0, 0, 0, 1, 99, 100, -1 };
	const char *const paths[] = {
		directory, "/no/such:%", ":%", "/dev/null:%", "%", "%", "", "/root/none:%:", NULL
	};
	static const char *const programs[] = { "/no/such", "/", "/etc/passwd", "", "/bin/true" };

	*l = (struct list){ .has_actions = draw(8) != 0, .has_attr = draw(2) != 0, .search = !draw(4) };
	l->n = (int)draw(MOST_ACTIONS + 1);
	for (int i = 0; i < l->n; i++)
		draw_step(&l->steps[i]);
	for (int bit = 0; bit < 8; bit++)
		l->flags |= (short)(!draw(bit == 4 || bit == 5 ? 16 : 4) << bit);
	if (!draw(32))
		l->flags |= (short)(1 << (9 + draw(7)));
	l->pgroup = draw(10) ? PICK(groups) : getpgrp();
	draw_set(&l->mask);
	draw_set(&l->def);
	l->policy = PICK(policies);
	l->priority = PICK(priorities);
	l->program = draw(16) ? WITNESS_PATH : PICK(programs);
	l->path = PICK(paths);
	if (l->search && draw(8))
		l->program = "witness";
	if (!draw(64)) {
		l->argv_is_empty = 1;
		l->program = "/bin/true";
	}
	l->env_is_null = !draw(64);
}

static int add(const struct family *f, posix_spawn_file_actions_t *actions, const struct step *s)
{
	if (s->past)
		f = family_get(FAMILY_LIBC);
	switch (s->kind) {
	case CLOSE:
		return f->actions.addclose(actions, s->fd);
	case DUP2:
		return f->actions.adddup2(actions, s->fd, s->newfd);
	case OPEN:
		return f->actions.addopen(actions, s->fd, s->path, s->oflag, 0640);
	case CHDIR:
		return f->actions.addchdir_np(actions, s->path);
	case FCHDIR:
		return f->actions.addfchdir_np(actions, s->fd);
	case CLOSEFROM:
		return f->actions.addclosefrom_np(actions, s->fd);
	default:
		return f->actions.addtcsetpgrp_np(actions, s->fd);
	}
}

/* The text without what is never the same twice. */
static void read_report(pid_t pid, char *ret)
{
	static char raw[TEXT];
	ssize_t n = pread(report, raw, sizeof(raw) - 1, 0);
	char *line, *rest = raw;
	int at = 0;

	raw[n < 0 ? 0 : n] = '\0';
	while ((line = strsep(&rest, "\n")) && *line && at < TEXT - 300) {
		const char *value = strchr(line, ' ');
		int number = value ? atoi(value + 1) : 0;

		if (strncmp(line, "pid ", 4) == 0)
			continue;
		if (strncmp(line, "fd.", 3) == 0 && strstr(line, made)) /* made anew: another inode */
			at += snprintf(ret + at, 300, "%.*s%s\n", (int)(value - line), line, strchr(value + 1, ' '));
		else if (strncmp(line, "SigIgn ", 7) == 0)
			at += snprintf(ret + at, 300, "SigIgn %llx\n", strtoull(value, NULL, 16) & ~LIBC_SIGNALS);
		else if (number == pid && (strncmp(line, "pgid ", 5) == 0 || strncmp(line, "sid ", 4) == 0 ||
					   strncmp(line, "tpgid ", 6) == 0))
			at += snprintf(ret + at, 300, "%.4s own\n", line);
		else
			at += snprintf(ret + at, 300, "%s\n", line);
	}
}

static void set_path(const struct list *l)
{
	char text[600];
	const char *at = l->path ? strchr(l->path, '%') : NULL;

	if (!l->path) {
		unsetenv("PATH");
		return;
	}
	snprintf(text, sizeof(text), "%.*s%s%s", at ? (int)(at - l->path) : (int)strlen(l->path), l->path,
		 at ? directory : "", at ? at + 1 : "");
	setenv("PATH", text, 1);
}

static void run(const struct family *f, const struct list *l, struct outcome *ret)
{
	char *argv[] = { "witness", "report", where, NULL }, *none[] = { NULL };
	struct sched_param param = { .sched_priority = l->priority };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	pid_t pid = -7;

	memset(ret, 0, sizeof(*ret));
	unlink(made);
	if (ftruncate(report, 0) < 0)
		abort();
	f->actions.init(&actions);
	f->attr.init(&attr);
	for (int i = 0; i < l->n; i++)
		ret->added[i] = add(f, &actions, &l->steps[i]);
	ret->flags_set = f->attr.setflags(&attr, l->flags);
	f->attr.setpgroup(&attr, l->pgroup);
	f->attr.setsigmask(&attr, &l->mask);
	f->attr.setsigdefault(&attr, &l->def);
	ret->policy_set = f->attr.setschedpolicy(&attr, l->policy);
	f->attr.setschedparam(&attr, &param);
	set_path(l);
	ret->error = (l->search ? f->spawnp : f->spawn)(&pid, l->program, l->has_actions ? &actions : NULL,
							l->has_attr ? &attr : NULL, l->argv_is_empty ? none : argv,
							l->env_is_null ? NULL : environ);
	if (ret->error == 0) {
		waitpid(pid, &ret->status, 0);
		read_report(pid, ret->text);
	} else if (pid != -7 || waitpid(-1, NULL, WNOHANG) != -1) {
		ret->status = -1; /* a pid given out, or a child left */
	}
	f->actions.destroy(&actions);
	f->attr.destroy(&attr);
}

static void print(const struct list *l, const struct outcome *libc, const struct outcome *ours)
{
	static const char *const names[] = { "close", "dup2", "open", "chdir", "fchdir", "closefrom", "tcsetpgrp" };

	printf("%s %s PATH=%s actions=%d attr=%d flags=%#x pgroup=%d policy=%d priority=%d\n",
	       l->search ? "posix_spawnp" : "posix_spawn", l->program, l->path ? l->path : "-", l->has_actions,
	       l->has_attr, (unsigned)l->flags, l->pgroup, l->policy, l->priority);
	for (int i = 0; i < l->n; i++) {
		const struct step *s = &l->steps[i];

		printf("\t%s fd %d newfd %d path '%s' oflag %#x%s: %d, %d\n", names[s->kind], s->fd, s->newfd, s->path,
		       (unsigned)s->oflag, s->past ? " past us" : "", libc->added[i], ours->added[i]);
	}
	printf("libc: %d %d, returns %d, status %#x; replacement: %d %d, returns %d, status %#x\n", libc->flags_set,
	       libc->policy_set, libc->error, (unsigned)libc->status, ours->flags_set, ours->policy_set, ours->error,
	       (unsigned)ours->status);
	for (const char *a = libc->text, *b = ours->text; *a || *b;) {
		size_t na = strcspn(a, "\n"), nb = strcspn(b, "\n");

		if (na != nb || memcmp(a, b, na) != 0)
			printf("\tlibc's child: %.*s\n\tours:         %.*s\n", (int)na, a, (int)nb, b);
		a += na + (a[na] != 0);
		b += nb + (b[nb] != 0);
	}
}

static void keep_open(int fd, int as, int cloexec)
{
	if (fd < 0 || (fd != as && dup3(fd, as, cloexec ? O_CLOEXEC : 0) < 0))
		abort();
	if (fd != as)
		close(fd);
	else
		fcntl(as, F_SETFD, cloexec ? FD_CLOEXEC : 0);
}

static void prepare(void)
{
	int master;

	strcpy(room, "/tmp/posix-fuzz-XXXXXX");
	if (!mkdtemp(room) || chdir(room) < 0)
		abort();
	snprintf(made, sizeof(made), "%s/made", room);
	snprintf(below, sizeof(below), "%s/below", room);
	snprintf(directory, sizeof(directory), "%.*s", (int)(strrchr(WITNESS_PATH, '/') - WITNESS_PATH), WITNESS_PATH);
	mkdir(below, 0755);
	report = fcntl(memfd_create("report", 0), F_DUPFD_CLOEXEC, 500);
	snprintf(where, sizeof(where), "/proc/%d/fd/%d", getpid(), report);
	master = posix_openpt(O_RDWR | O_NOCTTY);
	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
		abort();
	snprintf(terminal, sizeof(terminal), "%s", ptsname(master));
	keep_open(master, 600, 1);
	keep_open(open(terminal, O_RDWR | O_NOCTTY), 7, 0);
	keep_open(open(room, O_RDONLY | O_DIRECTORY), 4, 0);
	keep_open(open("file", O_RDWR | O_CREAT, 0600), 5, 0);
	keep_open(open("file", O_RDONLY), 6, 1);
	keep_open(open(below, O_RDONLY | O_DIRECTORY), 71, 1);
	for (int fd = 8; fd < 12; fd++)
		keep_open(open(fd % 2 ? "file" : "/dev/zero", O_RDONLY), fd, fd % 3 == 0);
	keep_open(open("/dev/zero", O_RDONLY), 70, 0);
	keep_open(open("file", O_RDONLY), 300, 0);
	signal(SIGHUP, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
}

int main(int argc, char **argv)
{
	long lists = argc > 1 ? atol(argv[1]) : 2000, different = 0, ran = 0;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	static struct outcome libc, ours;
	struct list list;

	clearenv();
	setenv("A", "1", 1);
	prepare();
	for (long i = 0; i < lists; i++) {
		state = (seed << 32 ^ (uint64_t)i) * 0x9e3779b97f4a7c15u + 1;
		draw(1);
		draw(1);
		draw_list(&list);
		run(family_get(FAMILY_LIBC), &list, &libc);
		run(family_get(FAMILY_REPLACEMENT), &list, &ours);
		ran += libc.error == 0;
		if (memcmp(&libc, &ours, sizeof(libc)) == 0)
			continue;
		printf("list %ld of seed %llu: ", i, (unsigned long long)seed);
		print(&list, &libc, &ours);
		if (++different == 20)
			break;
	}
	unlink("file");
	unlink(made);
	rmdir(below);
	if (chdir("/") == 0)
		rmdir(room);
	printf("%ld lists, %ld of them ran, %ld differences\n", lists, ran, different);
	return different != 0;
}
