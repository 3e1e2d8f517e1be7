/* SPDX-License-Identifier: MIT */
/* Namespaces: the program is where it was asked to be, its ids are mapped, and each refusal has its step. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/copy.h"
#include "harness/files.h"
#include "harness/inject.h"
#include "harness/kernel.h"
#include "harness/way.h"

CheckedSuite(namespaces);

#define NEWTIME 0x80

#define NAMESPACES(...)                                               \
	.namespaces = &(const struct uspawn_namespaces)               \
	{                                                             \
		.size = sizeof(struct uspawn_namespaces), __VA_ARGS__ \
	}
#define LIST_OF(type, field, ...)                      \
	.field = (const struct type[]){ __VA_ARGS__ }, \
	.n##field = sizeof((struct type[]){ __VA_ARGS__ }) / sizeof(struct type)
#define UID_MAP(...) LIST_OF(uspawn_idmap, uid_map, __VA_ARGS__)
#define GID_MAP(...) LIST_OF(uspawn_idmap, gid_map, __VA_ARGS__)
#define JOIN(...)    LIST_OF(uspawn_join, join, __VA_ARGS__)

static const struct {
	const char *name;
	uint32_t flag;
} kinds[] = { { "mnt", CLONE_NEWNS },        { "uts", CLONE_NEWUTS }, { "ipc", CLONE_NEWIPC },
	      { "cgroup", CLONE_NEWCGROUP }, { "net", CLONE_NEWNET }, { "pid", CLONE_NEWPID },
	      { "user", CLONE_NEWUSER },     { "time", NEWTIME } };

enum { NKINDS = sizeof(kinds) / sizeof(*kinds) };

static void enter(void)
{
	if (geteuid() != 0)
		cr_skip_test("needs root");
}

/* In memory of its own. */
static struct way own_of(const struct way *way)
{
	struct way ret = { .rung = way_own_memory(way) };

	enter();
	return ret;
}

/* Where the clone has flags, nothing is asynchronous. */
static struct way waiting_of(const struct way *way)
{
	struct way ret = { .rung = way->rung == USPAWN_RUNG_ASYNC ? (uint32_t)USPAWN_RUNG_VFORK : way->rung };

	enter();
	return ret;
}

static const char *mine(const char *name)
{
	static char target[64];
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	n = readlink(path, target, sizeof(target) - 1);
	target[n < 0 ? 0 : n] = '\0';
	return target;
}

/* It has new ones of these kinds, and ours of all others. */
static void assert_new(const struct report *r, uint32_t flags)
{
	for (int i = 0; i < NKINDS; i++) {
		char key[16];

		if (!*mine(kinds[i].name))
			continue;
		snprintf(key, sizeof(key), "ns.%s", kinds[i].name);
		if (flags & kinds[i].flag)
			cr_assert_str_neq(report_value(r, key), mine(kinds[i].name), "the same %s", key);
		else
			cr_assert_str_eq(report_value(r, key), mine(kinds[i].name), "another %s", key);
	}
}

EachRung(namespaces, new_ones_beside_the_callers_memory)
{
	REPORT r;

	enter();
	report_open(&r);
	for (int i = 0; i < 5; i++) {
		way_report_by_output(way, &r, USPAWN(request, NAMESPACES(.unshare = kinds[i].flag)));
		assert_new(&r, kinds[i].flag);
	}
	way_report_by_output(way, &r,
			     USPAWN(request, NAMESPACES(.unshare = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC)));
	assert_new(&r, CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC);
}

EachRung(namespaces, new_pid_namespace)
{
	struct way waiting = waiting_of(way);
	REPORT r;

	report_open(&r);
	way_report_by_output(&waiting, &r, USPAWN(request, NAMESPACES(.unshare = CLONE_NEWPID), .pdeathsig = SIGUSR1));
	cr_assert_eq(report_number(&r, "pid"), 1);
	cr_assert_eq(report_number(&r, "pdeathsig"), SIGUSR1);
}

EachRung(namespaces, new_user_namespace_with_many_ids)
{
	struct way own = own_of(way);
	REPORT r;

	report_open(&r);
	way_report_by_output(
		&own, &r,
		USPAWN(request,
		       NAMESPACES(.unshare = CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS,
				  UID_MAP({ 0, 100000, 5000 }, { 5000, 0, 1 }), GID_MAP({ 0, 200000, 70000 })),
		       .identity = &(const struct uspawn_identity){ .size = sizeof(struct uspawn_identity),
								    .uid = 7,
								    .gid = 8,
								    .groups = (const uint32_t[]){ 9, 10 },
								    .ngroups = 2 }));
	assert_new(&r, CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS);
	cr_assert_str_eq(report_value(&r, "Uid"), "7\t7\t7\t7");
	cr_assert_str_eq(report_value(&r, "Gid"), "8\t8\t8\t8");
	cr_assert_eq(strncmp(report_value(&r, "Groups"), "9 10", 4), 0);
	cr_assert_eq(strtol(report_value(&r, "uid_map") + 11, NULL, 10), 100000);
	cr_assert_eq(strtol(report_value(&r, "gid_map") + 11, NULL, 10), 200000);
	cr_assert_eq(report_number(&r, "dumpable"), 1);
	cr_assert_eq(report_number(&r, "pdeathsig"), 0);
}

