/* SPDX-License-Identifier: MIT */
/* The second stage: it leaves no trace in the program, nothing behind, and what stands in its way leads to a fork. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/copy.h"
#include "harness/files.h"
#include "harness/kernel.h"
#include "harness/rounds.h"
#include "harness/way.h"

CheckedSuite(relay);

static void enter(void)
{
	if (way_missing(USPAWN_RUNG_RELAY))
		cr_skip_test("%s", way_missing(USPAWN_RUNG_RELAY));
}

/* A start that works, and the rung it took. */
static uint32_t rung_taken(void)
{
	struct uspawn_child child;

	cr_assert_eq(uspawn(&child, USPAWN(request, .rung = USPAWN_RUNG_RELAY, WITNESS("exit", "5")), NULL), 0);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	assert_exited(&child, 5);
	return child.rung;
}

/* The library's descriptors of the relay: how many, and the last. */
static int find_relays(int *retfd)
{
	char path[64], target[64];
	int n = 0;

	for (int fd = 0; fd < 1024; fd++) {
		ssize_t length;

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		length = readlink(path, target, sizeof(target) - 1);
		target[length < 0 ? 0 : length] = '\0';
		if (strncmp(target, "/memfd:uspawn-relay", 19) == 0) {
			*retfd = fd;
			n++;
		}
	}
	return n;
}

CheckedTest(relay, leaves_no_trace_in_the_program)
{
	struct way way = { .rung = USPAWN_RUNG_RELAY };
	REPORT r;

	enter();
	report_open(&r);
	way_report(&way, &r, USPAWN(request, .envp = LIST("A=1")), NULL);
	cr_assert_str_eq(report_fds(&r), "0 1 2");
	cr_assert_str_eq(report_value(&r, "exe"), witness_path);
	cr_assert_str_eq(report_value(&r, "arg"), "3");
	cr_assert_str_eq(report_value(&r, "arg.0"), "witness");
	cr_assert_str_eq(report_value(&r, "env"), "1");
	cr_assert_str_eq(report_value(&r, "env.0"), "A=1");
	cr_assert_eq(report_number(&r, "dumpable"), 1);
	cr_assert_str_eq(report_value(&r, "SigBlk"), "0000000000000000");
}

/* A number of the library's is nothing a request must know of. */
CheckedTest(relay, targets_on_its_own_numbers)
{
	struct way way = { .rung = USPAWN_RUNG_RELAY };
	REPORT r;
	struct uspawn_fd fds[40];
	int file = file_new(200), relay = -1;

	enter();
	report_open(&r);
	cr_assert_eq(rung_taken(), USPAWN_RUNG_RELAY);
	cr_assert_eq(find_relays(&relay), 1);
	for (int i = 0; i < 40; i++)
		fds[i] = (struct uspawn_fd){ .target = i + 3, .fd = file };
	for (int inherit = 0; inherit < 2; inherit++) {
		way_report(&way, &r, USPAWN(request, .fds = fds, .nfds = 40, .flags = inherit ? USPAWN_INHERIT_FDS : 0),
			   NULL);
		for (int i = 0; i < 40; i++)
			report_assert_file(&r, i + 3, file);
		cr_assert(relay >= 3 && relay < 43);
	}
	close(file);
}

CheckedTest(relay, program_and_directory_by_descriptor)
{
	struct way way = { .rung = USPAWN_RUNG_RELAY };
	REPORT r;
	int cwd = open("/usr", O_RDONLY | O_DIRECTORY | O_CLOEXEC), kept = open("/usr", O_RDONLY | O_DIRECTORY);
	int program = open(witness_path, O_RDONLY | O_CLOEXEC);
	char there[16];

	enter();
	report_open(&r);
	way_report(&way, &r, USPAWN(request, .flags = USPAWN_FCHDIR | USPAWN_FEXEC, .cwd_fd = cwd, .exec_fd = program),
		   NULL);
	cr_assert_str_eq(report_value(&r, "cwd"), "/usr");
	cr_assert_str_eq(report_fds(&r), "0 1 2");
	way_report(&way, &r,
		   USPAWN(request, .flags = USPAWN_FCHDIR | USPAWN_FEXEC | USPAWN_INHERIT_FDS, .cwd_fd = kept,
			  .exec_fd = program),
		   NULL);
	cr_assert_str_eq(report_value(&r, "cwd"), "/usr");
	snprintf(there, sizeof(there), "fd.%d", kept);
	cr_assert(report_find(&r, there), "an inherited number went with the relay");
	snprintf(there, sizeof(there), "fd.%d", program);
	cr_assert_null(report_find(&r, there));
	close(cwd), close(kept), close(program);
}

