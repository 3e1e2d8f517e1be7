/* SPDX-License-Identifier: MIT */
/*
 * Random commands for /bin/sh -c: whichever the replacement starts without the shell must end as it does by the real
 * shell, with the same words, environment, directory, descriptors and signals. (Not the same parent: a shell may stay.)
 *
 *	shell-fuzz [COMMANDS [SEED]]	default: 3,000 commands, seed 1
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
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

#define TEXT  (1 << 16)
#define LINES 400

struct outcome {
	int error, status;
	char text[TEXT], *lines[LINES];
	int n;
};

/* Each is a witness by this name, in PATH; what a shell takes for something else must not get there. */
static const char *const programs[] = { "cc",  "ld.bfd", "g++",  "c99",  "_x",   "2",   "a=b",  "if",   "cd",  "echo",
					"!",   "{",      "time", "true", "test", "[",   "[[",   "%1",   "-x",  "exec",
					"env", "x~y",    "a*",   "do",   "kill", "let", "type", "trap", "pwd", "#c" };
static const char *const separators[] = { " ", "  ", "\t", " ", " " };
static const char *const pieces[] = { "a",     "b1",        "-O2",      "-DX=1", "x.c",    "/usr/include",
				      "a/b",   "--std=c11", "+x",       "%d",    "@f",     "a,b",
				      "c:d",   "'q r'",     "\"s t\"",  "''",    "\"\"",   "'a'b",
				      "\"$\"", "'$x'",      "\"\\\"",   "'\\'",  "'a\"b'", "\"a'b\"",
				      "~",     "a~",        "*",        "?",     "[a]",    "{a,b}",
				      "$HOME", "`x`",       ";",        "|cat",  ">out",   "<in",
				      "#x",    "a#b",       "!",        "\\x",   "\n",     "'\n'",
				      "\x01",  "\xc3\xa9",  "'",        "\"",    "=",      "a=b",
				      "^",     "(",         ")",        "]",     "}",      "if",
				      "'!'",   "\"!\"",     "\"a  b\"", "'\t'",  "x''y",   "--",
				      "1",     "2>out",     "a%b",      "\"`\"", "'`'",    ".." };

static uint64_t state;
static char room[64], *stats;
static int started; /* commands so far */

static uint32_t draw(uint32_t below_this)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 20) % below_this;
}

#define PICK(array) (array)[draw(sizeof(array) / sizeof(*(array)))]

static void draw_command(char *ret, const char *where)
{
	static const char *const before[] = { "", "", "", "", "'", "\"", " ", "./", "A=1 ", "", "''" };
	static const char *const after[] = { "", "", "", "", "'", "\"", "", "", "", "''", "" };
	uint32_t way;
	char *at = ret;
	const char *name = draw(2) ? programs[draw(5)] : PICK(programs);

	way = draw(sizeof(before) / sizeof(*before));
	at += sprintf(at, "%s%s%s", before[way], name, after[way]);
	at += sprintf(at, " report %s --", where);
	for (uint32_t n = draw(7); n; n--)
		at += sprintf(at, "%s%s", draw(6) ? PICK(separators) : "", draw(3) ? pieces[draw(20)] : PICK(pieces));
	if (!draw(8))
		strcpy(at, " ");
}

static const char *const environments[][8] = {
	{ "PATH=%", "PWD=/", "HOME=/h" },
	{ "HOME=/h", "PATH=%" },
	{ "PATH=%", "PWD=%" },
	{ "PWD=%", "PATH=/no/such:%", "PS1=x", "_=/x", "SHLVL=3", "OLDPWD=/x" },
	{ "PATH=%", "PWD=%", "A=1", "A=2" },
	{ "PATH=%", "PWD=%", "A.B=1" },
	{ "PATH=%", "PWD=%", "NOEQ" },
	{ "PATH=%", "PWD=%", "IFS=x", "OPTIND=7" },
	{ "PATH=.:%", "PWD=%" },
	{ "PATH=%:", "PWD=%" },
	{ "PWD=%" },
	{ "PATH=/no/such", "PWD=%" },
	{ "PATH=%", "PWD=relative", "LINENO=5", "PPID=3" },
	{ "PATH=%", "PWD=%", "ENV=/no/such", "CDPATH=/", "MAIL=x", "TERM=vt", "LC_ALL=C" },
};

