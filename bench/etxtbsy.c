/* SPDX-License-Identifier: MIT */
/*
 * The race that makes parallel builds fail now and then: threads write a program, close it and run it, while another
 * thread's child still holds a copy of the writer's descriptor, so that the kernel refuses to run the file: ETXTBSY.
 * Counts how often, by way of starting. A process for each way, since reserving descriptors is for good.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uspawn.h>
#include "bench.h"

enum { WRITERS = 4 };

struct writer {
	pthread_t thread;
	char path[32];
	struct uspawn_plan *plan;
	struct uspawn_ring *ring;
	uint32_t rounds, busy;
	int error;
};

struct way {
	const char *name;
	int (*run)(struct writer *w); /* 0: it ran; ETXTBSY; or another positive errno */
	int on_ring, reserved;
};

static char *image;
static size_t image_size;

static int run_posix_spawn(struct writer *w)
{
	char *argv[] = { w->path, NULL };
	int status, r;
	pid_t pid;

	r = posix_spawn(&pid, w->path, NULL, NULL, argv, environ);
	if (r)
		return r;
	waitpid(pid, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == TOKEN ? 0 : EPROTO;
}

static int outcome(const struct uspawn_child *child)
{
	if (child->exit.code == USPAWN_FAILED)
		return child->exit.status;
	return child->exit.code == USPAWN_EXITED && child->exit.status == TOKEN ? 0 : EPROTO;
}

static int run_waiting(struct writer *w)
{
	struct uspawn_child child;

	uspawn_start(&child, w->plan, NULL);
	uspawn_wait(&child, -1);
	return outcome(&child);
}

static int run_on_ring(struct writer *w)
{
	struct uspawn_child child;
	struct uspawn_event event;
	int r = uspawn_ring_start(w->ring, &child, w->plan, NULL);

	while (!r)
		r = uspawn_ring_wait(w->ring, &event, 1, -1);
	return r < 0 ? -r : outcome(&child);
}

static const struct way ways[] = {
	{ "posix_spawn", run_posix_spawn, 0, 0 },       { "uspawn", run_waiting, 0, 0 },
	{ "uspawn-async", run_on_ring, 1, 0 },          { "uspawn-reserved", run_waiting, 0, 1 },
	{ "uspawn-async-reserved", run_on_ring, 1, 1 },
};
enum { NWAYS = sizeof(ways) / sizeof(ways[0]) };

static int write_program(const char *path)
{
	int fd, r = 0;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	if (fd < 0)
		return errno;
	if (write(fd, image, image_size) != (ssize_t)image_size)
		r = EIO;
	close(fd);
	return r;
}

static const struct way *chosen;

static void *writer_main(void *arg)
{
	struct writer *w = arg;
	char *argv[] = { w->path, NULL };

	w->error = -uspawn_plan_new(&w->plan, USPAWN(request, .path = w->path, .argv = argv), NULL);
	if (!w->error && chosen->on_ring)
		w->error = -uspawn_ring_new(&w->ring, 1, 0);
	for (uint32_t i = 0; !w->error && i < w->rounds; i++) {
		w->error = write_program(w->path);
		if (!w->error)
			w->error = chosen->run(w);
		if (w->error == ETXTBSY) {
			w->busy++;
			w->error = 0;
		}
	}
	unlink(w->path);
	uspawn_ring_free(w->ring);
	uspawn_plan_free(w->plan);
	return NULL;
}

/* In a process of its own. Returns what main would. */
static int race(uint32_t starts)
{
	struct writer writers[WRITERS] = { 0 };
	uint32_t busy = 0;
	int error = 0;

	if (chosen->reserved && (error = uspawn_reserve_fds()) < 0) {
		fprintf(stderr, "etxtbsy: uspawn_reserve_fds: %s\n", strerror(-error));
		return 1;
	}
	error = 0;
	for (int i = 0; i < WRITERS; i++) {
		writers[i].rounds = starts / WRITERS;
		snprintf(writers[i].path, sizeof(writers[i].path), "./program.%d", i);
		if (pthread_create(&writers[i].thread, NULL, writer_main, &writers[i]))
			return 1;
	}
	for (int i = 0; i < WRITERS; i++) {
		pthread_join(writers[i].thread, NULL);
		busy += writers[i].busy;
		error = writers[i].error ? writers[i].error : error;
	}
	if (error) {
		fprintf(stderr, "etxtbsy: %s: %s\n", chosen->name, strerror(error));
		return 1;
	}
	printf("%-22s ETXTBSY %u of %u\n", chosen->name, busy, starts / WRITERS * WRITERS);
	return 0;
}

static int read_image(void)
{
	FILE *file = fopen(program_path(TINY), "re");

	image = malloc(1 << 20);
	if (!file || !image)
		return -1;
	image_size = fread(image, 1, 1 << 20, file);
	return fclose(file);
}

static int race_in_process(const struct way *way, uint32_t starts)
{
	int status;
	pid_t pid;

	chosen = way;
	fflush(NULL);
	pid = fork();
	if (!pid)
		exit(race(starts));
	return pid < 0 || waitpid(pid, &status, 0) < 0 || status;
}

int main(int argc, char **argv)
{
	char dir[] = "/tmp/etxtbsy.XXXXXX";
	int failed = 0, known = 0;
	long starts = argc > 1 ? atol(argv[1]) : 0;

	for (int i = 2; i < argc; i++, known = 0) {
		for (int way = 0; way < NWAYS; way++)
			known |= !strcmp(argv[i], ways[way].name);
		if (!known)
			starts = 0;
	}
	if (starts < WRITERS) {
		fprintf(stderr,
			"Usage: etxtbsy STARTS [WAY]...\n\nCounts ETXTBSY while %d threads write and run "
			"programs.\nWays:",
			WRITERS);
		for (int way = 0; way < NWAYS; way++)
			fprintf(stderr, " %s", ways[way].name);
		fprintf(stderr, "\n");
		return 2;
	}
	if (programs_find() < 0 || read_image() || !mkdtemp(dir) || chdir(dir)) {
		perror("etxtbsy");
		return 1;
	}
	for (int way = 0; way < NWAYS; way++) {
		int wanted = argc == 2;

		for (int i = 2; i < argc; i++)
			wanted |= !strcmp(argv[i], ways[way].name);
		if (wanted)
			failed |= race_in_process(&ways[way], (uint32_t)starts);
	}
	free(image);
	return rmdir(dir) < 0 || failed;
}
