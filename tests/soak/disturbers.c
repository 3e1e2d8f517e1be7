/* SPDX-License-Identifier: MIT */
/* What a process shares with its children until they cut themselves off, or with its other threads always. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uspawn.h>

#include "soak.h"

enum { PAUSE_US = 50, FIRST_NUMBER = 900, NUMBERS = 40 };

static void pause_a_moment(void)
{
	count(&counts->disturbed);
	usleep(PAUSE_US);
}

static void *change_descriptors(void *arg)
{
	while (!is_over()) {
		int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

		for (int i = 0; i < NUMBERS && fd >= 0; i++)
			dup2(fd, FIRST_NUMBER + i);
		for (int i = 0; i < NUMBERS && fd >= 0; i++)
			close(FIRST_NUMBER + i);
		if (fd >= 0)
			close(fd);
		pause_a_moment();
	}
	return arg;
}

static void *change_directories(void *arg)
{
	for (unsigned n = 0; !is_over(); n++) {
		if (chdir(n % 2 ? "/" : "/tmp") < 0)
			lose("chdir: %s", strerror(errno));
		umask(n % 2 ? 022 : 077);
		pause_a_moment();
	}
	return arg;
}

static void ignore(int signo)
{
	(void)signo;
}

static void *change_handlers(void *arg)
{
	static const int signals[] = { SIGUSR1, SIGUSR2, SIGCHLD, SIGWINCH };

	for (unsigned n = 0; !is_over(); n++) {
		struct sigaction act = { .sa_handler = n % 2 ? ignore : SIG_DFL };

		for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
			sigaction(signals[i], &act, NULL);
		pause_a_moment();
	}
	return arg;
}

static void *change_memory(void *arg)
{
	while (!is_over()) {
		size_t size = 1 << 20;
		char *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (map != MAP_FAILED) {
			map[0] = map[size / 2] = 1;
			mprotect(map, size / 2, PROT_READ);
			munmap(map, size);
		}
		pause_a_moment();
	}
	return arg;
}

static void *fork_copies(void *arg)
{
	while (!is_over()) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		pause_a_moment();
	}
	return arg;
}

static void *cancel_spawners(void *arg)
{
	struct spawner s = { .rung = USPAWN_RUNG_VFORK };

	while (!is_over()) {
		if (pthread_create(&s.thread, NULL, spawn_until_canceled, &s) != 0)
			continue;
		usleep(2000);
		pthread_cancel(s.thread);
		pthread_join(s.thread, NULL);
		count(&counts->canceled);
	}
	return arg;
}

disturber *const disturbers[] = { change_descriptors, change_directories, change_handlers,
				  change_memory,      fork_copies,        cancel_spawners };
const int ndisturbers = sizeof(disturbers) / sizeof(*disturbers);

/* By the raw call, which is the thread's: libc's would be everybody's. */
void *change_credentials(void *arg)
{
	while (!is_over()) {
		syscall(SYS_setresuid, -1, 54321, -1);
		pause_a_moment();
		syscall(SYS_setresuid, -1, 0, -1);
		pause_a_moment();
	}
	return arg;
}

void *lower_limits(void *arg)
{
	struct rlimit limit, low;

	getrlimit(RLIMIT_NOFILE, &limit);
	for (unsigned n = 0; !is_over(); n++) {
		low = (struct rlimit){ n % 2 ? limit.rlim_cur : 3 + n / 2 % 80, limit.rlim_max };
		setrlimit(RLIMIT_NOFILE, &low);
		usleep(n % 2 ? 5000 : 500);
	}
	setrlimit(RLIMIT_NOFILE, &limit);
	return arg;
}

static void on_storm(int signo)
{
	(void)signo;
	count(&counts->signals);
}

void start_storm(void)
{
	struct sigaction act = { .sa_handler = on_storm }; /* calls are interrupted, not restarted */
	struct itimerval every = { .it_interval.tv_usec = 100, .it_value.tv_usec = 100 };

	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
}

void stop_storm(void)
{
	setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
}

/* ---- Processes ---- */

/* A number may be another process's by now. */
static int is_witness(int pid)
{
	char path[64], what[sizeof(WITNESS_PATH) + 1];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	n = readlink(path, what, sizeof(what) - 1);
	what[n < 0 ? 0 : n] = '\0';
	return strcmp(what, WITNESS_PATH) == 0;
}

void run_tracer(int pids)
{
	int pid, status;

	while (read(pids, &pid, sizeof(pid)) == sizeof(pid)) {
		if (!is_witness(pid) || ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0)
			continue;
		ptrace(PTRACE_INTERRUPT, pid, NULL, NULL);
		while (waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status))
			if (ptrace(pid % 2 ? PTRACE_CONT : PTRACE_DETACH, pid, NULL, NULL) == 0 && pid % 2 == 0)
				break;
	}
}

static void be_a_victim(void)
{
	struct spawner s = { .rung = 1 + new_seed() % USPAWN_RUNG_FORK, .is_victim = 1 };
	pthread_t other;

	s.by_ring = s.rung == USPAWN_RUNG_ASYNC;
	pthread_create(&other, NULL, spawn, &s);
	spawn(&s);
}

/* Their children go on, and come to an end as they would have: they are ours then. */
void run_victims(void)
{
	unsigned random = new_seed();

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	while (!is_over()) {
		pid_t pid = fork();

		if (pid == 0) {
			be_a_victim();
			_exit(0);
		}
		usleep(1000 + (unsigned)rand_r(&random) % 30000);
		kill(pid, SIGKILL);
		while (waitpid(-1, NULL, __WALL) > 0 || errno == EINTR)
			;
		count(&counts->killed_parents);
	}
}