static char **draw_environment(void)
{
	static char texts[8][200], *ret[9];
	const char *const *entries = draw(2) ? environments[draw(4)] : PICK(environments);
	int n = 0;

	for (; n < 8 && entries[n]; n++) {
		const char *at = strchr(entries[n], '%');

		snprintf(texts[n], sizeof(texts[n]), "%.*s%s%s", (int)(at ? at - entries[n] : (long)strlen(entries[n])),
			 entries[n], at ? room : "", at ? at + 1 : "");
		ret[n] = texts[n];
	}
	ret[n] = NULL;
	return ret;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The lines in order, without the numbers that only say in which one the environment came. */
static void read_report(int report, struct outcome *ret)
{
	ssize_t n = pread(report, ret->text, sizeof(ret->text) - 1, 0);
	char *line, *rest = ret->text;

	ret->text[n < 0 ? 0 : n] = '\0';
	while ((line = strsep(&rest, "\n")) && *line && ret->n < LINES) {
		if (strncmp(line, "env.", 4) == 0)
			line = strchr(line, ' ');
		if (strncmp(line, "pid ", 4) != 0 && strncmp(line, "ppid ", 5) != 0)
			ret->lines[ret->n++] = line;
	}
	qsort(ret->lines, (size_t)ret->n, sizeof(*ret->lines), by_text);
}

static void run(const struct family *f, const char *command, char **envp, int report, struct outcome *ret)
{
	char *const plain[] = { "/bin/sh", "-c", (char *)command, NULL };
	char *const marked[] = { "/bin/sh", "-c", "--", (char *)command, NULL };
	pid_t pid;

	ret->n = ret->status = 0;
	if (ftruncate(report, 0) < 0)
		abort();
	ret->error = f->spawn(&pid, "/bin/sh", NULL, NULL, strlen(command) % 2 ? marked : plain, envp);
	if (ret->error == 0)
		waitpid(pid, &ret->status, 0);
	read_report(report, ret);
}

static int differs(const struct outcome *a, const struct outcome *b)
{
	if (a->error != b->error || a->status != b->status || a->n != b->n)
		return 1;
	for (int i = 0; i < a->n; i++)
		if (strcmp(a->lines[i], b->lines[i]) != 0)
			return 1;
	return 0;
}

/* Of the last start, as its record says. */
static int was_elided(void)
{
	char line[1000];
	int elided = -1, fd = open(stats, O_RDWR);
	ssize_t n = read(fd, line, sizeof(line) - 1);

	line[n < 0 ? 0 : n] = '\0';
	sscanf(line, "start %*d %*d %*d %*d %*d %*d %d", &elided);
	if (ftruncate(fd, 0) < 0)
		abort();
	close(fd);
	return elided;
}

static void prepare(void)
{
	char path[400];
	int null = open("/dev/null", O_RDWR);

	strcpy(room, "/tmp/shell-fuzz-XXXXXX");
	if (!mkdtemp(room) || chdir(room) < 0)
		abort();
	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++)
		if (symlink(WITNESS_PATH, programs[i]) < 0)
			abort();
	snprintf(path, sizeof(path), "%s/stats", room);
	stats = strdup(path);
	close(open(stats, O_RDWR | O_CREAT, 0600));
	setenv("USPAWN_STATS", stats, 1);
	setenv("USPAWN_ELIDE_SHELL", "1", 1);
	stdout = fdopen(fcntl(1, F_DUPFD_CLOEXEC, 600), "w");
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd); /* what commands and the shell say of wrong ones */
	close(null);
}

/* Redirections make files of any name. */
static void clean_up(void)
{
	DIR *dir = opendir(room);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
	if (chdir("/") == 0)
		rmdir(room);
}

static int try(const char *command, char **envp, int report, int *elided)
{
	static struct outcome ours, shells;

	run(family_get(FAMILY_REPLACEMENT), command, envp, report, &ours);
	*elided = was_elided();
	if (*elided != 1)
		return 0;
	unsetenv("USPAWN_ELIDE_SHELL");
	run(family_get(FAMILY_REPLACEMENT), command, envp, report, &shells);
	setenv("USPAWN_ELIDE_SHELL", "1", 1);
	if (was_elided() != 0)
		abort();
	if (!differs(&ours, &shells))
		return 0;
	printf("%s\nin", command);
	for (char **entry = envp; *entry; entry++)
		printf(" %s", *entry);
	printf("\nshell: %d %#x, %d lines; directly: %d %#x, %d lines\n", shells.error, (unsigned)shells.status,
	       shells.n, ours.error, (unsigned)ours.status, ours.n);
	for (int i = 0; i < shells.n || i < ours.n; i++)
		if (i >= shells.n || i >= ours.n || strcmp(shells.lines[i], ours.lines[i]) != 0)
			printf("\t%s | %s\n", i < shells.n ? shells.lines[i] : "", i < ours.n ? ours.lines[i] : "");
	return 1;
}

/* What the caller blocks and ignores a shell does not always hand on. With SIGCHLD ignored no status is known. */
static void draw_signals(void)
{
	uint32_t way = draw(8);
	sigset_t set;

	sigemptyset(&set);
	if (way == 0)
		sigfillset(&set);
	if (way == 1)
		sigaddset(&set, SIGTERM);
	sigprocmask(SIG_SETMASK, &set, NULL);
	signal(SIGCHLD, way == 2 ? SIG_IGN : SIG_DFL);
	signal(SIGINT, way == 3 ? SIG_IGN : SIG_DFL);
}

int main(int argc, char **argv)
{
	long commands = argc > 1 ? atol(argv[1]) : 3000, different = 0, without = 0;
	char **envp;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	char command[4000], where[64];

	prepare();
	for (; started < commands && different < 20; started++) {
		/* another number each time: the last command's may have left something in the background */
		int made = memfd_create("report", MFD_CLOEXEC), elided,
		    report = fcntl(made, F_DUPFD_CLOEXEC, 100 + started % 400);

		close(made);
		snprintf(where, sizeof(where), "/proc/%d/fd/%d", getpid(), report);
		state = (seed << 32 ^ (uint64_t)started) * 0x9e3779b97f4a7c15u + 1;
		draw(1);
		draw_command(command, where);
		envp = draw_environment();
		draw_signals();
		different += try(command, envp, report, &elided);
		without += elided == 1;
		close(report);
	}
	clean_up();
	fprintf(stdout, "%d commands, %ld of them started without the shell, %ld differences\n", started, without,
		different);
	return different != 0 || without == 0;
}
