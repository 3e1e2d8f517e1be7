/* SPDX-License-Identifier: MIT */
/* What a start works in: little of the caller's stack, and memory that is mapped once. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "harness/copy.h"
#include "harness/files.h"
#include "harness/way.h"

CheckedSuite(workspace);

struct small_stack {
	struct way *way;
	char **argv;
	const char *search;
	struct small_start {
		struct uspawn_child child;
		int started, ended;
	} plain, searched, other;
};

static void start_small(struct small_start *s, const struct uspawn_request *request)
{
	s->started = uspawn(&s->child, request, NULL);
	if (s->started == 0)
		s->ended = uspawn_wait(&s->child, -1);
}

/* Criterion's asserts need more stack than there is. */
static void *start_on_small_stack(void *p)
{
	volatile char callers[6144] __attribute__((unused)) = { 0 }; /* who starts something needs some stack, too */
	struct small_stack *s = p;
	const struct uspawn_identity same = { sizeof(same), geteuid(), getegid(), 1, NULL, 0, 0 };

	start_small(&s->plain, USPAWN(request, .rung = s->way->rung, .path = witness_path, .argv = s->argv));
	start_small(&s->searched, USPAWN(request, .rung = s->way->rung, .file = "tool", .search = s->search,
					 .argv = s->argv, .flags = USPAWN_SH_FALLBACK));
	start_small(&s->other, USPAWN(request, .rung = s->way->rung, WITNESS("exit", "8"), .identity = &same));
	return NULL;
}

static void assert_small(const struct small_start *s, int code)
{
	cr_assert_eq(s->started, 0);
	cr_assert_eq(s->ended, 1);
	assert_exited(&s->child, code);
}

/* What a start needs of stack is little, and does not grow with what it is asked for. */
EachRung(workspace, c33_small_stack)
{
	enum { MANY = 100000 };
	SCRATCH s;
	char search[PATH_MAX + 200];
	struct small_stack small = { .way = way, .argv = malloc((MANY + 1) * sizeof(char *)), .search = search };
	pthread_attr_t attr;
	pthread_t thread;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	cr_skip_test("the sanitizer itself needs more stack");
#endif
	scratch_make(&s);
	scratch_file(&s, "tool", 0755, "exit 7\n");
	memset(search, '/', PATH_MAX);
	snprintf(search + PATH_MAX, 200, ":%s", s.path);
	for (int i = 0; i < MANY; i++)
		small.argv[i] = "--";
	small.argv[MANY] = NULL;
	pthread_attr_init(&attr);
	cr_assert_eq(pthread_attr_setstacksize(&attr, (size_t)PTHREAD_STACK_MIN), 0);
	cr_assert_eq(pthread_create(&thread, &attr, start_on_small_stack, &small), 0);
	pthread_join(thread, NULL);
	pthread_attr_destroy(&attr);
	assert_small(&small.plain, 0);
	assert_small(&small.searched, 7);
	assert_small(&small.other, 8);
	free(small.argv);
}

static uint32_t rung;

static void without_memory(void)
{
	struct rlimit limit, none;
	struct uspawn_child child;
	int r;

	getrlimit(RLIMIT_AS, &limit);
	none = (struct rlimit){ 0, limit.rlim_max };
	copy_assert(setrlimit(RLIMIT_AS, &none) == 0);
	errno = 77;
	r = uspawn(&child, USPAWN(request, .rung = rung, .argv = LIST("/bin/true")), NULL);
	copy_assert(errno == 77);
	copy_assert(setrlimit(RLIMIT_AS, &limit) == 0);
	copy_assert(r == -ENOMEM && child.failure.errnum == ENOMEM && child.failure.step == USPAWN_STEP_REQUEST);
	copy_assert(child.state == USPAWN_ENDED && child.exit.code == USPAWN_FAILED);
	copy_assert(uspawn(&child, USPAWN(request, .rung = rung, .argv = LIST("/bin/true")), NULL) == 0);
	copy_assert(uspawn_wait(&child, -1) == 1 && child.exit.code == USPAWN_EXITED);
}

EachWaitingRung(workspace, no_memory)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	cr_skip_test("the sanitizer itself needs more memory");
#endif
	rung = way->rung;
	copy_run(without_memory);
}

static long mapped_pages(void)
{
	char text[64] = "";
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);

	cr_assert_gt(read(fd, text, sizeof(text) - 1), 0);
	close(fd);
	return strtol(text, NULL, 10);
}

/* What the first start has mapped is all that there will be, if none runs beside another. */
EachWaitingRung(workspace, memory_is_mapped_once)
{
	struct uspawn_child child;
	long before = 0;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	cr_skip_test("the sanitizer maps memory, too");
#endif
	for (int i = 0; i < 10; i++) {
		cr_assert_eq(way_run(way, &child, USPAWN(request, WITNESS("exit", "0")), NULL), 0);
		cr_assert_eq(way_run(way, &child, USPAWN(request, .path = "/no/such", .argv = LIST("x")), NULL),
			     -ENOENT);
		if (i == 0)
			before = mapped_pages();
	}
	cr_assert_eq(mapped_pages(), before);
}