EachRung(namespaces, user_and_pid_by_the_clone)
{
	struct way fork = { .rung = USPAWN_RUNG_FORK };
	REPORT r;

	(void)way;
	enter();
	report_open(&r);
	way_report_by_output(&fork, &r,
			     USPAWN(request, NAMESPACES(.unshare = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS,
							UID_MAP({ 0, 0, 1000 }), GID_MAP({ 0, 0, 1000 }))));
	cr_assert_eq(report_number(&r, "pid"), 1);
	cr_assert_str_eq(report_value(&r, "Uid"), "0\t0\t0\t0");
	cr_assert_str_neq(report_value(&r, "ns.mnt"), mine("mnt"));
}

EachRung(namespaces, offsets_of_a_new_time_namespace)
{
	struct way own = own_of(way);
	REPORT r;
	long long seconds, nanoseconds;

	if (access("/proc/self/ns/time", F_OK) < 0)
		cr_skip_test("time namespaces");
	report_open(&r);
	way_report_by_output(&own, &r,
			     USPAWN(request, NAMESPACES(.unshare = NEWTIME, .monotonic_offset_ns = 86400000000001ll,
							.boottime_offset_ns = 1000)));
	assert_new(&r, NEWTIME);
	cr_assert_eq(sscanf(report_value(&r, "timens"), "monotonic %lld %lld", &seconds, &nanoseconds), 2);
	cr_assert(seconds == 86400 && nanoseconds == 1);
	way_report_by_output(&own, &r, USPAWN(request, NAMESPACES(.unshare = NEWTIME, .monotonic_offset_ns = -1)));
	cr_assert_eq(sscanf(report_value(&r, "timens"), "monotonic %lld %lld", &seconds, &nanoseconds), 2);
	cr_assert(seconds == -1 && nanoseconds == 999999999);
}

static uint32_t offsets_rung;

/* Whoever may make time namespaces, and may not write files of root's. */
static void start_with_offsets(void)
{
	const uint64_t caps = 1ull << CAP_SYS_ADMIN | 1ull << CAP_SYS_TIME;
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { (uint32_t)caps, (uint32_t)caps, 0 }, { 0 } };
	struct uspawn_child child;

	copy_assert(prctl(PR_SET_KEEPCAPS, 1) == 0 && setgroups(0, NULL) == 0);
	copy_assert(setresgid(1000, 1000, 1000) == 0 && setresuid(1000, 1000, 1000) == 0);
	copy_assert(kernel_capset(&header, data) == 0 && kernel_set_dumpable() == 0);
	copy_assert(uspawn_run(&child,
			       USPAWN(request, .rung = offsets_rung, WITNESS("exit", "5"),
				      NAMESPACES(.unshare = NEWTIME, .monotonic_offset_ns = 5000000000ll)),
			       NULL) == 0);
	copy_assert(child.exit.code == USPAWN_EXITED && child.exit.status == 5);
}

EachRung(namespaces, offsets_by_a_user_with_the_rights)
{
	if (access("/proc/self/ns/time", F_OK) < 0)
		cr_skip_test("time namespaces");
	offsets_rung = own_of(way).rung;
	copy_run(start_with_offsets);
}

/* ---- Joined ---- */

EachRung(namespaces, joined_by_descriptor_and_by_pidfd)
{
	REPORT r;
	struct uspawn_child sleeper;
	char path[64], net[64], uts[64];
	int end = -1, fd;
	ssize_t n;

	enter();
	report_open(&r);
	cr_assert_eq(uspawn(&sleeper,
			    USPAWN(request, WITNESS("eof", "0"), FDS({ 0, USPAWN_READ_END, .fd = USPAWN_ARG(0) }),
				   NAMESPACES(.unshare = CLONE_NEWNET | CLONE_NEWUTS)),
			    USPAWN(args, .fds = &end, .nfds = 1)),
		     0);
	snprintf(path, sizeof(path), "/proc/%d/ns/uts", sleeper.pid);
	n = readlink(path, uts, sizeof(uts) - 1);
	uts[n < 0 ? 0 : n] = '\0';
	snprintf(path, sizeof(path), "/proc/%d/ns/net", sleeper.pid);
	n = readlink(path, net, sizeof(net) - 1);
	net[n < 0 ? 0 : n] = '\0';
	fd = open(path, O_RDONLY | O_CLOEXEC);
	cr_assert_geq(fd, 0);
	way_report_by_output(way, &r, USPAWN(request, NAMESPACES(JOIN({ fd, CLONE_NEWNET }))));
	cr_assert_str_eq(report_value(&r, "ns.net"), net);
	assert_new(&r, CLONE_NEWNET);
	cr_assert_str_eq(report_fds(&r), "0 1 2");
	way_report_by_output(way, &r,
			     USPAWN(request, NAMESPACES(JOIN({ sleeper.pidfd, CLONE_NEWNET | CLONE_NEWUTS }),
							.unshare = CLONE_NEWIPC)));
	cr_assert_str_eq(report_value(&r, "ns.net"), net);
	cr_assert_str_eq(report_value(&r, "ns.uts"), uts);
	assert_new(&r, CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC);
	close(fd);
	close(end);
	cr_assert_eq(uspawn_wait(&sleeper, -1), 1);
}

