/* SPDX-License-Identifier: MIT */
/*
 * "uspawn probe": a version says little about a kernel behind a container's filter, so everything is tried. The library
 * tries its features one by one; that the ways to make a process really work together is seen by making two.
 */
#include "commands.h"
#include "options.h"
#include "record.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <uspawn.h>

static const struct meaning {
	const char *name, *with, *without;
} meanings[] = {
	{ "rung-async", "a start does not wait for the program to begin", "every start waits for it, as by vfork" },
	{ "rung-vfork", "memory and descriptors are shared until exec", "the older clone: descriptors are copied" },
	{ "rung-clone", "memory is shared until exec, by an older call", "memory is copied, as by fork" },
	{ "rung-relay", "what may not be done in shared memory is done after one", "it is done in copied memory" },
	{ "rung-fork", "memory is copied; for what cannot be shared", "a request that needs it cannot start" },
	{ "table-cut", "descriptors are left behind by one call", "they are copied, then closed one by one" },
	{ "relay-memory", "its second stage runs from a file in memory", "it runs from an installed file, if any" },
	{ "pidfd", "a child has a descriptor: never a wrong process", "a pid and a pipe stand in for it" },
	{ "pidfd-poll", "it says when the child has ended", "a pipe says it" },
	{ "pidfd-wait", "the exit is collected by it", "the exit is collected by pid" },
	{ "pidfd-open", "a running process can be adopted by its pid", "adopting needs a descriptor" },
	{ "pidfd-group", "a whole group is signalled by it", "a group is signalled by its number" },
	{ "pidfd-exit-info", "a status that another has taken is not lost", "such an end is reported as unknown" },
	{ "exec-by-fd", "an open file can be run", "--exec-fd fails" },
	{ "ring-uring", "many ends come together, by io_uring", "epoll does it, with a few more calls" },
	{ "ring-epoll", "the same where there is no io_uring", "without io_uring either, there is no ring" },
	{ "pty", "a child can have a terminal of its own", "--pty fails" },
	{ "cgroup-birth", "a child begins in its cgroup", "a forked child moves there by itself" },
	{ "namespaces", "a child can have some of its own", "only root has them, or who gets a user namespace" },
	{ "time-namespace", "a clock of its own, too", "--time fails" },
	{ "uclamp", "its load can be bounded", "--uclamp-min and --uclamp-max fail" },
	{ "ambient", "capabilities last over an exec", "a caller that is not root forks instead" },
	{ "landlock", "files can be closed to it", "--landlock-access fails" },
	{ "seccomp", "system calls can be closed to it", "--seccomp-filter fails" },
	{ "kill-on-close", "it can be made to die with its descriptor", "--kill-on-close fails" },
};

struct start {
	const char *kind, *command;
	struct uspawn_child child; /* ended */
	uint32_t fastest;
};

static const struct meaning *meaning_of(const char *name)
{
	static const struct meaning none = { "", "", "" };

	for (size_t i = 0; i < sizeof(meanings) / sizeof(*meanings); i++)
		if (!strcmp(name, meanings[i].name))
			return &meanings[i];
	return &none;
}

/* The program itself, which then says its version to /dev/null. */
static int start_one(struct uspawn_child *child, bool async)
{
	static const struct uspawn_fd fds[] = { { .target = 1, .source = USPAWN_NULL } };
	char *argv[] = { "uspawn", "--version", NULL };
	struct uspawn_plan *plan = NULL;
	struct uspawn_ring *ring = NULL;
	struct uspawn_event event;
	int r;

	*child = (struct uspawn_child){ 0 };
	r = uspawn_plan_new(
		&plan, USPAWN(request, .path = (const char *)getauxval(AT_EXECFN), .argv = argv, .fds = fds, .nfds = 1),
		&child->failure);
	if (r == 0 && async)
		r = uspawn_ring_new(&ring, 1, 0);
	if (r == 0)
		r = async ? uspawn_ring_start(ring, child, plan, NULL) : uspawn_start(child, plan, NULL);
	if (r == 0 && async)
		while ((r = uspawn_ring_wait(ring, &event, 1, -1)) == 0)
			;
	else if (r == 0)
		r = uspawn_wait(child, -1);
	uspawn_ring_free(ring);
	uspawn_plan_free(plan);
	return r < 0 ? r : 0;
}

static bool worked(const struct start *s)
{
	return s->child.exit.code == USPAWN_EXITED && s->child.exit.status == 0;
}

