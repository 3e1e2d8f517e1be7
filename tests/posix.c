/* SPDX-License-Identifier: MIT */
/* The posix_spawn replacement: what starts, what the child has, and which error is whose; each also seen of libc. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "harness/copy.h"
#include "harness/family.h"
#include "harness/files.h"
#include "harness/rounds.h"
#include "harness/way.h"

CheckedSuite(posix);

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51 /* 5.14; arm64: 4.18 */
#endif

#define ACTIONS(f, name)                 \
	posix_spawn_file_actions_t name; \
	cr_assert_eq((f)->actions.init(&name), 0)

#define ATTR(f, name)           \
	posix_spawnattr_t name; \
	cr_assert_eq((f)->attr.init(&name), 0)

static void no_children(void)
{
	cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1);
	cr_assert_eq(errno, ECHILD);
}

/* ---- path ---- */

EachFamily(posix, c19_callers_path)
{
	SCRATCH s;
	char *const env[] = { "PATH=/nowhere", NULL }, *const none[] = { NULL };
	pid_t pid;

	scratch_make(&s);
	scratch_exit(&s, "tool", 11);
	setenv("PATH", s.path, 1);
	cr_assert_eq(f->spawnp(&pid, "tool", NULL, NULL, LIST("tool"), env), 0);
	cr_assert_eq(family_end(pid), 11);
	cr_assert_eq(f->spawnp(&pid, "tool", NULL, NULL, LIST("tool"), none), 0);
	cr_assert_eq(family_end(pid), 11);
	cr_assert_eq(f->spawn(&pid, "tool", NULL, NULL, LIST("tool"), none), ENOENT, "a path is not searched for");
	unsetenv("PATH");
	cr_assert_eq(family_search(f, "true", LIST("true")), 0);
}

EachFamily(posix, c20_which_error_wins)
{
	SCRATCH s;
	char path[400], name[300] = "";

	scratch_make(&s);
	scratch_directory(&s, "good", 0755);
	scratch_directory(&s, "plain", 0755);
	scratch_directory(&s, "bad", 0755);
	scratch_file(&s, "plain/tool", 0644, "x");
	scratch_file(&s, "bad/tool", 0755, "#!/no/such\n");
	scratch_exit(&s, "good/tool", 5);
	snprintf(path, sizeof(path), "/no/such:%s/plain/tool:%s/bad:%s/plain:%s/good", s.path, s.path, s.path, s.path);
	setenv("PATH", path, 1);
	cr_assert_eq(family_search(f, "tool", LIST("tool")), 5);
	*strrchr(path, ':') = '\0';
	setenv("PATH", path, 1);
	cr_assert_eq(family_search(f, "tool", LIST("tool")), -EACCES);
	*strrchr(path, ':') = '\0';
	setenv("PATH", path, 1);
	cr_assert_eq(family_search(f, "tool", LIST("tool")), -ENOENT);
	*strrchr(path, ':') = '\0';
	setenv("PATH", path, 1);
	cr_assert_eq(family_search(f, "tool", LIST("tool")), -ENOTDIR);
	cr_assert_eq(family_search(f, "", LIST("tool")), -ENOENT);
	memset(name, 'n', sizeof(name) - 1);
	snprintf(path, sizeof(path), "%s:/no/such", s.path);
	setenv("PATH", path, 1);
	cr_assert_eq(family_search(f, name, LIST("tool")), -ENAMETOOLONG);
}

EachFamily(posix, empty_entry_is_the_directory_itself)
{
	SCRATCH s;
	char here[PATH_MAX];

	scratch_make(&s);
	scratch_file(&s, "tool", 0755, "#!/bin/sh\n[ \"$0\" = tool ]\n");
	cr_assert_not_null(getcwd(here, sizeof(here)));
	cr_assert_eq(chdir(s.path), 0);
	setenv("PATH", "/no/such:", 1);
	cr_assert_eq(family_search(f, "tool", LIST("tool")), 0);
	cr_assert_eq(chdir(here), 0);
}

