/* SPDX-License-Identifier: MIT */
/* Children born in a control group of version 2: in that one, or not at all. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/copy.h"
#include "harness/files.h"
#include "harness/groups.h"
#include "harness/kernel.h"
#include "harness/way.h"

CheckedSuite(cgroups);

static int group_write(const struct own_group *g, const char *file, const char *text)
{
	int fd = openat(g->fd, file, O_WRONLY | O_CLOEXEC), r = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		r = -errno;
	close(fd);
	return r;
}

static void group_skip(struct own_group *g, const char *what, int error)
{
	group_remove(g);
	cr_skip_test("%s: %s", what, strerror(-error));
}

/* The rung that such a start takes: never asynchronous, nor the old call, which cannot give birth in a group. */
static uint32_t rung_of(const struct way *way)
{
	return way->rung == USPAWN_RUNG_ASYNC   ? (uint32_t)USPAWN_RUNG_VFORK
	       : way->rung == USPAWN_RUNG_CLONE ? way_own_memory(way)
						: way->rung;
}

/* Runs it in the group, by the way or what it stands for. */
static int run_in(struct way *way, struct uspawn_child *child, int fd, const struct uspawn_request *request,
		  const struct uspawn_args *args)
{
	struct uspawn_request whole = *request;
	struct uspawn_plan *plan;
	int r;

	whole.rung = way->rung;
	whole.flags |= USPAWN_SETCGROUP;
	whole.cgroup_fd = fd;
	r = uspawn_plan_new(&plan, &whole, &child->failure);
	cr_assert_eq(r, 0);
	r = way->ring ? uspawn_ring_start(way->ring, child, plan, args) : uspawn_start(child, plan, args);
	uspawn_plan_free(plan);
	if (r < 0)
		return r;
	way_end(way, child);
	return child->exit.code == USPAWN_FAILED ? -child->exit.status : 0;
}

static void assert_born_in(struct way *way, const struct own_group *g, int fd, const struct uspawn_request *request,
			   const struct uspawn_args *args)
{
	REPORT r;
	struct uspawn_child child;
	struct uspawn_request whole = *request;
	const char *place;

	report_open(&r);
	whole.path = witness_path;
	whole.argv = r.argv;
	cr_assert_eq(run_in(way, &child, fd, &whole, args), 0, "%s: %s", uspawn_strstep(child.failure.step),
		     strerror(child.failure.errnum));
	assert_exited(&child, 0);
	cr_assert_eq(child.rung, rung_of(way));
	report_read(&r);
	place = strrchr(report_value(&r, "cgroup2"), '/');
	cr_assert_str_eq(place, g->name);
	if (!request->nfds)
		cr_assert_str_eq(report_fds(&r), "0 1 2");
}

EachRung(cgroups, born_there)
{
	GROUP g;
	int high;

	group_make(&g);
	high = fcntl(g.fd, F_DUPFD_CLOEXEC, 300);
	assert_born_in(way, &g, g.fd, USPAWN(request), NULL);
	assert_born_in(way, &g, high, USPAWN(request), NULL);
	assert_born_in(way, &g, USPAWN_ARG(0), USPAWN(request), USPAWN(args, .fds = &high, .nfds = 1));
	/* Its number is somebody else's in the child. */
	assert_born_in(way, &g, USPAWN_ARG(0), USPAWN(request, FDS({ high, .fd = 1 }, { 3, .fd = 0 })),
		       USPAWN(args, .fds = &high, .nfds = 1));
	assert_born_in(way, &g, g.fd, USPAWN(request, FDS({ g.fd, .fd = 1 })), NULL);
	close(high);
}

EachRung(cgroups, c14_frozen)
{
	GROUP g;
	struct uspawn_child child;
	int r;

	group_make(&g);
	if ((r = group_write(&g, "cgroup.freeze", "1")) < 0)
		group_skip(&g, "cgroup.freeze", r);
	cr_assert_eq(run_in(way, &child, g.fd, USPAWN(request, WITNESS("exit", "0")), NULL), -EBUSY);
	assert_failed(&child, EBUSY, USPAWN_STEP_CGROUP, 0);
	cr_assert_eq(run_in(way, &child, g.fd,
			    USPAWN(request, WITNESS("exit", "3"), .best_effort = (uint16_t[]){ USPAWN_STEP_CGROUP, 0 }),
			    NULL),
		     0);
	assert_exited(&child, 3);
	cr_assert(child.failure.errnum == EBUSY && child.failure.step == USPAWN_STEP_CGROUP);
	cr_assert_eq(group_write(&g, "cgroup.freeze", "0"), 0);
	assert_born_in(way, &g, g.fd, USPAWN(request), NULL);
}

