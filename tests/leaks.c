/* SPDX-License-Identifier: MIT */
/* Tests that leave something behind, each of them another kind of thing. All must fail: stock.c runs them. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/stock.h"

CheckedSuite(leaks);

CheckedTest(leaks, nothing)
{
	cr_assert(1);
}

CheckedTest(leaks, descriptor)
{
	cr_assert(open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0);
}

CheckedTest(leaks, replaced_descriptor)
{
	int fd = open("/dev/null", O_RDONLY);

	cr_assert(dup2(fd, 0) == 0);
	close(fd);
}

CheckedTest(leaks, close_on_exec_flag)
{
	cr_assert(fcntl(0, F_SETFD, FD_CLOEXEC) == 0);
}

CheckedTest(leaks, running_child)
{
	pid_t pid = fork();

	if (pid == 0) {
		alarm(5);
		pause();
	}
	cr_assert(pid > 0);
}

CheckedTest(leaks, zombie)
{
	siginfo_t info;
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	cr_assert(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0);
}

CheckedTest(leaks, signal_mask)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	cr_assert(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
}
