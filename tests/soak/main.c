/* SPDX-License-Identifier: MIT */
/* Four processes: all rungs among disturbers; credentials and limits; a tracer; and parents that are killed. See
 * usage(). */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <uspawn.h>

#include "soak.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) /* which keep what was freed */
enum { SLACK_KIB = 1 << 22 };
#else
enum { SLACK_KIB = 8192 };
#endif
enum { NAMES = 8 };

struct footprint {
	int fds;
	long rss_kib;
};

struct counts *counts;

void lose(const char *format, ...)
{
	va_list args;

	count(&counts->lost);
	if (atomic_flag_test_and_set(&counts->said))
		return;
	va_start(args, format);
	vsnprintf(counts->wrong, sizeof(counts->wrong), format, args);
	va_end(args);
}

unsigned new_seed(void)
{
	return atomic_fetch_add(&counts->seed, 7919);
}

static struct footprint measure(void)
{
	struct footprint f = { 0 };
	FILE *status = fopen("/proc/self/status", "re");
	DIR *dir = opendir("/proc/self/fd");
	char line[256];

	for (struct dirent *e; dir && (e = readdir(dir));)
		f.fds += *e->d_name != '.';
	while (status && fgets(line, sizeof(line), status))
		sscanf(line, "VmRSS: %ld", &f.rss_kib);
	if (status)
		fclose(status);
	if (dir)
		closedir(dir);
	return f;
}

static struct spawner rungs[] = {
	{ .rung = USPAWN_RUNG_ASYNC, .by_ring = 1 },
	{ .rung = USPAWN_RUNG_ASYNC, .by_ring = 1, .ring_flags = USPAWN_RING_EPOLL },
	{ .rung = USPAWN_RUNG_VFORK },
	{ .rung = USPAWN_RUNG_CLONE },
	{ .rung = USPAWN_RUNG_RELAY },
	{ .rung = USPAWN_RUNG_FORK },
	{ .rung = USPAWN_RUNG_FORK, .by_ring = 1 },
};
enum { NRUNGS = sizeof(rungs) / sizeof(*rungs) };

static void begin_thread(pthread_t *ret, void *(*fn)(void *), void *arg)
{
	if (pthread_create(ret, NULL, fn, arg) != 0) {
		perror("soak: pthread_create");
		exit(2);
	}
}

/* ---- The processes beside ---- */

static void run_scarce(void)
{
	static const uint32_t which[] = { USPAWN_RUNG_ASYNC, USPAWN_RUNG_VFORK, USPAWN_RUNG_RELAY, USPAWN_RUNG_FORK };
	struct spawner spawners[4];
	pthread_t credentials, limits;

	for (int i = 0; i < 4; i++) {
		spawners[i] = (struct spawner){ .rung = which[i], .by_ring = i == 0, .is_scarce = 1 };
		begin_thread(&spawners[i].thread, spawn, &spawners[i]);
	}
	if (geteuid() == 0)
		begin_thread(&credentials, change_credentials, NULL);
	begin_thread(&limits, lower_limits, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(spawners[i].thread, NULL);
	if (geteuid() == 0)
		pthread_join(credentials, NULL);
	pthread_join(limits, NULL);
}

static pid_t begin_process(void (*fn)(void))
{
	pid_t pid = fork();

	if (pid == 0) {
		fn();
		exit(0);
	}
	return pid;
}

static pid_t begin_tracer(void)
{
	int pids[2];
	pid_t pid;

	if (pipe(pids) < 0)
		exit(2);
	pid = fork();
	if (pid == 0) {
		close(pids[1]);
		run_tracer(pids[0]);
		exit(0);
	}
	close(pids[0]);
	counts->tracer = pids[1];
	return pid;
}

static void end_process(pid_t pid, const char *name)
{
	int status = -1;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status)
		lose("the process with %s ended with %#x", name, (unsigned)status);
}

/* ---- Watching ---- */

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void print_progress(double since)
{
	struct footprint now = measure();

	printf("%5.0f s: %lu starts, %lu lost; %ld KiB resident\n", seconds() - since, atomic_load(&counts->started),
	       atomic_load(&counts->lost), now.rss_kib);
	fflush(stdout);
}