CheckedTest(relay, failures_in_a_row_leave_nothing)
{
	struct uspawn_child child;

	enter();
	for (int i = 0; i < rounds(10000); i++) {
		int r = uspawn(&child,
			       USPAWN(request, .rung = USPAWN_RUNG_RELAY, .path = i % 2 ? "/no/such" : witness_path,
				      .argv = LIST("x"), .cwd = i % 2 ? NULL : "/no/such"),
			       NULL);

		cr_assert_eq(r, -ENOENT);
		assert_failed(&child, ENOENT, i % 2 ? USPAWN_STEP_EXEC : USPAWN_STEP_CWD, 0);
		if (i % 1000 == 0)
			stock_check();
	}
}

CheckedTest(relay, host_closes_what_it_does_not_know)
{
	int relay = -1, file;

	enter();
	cr_assert_eq(rung_taken(), USPAWN_RUNG_RELAY);
	cr_assert_eq(find_relays(&relay), 1);
	close(relay);
	cr_assert_eq(rung_taken(), USPAWN_RUNG_RELAY);
	cr_assert_eq(find_relays(&relay), 1);
	/* And has something else there by now. */
	file = open("/dev/null", O_RDWR | O_CLOEXEC);
	cr_assert_eq(dup3(file, relay, O_CLOEXEC), relay);
	cr_assert_eq(rung_taken(), USPAWN_RUNG_RELAY);
	close(file);
	cr_assert_geq(fcntl(relay, F_GETFD), 0, "it is the host's");
	close(relay);
}

static void *start_one(void *p)
{
	atomic_int *ready = p;

	atomic_fetch_sub(ready, 1);
	while (atomic_load(ready) > 0)
		;
	for (int i = 0; i < 20; i++)
		cr_assert_eq(rung_taken(), USPAWN_RUNG_RELAY);
	return NULL;
}

CheckedTest(relay, first_use_by_many_threads)
{
	pthread_t threads[8];
	atomic_int ready = 8;
	int relay;

	enter();
	for (int i = 0; i < 8; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, start_one, &ready), 0);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	cr_assert_eq(find_relays(&relay), 1);
}

/* ---- Paths that mean another process, or another program, in it ---- */

/* This program, where it is run as a child. */
__attribute__((constructor)) static void end_at_once(void)
{
	const char *code = getenv("USPAWN_TEST_END");

	if (code)
		_exit(atoi(code));
}

/* On the way's rung or a slower one. */
static int run_by(struct way *way, struct uspawn_child *child, const struct uspawn_request *request)
{
	struct uspawn_request whole = *request;
	struct uspawn_plan *plan;
	int r;

	whole.rung = way->rung;
	cr_assert_eq(uspawn_plan_new(&plan, &whole, NULL), 0);
	r = way->ring ? uspawn_ring_start(way->ring, child, plan, NULL) : uspawn_start(child, plan, NULL);
	uspawn_plan_free(plan);
	if (r < 0)
		return r;
	way_end(way, child);
	return child->exit.code == USPAWN_FAILED ? -child->exit.status : 0;
}

