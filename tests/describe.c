/* SPDX-License-Identifier: MIT */
/* A plan as text: the lines that are meant, in the order in which the child works. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/mempolicy.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "harness/files.h"
#include "harness/way.h"

CheckedSuite(describe);

/* The text of a request's plan, without its first line, which is about this machine. */
static const char *described(const struct uspawn_request *request)
{
	static char text[8192];
	struct uspawn_plan *plan;
	struct uspawn_failure failure;
	int r = uspawn_plan_new(&plan, request, &failure);

	cr_assert_eq(r, 0, "%s: %s", uspawn_strstep(failure.step), strerror(-r));
	r = uspawn_plan_describe(plan, text, sizeof(text));
	cr_assert_eq(r, (int)strlen(text));
	uspawn_plan_free(plan);
	cr_assert_eq(strncmp(text, "rung         ", 13), 0, "%s", text);
	return strchr(text, '\n') + 1;
}

static void assert_text(const struct uspawn_request *request, const char *expected)
{
	const char *text = described(request);

	cr_assert_str_eq(text, expected, "seen:\n%s", text);
}

static void assert_line(const char *text, const char *line)
{
	cr_assert(strstr(text, line), "'%s' is not in:\n%s", line, text);
}

/* A step by its name. */
static uint32_t step_of(const char *line)
{
	size_t length = strcspn(line, " ");

	for (uint32_t step = 1; step < 512; step++)
		if (!strncmp(uspawn_strstep(step), line, length) && !uspawn_strstep(step)[length])
			return step;
	cr_assert_fail("no step begins: %s", line);
	return 0;
}

#define PLAIN     ARGV_TRUE, .flags = USPAWN_SETSIGMASK
#define ARGV_TRUE .path = "/bin/true", .argv = LIST("true")
#define BEGIN     "fd           3 and above closed\n"
#define END       "sigmask      none\nexec         /bin/true\n"

CheckedTest(describe, plain)
{
	assert_text(USPAWN(request, PLAIN), BEGIN END);
	assert_text(USPAWN(request, ARGV_TRUE), BEGIN "sigmask      the caller's\nexec         /bin/true\n");
	assert_text(USPAWN(request, .file = "x", .search = "/a:/b", .argv = LIST("x"), .flags = USPAWN_SETSIGMASK,
			   .sigmask = 1u << 14 | 1),
		    BEGIN "sigmask      HUP,TERM\nexec         /a/x, /b/x\n");
}

CheckedTest(describe, place_and_signals)
{
	assert_text(USPAWN(request, ARGV_TRUE, .flags = USPAWN_SETSIGMASK | USPAWN_SETSID | USPAWN_SETUMASK,
			   .cwd = "/tmp", .umask = 022, .sigdefault = 1u << 12, .sigignore = 1u << 9),
		    BEGIN "setsid       new\n"
			  "cwd          /tmp\n"
			  "umask        022\n"
			  "signals      default: PIPE\n"
			  "signals      ignored: USR1\n" END);
	assert_text(USPAWN(request, ARGV_TRUE, .flags = USPAWN_SETSIGMASK | USPAWN_SETPGROUP, .pgroup = 5),
		    BEGIN "setpgroup    5\n" END);
}

CheckedTest(describe, descriptors)
{
	int file = file_new(70);
	char line[64];
	const char *text = described(USPAWN(
		request, PLAIN,
		FDS({ 0, USPAWN_NULL }, { 1, USPAWN_OPEN, .path = "log", .oflag = O_WRONLY | O_CREAT, .mode = 0644 },
		    { 2, USPAWN_FD, .fd = USPAWN_ARG(3) }, { 4, USPAWN_FD, .fd = file },
		    { 5, USPAWN_WRITE_END, .fd = USPAWN_ARG(0) })));

	assert_line(text, "pipe         new: argument 0, its write end\nfd ");
	assert_line(text, "fd           2 from argument 3\n");
	snprintf(line, sizeof(line), "fd           4 from %d\n", file);
	assert_line(text, line);
	assert_line(text, "fd           5 from argument 0\n");
	assert_line(text, "open         /dev/null as 0 (O_RDWR)\nopen         log as 1 (O_WRONLY|O_CREAT, 0644)\n");
	close(file);
}

CheckedTest(describe, an_inherited_table_is_not_cut)
{
	const char *text = described(USPAWN(request, ARGV_TRUE, .flags = USPAWN_SETSIGMASK | USPAWN_INHERIT_FDS,
					    FDS({ 1, USPAWN_FD, .fd = USPAWN_ARG(0) }, { 2, USPAWN_CLOSED })));

	cr_assert_null(strstr(text, "above closed"), "%s", text);
	assert_line(text, "fd           1 from argument 0\n");
	assert_line(text, "fd           2 closed\n");
}