EachFamily(posix, c21_script_without_interpreter)
{
	SCRATCH s;
	pid_t pid;

	scratch_make(&s);
	scratch_file(&s, "text", 0755, "exit $1\n");
	setenv("PATH", s.path, 1);
	cr_assert_eq(family_run(f, scratch_path(&s, "text"), LIST("text", "7"), NULL, NULL), -ENOEXEC);
	cr_assert_eq(family_search(f, "text", LIST("text", "7")), -ENOEXEC);
	if (!f->spawn_old)
		return;
	cr_assert_eq(f->spawn_old(&pid, scratch_path(&s, "text"), NULL, NULL, LIST("text", "7"), environ), 0);
	cr_assert_eq(family_end(pid), 7, "as programs that were linked before 2.15 expect");
	cr_assert_eq(f->spawnp_old(&pid, scratch_path(&s, "text"), NULL, NULL, LIST("text", "8"), environ), 0);
	cr_assert_eq(family_end(pid), 8);
}

EachFamily(posix, c44_relative_to_the_changed_directory)
{
	SCRATCH s;
	ACTIONS(f, actions);
	char here[PATH_MAX];
	pid_t pid;

	scratch_make(&s);
	scratch_directory(&s, "p", 0755);
	scratch_directory(&s, "c", 0755);
	scratch_exit(&s, "p/tool", 1);
	scratch_exit(&s, "c/tool", 2);
	cr_assert_not_null(getcwd(here, sizeof(here)));
	cr_assert_eq(chdir(scratch_path(&s, "p")), 0);
	cr_assert_eq(f->actions.addchdir_np(&actions, scratch_path(&s, "c")), 0);
	cr_assert_eq(family_run(f, "./tool", LIST("tool"), &actions, NULL), 2);
	setenv("PATH", ".", 1);
	cr_assert_eq(f->spawnp(&pid, "tool", &actions, NULL, LIST("tool"), environ), 0);
	cr_assert_eq(family_end(pid), 2);
	f->actions.destroy(&actions);
	cr_assert_eq(chdir(here), 0);
}

/* ---- error-report ---- */

EachFamily(posix, c5_swap_does_not_hide_a_failed_exec)
{
	ACTIONS(f, actions);

	f->actions.adddup2(&actions, 2, 60);
	f->actions.adddup2(&actions, 1, 2);
	f->actions.adddup2(&actions, 60, 1);
	cr_assert_eq(family_run(f, "/no/such", LIST("x"), &actions, NULL), -ENOENT);
	no_children();
	f->actions.destroy(&actions);
}

EachFamily(posix, c22_errors_are_the_return_value)
{
	int gone = file_free_number(64);
	ACTIONS(f, open);
	ACTIONS(f, dup);

	errno = 77;
	cr_assert_eq(family_run(f, "/no/such", LIST("x"), NULL, NULL), -ENOENT);
	f->actions.addopen(&open, 0, "/no/such", O_RDONLY, 0);
	cr_assert_eq(family_run(f, witness_path, LIST("x"), &open, NULL), -ENOENT);
	f->actions.adddup2(&dup, gone, 1);
	cr_assert_eq(family_run(f, witness_path, LIST("x"), &dup, NULL), -EBADF);
	cr_assert(f != family_get(FAMILY_REPLACEMENT) || errno == 77);
	no_children();
	cr_assert_eq(family_run(f, witness_path, LIST("w", "exit", "127"), NULL, NULL), 127);
	f->actions.destroy(&open);
	f->actions.destroy(&dup);
}

CheckedTest(posix, c22_errno_behind_a_shell)
{
	const struct family *f = family_get(FAMILY_REPLACEMENT);
	pid_t pid;

	setenv("USPAWN_ELIDE_SHELL", "1", 1);
	errno = 77;
	cr_assert_eq(f->spawn(&pid, "/bin/sh", NULL, NULL, LIST("sh", "-c", "/bin/true"),
			      LIST("PATH=/usr/bin:/bin", "PWD=/no/such")),
		     0);
	cr_assert_eq(errno, 77);
	cr_assert_eq(family_end(pid), 0);
}

