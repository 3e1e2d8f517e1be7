/* SPDX-License-Identifier: MIT */
/* Ids and groups: what the program has, that the caller keeps its own, and each failure at its own step. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/copy.h"
#include "harness/files.h"
#include "harness/kernel.h"
#include "harness/rounds.h"
#include "harness/way.h"

CheckedSuite(identity);

#define NOBODY 65534

#define IDENTITY(...)                                               \
	.identity = &(const struct uspawn_identity)                 \
	{                                                           \
		.size = sizeof(struct uspawn_identity), __VA_ARGS__ \
	}

#define GROUPS(...) \
	.groups = (const uint32_t[]){ __VA_ARGS__ }, .ngroups = sizeof((uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t)

static void enter(void)
{
	if (geteuid() != 0)
		cr_skip_test("needs root");
}

/* Such a start never takes a rung that shares memory until the exec. */
static struct way way_of(const struct way *way)
{
	struct way ret = { .rung = way_own_memory(way) };

	enter();
	return ret;
}

EachRung(identity, c36_groups_then_gid_then_uid)
{
	struct way own = way_of(way);
	struct uspawn_child child;
	REPORT r;

	report_open(&r);
	way_report_by_output(&own, &r, USPAWN(request, IDENTITY(.uid = 33, .gid = 33, GROUPS(33))));
	cr_assert_str_eq(report_value(&r, "Uid"), "33\t33\t33\t33");
	cr_assert_str_eq(report_value(&r, "Gid"), "33\t33\t33\t33");
	cr_assert_eq(strtol(report_value(&r, "Groups"), NULL, 10), 33);
	cr_assert_eq(report_hex(&r, "CapPrm"), 0);
	cr_assert_eq(report_number(&r, "dumpable"), 1);
	/* And what was asked of this rung got one that can. */
	cr_assert_eq(uspawn(&child,
			    USPAWN(request, .rung = way->rung, WITNESS("exit", "0"), IDENTITY(.uid = 33, .gid = 33)),
			    NULL),
		     0);
	cr_assert_eq(child.rung, own.rung);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
}

EachRung(identity, groups_none_given_kept_and_many)
{
	struct way own = way_of(way);
	uint32_t many[1000];
	gid_t mine[] = { 7, 8 };
	REPORT r;

	report_open(&r);
	cr_assert_eq(setgroups(2, mine), 0);
	way_report_by_output(&own, &r, USPAWN(request, IDENTITY(.uid = 1000, .gid = 1000)));
	cr_assert_str_eq(report_value(&r, "Groups"), "");
	way_report_by_output(&own, &r, USPAWN(request, IDENTITY(.uid = 1000, .gid = 1000, .keep_groups = 1)));
	cr_assert_eq(strncmp(report_value(&r, "Groups"), "7 8", 3), 0);
	for (uint32_t i = 0; i < 1000; i++)
		many[i] = 70000 + i;
	way_report_by_output(&own, &r,
			     USPAWN(request, IDENTITY(.uid = 1000, .gid = 5, .groups = many, .ngroups = 1000)));
	cr_assert_eq(strncmp(report_value(&r, "Groups"), "70000 70001 ", 12), 0);
	cr_assert(strstr(report_value(&r, "Groups"), " 70999"));
	cr_assert_eq(setgroups(0, NULL), 0);
}

/* One on descriptors that is only lowered is in nobody's way, ids or not. */
EachRung(identity, lower_limit_after_what_opens)
{
	const struct uspawn_rlimit limit = { .resource = RLIMIT_NOFILE, .soft = 3, .hard = 3 };
	const struct uspawn_sched sched = { .size = sizeof(sched), .set = USPAWN_OOM_SCORE, .oom_score_adj = 500 };
	struct way own = way_of(way);
	struct uspawn_child child;

	cr_assert_eq(way_run(&own, &child,
			     USPAWN(request, WITNESS("exit", "0"), IDENTITY(.uid = 1000, .gid = 1000),
				    .rlimits = &limit, .nrlimits = 1, .sched = &sched),
			     NULL),
		     0);
	cr_assert_eq(child.exit.code, USPAWN_EXITED, "it is there, if without its libraries");
}