CheckedTest(describe, actions)
{
	static const struct uspawn_action actions[] = {
		{ .op = USPAWN_DO_CLOSE, .fd = 9 },
		{ .op = USPAWN_DO_OPEN, .fd = 8, .path = "/a", .oflag = O_RDONLY },
		{ .op = USPAWN_DO_DUP2, .fd = 8, .newfd = 1 },
		{ .op = USPAWN_DO_CHDIR, .path = "/b" },
		{ .op = USPAWN_DO_FCHDIR, .fd = 8 },
	};

	assert_text(USPAWN(request, ARGV_TRUE, .flags = USPAWN_SETSIGMASK | USPAWN_INHERIT_FDS, .actions = actions,
			   .nactions = 5),
		    "action       close 9\n"
		    "action       open /a as 8 (O_RDONLY)\n"
		    "action       1 from 8\n"
		    "action       /b\n"
		    "action       descriptor 8\n" END);
}

CheckedTest(describe, limits_and_scheduling)
{
	static const struct uspawn_rlimit limits[] = { { .resource = RLIMIT_NOFILE, .soft = 10, .hard = UINT64_MAX } };
	static const unsigned long cpus[] = { 0x8f }, nodes[] = { 1 };

	assert_text(USPAWN(request, PLAIN, .rlimits = limits, .nrlimits = 1,
			   .sched = USPAWN(sched,
					   .set = USPAWN_NICE | USPAWN_POLICY | USPAWN_UCLAMP_MAX | USPAWN_AFFINITY |
						  USPAWN_MEMPOLICY | USPAWN_IOPRIO | USPAWN_OOM_SCORE |
						  USPAWN_TIMERSLACK | USPAWN_PERSONALITY,
					   .nice = -3, .policy = SCHED_FIFO, .priority = 7, .util_max = 512,
					   .affinity = cpus, .affinity_size = sizeof(cpus), .nodes = nodes, .nnodes = 1,
					   .mempolicy = MPOL_BIND, .ioprio = 2 << 13 | 4, .oom_score_adj = -1000,
					   .timerslack_ns = 60000, .personality = 0x40000)),
		    BEGIN "nice         -3\n"
			  "scheduler    fifo, priority 7\n"
			  "scheduler    clamped to 512\n"
			  "affinity     processors 0-3,7\n"
			  "mempolicy    membind nodes 0\n"
			  "ioprio       best-effort 4\n"
			  "oom_score    -1000\n"
			  "timerslack   60000 ns\n"
			  "personality  0x40000\n"
			  "rlimit       nofile 10:unlimited\n" END);
	assert_text(USPAWN(request, PLAIN,
			   .sched = USPAWN(sched, .set = USPAWN_POLICY, .policy = 6, .runtime_ns = 1, .deadline_ns = 2,
					   .period_ns = 3)),
		    BEGIN "scheduler    deadline, 1 ns within 2 of each 3\n" END);
}

static const struct sock_filter allow[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };

CheckedTest(describe, order_is_that_of_the_enum)
{
	static const struct uspawn_rlimit limits[] = { { .resource = RLIMIT_NOFILE, .soft = 10, .hard = 10 } };
	static const uint16_t may_fail[] = { USPAWN_STEP_SETCTTY, USPAWN_STEP_NICE, 0 };
	uint32_t before = 0, lines = 0;
	const char *text = described(
		USPAWN(request, ARGV_TRUE,
		       .flags = USPAWN_SETSIGMASK | USPAWN_SETUMASK | USPAWN_SETSID | USPAWN_SETCTTY |
				USPAWN_FOREGROUND | USPAWN_NO_NEW_PRIVS,
		       .cwd = "/", .root = "/", .sigdefault = 1, .sigignore = 2, .pdeathsig = 9, .rlimits = limits,
		       .nrlimits = 1, .best_effort = may_fail,
		       FDS({ 0, USPAWN_PTY, .fd = USPAWN_ARG(0) }, { 1, USPAWN_FD, .fd = 1 }, { 2, USPAWN_NULL }),
		       .sched = USPAWN(sched, .set = USPAWN_NICE | USPAWN_IOPRIO | USPAWN_TIMERSLACK, .nice = 1),
		       .confine = USPAWN(confine, .filter = allow, .filter_len = 1)));

	assert_line(text, "pty          new: argument 0\n");
	assert_line(text, "setctty      descriptor 0 (may fail)\n");
	assert_line(text, "seccomp      filter of 1 instructions\n");
	for (const char *line = text; *line; line = strchr(line, '\n') + 1, lines++) {
		uint32_t step = step_of(line);

		if (step == USPAWN_STEP_FD && before < USPAWN_STEP_SETSID)
			continue; /* a table of its own: before anything that touches a descriptor */
		cr_assert_geq(step, before, "%s", line);
		before = step;
	}
	cr_assert_geq(lines, 20);
	cr_assert_eq(before, USPAWN_STEP_EXEC);
}