EachRung(namespaces, user_namespace_joined)
{
	struct way own = own_of(way);
	REPORT r;
	struct uspawn_child sleeper;
	char path[64];
	int end = -1, fd;

	report_open(&r);
	cr_assert_eq(uspawn(&sleeper,
			    USPAWN(request, WITNESS("eof", "0"), FDS({ 0, USPAWN_READ_END, .fd = USPAWN_ARG(0) }),
				   NAMESPACES(.unshare = CLONE_NEWUSER, UID_MAP({ 5, 0, 1 }), GID_MAP({ 6, 0, 1 }))),
			    USPAWN(args, .fds = &end, .nfds = 1)),
		     0);
	snprintf(path, sizeof(path), "/proc/%d/ns/user", sleeper.pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	for (int typed = 0; typed < 2; typed++) {
		way_report_by_output(&own, &r, USPAWN(request, NAMESPACES(JOIN({ fd, typed ? CLONE_NEWUSER : 0 }))));
		cr_assert_str_eq(report_value(&r, "Uid"), "5\t5\t5\t5");
		cr_assert_str_neq(report_value(&r, "ns.user"), mine("user"));
	}
	close(fd);
	close(end);
	cr_assert_eq(uspawn_wait(&sleeper, -1), 1);
}

EachRung(namespaces, what_cannot_be_joined)
{
	struct uspawn_child child;
	int net = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC),
	    pid = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	int r;

	enter();
	r = way_run(way, &child,
		    USPAWN(request, WITNESS("exit", "0"), NAMESPACES(JOIN({ net, CLONE_NEWNET }, { 0, CLONE_NEWNET }))),
		    NULL);
	cr_assert_eq(r, -EINVAL);
	assert_failed(&child, EINVAL, USPAWN_STEP_NAMESPACE, 1);
	r = way_run(way, &child, USPAWN(request, WITNESS("exit", "0"), NAMESPACES(JOIN({ net, CLONE_NEWUTS }))), NULL);
	cr_assert_eq(r, -EINVAL);
	assert_failed(&child, EINVAL, USPAWN_STEP_NAMESPACE, 0);
	r = way_run(
		way, &child,
		USPAWN(request, WITNESS("exit", "0"), NAMESPACES(JOIN({ net, CLONE_NEWNET }, { pid, CLONE_NEWPID }))),
		NULL);
	cr_assert_eq(r, -EOPNOTSUPP);
	assert_failed(&child, EOPNOTSUPP, USPAWN_STEP_NAMESPACE, 1);
	r = uspawn(&child,
		   USPAWN(request, .rung = own_of(way).rung, WITNESS("exit", "0"), NAMESPACES(JOIN({ pid, 0 }))), NULL);
	cr_assert_eq(r, -EOPNOTSUPP);
	assert_failed(&child, EOPNOTSUPP, USPAWN_STEP_NAMESPACE, 0);
	r = way_run(way, &child, USPAWN(request, WITNESS("exit", "0"), NAMESPACES(JOIN({ 12345, CLONE_NEWNET }))),
		    NULL);
	cr_assert_eq(r, -EBADF);
	assert_failed(&child, EBADF, USPAWN_STEP_NAMESPACE, 0);
	close(net), close(pid);
}

/* ---- Mounts and roots ---- */

static struct way mount_way;

static int is_shared(const char *text)
{
	return strstr(text, " shared:") != NULL;
}

static void start_with_shared_mounts(void)
{
	for (int keep = 0; keep < 2; keep++) {
		struct uspawn_child child;
		char text[4096];
		int file = memfd_create("mounts", 0);
		ssize_t n;

		if (!keep)
			copy_assert(unshare(CLONE_NEWNS) == 0 &&
				    mount("none", "/", NULL, MS_REC | MS_SHARED, NULL) == 0);
		copy_assert(
			uspawn(&child,
			       USPAWN(request, .rung = mount_way.rung, .file = "head",
				      .argv = LIST("head", "-n1", "/proc/self/mountinfo"),
				      FDS({ 1, USPAWN_FD, .fd = file }),
				      NAMESPACES(.unshare = CLONE_NEWNS, .flags = keep ? USPAWN_KEEP_PROPAGATION : 0)),
			       NULL) == 0);
		copy_assert(uspawn_wait(&child, -1) == 1 && child.exit.status == 0);
		n = pread(file, text, sizeof(text) - 1, 0);
		copy_assert(n > 0);
		text[n] = '\0';
		copy_assert(is_shared(text) == keep);
		close(file);
	}
}

