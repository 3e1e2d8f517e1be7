/* SPDX-License-Identifier: MIT */
/*
 * docs/attributes.md says for everything a child can be given which rung a start takes that asks for each: it is what
 * starts do. (tests/rules looks whether the page has a row for all of them, and a test of its effect in each.)
 */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "harness/attributes.h"
#include "harness/copy.h"
#include "harness/kernel.h"
#include "harness/way.h"

CheckedSuite(attributes);

enum { COLUMNS = 9, FIRST_RUNG = 3 };

/* The cells of a row of the page that is about it, without what stands around them; 0: there is none. */
static int find_row(FILE *page, const char *name, char cells[COLUMNS][200])
{
	char line[1024], *at, *cell;
	int n;

	rewind(page);
	while (fgets(line, sizeof(line), page)) {
		if (strncmp(line, "| ", 2) != 0)
			continue;
		at = line + 2;
		for (n = 0; n < COLUMNS && (cell = strsep(&at, "|")); n++) {
			cell += strspn(cell, " ");
			snprintf(cells[n], sizeof(cells[n]), "%s", cell);
			for (size_t length = strlen(cells[n]); length && cells[n][length - 1] == ' ';)
				cells[n][--length] = '\0';
		}
		if (n == COLUMNS && strcmp(cells[0], name) == 0)
			return 1;
	}
	return 0;
}

static const char *const names[] = { "any", "async", "vfork", "clone", "relay", "fork" };

/* As the page's columns are. */
static uint32_t wanted(const struct way *way, char cells[COLUMNS][200])
{
	const char *cell = cells[FIRST_RUNG + way->rung - 1];

	if (strcmp(cell, "yes") == 0)
		return way->rung;
	for (uint32_t i = 1; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(cell, names[i]) == 0)
			return i;
	cr_assert(0, "%s: %s says %s", cells[0], names[way->rung], cell);
	return 0;
}

/* Steps that are not the start's own may fail here: what this machine forbids is no news about the rung. */
static void let_fail(struct uspawn_request *request, uint16_t list[2], uint32_t step)
{
	if (step < USPAWN_STEP_SETSID && step != USPAWN_STEP_CGROUP)
		return;
	if (step == USPAWN_STEP_FD || step >= USPAWN_STEP_CALLBACK)
		return;
	list[0] = (uint16_t)step;
	list[1] = 0;
	request->best_effort = list;
}

/* Without an assert of Criterion's, for copies. */
static void start(struct way *way, struct uspawn_child *child, const struct attribute *a, int may_fail)
{
	struct uspawn_request request = a->request;
	struct uspawn_plan *plan;
	struct uspawn_event event;
	uint16_t steps[2];
	int fd = attribute_open(a), given = fd, r;
	struct uspawn_args args = { .size = sizeof(args), .fds = &given, .nfds = 1 };

	request.rung = way->rung;
	if (may_fail)
		let_fail(&request, steps, a->step);
	r = uspawn_plan_new(&plan, &request, &child->failure);
	if (r < 0) {
		child->exit.code = USPAWN_FAILED; /* built without libcap */
		close(fd);
		return;
	}
	r = way->ring ? uspawn_ring_start(way->ring, child, plan, &args) : uspawn_start(child, plan, &args);
	uspawn_plan_free(plan);
	if (r == 0 && way->ring)
		while (uspawn_ring_wait(way->ring, &event, 1, -1) == 0)
			; /* interrupted */
	else if (r == 0)
		uspawn_wait(child, -1);
	if (given != fd)
		close(given); /* a terminal's, which would hang up on it */
	close(fd);
}

EachRung(attributes, rung_is_the_one_on_the_page)
{
	FILE *page = fopen(ATTRIBUTES_PATH, "re");
	char cells[COLUMNS][200];
	int unknown = 0, known = 0, no_clone3 = way_missing(USPAWN_RUNG_VFORK) != NULL;

	cr_assert(page, ATTRIBUTES_PATH);
	for (const struct attribute *a = attributes; a->name; a++) {
		struct uspawn_child child;
		uint32_t want;

		cr_assert(find_row(page, a->name, cells), "%s: no row on the page", a->name);
		cr_assert(strstr(cells[2], uspawn_strstep(a->step)), "%s: fails at %s", a->name,
			  uspawn_strstep(a->step));
		want = wanted(way, cells);
		if (want == USPAWN_RUNG_RELAY && way_missing(USPAWN_RUNG_RELAY))
			want = USPAWN_RUNG_FORK;
		start(way, &child, a, 1);
		if (child.exit.code == USPAWN_FAILED) {
			fprintf(stderr, "%s: not known here: %s: %s\n", a->name, uspawn_strstep(child.failure.step),
				strerror(child.failure.errnum));
			unknown++;
			continue;
		}
		cr_assert(child.rung == want || (no_clone3 && child.rung == USPAWN_RUNG_FORK),
			  "%s: asked for %s, got %s", a->name, names[way->rung], names[child.rung]);
		known++;
	}
	fclose(page);
	cr_assert_gt(known, unknown);
}