EachRung(relay, callers_program)
{
	static const char *const paths[] = { "/proc/self/exe", "/proc/thread-self/exe", "//./proc/./self//exe",
					     "/usr/../proc/self/exe" };
	static char *const argvs[][4] = { { "one", NULL }, { "one", "0", NULL }, { "one", "0", "4096", NULL } };
	int zeros = file_new(3);

	cr_assert_eq(ftruncate(zeros, 4096), 0);
	for (unsigned i = 0; i < 12; i++) {
		struct uspawn_child child;

		cr_assert_eq(run_by(way, &child,
				    USPAWN(request, .path = paths[i % 4], .argv = argvs[i / 4],
					   .envp = LIST("USPAWN_TEST_END=42"), FDS({ 0, .fd = zeros }))),
			     0);
		assert_exited(&child, 42);
	}
	close(zeros);
}

EachRung(relay, searched_in_a_directory_of_the_callers)
{
	struct uspawn_child child;

	cr_assert_eq(run_by(way, &child,
			    USPAWN(request, .file = "exe", .search = "/no/such:/proc/self", .argv = LIST("exe"),
				   .envp = LIST("USPAWN_TEST_END=42"))),
		     0);
	assert_exited(&child, 42);
}

/* They are closed at the exec, and the relay's is one. */
EachRung(relay, through_descriptors_that_close)
{
	static const char *const forms[] = { "/proc/self/fd", "/dev/fd", "/proc/thread-self/fd" };
	int program = open(witness_path, O_RDONLY | O_CLOEXEC), directory = open("/", O_RDONLY | O_CLOEXEC);

	for (int i = 0; i < 3; i++) {
		struct uspawn_child child;
		char path[64], place[64], beyond[PATH_MAX];

		snprintf(path, sizeof(path), "%s/%d", forms[i], program);
		snprintf(place, sizeof(place), "%s/%d", forms[i], directory);
		snprintf(beyond, sizeof(beyond), "%s%s", place, witness_path);
		cr_assert_eq(run_by(way, &child,
				    USPAWN(request, .path = path, .argv = LIST("witness", "exit", "5"), .cwd = place,
					   .flags = USPAWN_INHERIT_FDS)),
			     0, "%s", path);
		assert_exited(&child, 5);
		cr_assert_eq(run_by(way, &child,
				    USPAWN(request, .path = beyond, .argv = LIST("witness", "exit", "6"),
					   .flags = USPAWN_INHERIT_FDS)),
			     0, "%s", beyond);
		assert_exited(&child, 6);
		if (geteuid() != 0)
			continue;
		cr_assert_eq(run_by(way, &child,
				    USPAWN(request, WITNESS("exit", "7"), .root = place, .flags = USPAWN_INHERIT_FDS)),
			     0, "%s", place);
		assert_exited(&child, 7);
	}
	close(program), close(directory);
}

#ifdef RELAY_PATH

/* Whoever runs it himself learns nothing, and loses nothing: nothing is mapped, and nothing is read on. */
static void assert_refuses(char *const *argv, int in)
{
	struct uspawn_child child;

	cr_assert_eq(uspawn(&child, USPAWN(request, .path = RELAY_PATH, .argv = argv, FDS({ 0, .fd = in })), NULL), 0);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	assert_exited(&child, 127);
}

CheckedTest(relay, run_by_hand)
{
	static char *const argvs[][5] = {
		{ "uspawn-relay", NULL },
		{ "uspawn-relay", "0", NULL },
		{ "uspawn-relay", "0", "4096", NULL },
		{ "uspawn-relay", "0", "8", NULL },
		{ "uspawn-relay", "--help", "4096", NULL },
		{ "uspawn-relay", "0", "", NULL },
		{ "uspawn-relay", "", "4096", NULL },
		{ "uspawn-relay", "0x0", "4096", NULL },
		{ "uspawn-relay", "4294967296", "4096", NULL },
		{ "uspawn-relay", "0", "18446744073709555712", NULL },
		{ "uspawn-relay", "0", "4096", "4096", NULL },
	};
	int zeros = file_new(3), empty = file_new(3), ends[2];
	char byte;

	cr_assert(ftruncate(zeros, 4096) == 0 && ftruncate(empty, 0) == 0 && pipe2(ends, O_CLOEXEC) == 0);
	cr_assert_eq(write(ends[1], "x", 1), 1);
	lseek(zeros, 0, SEEK_SET);
	for (unsigned i = 0; i < sizeof(argvs) / sizeof(*argvs); i++) {
		assert_refuses(argvs[i], zeros);
		assert_refuses(argvs[i], empty);
		assert_refuses(argvs[i], ends[0]);
	}
	cr_assert_eq(lseek(zeros, 0, SEEK_CUR), 0);
	cr_assert_eq(read(ends[0], &byte, 1), 1);
	close(zeros), close(empty), close(ends[0]), close(ends[1]);
}