EachRung(namespaces, mounts_are_private_unless_kept)
{
	mount_way = waiting_of(way);
	copy_run(start_with_shared_mounts);
}

static int mounts_are_shared(void)
{
	char line[4096] = "";
	FILE *file = fopen("/proc/self/mountinfo", "re");

	copy_assert(file && fgets(line, sizeof(line), file));
	fclose(file);
	return is_shared(line);
}

static void start_without_the_namespaces(void)
{
	static const struct uspawn_idmap map[] = { { 0, 0, 1, 0 } };
	static const uint32_t unshared[] = { CLONE_NEWNS, CLONE_NEWNS | NEWTIME, CLONE_NEWNS | CLONE_NEWUSER };
	struct uspawn_child child;

	copy_assert(unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_SHARED, NULL) == 0);
	kernel_refuse(CALL_UNSHARE, ENOSPC);
	for (size_t i = 0; i < sizeof(unshared) / sizeof(*unshared); i++) {
		int maps = (unshared[i] & CLONE_NEWUSER) != 0;

		copy_assert(uspawn(&child,
				   USPAWN(request, .rung = mount_way.rung, WITNESS("exit", "5"),
					  .best_effort = (const uint16_t[]){ USPAWN_STEP_NAMESPACE, 0 },
					  NAMESPACES(.unshare = unshared[i], .uid_map = maps ? map : NULL,
						     .nuid_map = (uint32_t)maps)),
				   NULL) == 0);
		copy_assert(child.failure.errnum == ENOSPC && child.failure.step == USPAWN_STEP_NAMESPACE);
		copy_assert(uspawn_wait(&child, -1) == 1 && child.exit.status == 5);
		copy_assert(mounts_are_shared());
	}
	/* Of a child that runs on, and whose exec only its pipe tells: no maps are waited for. */
	kernel_refuse(CALL_ROBUST_LIST, ENOSYS);
	copy_assert(uspawn(&child,
			   USPAWN(request, .rung = mount_way.rung, .path = "/bin/sleep", .argv = LIST("sleep", "100"),
				  .best_effort = (const uint16_t[]){ USPAWN_STEP_NAMESPACE, 0 },
				  NAMESPACES(.unshare = CLONE_NEWUSER | CLONE_NEWNS, .uid_map = map, .nuid_map = 1)),
			   NULL) == 0);
	copy_assert(uspawn_kill(&child, SIGKILL, 0) == 0 && uspawn_wait(&child, -1) == 1);
	copy_assert(child.exit.code == USPAWN_KILLED);
}

/* What is for new ones is not done to the caller's. */
EachRung(namespaces, allowed_to_fail)
{
	mount_way = waiting_of(way);
	copy_run(start_without_the_namespaces);
}

static void write_to(const char *path, const char *text)
{
	int file = open(path, O_WRONLY | O_CLOEXEC);

	copy_assert(file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text));
	close(file);
}

static void start_without_a_pid_namespace(void)
{
	const struct uspawn_idmap map[] = { { 0, 0, 1, 0 } };
	struct uspawn_child child;

	copy_assert(unshare(CLONE_NEWUSER) == 0);
	write_to("/proc/self/uid_map", "0 0 1");
	write_to("/proc/self/setgroups", "deny");
	write_to("/proc/self/gid_map", "0 0 1");
	write_to("/proc/sys/user/max_pid_namespaces", "0");
	copy_assert(uspawn(&child,
			   USPAWN(request, .rung = mount_way.rung, WITNESS("exit", "5"),
				  .best_effort = (const uint16_t[]){ USPAWN_STEP_NAMESPACE, 0 },
				  NAMESPACES(.unshare = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS, .uid_map = map,
					     .nuid_map = 1)),
			   NULL) == 0);
	copy_assert(child.failure.errnum == ENOSPC && child.failure.step == USPAWN_STEP_NAMESPACE);
	copy_assert(uspawn_wait(&child, -1) == 1 && child.exit.status == 5);
}

/* The others are made, and the maps written for them. */
EachRung(namespaces, allowed_to_fail_at_the_clone)
{
	mount_way = waiting_of(way);
	copy_run(start_without_a_pid_namespace);
}

