/* SPDX-License-Identifier: MIT */
/*
 * posix_spawn by libc and by the replacement, in turns, in one process that has threads and many descriptors: with and
 * without addclosefrom, which lets the descriptor table be cut instead of copied.
 *
 *	posix [LIBRARY [DESCRIPTORS [THREADS [SAMPLES]]]]
 *
 * R: until the call returns. C: until the child has been waited for. Microseconds.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <pthread.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TOKEN 42 /* what tiny.c exits with */

typedef int spawn_fn(pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
		     char *const[], char *const[]);

struct family {
	const char *name;
	spawn_fn *spawn;
	int (*init)(posix_spawn_file_actions_t *);
	int (*addclosefrom)(posix_spawn_file_actions_t *, int);
	posix_spawn_file_actions_t actions;
};

struct samples {
	int64_t *returned, *cycle;
};

static char child[4096];

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void load(struct family *f, const char *name, const char *path)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	if (!library) {
		fprintf(stderr, "posix: %s\n", dlerror());
		exit(2);
	}
	f->name = name;
	f->spawn = (spawn_fn *)dlsym(library, "posix_spawn");
	*(void **)&f->init = dlsym(library, "posix_spawn_file_actions_init");
	*(void **)&f->addclosefrom = dlsym(library, "posix_spawn_file_actions_addclosefrom_np");
	if (!f->spawn || !f->init || !f->addclosefrom || f->init(&f->actions) || f->addclosefrom(&f->actions, 3)) {
		fprintf(stderr, "posix: %s has no addclosefrom_np\n", path);
		exit(2);
	}
}

static void start(const struct family *f, int cuts, struct samples *s, int i)
{
	char *argv[] = { child, NULL }, *envp[] = { NULL };
	int64_t began = now_ns();
	int status;
	pid_t pid;

	if (f->spawn(&pid, child, cuts ? &f->actions : NULL, NULL, argv, envp)) {
		fprintf(stderr, "posix: %s cannot be started\n", child);
		exit(2);
	}
	s->returned[i] = now_ns() - began;
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != TOKEN) {
		fprintf(stderr, "posix: the child did not run\n");
		exit(2);
	}
	s->cycle[i] = now_ns() - began;
}

static int by_number(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double percentile(const int64_t *sorted, int n, int percent)
{
	return (double)sorted[(n - 1) * percent / 100] / 1000;
}

static void *sleep_on(void *p)
{
	pause();
	return p;
}

static void fill(int fds, int threads)
{
	struct rlimit limit = { (rlim_t)fds + 64, (rlim_t)fds + 64 };
	pthread_t thread;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = (rlim_t)fds + 64 < limit.rlim_max ? (rlim_t)fds + 64 : limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	for (int i = 0; i < threads; i++)
		pthread_create(&thread, NULL, sleep_on, NULL);
	for (int i = 3; i < fds; i++)
		if (open("/dev/null", O_RDONLY | O_CLOEXEC) < 0)
			break;
}

/* Returns the ratio of the two medians of C. */
static double compare(struct family *families, struct samples *samples, int n, int cuts)
{
	double cycle[2];

	for (int i = 0; i < n; i++)
		for (int turn = 0; turn < 2; turn++)
			start(&families[turn ^ (i & 1)], cuts, &samples[turn ^ (i & 1)], i);
	for (int f = 0; f < 2; f++) {
		qsort(samples[f].returned, (size_t)n, sizeof(int64_t), by_number);
		qsort(samples[f].cycle, (size_t)n, sizeof(int64_t), by_number);
		cycle[f] = percentile(samples[f].cycle, n, 50);
		printf("%-13s %-12s %8.1f %8.1f %8.1f %8.1f\n", cuts ? "addclosefrom" : "no actions", families[f].name,
		       percentile(samples[f].returned, n, 50), percentile(samples[f].returned, n, 90), cycle[f],
		       percentile(samples[f].cycle, n, 90));
	}
	return cycle[1] / cycle[0];
}

static void name_child(void)
{
	ssize_t n = readlink("/proc/self/exe", child, sizeof(child) - 8);

	child[n < 0 ? 0 : n] = '\0';
	strcpy(strrchr(child, '/') + 1, "tiny");
}

int main(int argc, char **argv)
{
	int fds = argc > 2 ? atoi(argv[2]) : 10000, threads = argc > 3 ? atoi(argv[3]) : 8,
	    n = argc > 4 ? atoi(argv[4]) : 1000;
	struct family families[2];
	struct samples samples[2];
	struct utsname kernel;
	double plain, cut;

	name_child();
	load(&families[0], "libc", "libc.so.6");
	load(&families[1], "replacement", argc > 1 ? argv[1] : POSIX_PATH);
	for (int f = 0; f < 2; f++) {
		samples[f].returned = calloc((size_t)n, sizeof(int64_t));
		samples[f].cycle = calloc((size_t)n, sizeof(int64_t));
	}
	fill(fds, threads);
	uname(&kernel);
	printf("Linux %s, glibc %s, %d descriptors, %d threads, %d samples of each in turns\n", kernel.release,
	       gnu_get_libc_version(), fds, threads + 1, n);
	printf("%-13s %-12s %8s %8s %8s %8s\n", "", "", "R p50", "R p90", "C p50", "C p90");
	plain = compare(families, samples, n, 0);
	cut = compare(families, samples, n, 1);
	printf("C of the replacement to libc's: %.3f without actions, %.3f with addclosefrom\n", plain, cut);
	return 0;
}