/* What clone3(2) says of them. */
EachFamily(posix, groups_that_are_none)
{
	ATTR(f, attr);
	int file = file_new(10);

	if (!f->attr.setcgroup_np)
		cr_skip_test("before glibc 2.39");
	f->attr.setflags(&attr, POSIX_SPAWN_SETCGROUP);
	f->attr.setcgroup_np(&attr, -1);
	cr_assert_eq(family_run(f, witness_path, LIST("w", "exit", "0"), NULL, &attr), -EINVAL);
	f->attr.setcgroup_np(&attr, file);
	cr_assert_eq(family_run(f, witness_path, LIST("w", "exit", "0"), NULL, &attr), -EBADF);
	close(file);
	f->attr.setcgroup_np(&attr, file);
	cr_assert_eq(family_run(f, witness_path, LIST("w", "exit", "0"), NULL, &attr), -EBADF);
	f->attr.destroy(&attr);
}

EachFamily(posix, c30_failed_starts_leave_nothing)
{
	ACTIONS(f, actions);

	f->actions.addchdir_np(&actions, "/no/such");
	for (int i = 0; i < rounds(2000); i++) {
		cr_assert_eq(family_run(f, "/no/such", LIST("x"), NULL, NULL), -ENOENT);
		cr_assert_eq(family_run(f, witness_path, LIST("x"), &actions, NULL), -ENOENT);
	}
	no_children();
	f->actions.destroy(&actions);
}

EachFamily(posix, c45_directory_or_interpreter)
{
	SCRATCH s;
	ACTIONS(f, gone);
	ACTIONS(f, file);

	scratch_make(&s);
	scratch_file(&s, "script", 0755, "#!/no/such\n");
	f->actions.addchdir_np(&gone, "/no/such");
	f->actions.addchdir_np(&file, scratch_path(&s, "script"));
	cr_assert_eq(family_run(f, witness_path, LIST("x"), &gone, NULL), -ENOENT);
	cr_assert_eq(family_run(f, witness_path, LIST("x"), &file, NULL), -ENOTDIR);
	cr_assert_eq(family_run(f, scratch_path(&s, "script"), LIST("x"), NULL, NULL), -ENOENT);
	f->actions.destroy(&gone);
	f->actions.destroy(&file);
}

/* ---- without the shell ---- */

/* dash blocks nothing in what it starts, since 0.5.11, and has a handler for SIGCHLD. */
EachFamily(posix, c25_signals_behind_a_shell)
{
	int ours = f == family_get(FAMILY_REPLACEMENT);
	char command[600], target[64] = "";
	ATTR(f, attr);
	sigset_t all, before;
	pid_t pid;

	if (readlink("/bin/sh", target, sizeof(target) - 1) < 0 || !strstr(target, "dash"))
		cr_skip_test("/bin/sh is not dash");
	setenv("USPAWN_ELIDE_SHELL", "1", 1);
	sigfillset(&all);
	f->attr.setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	f->attr.setsigmask(&attr, &all);
	for (int asked_for = 0; asked_for < 2; asked_for++) {
		REPORT r;

		report_open(&r);
		snprintf(command, sizeof(command), "%s report %s", witness_path, r.where);
		signal(SIGCHLD, SIG_IGN);
		sigprocmask(SIG_SETMASK, &all, &before);
		cr_assert_eq(f->spawn(&pid, "/bin/sh", NULL, asked_for ? &attr : NULL, LIST("sh", "-c", command),
				      LIST("PATH=/usr/bin:/bin")),
			     0);
		sigprocmask(SIG_SETMASK, &before, NULL);
		cr_assert(waitpid(pid, NULL, 0) == -1 && errno == ECHILD);
		signal(SIGCHLD, SIG_DFL);
		report_read(&r);
		cr_assert(!ours || (report_number(&r, "pid") == pid && report_number(&r, "ppid") == getpid()));
		cr_assert_eq(report_hex(&r, "SigIgn") >> (SIGCHLD - 1) & 1, 0);
		if (!ours && report_hex(&r, "SigBlk"))
			cr_skip_test("an older dash");
		cr_assert_eq(report_hex(&r, "SigBlk"), 0);
	}
	f->attr.destroy(&attr);
}

/* ---- fd-mapping ---- */