/* Why that rung and no faster one. */
static void print_reason(const struct start *s, const int *answers)
{
	const char *cap = getenv("USPAWN_RUNG"), *name;
	uint32_t limit = 0;

	if (s->child.rung == s->fastest) {
		printf("the fastest there is\n");
		return;
	}
	if (cap && !rung_parse(cap, &limit) && limit == s->child.rung) {
		printf("USPAWN_RUNG=%s allows no faster one\n", cap);
		return;
	}
	for (uint32_t i = 0; (name = uspawn_strfeature(i)); i++)
		if (answers[i] < 0 && !strncmp(name, "rung-", 5) && !strcmp(name + 5, rung_name(s->fastest))) {
			printf("%s: %s\n", name, strerror(-answers[i]));
			return;
		}
	printf("a faster one was refused\n");
}

static void print_table(const struct utsname *u, const char *libc, const int *answers, const struct start *starts)
{
	const struct meaning *m;
	const char *name;

	printf("Linux %s %s, %s\n\n", u->release, u->machine, libc);
	printf("%-16s %-4s %s\n", "FEATURE", "HERE", "MEANING");
	for (uint32_t i = 0; (name = uspawn_strfeature(i)); i++) {
		m = meaning_of(name);
		if (answers[i] > 0)
			printf("%-16s %-4s %s\n", name, "yes", m->with);
		else
			printf("%-16s %-4s %s:\n%21s %s\n", name, "no", strerror(-answers[i]), "", m->without);
	}
	printf("\n%-16s %-6s %s\n", "START", "RUNG", "WHY");
	for (int i = 0; i < 2; i++) {
		printf("%-16s ", starts[i].kind);
		if (worked(&starts[i])) {
			printf("%-6s ", rung_name(starts[i].child.rung));
			print_reason(&starts[i], answers);
		} else {
			printf("%-6s %s: %s\n", "none", uspawn_strstep(starts[i].child.failure.step),
			       strerror(starts[i].child.exit.status));
		}
	}
}

static void print_json(const struct utsname *u, const char *libc, const int *answers, const struct start *starts)
{
	const char *name, *cap = getenv("USPAWN_RUNG");

	printf("{\"schema\":\"uspawn-probe/1\",\"kernel\":");
	json_string(stdout, u->release);
	printf(",\"machine\":");
	json_string(stdout, u->machine);
	printf(",\"libc\":");
	json_string(stdout, libc);
	printf(",\"features\":{");
	for (uint32_t i = 0; (name = uspawn_strfeature(i)); i++) {
		printf("%s\"%s\":{\"works\":%s,\"errno\":%d}", i ? "," : "", name, answers[i] > 0 ? "true" : "false",
		       answers[i] < 0 ? -answers[i] : 0);
	}
	printf("},\"rung\":{");
	for (int i = 0; i < 2; i++)
		printf(worked(&starts[i]) ? "%s\"%s\":\"%s\"" : "%s\"%s\":null", i ? "," : "", starts[i].kind,
		       rung_name(starts[i].child.rung));
	printf("},\"cap\":");
	if (cap)
		json_string(stdout, cap);
	else
		printf("null");
	printf("}\n");
}

static const struct option known[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "json", no_argument, NULL, 'j' },
	{ NULL, 0, NULL, 0 },
};

bool probe_has(const char *name, size_t len)
{
	return options_have(known, name, len);
}

static int parse(int argc, char **argv, bool *ret_json)
{
	int opt;

	while ((opt = next_option(argc, argv, "+:h", known)) != -1) {
		if (opt == 'h')
			return print_help(help_probe);
		if (opt != 'j')
			return refuse_option(opt, argv, known);
		*ret_json = true;
	}
	if (argv[optind]) {
		complain("%s: there is nothing to run here; see --help", argv[optind]);
		return EXIT_OWN_ERROR;
	}
	return -1;
}

int probe_main(int argc, char **argv)
{
	struct start starts[] = {
		{ .kind = "sync", .fastest = USPAWN_RUNG_VFORK },
		{ .kind = "async", .fastest = USPAWN_RUNG_ASYNC },
	};
	char libc[64] = "libc unknown";
	struct utsname u;
	bool json = false;
	uint32_t n = 0;
	int *answers, code;

	code = parse(argc, argv, &json);
	if (code >= 0)
		return code;
	while (uspawn_strfeature(n))
		n++;
	answers = calloc(n + 1, sizeof(*answers));
	if (!answers || uname(&u)) {
		complain("%s", strerror(errno));
		free(answers);
		return EXIT_OWN_ERROR;
	}
	confstr(_CS_GNU_LIBC_VERSION, libc, sizeof(libc));
	for (uint32_t i = 0; i < n; i++)
		answers[i] = uspawn_probe(i);
	for (int i = 0; i < 2; i++)
		start_one(&starts[i].child, i == 1);
	(json ? print_json : print_table)(&u, libc, answers, starts);
	free(answers);
	if (fflush(stdout)) {
		complain("standard output: %s", strerror(errno));
		return EXIT_OWN_ERROR;
	}
	return worked(&starts[0]) || worked(&starts[1]) ? EXIT_SUCCESS : EXIT_FAILURE;
}
