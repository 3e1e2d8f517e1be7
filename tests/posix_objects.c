/* SPDX-License-Identifier: MIT */
/* The objects of posix_spawn: what is refused when, attributes in the child, and objects that libc has made. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/copy.h"
#include "harness/family.h"
#include "harness/files.h"
#include "harness/way.h"

CheckedSuite(posix_objects);

EachFamily(posix_objects, add_refuses_impossible_numbers)
{
	posix_spawn_file_actions_t a;
	int high = (int)sysconf(_SC_OPEN_MAX);

	f->actions.init(&a);
	for (int i = 0; i < 2; i++) {
		int fd = i ? high : -1;

		cr_assert_eq(f->actions.addclose(&a, fd), EBADF);
		cr_assert_eq(f->actions.adddup2(&a, fd, 1), EBADF);
		cr_assert_eq(f->actions.adddup2(&a, 1, fd), EBADF);
		cr_assert_eq(f->actions.addopen(&a, fd, "/dev/null", O_RDONLY, 0), EBADF);
		cr_assert_eq(f->actions.addclosefrom_np(&a, fd), EBADF);
		cr_assert_eq(f->actions.addtcsetpgrp_np(&a, fd), EBADF);
	}
	cr_assert_eq(family_run(f, witness_path, LIST("w", "exit", "3"), &a, NULL), 3, "what was refused is not in it");
	cr_assert_eq(f->actions.destroy(&a), 0);
	f->actions.init(&a);
	cr_assert(f->actions.addfchdir_np(&a, -1) == EBADF ||
			  family_run(f, witness_path, LIST("x"), &a, NULL) == -EBADF,
		  "glibc 2.36 takes it, and fails then");
	f->actions.destroy(&a);
}

EachFamily(posix_objects, attributes_are_kept)
{
	posix_spawnattr_t attr;
	sigset_t set, seen;
	struct sched_param param = { .sched_priority = 7 };
	short flags;
	pid_t pgroup;
	int policy;

	memset(&attr, 0xff, sizeof(attr));
	cr_assert_eq(f->attr.init(&attr), 0);
	f->attr.getflags(&attr, &flags);
	cr_assert_eq(flags, 0);
	f->attr.getpgroup(&attr, &pgroup);
	cr_assert_eq(pgroup, 0);
	cr_assert_eq(f->attr.setflags(&attr, 0xff), 0);
	f->attr.getflags(&attr, &flags);
	cr_assert_eq(flags, 0xff);
	cr_assert_eq(f->attr.setflags(&attr, 0x200), EINVAL);
	cr_assert_eq(f->attr.setflags(&attr, (short)0x8000), EINVAL);
	f->attr.getflags(&attr, &flags);
	cr_assert_eq(flags, 0xff);
	f->attr.setpgroup(&attr, -5);
	f->attr.getpgroup(&attr, &pgroup);
	cr_assert_eq(pgroup, -5);
	sigemptyset(&set);
	sigaddset(&set, SIGRTMAX);
	f->attr.setsigmask(&attr, &set);
	f->attr.getsigmask(&attr, &seen);
	cr_assert_eq(memcmp(&set, &seen, sizeof(set)), 0);
	f->attr.setsigdefault(&attr, &set);
	f->attr.getsigdefault(&attr, &seen);
	cr_assert_eq(memcmp(&set, &seen, sizeof(set)), 0);
	cr_assert_eq(f->attr.setschedpolicy(&attr, SCHED_RR), 0);
	cr_assert_eq(f->attr.setschedpolicy(&attr, SCHED_BATCH), EINVAL);
	f->attr.getschedpolicy(&attr, &policy);
	cr_assert_eq(policy, SCHED_RR);
	cr_assert_eq(f->attr.setschedparam(&attr, &param), 0);
	param.sched_priority = 0;
	f->attr.getschedparam(&attr, &param);
	cr_assert_eq(param.sched_priority, 7);
	cr_assert_eq(f->attr.destroy(&attr), 0);
}

EachFamily(posix_objects, group_and_session)
{
	REPORT r;
	posix_spawnattr_t attr;

	f->attr.init(&attr);
	f->attr.setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_USEVFORK);
	family_report(f, &r, NULL, &attr);
	cr_assert_eq(report_number(&r, "pgid"), report_number(&r, "pid"));
	report_close(&r);
	f->attr.setflags(&attr, POSIX_SPAWN_SETSID);
	family_report(f, &r, NULL, &attr);
	cr_assert_eq(report_number(&r, "sid"), report_number(&r, "pid"));
	f->attr.setflags(&attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETPGROUP);
	cr_assert_eq(family_run(f, witness_path, LIST("x"), NULL, &attr), -EPERM, "a leader cannot change its group");
	f->attr.setflags(&attr, POSIX_SPAWN_SETPGROUP);
	f->attr.setpgroup(&attr, -5);
	cr_assert_eq(family_run(f, witness_path, LIST("x"), NULL, &attr), -EINVAL);
	f->attr.setpgroup(&attr, 999999999);
	cr_assert_eq(family_run(f, witness_path, LIST("x"), NULL, &attr), -EPERM);
	f->attr.destroy(&attr);
}

EachFamily(posix_objects, signals)
{
	REPORT r;
	posix_spawnattr_t attr;
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	family_report(f, &r, NULL, NULL);
	cr_assert(report_hex(&r, "SigIgn") & 1 << (SIGPIPE - 1), "C26: inherited as it is");
	report_close(&r);
	f->attr.init(&attr);
	sigfillset(&set);
	f->attr.setsigdefault(&attr, &set);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	f->attr.setsigmask(&attr, &set);
	f->attr.setflags(&attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	family_report(f, &r, NULL, &attr);
	cr_assert_eq(report_hex(&r, "SigIgn") & 0x7fffffff, 0);
	cr_assert_eq(report_hex(&r, "SigBlk"), 1u << (SIGUSR1 - 1));
	report_close(&r);
	memset(&set, 0xff, sizeof(set));
	f->attr.setsigmask(&attr, &set);
	family_report(f, &r, NULL, &attr);
	cr_assert_eq(report_hex(&r, "SigBlk") >> 31 & 3, 0, "libc's own signals cannot be blocked");
	f->attr.destroy(&attr);
	signal(SIGPIPE, SIG_DFL);
}

EachFamily(posix_objects, scheduling)
{
	REPORT r;
	posix_spawnattr_t attr;
	struct sched_param param = { .sched_priority = 3 };

	if (geteuid())
		cr_skip_test("needs root, for real-time policies");
	f->attr.init(&attr);
	f->attr.setschedpolicy(&attr, SCHED_RR);
	f->attr.setschedparam(&attr, &param);
	f->attr.setflags(&attr, POSIX_SPAWN_SETSCHEDULER | POSIX_SPAWN_SETSCHEDPARAM);
	family_report(f, &r, NULL, &attr);
	cr_assert_str_eq(report_value(&r, "policy"), "2");
	report_close(&r);
	f->attr.setflags(&attr, POSIX_SPAWN_SETSCHEDPARAM);
	cr_assert_eq(family_run(f, witness_path, LIST("x"), NULL, &attr), -EINVAL, "no priority under SCHED_OTHER");
	f->attr.destroy(&attr);
}

static const struct family *with_ids;

static void with_other_effective_ids(void)
{
	struct report r = { .file = memfd_create("report", 0) };
	posix_spawnattr_t attr;
	char text[8192] = "";
	pid_t pid;
	int status;

	snprintf(r.where, sizeof(r.where), "/proc/self/fd/%d", r.file);
	fchmod(r.file, 0666);
	copy_assert(setresgid(4243, 0, 0) == 0 && setresuid(4242, 0, 0) == 0);
	with_ids->attr.init(&attr);
	with_ids->attr.setflags(&attr, POSIX_SPAWN_RESETIDS);
	copy_assert(with_ids->spawn(&pid, witness_path, NULL, &attr, LIST("w", "report", r.where), environ) == 0);
	copy_assert(waitpid(pid, &status, 0) == pid && status == 0);
	copy_assert(pread(r.file, text, sizeof(text) - 1, 0) > 0);
	copy_assert(strstr(text, "Uid 4242\t4242\t4242\t4242\n")); /* the exec takes the saved ones along */
	copy_assert(strstr(text, "Gid 4243\t4243\t4243\t4243\n"));
	copy_assert(geteuid() == 0 && getegid() == 0);
	copy_assert(with_ids == family_get(FAMILY_LIBC) || prctl(PR_GET_DUMPABLE) == 1); /* C3: glibc leaves 0 */
}