/* The user and the PID namespace are the clone's, and there: the maps of the one are written. */
CheckedTest(namespaces, allowed_to_fail_beside_those_of_the_clone)
{
	static const uint32_t others[] = { CLONE_NEWNS, NEWTIME, CLONE_NEWNS | NEWTIME | CLONE_NEWUTS };
	struct way fork = { .rung = USPAWN_RUNG_FORK };
	REPORT r;

	enter();
	report_open(&r);
	kernel_refuse(CALL_UNSHARE, EPERM);
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		way_report_by_output(&fork, &r,
				     USPAWN(request, .best_effort = (const uint16_t[]){ USPAWN_STEP_NAMESPACE, 0 },
					    NAMESPACES(.unshare = CLONE_NEWUSER | CLONE_NEWPID | others[i],
						       UID_MAP({ 0, 0, 1000 }), GID_MAP({ 0, 0, 1000 }))));
		cr_assert_eq(report_number(&r, "pid"), 1);
		cr_assert_str_eq(report_value(&r, "Uid"), "0\t0\t0\t0");
		cr_assert_str_eq(report_value(&r, "ns.mnt"), mine("mnt"));
	}
}

/* A directory with the witness in it, and nothing else. */
static void make_root(struct scratch *s)
{
	char command[200];

	scratch_make(s);
	scratch_directory(s, "root", 0755);
	scratch_directory(s, "root/proc", 0755);
	snprintf(command, sizeof(command), "cp %s %s/root/witness", witness_path, s->path);
	cr_assert_eq(system(command), 0);
}

EachRung(namespaces, root_of_a_new_mount_namespace)
{
	SCRATCH s;
	REPORT r;
	struct stat before, after;

	enter();
	make_root(&s);
	report_open(&r);
	cr_assert_eq(stat("/", &before), 0);
	way_report_by_output(way, &r,
			     USPAWN(request, .path = "/witness", .root = scratch_path(&s, "root"),
				    .flags = USPAWN_PIVOT_ROOT, NAMESPACES(.unshare = CLONE_NEWNS)));
	cr_assert_str_eq(report_value(&r, "cwd"), "/");
	cr_assert(stat("/", &after) == 0 && before.st_ino == after.st_ino && before.st_dev == after.st_dev);
}

/* "." and its like are the same directory as its name. */
EachRung(namespaces, root_where_it_is)
{
	static const char *const roots[] = { ".", "./", "../root", "./." };
	SCRATCH s;
	REPORT r;

	enter();
	make_root(&s);
	report_open(&r);
	cr_assert_eq(chdir(scratch_path(&s, "root")), 0);
	for (size_t i = 0; i < sizeof(roots) / sizeof(*roots); i++) {
		way_report_by_output(way, &r,
				     USPAWN(request, .path = "/witness", .root = roots[i], .flags = USPAWN_PIVOT_ROOT,
					    NAMESPACES(.unshare = CLONE_NEWNS)));
		cr_assert_str_eq(report_value(&r, "cwd"), "/");
	}
	cr_assert_eq(chdir("/"), 0);
}

/* ---- Killed while the child waits for its maps ---- */

enum { NO_FILTERS = 77 };

/* At the very call that would write the first of them. */
static pid_t fork_parent_that_dies(uint32_t rung, int only_the_child_has)
{
	struct uspawn_child child;
	pid_t pid = fork();

	if (pid)
		return pid;
	if (inject(USPAWN_STEP_IDMAP, INJECT_KILL) < 0)
		_exit(NO_FILTERS);
	uspawn(&child,
	       USPAWN(request, .rung = rung, WITNESS("eof", "0"), FDS({ 1, .fd = only_the_child_has }),
		      NAMESPACES(.unshare = CLONE_NEWUSER, UID_MAP({ 0, 0, 1 }), GID_MAP({ 0, 0, 1 }))),
	       NULL);
	_exit(1);
}

EachRung(namespaces, parent_killed_while_the_child_waits_for_maps)
{
	uint32_t rung = own_of(way).rung;
	int ends[2], status;
	struct pollfd end;
	pid_t parent, pid;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	parent = fork_parent_that_dies(rung, ends[1]);
	close(ends[1]);
	end = (struct pollfd){ .fd = ends[0], .events = POLLIN };
	cr_assert_eq(poll(&end, 1, 20000), 1, "the child waits on");
	close(ends[0]);
	while ((pid = waitpid(-1, &status, __WALL)) > 0) {
		if (WIFEXITED(status) && WEXITSTATUS(status) == NO_FILTERS)
			cr_skip_test("seccomp filters");
		cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == (pid == parent ? SIGSYS : SIGKILL), "%#x",
			  (unsigned)status);
	}
}

/* ---- After an unshare(2) of the caller's: it is of another PID namespace than its children ---- */

static uint32_t apart_rung;