EachFamily(posix, c6_closed_standard_descriptors)
{
	ACTIONS(f, actions);
	struct stdio saved;
	int pipe_ends[2], code;
	pid_t pid;

	stdio_replace(&saved, -1, 1, 2);
	cr_assert_eq(pipe2(pipe_ends, O_CLOEXEC), 0);
	f->actions.adddup2(&actions, pipe_ends[0], 0);
	code = f->spawn(&pid, witness_path, &actions, NULL, LIST("w", "eof", "0", "exit", "4"), environ);
	close(pipe_ends[0]);
	close(pipe_ends[1]);
	code = code ? -code : family_end(pid);
	stdio_restore(&saved);
	cr_assert_eq(code, 4);
	f->actions.destroy(&actions);
}

EachFamily(posix, c7_one_after_the_other)
{
	REPORT r;
	ACTIONS(f, actions);
	int a = file_new(70), b = file_new(80), one = file_free_number(40), two = file_free_number(one + 1);

	f->actions.adddup2(&actions, a, one);
	f->actions.adddup2(&actions, b, two);
	f->actions.adddup2(&actions, two, one);
	f->actions.adddup2(&actions, one, two); /* no swap: both are b */
	family_report(f, &r, &actions, NULL);
	report_assert_file(&r, one, b);
	report_assert_file(&r, two, b);
	f->actions.destroy(&actions);
	close(a);
	close(b);
}

EachFamily(posix, c8_same_number_clears_close_on_exec)
{
	REPORT r;
	ACTIONS(f, actions);
	ACTIONS(f, closed);
	int fd = file_new(70);

	f->actions.adddup2(&actions, fd, fd);
	family_report(f, &r, &actions, NULL);
	report_assert_file(&r, fd, fd);
	cr_assert_eq(fcntl(fd, F_GETFD), FD_CLOEXEC, "the parent's keeps it");
	f->actions.adddup2(&closed, file_free_number(90), file_free_number(90));
	cr_assert_eq(family_run(f, witness_path, LIST("x"), &closed, NULL), -EBADF);
	f->actions.destroy(&actions);
	f->actions.destroy(&closed);
	close(fd);
}

EachFamily(posix, c51_what_is_inherited_is_the_callers)
{
	REPORT r;
	int kept = file_new(300), closed = file_new(310);

	fcntl(kept, F_SETFD, 0);
	family_report(f, &r, NULL, NULL);
	report_assert_file(&r, kept, kept);
	cr_assert_null(report_find(&r, "fd.310"));
	cr_assert_str_not_empty(report_fds(&r));
	close(kept);
	close(closed);
}

/* ---- limits ---- */

EachFamily(posix, c32_closefrom_reaches_far_up)
{
	REPORT r;
	ACTIONS(f, actions);
	struct rlimit limit;
	int far;

	getrlimit(RLIMIT_NOFILE, &limit);
	far = fcntl(0, F_DUPFD, (int)(limit.rlim_cur > 900001 ? 900000 : limit.rlim_cur - 1));
	f->actions.addclosefrom_np(&actions, 3);
	family_report(f, &r, &actions, NULL);
	cr_assert_str_eq(report_fds(&r), "0 1 2");
	f->actions.destroy(&actions);
	close(far);
}

/* Where there is little stack, and none for Criterion's asserts. */
struct small_start {
	const struct family *family;
	char **argv;
	int r, status;
};

static struct small_start small;

static void start_small(void)
{
	pid_t pid;

	small.status = -1;
	small.r = small.family->spawn(&pid, witness_path, NULL, NULL, small.argv, environ);
	if (small.r == 0)
		waitpid(pid, &small.status, 0);
}

static void *start_in_thread(void *p)
{
	volatile char callers[6144] __attribute__((unused)) = { 0 }; /* who starts something needs some stack, too */

	start_small();
	return p;
}

static void start_in_handler(int signo)
{
	(void)signo;
	start_small();
}