#endif

/* ---- What stands in its way ---- */

CheckedTest(relay, no_files_in_memory)
{
	enter();
	kernel_refuse(CALL_MEMFD, ENOSYS);
	cr_assert_eq(rung_taken(), USPAWN_RUNG_FORK);
	cr_assert_eq(rung_taken(), USPAWN_RUNG_FORK);
}

CheckedTest(relay, files_in_memory_may_not_be_executed)
{
	uint32_t taken;

	enter();
	kernel_refuse(CALL_MEMFD_EXEC, EACCES);
	taken = rung_taken();
	cr_assert(taken == USPAWN_RUNG_FORK || taken == USPAWN_RUNG_RELAY, "the installed one, or none");
	cr_assert_eq(rung_taken(), taken);
}

/* ---- The installed one, where a file in memory may not be executed ---- */

#ifdef RELAY_PATH

/* In a view of the file system of this process's own: `bytes` of it (0: all), and what is added to it. */
static void install(off_t bytes, const char *added)
{
	char command[3 * PATH_MAX], place[] = RELAY_DIRECTORY;
	struct stat st;

	/* Upon the directory, or where it would be made. */
	while (stat(place, &st) < 0 && strrchr(place, '/') != place)
		*strrchr(place, '/') = '\0';
	if (strncmp(witness_path, place, strlen(place)) == 0 || strcmp(place, "/usr") == 0)
		cr_skip_test("needed for other things, too: %s", place);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", place, "tmpfs", 0, NULL) < 0)
		cr_skip_test("mounts: %s", strerror(errno));
	snprintf(command, sizeof(command), "mkdir -p %s && cp %s %s && printf '%%s' '%s' >>%s/uspawn-relay",
		 RELAY_DIRECTORY, RELAY_PATH, RELAY_DIRECTORY, added, RELAY_DIRECTORY);
	cr_assert_eq(system(command), 0);
	if (bytes)
		cr_assert_eq(truncate(RELAY_DIRECTORY "/uspawn-relay", bytes), 0);
}

static void assert_installed(off_t bytes, const char *added, uint32_t refused, uint32_t rung)
{
	enter();
	install(bytes, added);
	kernel_refuse(refused, EACCES);
	cr_assert_eq(rung_taken(), rung);
	cr_assert_eq(rung_taken(), rung);
}

CheckedTest(relay, installed)
{
	int data = memfd_create("data", MFD_CLOEXEC | 8 /* MFD_NOEXEC_SEAL */);

	if (data < 0)
		cr_skip_test("memory that is never to be executed");
	close(data);
	assert_installed(0, "", CALL_MEMFD_EXEC, USPAWN_RUNG_RELAY);
}

/* What it is told stands in memory, too. */
CheckedTest(relay, installed_and_no_files_in_memory)
{
	assert_installed(0, "", CALL_MEMFD, USPAWN_RUNG_FORK);
}

/* It would misread what it is told. */
CheckedTest(relay, installed_by_another_version)
{
	assert_installed(0, "and more", CALL_MEMFD_EXEC, USPAWN_RUNG_FORK);
}

CheckedTest(relay, installed_in_part)
{
	assert_installed(4096, "", CALL_MEMFD_EXEC, USPAWN_RUNG_FORK);
}