/* Limits and the priority are raised before the right to it is gone. */
EachRung(identity, limits_before_ids)
{
	struct way own = way_of(way);
	struct uspawn_rlimit limits[] = { { .resource = RLIMIT_NOFILE, .soft = 999, .hard = 2000 },
					  { .resource = RLIMIT_MSGQUEUE } };
	uint32_t nlimits = kernel_permitted() >> CAP_SYS_RESOURCE & 1 ? 2 : 1;
	const struct uspawn_sched sched = { .size = sizeof(sched), .set = USPAWN_NICE, .nice = -5 };
	struct rlimit queues;
	REPORT r;

	report_open(&r);
	getrlimit(RLIMIT_MSGQUEUE, &queues);
	limits[1].hard = queues.rlim_max == RLIM_INFINITY ? queues.rlim_max : queues.rlim_max + 1;
	way_report_by_output(&own, &r,
			     USPAWN(request, IDENTITY(.uid = 1000, .gid = 1000), .rlimits = limits, .nrlimits = nlimits,
				    .sched = &sched));
	cr_assert_str_eq(report_value(&r, "nofile"), "999 2000");
	cr_assert_eq(report_number(&r, "nice"), -5);
}

/*
 * Trap 3.25, and the order again, seen without a right to raise anything: a uid that changes is counted against the
 * limit that is there by then, and exec says so. Behind the change, the limit would go unnoticed.
 */
EachRung(identity, process_limit_of_the_new_uid)
{
	struct way own = way_of(way);
	const struct uspawn_rlimit none[] = { { .resource = RLIMIT_NPROC } };
	struct uspawn_child first, child;
	int end = -1;

	cr_assert_eq(uspawn(&first,
			    USPAWN(request, WITNESS("eof", "0"), IDENTITY(.uid = 54322, .gid = 54322),
				   FDS({ 0, USPAWN_READ_END, .fd = USPAWN_ARG(0) })),
			    USPAWN(args, .fds = &end, .nfds = 1)),
		     0);
	cr_assert_eq(way_run(&own, &child,
			     USPAWN(request, WITNESS("exit", "0"), IDENTITY(.uid = 54322, .gid = 54322),
				    .rlimits = none, .nrlimits = 1),
			     NULL),
		     -EAGAIN);
	assert_failed(&child, EAGAIN, USPAWN_STEP_EXEC, 0);
	close(end);
	cr_assert_eq(uspawn_wait(&first, -1), 1);
}

/* The right to change the root goes with the uid. */
EachRung(identity, root_before_ids)
{
	struct way own = way_of(way);
	struct uspawn_child child;

	cr_assert_eq(way_run(&own, &child,
			     USPAWN(request, WITNESS("exit", "3"), IDENTITY(.uid = NOBODY, .gid = NOBODY), .root = "/"),
			     NULL),
		     0, "%s", uspawn_strstep(child.failure.step));
	assert_exited(&child, 3);
}

/* Armed before the change, it would be cleared by it. */
EachRung(identity, c37_death_signal_after_ids)
{
	struct way own = way_of(way);
	REPORT r;

	report_open(&r);
	way_report_by_output(&own, &r, USPAWN(request, IDENTITY(.uid = 1000, .gid = 1000), .pdeathsig = SIGUSR1));
	cr_assert_eq(report_number(&r, "pdeathsig"), SIGUSR1);
}

/* The directory is entered with the new rights. */
EachRung(identity, directory_after_ids)
{
	struct way own = way_of(way);
	struct uspawn_child child;
	SCRATCH s;

	scratch_make(&s);
	scratch_directory(&s, "mine", 0700);
	cr_assert_eq(way_run(&own, &child,
			     USPAWN(request, WITNESS("exit", "0"), IDENTITY(.uid = 1000, .gid = 1000),
				    .cwd = scratch_path(&s, "mine")),
			     NULL),
		     -EACCES);
	assert_failed(&child, EACCES, USPAWN_STEP_CWD, 0);
}

struct unprivileged {
	struct way way;
	struct uspawn_identity id;
	int errnum;
	uint32_t step;
};
static struct unprivileged case_of;

static void start_unprivileged(void)
{
	struct uspawn_child child;
	int r;

	copy_assert(setgroups(0, NULL) == 0 && setresgid(1000, 1000, 1000) == 0 && setresuid(1000, 1000, 1000) == 0);
	r = uspawn(&child, USPAWN(request, .rung = case_of.way.rung, .identity = &case_of.id, WITNESS("exit", "0")),
		   NULL);
	copy_assert(r == -case_of.errnum);
	if (r == 0) {
		copy_assert(child.rung == case_of.way.rung && uspawn_wait(&child, -1) == 1);
		copy_assert(child.exit.code == USPAWN_EXITED && child.exit.status == 0);
	} else {
		copy_assert(child.failure.step == case_of.step && child.failure.errnum == case_of.errnum);
	}
}