EachFamily(posix_objects, effective_ids_are_reset)
{
	if (geteuid())
		cr_skip_test("needs root, to become somebody else");
	with_ids = f;
	copy_run(with_other_effective_ids);
}

/* ---- Objects from elsewhere ---- */

#define OURS  family_get(FAMILY_REPLACEMENT)
#define LIBCS family_get(FAMILY_LIBC)

CheckedTest(posix_objects, c49_objects_that_libc_made)
{
	const struct family *ours = OURS, *libc = LIBCS;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	REPORT r;
	int a = file_new(70), one = file_free_number(40);

	libc->actions.init(&actions);
	libc->actions.adddup2(&actions, a, one);
	libc->attr.init(&attr);
	libc->attr.setflags(&attr, POSIX_SPAWN_SETSID);
	family_report(ours, &r, &actions, &attr);
	report_assert_file(&r, one, a);
	cr_assert_eq(report_number(&r, "sid"), report_number(&r, "pid"));
	cr_assert_eq(ours->actions.addclose(&actions, one), 0, "still libc's, and right");
	report_close(&r);
	family_report(ours, &r, &actions, &attr);
	cr_assert_null(report_find(&r, "fd.40"));
	cr_assert_eq(ours->actions.destroy(&actions), 0);
	close(a);
}