CheckedTest(describe, whose_it_is)
{
	static const uint32_t groups[] = { 5, 6 };
	const char *text = described(
		USPAWN(request, PLAIN, .rung = USPAWN_RUNG_FORK, .cwd = "/", .caps = "cap_net_raw,cap_kill=p",
		       .iab = "^cap_net_raw,!cap_chown",
		       .identity = USPAWN(identity, .uid = 7, .gid = 8, .groups = groups, .ngroups = 2)));

	cr_assert_str_eq(text,
			 BEGIN "bounding     without chown\n"
			       "groups       5,6\n"
			       "gid          8\n"
			       "caps         kept over the change of the uid\n"
			       "uid          7\n"
			       "caps         permitted kill,net_raw; effective none; inheritable net_raw\n"
			       "ambient      net_raw\n"
			       "cwd          /\n" END,
			 "seen:\n%s", text);
}

CheckedTest(describe, where_it_lives)
{
	static const struct uspawn_idmap map[] = { { 0, 1000, 1, 0 }, { 1, 5000, 9, 0 } };
	static const int32_t tid[] = { 5 };
	int fd = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
	const struct uspawn_join join[] = { { fd, CLONE_NEWUTS } };
	char expected[1024];
	const char *text = described(USPAWN(
		request, PLAIN, .rung = USPAWN_RUNG_FORK, .root = "/usr",
		.namespaces = USPAWN(namespaces, .unshare = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET,
				     .uid_map = map, .nuid_map = 2, .gid_map = map, .ngid_map = 1, .set_tid = tid,
				     .nset_tid = 1, .flags = USPAWN_DENY_SETGROUPS)));

	cr_assert_str_eq(text,
			 "clone        in new namespaces: user,pid\n"
			 "clone        as number 5\n" BEGIN "namespace    new: mnt,net\n"
			 "namespace    mounts stay in it\n"
			 "idmap        uids 0 1000 1, 1 5000 9; gids 0 1000 1; setgroups denied\n"
			 "root         /usr\n" END,
			 "seen:\n%s", text);
	text = described(USPAWN(request, PLAIN, .rung = USPAWN_RUNG_FORK,
				.namespaces = USPAWN(namespaces, .join = join, .njoin = 1)));
	snprintf(expected, sizeof(expected), "namespace    join that of descriptor %d: uts\n", fd);
	assert_line(text, expected);
	close(fd);
}

CheckedTest(describe, relay)
{
	const char *text, *missing = way_missing(USPAWN_RUNG_RELAY);

	if (missing)
		cr_skip_test("%s", missing);
	text = described(USPAWN(request, ARGV_TRUE, .rung = USPAWN_RUNG_RELAY, .cwd = "/",
				.flags = USPAWN_SETSIGMASK | USPAWN_SETSID));
	cr_assert_str_eq(text,
			 BEGIN "setsid       new\nrelay        from here on in memory of its own\ncwd          /\n" END,
			 "seen:\n%s", text);
}

CheckedTest(describe, cut_short_as_snprintf_does)
{
	char whole[512], part[512];
	struct uspawn_plan *plan;
	int length;

	cr_assert_eq(uspawn_plan_new(&plan, USPAWN(request, PLAIN, .cwd = "/tmp"), NULL), 0);
	errno = 77;
	length = uspawn_plan_describe(plan, NULL, 0);
	cr_assert_eq(errno, 77);
	cr_assert_gt(length, 60);
	cr_assert_eq(uspawn_plan_describe(plan, whole, sizeof(whole)), length);
	for (size_t size = 1; size <= (size_t)length + 1; size++) {
		memset(part, 'x', sizeof(part));
		cr_assert_eq(uspawn_plan_describe(plan, part, size), length);
		cr_assert_eq(strlen(part), size - 1);
		cr_assert_eq(memcmp(part, whole, size - 1), 0);
		cr_assert_eq(part[size], 'x');
	}
	uspawn_plan_free(plan);
}

static char *first_line(const struct uspawn_request *request)
{
	static char text[256];
	struct uspawn_plan *plan;

	cr_assert_eq(uspawn_plan_new(&plan, request, NULL), 0);
	uspawn_plan_describe(plan, text, sizeof(text));
	uspawn_plan_free(plan);
	*strchr(text, '\n') = '\0';
	return text;
}

CheckedTest(describe, the_rung_is_the_one_it_takes)
{
	char name[32], *line;
	static const char *const names[] = { "any", "async", "vfork", "clone", "relay", "fork" };
	struct uspawn_child child;

	cr_assert_eq(uspawn(&child, USPAWN(request, PLAIN), NULL), 0);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	line = first_line(USPAWN(request, PLAIN)); /* what is refused here was learned by the start */
	snprintf(name, sizeof(name), "rung         %s", names[child.rung]);
	cr_assert_eq(strncmp(line, name, strlen(name)), 0, "%s", line);
	if (!getenv("USPAWN_RUNG"))
		cr_assert_str_eq(first_line(USPAWN(request, PLAIN, .rung = USPAWN_RUNG_FORK)),
				 "rung         fork: asked for by the request");
}

CheckedTest(describe, why_not_a_faster_rung)
{
	setenv("USPAWN_RUNG", "fork", 1);
	cr_assert_str_eq(first_line(USPAWN(request, PLAIN)), "rung         fork: asked for by USPAWN_RUNG");
}