/* Frozen with the one above it. */
EachRung(cgroups, c14_frozen_from_above)
{
	GROUP g;
	struct uspawn_child child;
	int sub, r;

	group_make(&g);
	if ((r = group_write(&g, "cgroup.freeze", "1")) < 0)
		group_skip(&g, "cgroup.freeze", r);
	cr_assert_eq(mkdirat(g.fd, "sub", 0755), 0);
	sub = openat(g.fd, "sub", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert_eq(run_in(way, &child, sub, USPAWN(request, WITNESS("exit", "0")), NULL), -EBUSY);
	assert_failed(&child, EBUSY, USPAWN_STEP_CGROUP, 0);
	close(sub);
}

/* A process that cannot be frozen for now: it waits, in the kernel, for a file system that nobody serves. */
struct unfreezable {
	struct scratch place;
	int server;
	pid_t pid;
};

static void unfreezable_end(struct unfreezable *u)
{
	close(u->server); /* lets it go */
	if (u->pid > 0)
		waitpid(u->pid, NULL, 0);
	umount(u->place.path);
	scratch_remove(&u->place);
}

/* 0, or -errno. It is in the group, and in the call. */
static int unfreezable_begin(struct unfreezable *u, int group)
{
	char options[80], path[64], state[8] = "", byte;
	int joined[2];
	struct stat st;
	FILE *file;

	u->pid = 0;
	scratch_make(&u->place);
	u->server = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", u->server);
	if (u->server < 0 || unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("uspawn-test", u->place.path, "fuse", 0, options) < 0)
		return -errno;
	cr_assert_eq(pipe2(joined, O_CLOEXEC), 0);
	u->pid = fork();
	if (u->pid == 0) {
		int procs = openat(group, "cgroup.procs", O_WRONLY | O_CLOEXEC);

		close(u->server);
		if (procs >= 0 && write(procs, "0", 1) == 1 && write(joined[1], "x", 1) == 1)
			stat(scratch_path(&u->place, "x"), &st);
		_exit(0);
	}
	close(joined[1]);
	cr_assert_eq(read(joined[0], &byte, 1), 1);
	close(joined[0]);
	snprintf(path, sizeof(path), "/proc/%d/stat", u->pid);
	while (*state != 'D') {
		file = fopen(path, "re");
		cr_assert(file && fscanf(file, "%*d (%*[^)]) %7s", state) == 1 && *state != 'Z');
		fclose(file);
	}
	return 0;
}

/* Before it is frozen, or told so: with the group above it, which waits for one that cannot be stopped. */
EachRung(cgroups, c14_being_frozen_from_above)
{
	GROUP g;
	struct unfreezable u;
	struct uspawn_child child;
	int sub, empty, r;

	group_make(&g);
	if ((r = group_write(&g, "cgroup.freeze", "0")) < 0)
		group_skip(&g, "cgroup.freeze", r);
	cr_assert(mkdirat(g.fd, "sub", 0755) == 0 && mkdirat(g.fd, "threads", 0755) == 0);
	sub = openat(g.fd, "sub", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	empty = openat(g.fd, "threads", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = unfreezable_begin(&u, sub);
	if (r == 0) {
		cr_assert_eq(group_write(&g, "cgroup.freeze", "1"), 0);
		cr_assert_eq(run_in(way, &child, sub, USPAWN(request, WITNESS("exit", "0")), NULL), -EBUSY);
		assert_failed(&child, EBUSY, USPAWN_STEP_CGROUP, 0);
		cr_assert_eq(run_in(way, &child, empty, USPAWN(request, WITNESS("exit", "0")), NULL), -EBUSY);
		cr_assert_eq(group_write(&g, "cgroup.freeze", "0"), 0);
		cr_assert_eq(run_in(way, &child, sub, USPAWN(request, WITNESS("exit", "3")), NULL), 0);
		assert_exited(&child, 3);
	}
	unfreezable_end(&u);
	close(sub), close(empty);
	if (r < 0)
		group_skip(&g, "a file system that nobody serves", r);
}

/* Beside a threaded group there is none for processes. */
EachRung(cgroups, c43_invalid_group)
{
	GROUP g;
	struct uspawn_child child;
	int sub;

	group_make(&g);
	cr_assert_eq(mkdirat(g.fd, "sub", 0755), 0);
	sub = openat(g.fd, "sub", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert_eq(mkdirat(g.fd, "threads", 0755), 0);
	cr_assert_eq(group_write(&g, "threads/cgroup.type", "threaded"), 0);
	cr_assert_eq(run_in(way, &child, sub, USPAWN(request, WITNESS("exit", "0")), NULL), -EOPNOTSUPP);
	assert_failed(&child, EOPNOTSUPP, USPAWN_STEP_CGROUP, 0);
	cr_assert_eq(run_in(way, &child, sub,
			    USPAWN(request, WITNESS("exit", "3"), .best_effort = (uint16_t[]){ USPAWN_STEP_CGROUP, 0 }),
			    NULL),
		     0);
	assert_exited(&child, 3);
	cr_assert(child.failure.errnum == EOPNOTSUPP && child.failure.step == USPAWN_STEP_CGROUP);
	close(sub);
}

EachRung(cgroups, c43_removed_group)
{
	GROUP g;
	struct uspawn_child child;
	int sub, r;

	group_make(&g);
	cr_assert_eq(mkdirat(g.fd, "sub", 0755), 0);
	sub = openat(g.fd, "sub", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert_eq(unlinkat(g.fd, "sub", AT_REMOVEDIR), 0);
	r = run_in(way, &child, sub, USPAWN(request, WITNESS("exit", "0")), NULL);
	cr_assert(r == -ENODEV || r == -ENOENT, "%s", strerror(-r));
	assert_failed(&child, -r, USPAWN_STEP_CGROUP, 0);
	close(sub);
}

EachRung(cgroups, what_is_no_group)
{
	GROUP g;
	struct uspawn_child child;
	const int none[] = { open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC), file_new(3), -1 };

	group_make(&g);
	for (int i = 0; i < 3; i++) {
		int fd = i < 2 ? none[i] : openat(g.fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);

		cr_assert_eq(run_in(way, &child, fd, USPAWN(request, WITNESS("exit", "0")), NULL), -EINVAL);
		assert_failed(&child, EINVAL, USPAWN_STEP_CGROUP, 0);
		close(fd);
	}
}

static uint32_t rung;
static int group_fd;

static void without_rights(void)
{
	struct uspawn_child child;

	if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setgid(54321) < 0 || setuid(54321) < 0))
		copy_skip("cannot become another user");
	copy_assert(uspawn(&child,
			   USPAWN(request, .argv = LIST("/bin/true"), .rung = rung, .flags = USPAWN_SETCGROUP,
				  .cgroup_fd = group_fd),
			   NULL) == -EACCES);
	copy_assert(child.failure.step == USPAWN_STEP_CGROUP);
}

EachWaitingRung(cgroups, c43_without_rights)
{
	GROUP g;

	group_make(&g);
	rung = way->rung;
	group_fd = g.fd;
	copy_run(without_rights);
}

/* A kernel that knows clone3 and not its cgroup: that one feature is missing, and nothing else. */
static void lacks_the_feature(int errnum)
{
	GROUP g;
	struct way way = { .rung = USPAWN_RUNG_FORK };
	struct uspawn_child child;

	if (way_missing(USPAWN_RUNG_VFORK))
		cr_skip_test("%s", way_missing(USPAWN_RUNG_VFORK));
	group_make(&g);
	kernel_refuse(CALL_CLONE3_CGROUP, errnum);
	for (int i = 0; i < 2; i++) {
		way.rung = USPAWN_RUNG_FORK;
		assert_born_in(&way, &g, g.fd, USPAWN(request), NULL);
		way.rung = USPAWN_RUNG_VFORK;
		cr_assert_eq(run_in(&way, &child, g.fd, USPAWN(request, WITNESS("exit", "3")), NULL), 0);
		assert_exited(&child, 3);
		cr_assert_eq(child.rung, USPAWN_RUNG_FORK);
		cr_assert_eq(way_run(&way, &child, USPAWN(request, WITNESS("exit", "4")), NULL), 0);
		assert_exited(&child, 4);
	}
}

CheckedTest(cgroups, c10_clone3_without_cgroup_e2big)
{
	lacks_the_feature(E2BIG);
}

CheckedTest(cgroups, c10_clone3_without_cgroup_einval)
{
	lacks_the_feature(EINVAL);
}

/* A pids controller that lets nobody in: at birth it says so. */
CheckedTest(cgroups, c43_no_room_in_the_group)
{
	GROUP g;
	struct way way = { .rung = USPAWN_RUNG_VFORK };
	struct uspawn_child child;
	int r;

	if (way_missing(USPAWN_RUNG_VFORK))
		cr_skip_test("%s", way_missing(USPAWN_RUNG_VFORK));
	group_make(&g);
	if ((r = group_write(&g, "pids.max", "0")) < 0)
		group_skip(&g, "pids.max", r);
	cr_assert_eq(run_in(&way, &child, g.fd, USPAWN(request, WITNESS("exit", "0")), NULL), -EAGAIN);
	assert_failed(&child, EAGAIN, USPAWN_STEP_CGROUP, 0);
}

/* Its group runs out of memory at the exec: whoever dies of that is the child. */
EachRung(cgroups, out_of_memory)
{
	enum { LENGTH = 100000, MANY = 15 };
	GROUP g;
	char *argv[MANY + 2] = { "witness" };
	struct uspawn_child child;
	int r;

	group_make(&g);
	if ((r = group_write(&g, "memory.max", "614400")) < 0)
		group_skip(&g, "memory.max", r);
	group_write(&g, "memory.swap.max", "0");
	for (int i = 1; i <= MANY; i++) {
		argv[i] = malloc(LENGTH + 1);
		memset(argv[i], '-', LENGTH);
		argv[i][LENGTH] = '\0';
	}
	r = run_in(way, &child, g.fd, USPAWN(request, .path = witness_path, .argv = argv), NULL);
	cr_assert(r < 0 || child.exit.code == USPAWN_KILLED, "%d", child.exit.code);
	for (int i = 1; i <= MANY; i++)
		free(argv[i]);
}