#endif

CheckedTest(relay, no_robust_futexes)
{
	enter();
	kernel_refuse(CALL_ROBUST_LIST, ENOSYS);
	cr_assert_eq(rung_taken(), USPAWN_RUNG_FORK);
	cr_assert_eq(rung_taken(), USPAWN_RUNG_FORK);
}

/* The kernel has thrown away how it ended: it has not begun, and that is all there is to know. */
CheckedTest(relay, no_robust_futexes_and_ignored_sigchld)
{
	struct uspawn_child child;

	enter();
	signal(SIGCHLD, SIG_IGN);
	kernel_refuse(CALL_ROBUST_LIST, ENOSYS);
	cr_assert_eq(
		uspawn(&child, USPAWN(request, .rung = USPAWN_RUNG_RELAY, .path = "/no/such", .argv = LIST("x")), NULL),
		-ENOENT);
	cr_assert_eq(uspawn(&child, USPAWN(request, .rung = USPAWN_RUNG_RELAY, WITNESS("exit", "5")), NULL), 0);
	cr_assert_eq(child.rung, USPAWN_RUNG_FORK);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	signal(SIGCHLD, SIG_DFL);
}

struct refused {
	int errnum;
	uint32_t taken;
};

/* A filter is its thread's. */
static void *start_refused(void *p)
{
	struct refused *refused = p;

	kernel_refuse(CALL_EXECVEAT, refused->errnum);
	refused->taken = rung_taken();
	return NULL;
}

static void assert_refused(int errnum, uint32_t later)
{
	struct refused refused = { .errnum = errnum };
	pthread_t thread;

	enter();
	cr_assert_eq(pthread_create(&thread, NULL, start_refused, &refused), 0);
	pthread_join(thread, NULL);
	cr_assert_eq(refused.taken, USPAWN_RUNG_FORK);
	cr_assert_eq(rung_taken(), later);
}