/* What an ordinary user may not be given, and the step that says so: all else works. */
static const struct privileged {
	const char *name;
	uint32_t step;
} privileged[] = {
	{ "cgroup", USPAWN_STEP_CGROUP },
	{ "cgroup of its own", USPAWN_STEP_CGROUP },
	{ "pid", USPAWN_STEP_CLONE },
	{ "real-time policy", USPAWN_STEP_SCHEDULER },
	{ "deadline", USPAWN_STEP_SCHEDULER },
	{ "new namespaces", USPAWN_STEP_NAMESPACE },
	{ "new PID namespace", USPAWN_STEP_NAMESPACE },
	{ "new time namespace", USPAWN_STEP_NAMESPACE },
	{ "joined namespace", USPAWN_STEP_NAMESPACE },
	{ "mounts go on to propagate", USPAWN_STEP_NAMESPACE },
	{ "id maps", USPAWN_STEP_IDMAP }, /* of another's id */
	{ "root", USPAWN_STEP_ROOT },
	{ "root of its mount namespace", USPAWN_STEP_NAMESPACE },
	{ "securebits", USPAWN_STEP_SECUREBITS },
	{ "bounding set", USPAWN_STEP_BOUNDING },
	{ "groups", USPAWN_STEP_GROUPS },
	{ "gid", USPAWN_STEP_GID },
	{ "uid", USPAWN_STEP_GROUPS }, /* none, which comes before */
	{ "capabilities", USPAWN_STEP_CAPS },
	{ "ambient capabilities", USPAWN_STEP_CAPS },
	{ "landlock", USPAWN_STEP_LANDLOCK }, /* without no_new_privs */
	{ "seccomp filter", USPAWN_STEP_SECCOMP },
	{ NULL, USPAWN_STEP_NONE },
};

static uint32_t rung;

static int is_nowhere(const struct uspawn_child *child)
{
	int e = child->failure.errnum;

	/* Nor a descriptor to be brought. */
	if (e == EBADF && child->failure.step == USPAWN_STEP_SOURCE)
		return 1;
	return e == EOPNOTSUPP || e == ENOSYS || e == EINVAL || e == ENOENT || e == ENOSPC;
}

static void as_an_ordinary_user(void)
{
	struct way way = { .rung = rung };
	char what[160];
	const struct rlimit none = { 0, 0 }; /* a user may have been granted some */

	copy_assert(setrlimit(RLIMIT_NICE, &none) == 0 && setrlimit(RLIMIT_RTPRIO, &none) == 0);
	copy_assert(setgroups(0, NULL) == 0 && setresgid(54321, 54321, 54321) == 0);
	copy_assert(setresuid(54321, 54321, 54321) == 0 && kernel_set_dumpable() == 0);
	if (rung == USPAWN_RUNG_ASYNC)
		copy_assert(uspawn_ring_new(&way.ring, 4, 0) == 0);
	for (const struct attribute *a = attributes; a->name; a++) {
		const struct privileged *p = privileged;
		struct uspawn_child child;
		int denied;

		start(&way, &child, a, 0);
		denied = child.failure.errnum == EPERM || child.failure.errnum == EACCES;
		while (p->name && strcmp(p->name, a->name) != 0)
			p++;
		if (child.exit.code == USPAWN_FAILED && is_nowhere(&child))
			continue; /* not to root either */
		if (p->name ? denied && child.failure.step == p->step
			    : child.exit.code == USPAWN_EXITED && child.exit.status == 0)
			continue;
		snprintf(what, sizeof(what), "%s: ended by %d with %d; %s: %s", a->name, (int)child.exit.code,
			 child.exit.status, uspawn_strstep(child.failure.step), strerror(child.failure.errnum));
		copy_fail(__FILE__, __LINE__, what);
	}
	uspawn_ring_free(way.ring);
}

EachRung(attributes, of_an_ordinary_user)
{
	if (geteuid() != 0)
		cr_skip_test("needs root");
	rung = way->rung;
	copy_run(as_an_ordinary_user);
}