static void unprivileged(const struct way *way, struct uspawn_identity id, int errnum, uint32_t step)
{
	id.size = sizeof(id);
	case_of = (struct unprivileged){ way_of(way), id, errnum, step };
	copy_run(start_unprivileged);
}

EachRung(identity, without_privilege_each_step_says_so)
{
	unprivileged(way, (struct uspawn_identity){ .uid = 1000, .gid = 1000 }, EPERM, USPAWN_STEP_GROUPS);
	unprivileged(way, (struct uspawn_identity){ .uid = 1000, .gid = 5, .keep_groups = 1 }, EPERM, USPAWN_STEP_GID);
	unprivileged(way, (struct uspawn_identity){ .uid = 0, .gid = 1000, .keep_groups = 1 }, EPERM, USPAWN_STEP_UID);
	unprivileged(way, (struct uspawn_identity){ .uid = 1000, .gid = 1000, .keep_groups = 1 }, 0, 0);
}

/* ---- RESETIDS ---- */

static void reset_differing(void)
{
	struct uspawn_child child;
	char where[48];
	FILE *out;
	char line[200] = "";
	int file = memfd_create("report", MFD_CLOEXEC);

	/* Before the ids change: afterwards our files below /proc are root's. */
	copy_assert(file >= 0 && fchmod(file, 0666) == 0);
	copy_assert(setresgid(1000, 0, 0) == 0 && setresuid(1000, 0, 0) == 0);
	snprintf(where, sizeof(where), "%d", 5);
	copy_assert(uspawn(&child,
			   USPAWN(request, .rung = case_of.way.rung, .flags = USPAWN_RESETIDS, WITNESS("report", where),
				  FDS({ 5, USPAWN_FD, .fd = file })),
			   NULL) == 0);
	copy_assert(child.rung == USPAWN_RUNG_FORK);
	copy_assert(uspawn_wait(&child, -1) == 1 && child.exit.code == USPAWN_EXITED && child.exit.status == 0);
	copy_assert(geteuid() == 0 && getegid() == 0);
	out = fdopen(file, "r");
	rewind(out);
	while (fgets(line, sizeof(line), out) && strncmp(line, "Uid ", 4) != 0)
		;
	copy_assert(strcmp(line, "Uid 1000\t1000\t1000\t1000\n") == 0);
	while (fgets(line, sizeof(line), out) && strncmp(line, "Gid ", 4) != 0)
		;
	copy_assert(strcmp(line, "Gid 1000\t1000\t1000\t1000\n") == 0);
}

/* Nothing to be done while they are the same, so nothing is lost by it. */
EachRung(identity, reset_ids)
{
	REPORT r;

	report_open(&r);
	way_report(way, &r, USPAWN(request, .flags = USPAWN_RESETIDS), NULL);
	cr_assert_str_eq(report_value(&r, "Uid"), "0\t0\t0\t0");
	enter();
	case_of.way = *way;
	copy_run(reset_differing);
}

static void start_with_other_ids_for_files(void)
{
	struct uspawn_child child;

	setfsgid(NOBODY);
	setfsuid(NOBODY);
	copy_assert(prctl(PR_SET_DUMPABLE, 1) == 0);
	for (int reset = 0; reset < 2; reset++) {
		copy_assert(uspawn(&child,
				   USPAWN(request, .rung = case_of.way.rung, .flags = reset ? USPAWN_RESETIDS : 0,
					  WITNESS("exit", "3")),
				   NULL) == 0);
		copy_assert((child.rung == USPAWN_RUNG_FORK) == (reset || case_of.way.rung >= USPAWN_RUNG_RELAY));
		copy_assert(uspawn_wait(&child, -1) == 1 && child.exit.status == 3);
		copy_assert(prctl(PR_GET_DUMPABLE) == 1);
		copy_assert(setfsuid((uid_t)-1) == NOBODY && setfsgid((gid_t)-1) == NOBODY);
	}
}

/* They follow the effective ones: with them goes the caller's dumpable flag, and a relay's exec would even them out. */
EachRung(identity, ids_for_files)
{
	enter();
	case_of.way = *way;
	copy_run(start_with_other_ids_for_files);
}

/* ---- The caller keeps what it had ---- */