#define REFUSED(errnum, later)                     \
	CheckedTest(relay, its_exec_says_##errnum) \
	{                                          \
		assert_refused(errnum, later);     \
	}

/* Of the machine: it is not tried again. */
REFUSED(EACCES, USPAWN_RUNG_FORK)
REFUSED(EPERM, USPAWN_RUNG_FORK)
REFUSED(ENOSYS, USPAWN_RUNG_FORK)
REFUSED(ENOENT, USPAWN_RUNG_FORK)
REFUSED(ENOEXEC, USPAWN_RUNG_FORK)
/* Of the moment. */
REFUSED(ENOMEM, USPAWN_RUNG_RELAY)
REFUSED(EAGAIN, USPAWN_RUNG_RELAY)
REFUSED(E2BIG, USPAWN_RUNG_RELAY)
REFUSED(EMFILE, USPAWN_RUNG_RELAY)

/* Trap 3.9: nothing but the witness may be run by this process from now on. */
static void allow_the_witness_only(void)
{
	struct uspawn_child child;
	int r;

	enter();
	r = kernel_landlock_exec(witness_path);
	if (r == 0)
		r = uspawn(&child, USPAWN(request, WITNESS("exit", "0")), NULL);
	if (r < 0)
		cr_skip_test("landlock, or a witness that is not linked statically: %s", strerror(-r));
	cr_assert_eq(uspawn_wait(&child, -1), 1);
}

/* What is in memory is no file of a hierarchy that landlock knows. */
CheckedTest(relay, landlock_does_not_know_it)
{
	allow_the_witness_only();
	cr_assert_eq(rung_taken(), USPAWN_RUNG_RELAY);
}

/* An installed one is, and is not allowed. */
CheckedTest(relay, landlock_forbids_the_installed_one)
{
	allow_the_witness_only();
	kernel_refuse(CALL_MEMFD_EXEC, EACCES);
	cr_assert_eq(rung_taken(), USPAWN_RUNG_FORK);
	cr_assert_eq(rung_taken(), USPAWN_RUNG_FORK);
}

/* A limit that the kernel has for one PID namespace, and what is below. */
static void refuse_by_sysctl(void)
{
	struct uspawn_child child;
	int status;
	pid_t pid;

	if (unshare(CLONE_NEWPID) < 0)
		copy_skip("a PID namespace");
	pid = fork();
	if (pid == 0) {
		int file = open("/proc/sys/vm/memfd_noexec", O_WRONLY | O_CLOEXEC);

		if (file < 0 || write(file, "2", 1) != 1)
			_exit(77);
		if (uspawn(&child, USPAWN(request, .rung = USPAWN_RUNG_RELAY, WITNESS("exit", "5")), NULL) < 0 ||
		    uspawn_wait(&child, -1) != 1)
			_exit(1);
		_exit(child.exit.status != 5 || child.rung < USPAWN_RUNG_RELAY);
	}
	copy_assert(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		copy_skip("vm.memfd_noexec");
	copy_assert(WEXITSTATUS(status) == 0);
}

CheckedTest(relay, memfd_noexec)
{
	enter();
	copy_run(refuse_by_sysctl);
}

/* ---- Killed and stopped at any moment ---- */

struct hunter {
	int tid, signo, stop;
	atomic_int hits, done;
};

static void *hunt(void *p)
{
	struct hunter *h = p;
	char path[64], text[64];

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", h->tid);
	while (!atomic_load(&h->done)) {
		int file = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t n = file < 0 ? 0 : read(file, text, sizeof(text) - 1);

		close(file);
		text[n < 0 ? 0 : n] = '\0';
		if (atoi(text) <= 0)
			continue;
		if (h->stop)
			kill(atoi(text), SIGSTOP);
		usleep((useconds_t)(atomic_load(&h->hits) % 7 * 10));
		if (kill(atoi(text), h->signo) == 0)
			atomic_fetch_add(&h->hits, 1);
	}
	return NULL;
}

static int hunted(int signo, int stop, int *retkilled)
{
	struct hunter h = { .tid = kernel_gettid(), .signo = signo, .stop = stop };
	pthread_t thread;

	enter();
	*retkilled = 0;
	cr_assert_eq(rung_taken(), USPAWN_RUNG_RELAY);
	cr_assert_eq(pthread_create(&thread, NULL, hunt, &h), 0);
	for (int i = 0; i < 3000 && (i < rounds(500) || atomic_load(&h.hits) < 50); i++) {
		struct uspawn_child child;

		cr_assert_eq(uspawn(&child, USPAWN(request, .rung = USPAWN_RUNG_RELAY, WITNESS("exit", "5")), NULL), 0);
		cr_assert_eq(uspawn_wait(&child, -1), 1);
		if (child.exit.code == USPAWN_KILLED)
			*retkilled += 1;
		else
			assert_exited(&child, 5);
	}
	atomic_store(&h.done, 1);
	pthread_join(thread, NULL);
	return atomic_load(&h.hits);
}

CheckedTest(relay, killed_at_any_moment)
{
	int killed, hits = hunted(SIGKILL, 0, &killed);

	cr_assert(hits > 0 && killed > 0);
}

CheckedTest(relay, stopped_at_any_moment)
{
	int killed, hits = hunted(SIGCONT, 1, &killed);

	cr_assert(hits > 0);
	cr_assert_eq(killed, 0);
}

/* The first child of a PID namespace is its init: one that is only tried would take it along. */
CheckedTest(relay, refused_to_the_first_of_a_pid_namespace)
{
	struct uspawn_child child;

	if (unshare(CLONE_NEWPID) < 0)
		cr_skip_test("a new PID namespace cannot be had");
	kernel_refuse(CALL_EXECVEAT, ENOSYS);
	cr_assert_eq(uspawn_run(&child, USPAWN(request, WITNESS("exit", "5"), .caps = "cap_kill=i"), NULL), 0);
	assert_exited(&child, 5);
	cr_assert_eq(child.rung, USPAWN_RUNG_FORK);
}