static void start_apart(void)
{
	struct uspawn_child init, child;
	int end = -1;

	copy_assert(unshare(CLONE_NEWPID) == 0);
	copy_assert(uspawn(&init,
			   USPAWN(request, WITNESS("eof", "0"), FDS({ 0, USPAWN_READ_END, .fd = USPAWN_ARG(0) })),
			   USPAWN(args, .fds = &end, .nfds = 1)) == 0);
	copy_assert(uspawn(&child, USPAWN(request, .rung = apart_rung, WITNESS("exit", "3"), .pdeathsig = SIGTERM),
			   NULL) == 0);
	copy_assert(uspawn_wait(&child, -1) == 1 && child.exit.code == USPAWN_EXITED && child.exit.status == 3);
	copy_assert(uspawn(&child,
			   USPAWN(request, .rung = apart_rung, WITNESS("exit", "4"),
				  NAMESPACES(.unshare = CLONE_NEWUSER, UID_MAP({ 0, 0, 1 }), GID_MAP({ 0, 0, 1 }))),
			   NULL) == 0);
	copy_assert(uspawn_wait(&child, -1) == 1 && child.exit.code == USPAWN_EXITED && child.exit.status == 4);
	close(end);
	copy_assert(uspawn_wait(&init, -1) == 1);
}

EachWaitingRung(namespaces, parent_that_cannot_be_seen)
{
	apart_rung = waiting_of(way).rung;
	copy_run(start_apart);
}

/* ---- Privilege ---- */

static struct {
	uint32_t rung, flags, unshare;
	int errnum;
	uint32_t step;
	int maps_gid, outside;
} unprivileged;

static void start_unprivileged(void)
{
	struct uspawn_child child;
	char line[200] = "";
	int file = memfd_create("report", 0), r;
	FILE *out = fdopen(file, "r");
	struct uspawn_idmap uid = { 0, 1000, 1, 0 }, gid = { 0, 1000, 1, 0 };
	struct uspawn_namespaces ns = { .size = sizeof(ns),
					.unshare = unprivileged.unshare,
					.flags = unprivileged.flags };

	copy_assert(setgroups(0, NULL) == 0 && setresgid(1000, 1000, 1000) == 0 && setresuid(1000, 1000, 1000) == 0);
	/* As after an exec by that user. */
	copy_assert(kernel_set_dumpable() == 0);
	if (unprivileged.unshare & CLONE_NEWUSER) {
		uid.outside += (uint32_t)unprivileged.outside;
		ns.uid_map = &uid;
		ns.nuid_map = 1;
		ns.gid_map = unprivileged.maps_gid ? &gid : NULL;
		ns.ngid_map = unprivileged.maps_gid ? 1 : 0;
	}
	r = uspawn(&child,
		   USPAWN(request, .rung = unprivileged.rung, WITNESS("report", "1"), .namespaces = &ns,
			  FDS({ 1, USPAWN_FD, .fd = file })),
		   NULL);
	copy_assert(r == -unprivileged.errnum);
	if (r < 0) {
		copy_assert(child.failure.step == unprivileged.step);
		return;
	}
	copy_assert(uspawn_wait(&child, -1) == 1 && child.exit.code == USPAWN_EXITED && child.exit.status == 0);
	rewind(out);
	while (fgets(line, sizeof(line), out) && strncmp(line, "Uid ", 4) != 0)
		;
	copy_assert(strcmp(line, "Uid 0\t0\t0\t0\n") == 0);
	while (fgets(line, sizeof(line), out) && strncmp(line, "CapEff ", 7) != 0)
		;
	copy_assert(strtoull(line + 7, NULL, 16) != 0);
}

static void as_user(uint32_t rung, uint32_t unshare, uint32_t flags, int maps_gid, int errnum, uint32_t step)
{
	enter();
	unprivileged.rung = rung;
	unprivileged.unshare = unshare;
	unprivileged.flags = flags;
	unprivileged.maps_gid = maps_gid;
	unprivileged.errnum = errnum;
	unprivileged.step = step;
	unprivileged.outside = 0;
	copy_run(start_unprivileged);
}

EachRung(namespaces, one_id_as_an_ordinary_user)
{
	uint32_t rung = own_of(way).rung;

	as_user(rung, CLONE_NEWUSER | CLONE_NEWNET, USPAWN_DENY_SETGROUPS, 1, 0, 0);
	as_user(rung, CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS, USPAWN_DENY_SETGROUPS, 1, 0, 0);
	as_user(rung, CLONE_NEWUSER, 0, 0, 0, 0);
	as_user(rung, CLONE_NEWUSER, 0, 1, EPERM, USPAWN_STEP_IDMAP);
}

EachRung(namespaces, without_privilege_each_says_so)
{
	uint32_t rung = waiting_of(way).rung;

	for (int i = 0; i < NKINDS; i++)
		if (kinds[i].flag != CLONE_NEWUSER)
			as_user(rung, kinds[i].flag, 0, 0, EPERM, USPAWN_STEP_NAMESPACE);
}