/* Until then, or until something is lost; a line now and then. */
static void watch(double since, double until, double every)
{
	double next = seconds() + every;

	while (seconds() < until && !atomic_load(&counts->lost)) {
		poll(NULL, 0, 100);
		if (every > 0 && seconds() >= next) {
			print_progress(since);
			next += every;
		}
	}
}

/* What all threads of this process do to it. */
static struct footprint run(double s, double every, struct footprint *retwarm)
{
	pthread_t others[NAMES];
	double since = seconds();

	for (int i = 0; i < NRUNGS; i++)
		begin_thread(&rungs[i].thread, spawn, &rungs[i]);
	for (int i = 0; i < ndisturbers; i++)
		begin_thread(&others[i], disturbers[i], NULL);
	start_storm();
	watch(since, since + s / 4, every);
	*retwarm = measure();
	watch(since, since + s, every);
	atomic_store(&counts->stop, 1);
	stop_storm();
	for (int i = 0; i < NRUNGS; i++)
		pthread_join(rungs[i].thread, NULL);
	for (int i = 0; i < ndisturbers; i++)
		pthread_join(others[i], NULL);
	return measure();
}

static int report(const struct footprint *before, const struct footprint *warm, const struct footprint *after, int left)
{
	unsigned long unended = atomic_load(&counts->lost);
	int leaks = after->fds != before->fds || after->rss_kib > warm->rss_kib + SLACK_KIB || left;

	printf("starts done:       %lu\n", atomic_load(&counts->started));
	printf("failures injected: %lu failed starts, %lu for lack of descriptors\n", atomic_load(&counts->failed),
	       atomic_load(&counts->scarce));
	printf("disturbed by:      %lu changes, %lu signals, %lu stops, %lu traces, %lu canceled threads, %lu killed "
	       "parents\n",
	       atomic_load(&counts->disturbed), atomic_load(&counts->signals), atomic_load(&counts->stopped),
	       atomic_load(&counts->traced), atomic_load(&counts->canceled), atomic_load(&counts->killed_parents));
	printf("statuses lost:     %lu%s%s\n", unended, *counts->wrong ? ": " : "", counts->wrong);
	printf("descriptors:       %d before, %d after%s\n", before->fds, after->fds, left ? "; a child is left" : "");
	printf("resident:          %ld KiB after a quarter, %ld KiB at the end\n", warm->rss_kib, after->rss_kib);
	return unended || leaks;
}

static int usage(FILE *to)
{
	fputs("Usage: soak [--seconds N | --minutes N] [--quiet]\n\n"
	      "Threads start processes by every rung and check each end, while others open, close, chdir, map, fork, "
	      "change\n"
	      "handlers and credentials, cancel threads, lower limits, stop and trace children and kill parents, "
	      "among\n"
	      "10,000 signals a second. Ten minutes, if nothing is said. Exits with 1 if a status was lost, or if\n"
	      "descriptors or memory have grown.\n",
	      to);
	return to == stderr ? 2 : 0;
}

int main(int argc, char **argv)
{
	struct footprint before, warm, after;
	double s = 600, every = 10;
	pid_t scarce, tracer, victims;
	siginfo_t info;

	for (int i = 1; i < argc; i++) {
		int minutes = strcmp(argv[i], "--minutes") == 0;

		if (strcmp(argv[i], "--quiet") == 0)
			every = 0;
		else if ((minutes || strcmp(argv[i], "--seconds") == 0) && i + 1 < argc && atoi(argv[i + 1]) > 0)
			s = atoi(argv[++i]) * (minutes ? 60.0 : 1.0);
		else
			return usage(strcmp(argv[i], "--help") == 0 ? stdout : stderr);
	}
	counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (counts == MAP_FAILED)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	tracer = begin_tracer();
	scarce = begin_process(run_scarce);
	victims = begin_process(run_victims);
	/* What the library keeps for the process's life it has from here on. */
	uspawn_reserve_fds();
	uspawn_probe(0);
	uspawn_run(&(struct uspawn_child){ 0 },
		   USPAWN(request, .rung = USPAWN_RUNG_RELAY, .argv = ((char *[]){ "/bin/true", NULL })), NULL);
	before = measure();
	after = run(s, every, &warm);
	close(counts->tracer);
	before.fds--;
	end_process(scarce, "credentials and limits");
	end_process(victims, "killed parents");
	end_process(tracer, "the tracer");
	after.fds = measure().fds;
	return report(&before, &warm, &after, waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0);
}