static uint64_t credentials_of_threads(void)
{
	char path[64], line[8192];
	uint64_t hash = 14695981039346656037ull;

	for (int tid = 1, left = 64; left && tid < 4194304; tid++) {
		FILE *status;

		snprintf(path, sizeof(path), "/proc/self/task/%d/status", tid);
		if (tid > getpid() + 4096)
			break;
		if (tid < getpid() || !(status = fopen(path, "re")))
			continue;
		left--;
		while (fgets(line, sizeof(line), status))
			if (strncmp(line, "Uid", 3) == 0 || strncmp(line, "Gid", 3) == 0 ||
			    strncmp(line, "Cap", 3) == 0 || strncmp(line, "Groups", 6) == 0)
				for (const char *c = line; *c; c++)
					hash = (hash ^ (unsigned char)*c) * 1099511628211ull;
		fclose(status);
	}
	return hash;
}

static void *idle_until(void *p)
{
	atomic_int *done = p;
	struct stat st;

	/* At no moment is the process another's. */
	while (!atomic_load(done)) {
		cr_assert_eq(prctl(PR_GET_DUMPABLE), 1);
		cr_assert(stat("/proc/self/mem", &st) == 0 && st.st_uid == 0);
		usleep(20);
	}
	return NULL;
}

EachRung(identity, c3_c12_caller_and_its_threads_are_unchanged)
{
	struct way own = way_of(way);
	pthread_t threads[8];
	atomic_int done = 0;
	uint64_t before;
	struct stat st;
	int starts = rounds(own.rung == USPAWN_RUNG_FORK ? 100 : 500);

	cr_assert_eq(prctl(PR_SET_DUMPABLE, 1), 0);
	for (int i = 0; i < 8; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, idle_until, &done), 0);
	before = credentials_of_threads();
	for (int i = 0; i < starts; i++) {
		struct uspawn_child child;

		cr_assert_eq(way_run(&own, &child,
				     USPAWN(request, WITNESS("exit", "0"), IDENTITY(.uid = NOBODY, .gid = NOBODY),
					    .iab = i % 2 ? "^cap_net_bind_service" : NULL),
				     NULL),
			     0);
	}
	cr_assert_eq(credentials_of_threads(), before);
	atomic_store(&done, 1);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	cr_assert_eq(prctl(PR_GET_DUMPABLE), 1);
	cr_assert(stat("/proc/self/status", &st) == 0 && st.st_uid == 0);
}

CheckedTest(identity, contradictions)
{
	const struct {
		struct uspawn_identity id;
		uint32_t step, index;
	} wrong[] = {
		{ { .uid = UINT32_MAX }, USPAWN_STEP_UID, 0 },
		{ { .gid = UINT32_MAX }, USPAWN_STEP_GID, 0 },
		{ { .keep_groups = 2 }, USPAWN_STEP_GROUPS, 0 },
		{ { .ngroups = 1 }, USPAWN_STEP_GROUPS, 0 },
		{ { .keep_groups = 1, GROUPS(1) }, USPAWN_STEP_GROUPS, 0 },
		{ { GROUPS(1, UINT32_MAX) }, USPAWN_STEP_GROUPS, 1 },
		{ { .reserved = 1 }, USPAWN_STEP_REQUEST, 0 },
	};
	struct uspawn_child child;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct uspawn_identity id = wrong[i].id;

		id.size = sizeof(id);
		cr_assert_eq(uspawn(&child, USPAWN(request, WITNESS("exit", "0"), .identity = &id), NULL), -EINVAL);
		assert_failed(&child, EINVAL, wrong[i].step, wrong[i].index);
	}
	cr_assert_eq(uspawn(&child, USPAWN(request, WITNESS("exit", "0"), IDENTITY(.uid = 0), .flags = USPAWN_RESETIDS),
			    NULL),
		     -EINVAL);
	assert_failed(&child, EINVAL, USPAWN_STEP_UID, 0);
}

/* A plan keeps its own copy. */
CheckedTest(identity, plan_outlives_the_request)
{
	uint32_t groups[] = { 5, 6 };
	struct uspawn_identity id = { .size = sizeof(id), .uid = 1000, .gid = 1001, .groups = groups, .ngroups = 2 };
	struct uspawn_plan *plan;
	struct uspawn_child child;
	REPORT r;

	enter();
	report_open(&r);
	cr_assert_eq(uspawn_plan_new(&plan,
				     USPAWN(request, WITNESS("report", "1"), .identity = &id,
					    FDS({ 1, USPAWN_FD, .fd = r.file })),
				     NULL),
		     0);
	id.uid = groups[0] = groups[1] = 0;
	cr_assert_eq(uspawn_start(&child, plan, NULL), 0);
	uspawn_plan_free(plan);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	report_read(&r);
	cr_assert_str_eq(report_value(&r, "Uid"), "1000\t1000\t1000\t1000");
	cr_assert_eq(strncmp(report_value(&r, "Groups"), "5 6", 3), 0);
}