/* Trap 3.26: such an error says nothing about the rung, so nothing is remembered of it. */
CheckedTest(namespaces, errors_of_the_clone_are_no_refusals)
{
	struct uspawn_child child;
	const int32_t taken[] = { getpid() }, taken_outside[] = { 1, getpid() };

	enter();
	if (way_missing(USPAWN_RUNG_VFORK))
		cr_skip_test("%s", way_missing(USPAWN_RUNG_VFORK));
	cr_assert_eq(uspawn(&child, USPAWN(request, WITNESS("exit", "0"), NAMESPACES(.set_tid = taken, .nset_tid = 1)),
			    NULL),
		     -EEXIST);
	assert_failed(&child, EEXIST, USPAWN_STEP_CLONE, 0);
	cr_assert_eq(uspawn(&child,
			    USPAWN(request, WITNESS("exit", "0"),
				   NAMESPACES(.unshare = CLONE_NEWPID, .set_tid = taken, .nset_tid = 1)),
			    NULL),
		     -EINVAL, "the first in a PID namespace is 1");
	cr_assert_eq(uspawn(&child,
			    USPAWN(request, WITNESS("exit", "0"),
				   NAMESPACES(.unshare = CLONE_NEWPID, .set_tid = taken_outside, .nset_tid = 2)),
			    NULL),
		     -EEXIST);
	assert_failed(&child, EEXIST, USPAWN_STEP_CLONE, 0);
	cr_assert_eq(uspawn(&child, USPAWN(request, WITNESS("exit", "0")), NULL), 0);
	cr_assert_eq(child.rung, USPAWN_RUNG_VFORK);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
}

EachRung(namespaces, pid_as_asked_for)
{
	struct way waiting = waiting_of(way);
	struct uspawn_child child;
	int32_t wanted = 20011;
	int r;

	if (way_missing(USPAWN_RUNG_VFORK))
		cr_skip_test("%s", way_missing(USPAWN_RUNG_VFORK));
	do { /* until nobody else takes it meanwhile */
		wanted++;
		r = uspawn(&child,
			   USPAWN(request, .rung = waiting.rung, WITNESS("exit", "3"),
				  NAMESPACES(.set_tid = &wanted, .nset_tid = 1)),
			   NULL);
	} while (r == -EEXIST && wanted < 30000);
	cr_assert_eq(r, 0);
	cr_assert_eq(child.pid, wanted);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	assert_exited(&child, 3);
}

EachRung(namespaces, kill_on_close)
{
	struct uspawn_child child;
	int r;

	enter();
	r = uspawn(&child, USPAWN(request, .rung = way->rung, .flags = USPAWN_KILL_ON_CLOSE, WITNESS("exit", "3")),
		   NULL);
	if (r == -EOPNOTSUPP) {
		assert_failed(&child, EOPNOTSUPP, USPAWN_STEP_CLONE, 0);
		cr_assert(!kernel_is(7, 1));
		return;
	}
	cr_assert_eq(r, 0);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	assert_exited(&child, 3);
}

/* Where there is no such module, or no such label. */
/* Whoever owns a mount namespace can put anything in its /proc, which takes what is written there and does nothing. */
static void join_one_with_a_label(void)
{
	static const char make[] =
		"mount -t tmpfs none /proc && mkdir -p /proc/thread-self/attr/apparmor && "
		">/proc/thread-self/attr/apparmor/exec && >/proc/thread-self/attr/exec && echo && exec cat";
	const struct uspawn_confine confine = { .size = sizeof(confine), .label = "uspawn-no-such-label" };
	struct uspawn_child child, owner;
	int ends[2] = { -1, -1 };
	char c;

	copy_assert(uspawn(&owner,
			   USPAWN(request, .argv = LIST("sh", "-c", (char *)make), NAMESPACES(.unshare = CLONE_NEWNS),
				  FDS({ 0, USPAWN_READ_END, .fd = USPAWN_ARG(0) },
				      { 1, USPAWN_WRITE_END, .fd = USPAWN_ARG(1) })),
			   USPAWN(args, .fds = ends, .nfds = 2)) == 0);
	copy_assert(read(ends[1], &c, 1) == 1);
	copy_assert(uspawn_run(&child,
			       USPAWN(request, WITNESS("exit", "0"), .confine = &confine,
				      NAMESPACES(JOIN({ owner.pidfd, CLONE_NEWNS }))),
			       NULL) < 0);
	copy_assert(child.failure.step == USPAWN_STEP_LABEL);
	copy_assert(close(ends[0]) == 0 && uspawn_wait(&owner, -1) == 1);
}

CheckedTest(namespaces, label_in_a_mount_namespace_of_others)
{
	enter();
	copy_run(join_one_with_a_label);
}

/* Number 1 of a PID namespace, with the /proc of the one around it, where its child has another number. */
static void map_with_a_foreign_proc(void)
{
	static const uint32_t rungs[] = { USPAWN_RUNG_RELAY, USPAWN_RUNG_FORK };

	copy_assert(getpid() == 1);
	for (int i = 0; i < 4; i++) {
		struct uspawn_child child;

		copy_assert(
			uspawn_run(&child,
				   USPAWN(request, .argv = LIST("sh", "-c", "read a b c </proc/self/uid_map; exit $c"),
					  .rung = rungs[i % 2],
					  NAMESPACES(.unshare = CLONE_NEWUSER | (i < 2 ? 0 : CLONE_NEWPID),
						     UID_MAP({ 0, 0, 77 }), GID_MAP({ 0, 0, 77 }))),
				   NULL) == 0);
		copy_assert(child.exit.code == USPAWN_EXITED && child.exit.status == 77);
	}
}