EachFamily(posix, c33_small_stack)
{
	enum { MANY = 100000 };
	char **argv = calloc(MANY + 1, sizeof(*argv));
	pthread_attr_t attr;
	pthread_t thread;

	for (int i = 0; i < MANY; i++)
		argv[i] = "x";
	argv[1] = "--";
	argv[0] = "w";
	small = (struct small_start){ f, argv };
	pthread_attr_init(&attr);
	cr_assert_eq(pthread_attr_setstacksize(&attr, (size_t)PTHREAD_STACK_MIN), 0);
	cr_assert_eq(pthread_create(&thread, &attr, start_in_thread, NULL), 0);
	pthread_join(thread, NULL);
	pthread_attr_destroy(&attr);
	cr_assert_eq(small.r, 0);
	cr_assert_eq(small.status, 0);
	free(argv);
}

/* As a crash handler does, on the stack that most give it; the kernel's frame is on it, too. */
EachFamily(posix, c33_stack_of_a_signal_handler)
{
	unsigned long frame = getauxval(AT_MINSIGSTKSZ);
	size_t size = frame > 4096 ? frame + 6144 : 8192, page = (size_t)sysconf(_SC_PAGESIZE);
	size_t room = (size + page - 1) / page * page;
	struct sigaction action = { .sa_handler = start_in_handler, .sa_flags = SA_ONSTACK }, before;
	stack_t stack = { .ss_size = size }, none = { .ss_flags = SS_DISABLE };
	char *map = mmap(NULL, page + room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(map, MAP_FAILED);
	cr_assert_eq(mprotect(map, page, PROT_NONE), 0);
	stack.ss_sp = map + page;
	cr_assert_eq(sigaltstack(&stack, NULL), 0);
	cr_assert_eq(sigaction(SIGUSR1, &action, &before), 0);
	small = (struct small_start){ f, LIST("w", "exit", "9") };
	raise(SIGUSR1);
	cr_assert_eq(small.r, 0);
	cr_assert_eq(small.status, 9 << 8);
	sigaction(SIGUSR1, &before, NULL);
	sigaltstack(&none, NULL);
	munmap(map, page + room);
}

EachFamily(posix, c34_one_long_argument)
{
	char *text = malloc(131073);

	memset(text, 'x', 131072);
	text[131072] = '\0';
	cr_assert_eq(family_run(f, witness_path, LIST("w", "--", text), NULL, NULL), -E2BIG);
	text[131071] = '\0';
	cr_assert_eq(family_run(f, witness_path, LIST("w", "--", text), NULL, NULL), 0);
	free(text);
}

static const struct family *limited;

static void at_the_process_limit(void)
{
	struct rlimit none = { 0, 0 };
	pid_t pid;

	copy_assert(setresgid(4242, 4242, 4242) == 0 && setresuid(4242, 4242, 4242) == 0);
	copy_assert(setrlimit(RLIMIT_NPROC, &none) == 0);
	copy_assert(limited->spawn(&pid, "/bin/true", NULL, NULL, LIST("true"), environ) == EAGAIN);
	copy_assert(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}

EachFamily(posix, c35_process_limit)
{
	if (geteuid())
		cr_skip_test("needs root, to become somebody else");
	limited = f;
	copy_run(at_the_process_limit);
}

/* ---- make/ninja ---- */

EachFamily(posix, c48_environment_byte_for_byte)
{
	REPORT r;
	pid_t pid;
	char *const env[] = { "A=1", "A=2", "NOEQ", "=x", "", NULL };

	report_open(&r);
	cr_assert_eq(f->spawn(&pid, witness_path, NULL, NULL, r.argv, env), 0);
	cr_assert_eq(family_end(pid), 0);
	report_read(&r);
	for (int i = 0; i < 5; i++) {
		char key[20];

		snprintf(key, sizeof(key), "env.%d", i);
		cr_assert_str_eq(report_value(&r, key), env[i]);
	}
	cr_assert_null(report_find(&r, "env.5"));
	cr_assert_eq(f->spawn(&pid, witness_path, NULL, NULL, r.argv, NULL), 0);
	cr_assert_eq(family_end(pid), 0);
	cr_assert_eq(ftruncate(r.file, 0), 0);
	cr_assert_eq(f->spawn(&pid, witness_path, NULL, NULL, r.argv, NULL), 0);
	cr_assert_eq(family_end(pid), 0);
	report_read(&r);
	cr_assert_null(report_find(&r, "env.0"), "NULL is none, not the caller's");
}
