/* SPDX-License-Identifier: MIT */
/*
 * A long life in short: very many starts in one process, one way and the other, every third of a program that is not
 * there, some in a directory that is not there. Each end must be the one that was asked for; and descriptors, memory
 * and children must be at the end what they were after the first few.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uspawn.h>
#include "bench.h"

enum { INFLIGHT = 16, WARM_UP = 20000, SLACK_KIB = 256 };
enum outcome { RUNS, NO_PROGRAM, NO_DIRECTORY, OUTCOMES };

struct life {
	struct uspawn_plan *plans[OUTCOMES];
	struct uspawn_ring *ring;
	struct uspawn_child children[INFLIGHT], *idle[INFLIGHT];
	enum outcome expected[INFLIGHT];
	uint32_t nidle;
	uint64_t ended[OUTCOMES];
};

struct footprint {
	uint32_t nfds;
	uint64_t fds; /* a sum over their numbers, to see one closed and another opened */
	long rss_kib;
	int has_children;
};

static struct footprint measure(void)
{
	struct footprint f = { 0 };
	FILE *status = fopen("/proc/self/status", "re");
	char line[256];
	DIR *dir = opendir("/proc/self/fd");
	siginfo_t info;

	for (struct dirent *e; dir && (e = readdir(dir));)
		if (*e->d_name != '.' && atoi(e->d_name) != dirfd(dir) &&
		    (!status || atoi(e->d_name) != fileno(status))) {
			f.nfds++;
			f.fds += (uint64_t)atoi(e->d_name);
		}
	while (status && fgets(line, sizeof(line), status))
		sscanf(line, "VmRSS: %ld", &f.rss_kib);
	if (status)
		fclose(status);
	if (dir)
		closedir(dir);
	f.has_children = !waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL);
	return f;
}

static int set_up(struct life *l)
{
	char *argv[] = { program_path(TINY), NULL };
	int r = uspawn_ring_new(&l->ring, INFLIGHT, 0);

	if (r >= 0)
		r = uspawn_plan_new(&l->plans[RUNS], USPAWN(request, .path = argv[0], .argv = argv), NULL);
	if (r >= 0)
		r = uspawn_plan_new(&l->plans[NO_PROGRAM], USPAWN(request, .path = "/no/such", .argv = argv), NULL);
	if (r >= 0)
		r = uspawn_plan_new(&l->plans[NO_DIRECTORY],
				    USPAWN(request, .path = argv[0], .argv = argv, .cwd = "/no/such"), NULL);
	for (l->nidle = 0; l->nidle < INFLIGHT; l->nidle++)
		l->idle[l->nidle] = &l->children[l->nidle];
	return r;
}

static int check(struct life *l, const struct uspawn_child *child, enum outcome expected)
{
	static const uint32_t steps[] = { [NO_PROGRAM] = USPAWN_STEP_EXEC, [NO_DIRECTORY] = USPAWN_STEP_CWD };
	const struct uspawn_exit *e = &child->exit;

	l->ended[expected]++;
	if (expected == RUNS
		    ? e->code == USPAWN_EXITED && e->status == TOKEN
		    : e->code == USPAWN_FAILED && e->status == ENOENT && child->failure.step == steps[expected])
		return 0;
	fprintf(stderr, "million: outcome %d: code %d, status %d, step %s\n", expected, e->code, e->status,
		uspawn_strstep(child->failure.step));
	return -EPROTO;
}

static int collect(struct life *l)
{
	struct uspawn_event events[INFLIGHT];
	int n = uspawn_ring_wait(l->ring, events, INFLIGHT, -1), r = n < 0 ? n : 0;

	for (int i = 0; i < n && r >= 0; i++) {
		r = check(l, events[i].child, l->expected[events[i].child - l->children]);
		l->idle[l->nidle++] = events[i].child;
	}
	return r;
}

static int start_one(struct life *l, uint64_t i)
{
	enum outcome expected = i % 3 == 2 ? NO_PROGRAM : i % 10 == 9 ? NO_DIRECTORY : RUNS;
	struct uspawn_child child;
	int r = 0;

	if (i % 2) {
		uspawn_start(&child, l->plans[expected], NULL);
		uspawn_wait(&child, -1);
		return check(l, &child, expected);
	}
	while (r >= 0 && !l->nidle)
		r = collect(l);
	if (r < 0)
		return r;
	l->nidle--;
	l->expected[l->idle[l->nidle] - l->children] = expected;
	return uspawn_ring_start(l->ring, l->idle[l->nidle], l->plans[expected], NULL);
}

static int run(struct life *l, uint64_t starts)
{
	int r = 0;

	for (uint64_t i = 0; r >= 0 && i < starts; i++)
		r = start_one(l, i);
	while (r >= 0 && l->nidle < INFLIGHT)
		r = collect(l);
	return r;
}

static void print(const char *when, const struct footprint *f)
{
	printf("%-16s %u descriptors (sum %" PRIu64 "), %ld KiB resident, %s\n", when, f->nfds, f->fds, f->rss_kib,
	       f->has_children ? "children" : "no children");
}

int main(int argc, char **argv)
{
	struct life life = { 0 };
	struct footprint before, after;
	long starts = argc > 1 ? atol(argv[1]) : 1000000;
	uint64_t t0;
	int r;

	if (argc > 2 || starts < 1) {
		fprintf(stderr, "Usage: million [STARTS]\n");
		return 2;
	}
	if (programs_find() < 0 || (r = set_up(&life)) < 0 || (r = run(&life, WARM_UP)) < 0) {
		fprintf(stderr, "million: could not begin\n");
		return 1;
	}
	memset(life.ended, 0, sizeof(life.ended));
	before = measure();
	t0 = now_ns();
	r = run(&life, (uint64_t)starts);
	after = measure();
	if (r < 0) {
		fprintf(stderr, "million: %s\n", strerror(-r));
		return 1;
	}
	printf("%ld starts in %.1f s: %" PRIu64 " ran, %" PRIu64 " had no program, %" PRIu64 " had no directory\n",
	       starts, (double)(now_ns() - t0) / 1e9, life.ended[RUNS], life.ended[NO_PROGRAM],
	       life.ended[NO_DIRECTORY]);
	print("after warm-up:", &before);
	print("at the end:", &after);
	uspawn_ring_free(life.ring);
	for (int i = 0; i < OUTCOMES; i++)
		uspawn_plan_free(life.plans[i]);
	return before.nfds != after.nfds || before.fds != after.fds || after.has_children ||
	       after.rss_kib > before.rss_kib + SLACK_KIB;
}