CheckedTest(posix_objects, c49_objects_of_ours_are_libcs_too)
{
	const struct family *ours = OURS, *libc = LIBCS;
	posix_spawn_file_actions_t actions;
	REPORT r;
	int a = file_new(70), one = file_free_number(40);

	ours->actions.init(&actions);
	ours->actions.adddup2(&actions, a, one);
	family_report(libc, &r, &actions, NULL);
	report_assert_file(&r, one, a);
	report_close(&r);
	cr_assert_eq(libc->actions.addclose(&actions, one), 0, "past us");
	family_report(ours, &r, &actions, NULL);
	cr_assert_null(report_find(&r, "fd.40"), "what libc added alone is not lost");
	ours->actions.destroy(&actions);
	close(a);
}

CheckedTest(posix_objects, copied_and_zeroed_objects)
{
	const struct family *ours = OURS;
	posix_spawn_file_actions_t actions, copy, zero;
	REPORT r;
	int a = file_new(70), one = file_free_number(40);

	memset(&zero, 0, sizeof(zero)); /* what libc's init leaves, and programs rely on */
	cr_assert_eq(family_run(ours, witness_path, LIST("w", "exit", "3"), &zero, NULL), 3);
	cr_assert_eq(ours->actions.adddup2(&zero, a, one), 0);
	family_report(ours, &r, &zero, NULL);
	report_assert_file(&r, one, a);
	report_close(&r);
	ours->actions.destroy(&zero);
	ours->actions.init(&actions);
	ours->actions.adddup2(&actions, a, one);
	memcpy(&copy, &actions, sizeof(copy));
	memset(&actions, 0x55, sizeof(actions));
	family_report(ours, &r, &copy, NULL);
	report_assert_file(&r, one, a);
	ours->actions.destroy(&copy);
	close(a);
}

CheckedTest(posix_objects, null_is_no_crash)
{
	const struct family *ours = OURS;
	posix_spawn_file_actions_t actions;
	pid_t pid;

	ours->actions.init(&actions);
	cr_assert_eq(ours->spawn(&pid, NULL, NULL, NULL, LIST("x"), environ), EFAULT);
	cr_assert_eq(ours->spawnp(&pid, NULL, NULL, NULL, LIST("x"), environ), EFAULT);
	cr_assert_eq(ours->actions.addopen(&actions, 0, NULL, O_RDONLY, 0), EFAULT);
	cr_assert_eq(ours->actions.addchdir_np(&actions, NULL), EFAULT);
	cr_assert_eq(ours->spawn(&pid, witness_path, &actions, NULL, LIST("w", "exit", "4"), NULL), 0);
	cr_assert_eq(family_end(pid), 4);
	cr_assert_eq(ours->spawn(NULL, witness_path, NULL, NULL, LIST("w", "exit", "5"), NULL), 0);
	cr_assert_gt(waitpid(-1, NULL, 0), 0, "a pid that nobody wants");
	cr_assert_eq(ours->spawn(&pid, "/bin/true", NULL, NULL, NULL, NULL), 0, "no argv is an empty one");
	cr_assert_leq(family_end(pid), 1);
	ours->actions.destroy(&actions);
}

CheckedTest(posix_objects, pidfd_spawn_is_on_record)
{
	SCRATCH s;
	const struct family *ours = OURS;
	long long began, took;
	siginfo_t info;
	int pidfd, parent, pid, errnum, rung, elided;
	char command[32];
	FILE *file;

	scratch_make(&s);
	setenv("USPAWN_STATS", scratch_file(&s, "stats", 0600, ""), 1);
	cr_assert_eq(ours->pidfd_spawn(&pidfd, "/bin/true", NULL, NULL, LIST("true"), environ), 0);
	cr_assert_eq(waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED), 0);
	close(pidfd);
	file = fopen(getenv("USPAWN_STATS"), "r");
	unsetenv("USPAWN_STATS");
	cr_assert_eq(fscanf(file, "start %lld %lld %d %d %d %d %d %31s", &began, &took, &parent, &pid, &errnum, &rung,
			    &elided, command),
		     8);
	fclose(file);
	cr_assert_eq(parent, getpid());
	cr_assert_eq(pid, info.si_pid);
	cr_assert(rung && !errnum && !elided);
	cr_assert_str_eq(command, "true");
}

CheckedTest(posix_objects, pidfd_spawn_gives_a_pidfd)
{
	const struct family *ours = OURS;
	siginfo_t info;
	int pidfd;

	cr_assert_eq(ours->pidfd_spawn(&pidfd, witness_path, NULL, NULL, LIST("w", "exit", "6"), environ), 0);
	cr_assert_eq(fcntl(pidfd, F_GETFD), FD_CLOEXEC);
	cr_assert_eq(waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED), 0);
	cr_assert_eq(info.si_status, 6);
	close(pidfd);
	cr_assert_eq(ours->pidfd_spawnp(&pidfd, "no-such-program", NULL, NULL, LIST("x"), environ), ENOENT);
	cr_assert_eq(ours->pidfd_spawnp(&pidfd, "true", NULL, NULL, LIST("true"), environ), 0);
	cr_assert_eq(waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED), 0);
	close(pidfd);
	cr_assert_eq(ours->pidfd_spawn(NULL, witness_path, NULL, NULL, LIST("w", "exit", "7"), environ), 0);
	cr_assert_eq(waitid(P_ALL, 0, &info, WEXITED), 0);
	cr_assert_eq(info.si_status, 7);
}