CheckedTest(namespaces, maps_with_the_proc_of_another_pid_namespace)
{
	enter();
	if (unshare(CLONE_NEWPID) < 0)
		cr_skip_test("a new PID namespace cannot be had");
	copy_run(map_with_a_foreign_proc);
}

EachRung(namespaces, label_that_is_none)
{
	struct uspawn_child child;
	const struct uspawn_confine confine = { .size = sizeof(confine), .label = "uspawn-no-such-label" };

	cr_assert_lt(way_run(way, &child, USPAWN(request, WITNESS("exit", "0"), .confine = &confine), NULL), 0);
	cr_assert_eq(child.failure.step, USPAWN_STEP_LABEL);
}

CheckedTest(namespaces, contradictions)
{
	static const struct uspawn_idmap none[] = { { 0, 0, 0, 0 } }, one[] = { { 0, 0, 1, 0 } };
	const struct {
		struct uspawn_namespaces ns;
		uint32_t step;
	} wrong[] = {
		{ { .unshare = CLONE_FILES }, USPAWN_STEP_NAMESPACE },
		{ { .njoin = 1 }, USPAWN_STEP_NAMESPACE },
		{ { .nset_tid = 1 }, USPAWN_STEP_NAMESPACE },
		{ { .flags = USPAWN_KEEP_PROPAGATION }, USPAWN_STEP_NAMESPACE },
		{ { .monotonic_offset_ns = 1 }, USPAWN_STEP_NAMESPACE },
		{ { .flags = 1 }, USPAWN_STEP_REQUEST },
		{ { .uid_map = one, .nuid_map = 1 }, USPAWN_STEP_IDMAP },
		{ { .unshare = CLONE_NEWUSER, .uid_map = none, .nuid_map = 1 }, USPAWN_STEP_IDMAP },
		{ { .unshare = CLONE_NEWUSER, .ngid_map = 1 }, USPAWN_STEP_IDMAP },
		{ { .flags = USPAWN_DENY_SETGROUPS }, USPAWN_STEP_IDMAP },
		{ { .unshare = CLONE_NEWUSER | CLONE_NEWPID, JOIN({ 0, CLONE_NEWNET }) }, USPAWN_STEP_NAMESPACE },
	};
	struct uspawn_child child;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct uspawn_namespaces ns = wrong[i].ns;

		ns.size = sizeof(ns);
		cr_assert_eq(uspawn(&child, USPAWN(request, WITNESS("exit", "0"), .namespaces = &ns), NULL), -EINVAL,
			     "case %zu", i);
		assert_failed(&child, EINVAL, wrong[i].step, 0);
	}
	cr_assert_eq(
		uspawn(&child, USPAWN(request, WITNESS("exit", "0"), .root = "/", .flags = USPAWN_PIVOT_ROOT), NULL),
		-EINVAL);
	assert_failed(&child, EINVAL, USPAWN_STEP_ROOT, 0);
	cr_assert_eq(uspawn(&child,
			    USPAWN(request, WITNESS("exit", "0"), .root = "/", .flags = USPAWN_PIVOT_ROOT,
				   .best_effort = (const uint16_t[]){ USPAWN_STEP_NAMESPACE, 0 },
				   NAMESPACES(.unshare = CLONE_NEWNS)),
			    NULL),
		     -EINVAL);
	assert_failed(&child, EINVAL, USPAWN_STEP_ROOT, 0);
	cr_assert_eq(uspawn(&child,
			    USPAWN(request, WITNESS("exit", "0"), .flags = USPAWN_KILL_ON_CLOSE | USPAWN_PID_ONLY),
			    NULL),
		     -EINVAL);
	assert_failed(&child, EINVAL, USPAWN_STEP_CLONE, 0);
}

/* ---- The first of a PID namespace is its init ---- */

static void probe_before_init(void)
{
	struct uspawn_child child;

	copy_assert(unshare(CLONE_NEWPID) == 0);
	for (uint32_t n = 0; uspawn_strfeature(n); n++)
		if (strcmp(uspawn_strfeature(n), "rung-fork") == 0)
			copy_assert(uspawn_probe(n) == -EBUSY);
		else
			uspawn_probe(n);
	for (int i = 0; i < 2; i++)
		copy_assert(uspawn(&child, USPAWN(request, .argv = LIST("sleep", "100")), NULL) == 0);
	copy_end();
}

CheckedTest(namespaces, probing_makes_no_init)
{
	if (unshare(CLONE_NEWUTS) < 0)
		cr_skip_test("new namespaces cannot be had");
	copy_run(probe_before_init);
}
