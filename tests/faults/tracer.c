/* SPDX-License-Identifier: MIT */
/* Programs are let go at their exec: they run untraced. The relay is ours, and is followed. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <linux/ptrace.h>
#include <unistd.h>

#include "tracer.h"

enum { NTASKS = 64, BOUND_S = 20 };

struct task {
	pid_t tid;
	int answer; /* the error that its call is to end with */
	int let_go;
	struct call call;
};

struct trace {
	pid_t pid;
	struct task tasks[NTASKS];
	int begun, own;
	unsigned made[2]; /* calls so far: the process's, its children's */
	const struct fault *fault;
	struct outcome *out;
	struct places *seen;
};

static volatile sig_atomic_t time_is_up;

static void on_alarm(int signo)
{
	(void)signo;
	time_is_up = 1;
}

static struct task *task_of(struct trace *t, pid_t tid)
{
	struct task *empty = NULL;

	for (int i = 0; i < NTASKS; i++) {
		if (t->tasks[i].tid == tid)
			return &t->tasks[i];
		if (!t->tasks[i].tid && !empty)
			empty = &t->tasks[i];
	}
	if (empty)
		*empty = (struct task){ .tid = tid };
	return empty;
}

static void note_place(struct places *seen, const struct place *place)
{
	seen->list = realloc(seen->list, (seen->n + 1) * sizeof(*seen->list));
	if (!seen->list)
		abort();
	seen->list[seen->n++] = *place;
}

static int is_meant(const struct trace *t, const struct place *place)
{
	const struct fault *fault = t->fault;

	if (!fault)
		return 0;
	if (place->of_child == fault->place.of_child && place->number == fault->place.number)
		return place->call.nr == fault->place.call.nr;
	return fault->lasts && t->out->ninjected && place->call.nr == fault->place.call.nr;
}

static void entered(struct trace *t, struct task *task, const struct ptrace_syscall_info *info)
{
	struct place place = { .of_child = task->tid != t->pid, .call.nr = (long)info->entry.nr };
	enum mark mark;
	int n = 0;

	for (int i = 0; i < 6; i++)
		place.call.args[i] = info->entry.args[i];
	if (call_is_mark(&place.call, &mark) && mark == MARK_MALLOC) {
		place.call.nr = CALL_MALLOC;
	} else if (call_is_mark(&place.call, &mark)) {
		if (place.of_child) { /* a child of the scene's own */
			task->let_go = 1;
			return;
		}
		t->begun = mark == MARK_BEGIN || (t->begun && mark != MARK_END);
		t->own = mark == MARK_OWN;
		return;
	}
	if (!t->begun || (t->own && !place.of_child))
		return;
	place.number = t->made[place.of_child]++;
	if (t->seen)
		note_place(t->seen, &place);
	if (!is_meant(t, &place))
		return;
	while (n < NERRORS && errors[n] != t->fault->error)
		n++;
	if (!call_may_answer(&place.call, n))
		return;
	if (call_prevent(task->tid, &place.call) < 0) {
		t->out->end = END_NO_TRACER;
		return;
	}
	task->answer = t->fault->error;
	task->call = place.call;
	t->out->ninjected++;
}

static void at_syscall(struct trace *t, struct task *task)
{
	struct ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, task->tid, (void *)sizeof(info), &info) < 0)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
		entered(t, task, &info);
	} else if (info.op == PTRACE_SYSCALL_INFO_EXIT && task->answer) {
		call_answer(task->tid, &task->call, task->answer);
		task->answer = 0;
	}
}

/* Is what it runs now the library's own? */
static int runs_relay(pid_t tid)
{
	char path[64], what[256];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)tid);
	n = readlink(path, what, sizeof(what) - 1);
	what[n < 0 ? 0 : n] = '\0';
	return strstr(what, "uspawn-relay") != NULL;
}

static void stopped(struct trace *t, pid_t tid, int status)
{
	struct task *task = task_of(t, tid);
	int signo = WSTOPSIG(status), event = status >> 16;

	if (task && signo == (SIGTRAP | 0x80)) {
		at_syscall(t, task);
		signo = 0;
	} else if (event) {
		signo = 0;
	}
	if (task && (task->let_go || (event == PTRACE_EVENT_EXEC && !runs_relay(tid)))) {
		task->tid = 0;
		ptrace(PTRACE_DETACH, tid, NULL, NULL);
		return;
	}
	ptrace(PTRACE_SYSCALL, tid, NULL, (void *)(long)signo);
}

/* Follows all until nobody is left. */
static void follow(struct trace *t)
{
	int status, killed = 0;

	for (;;) {
		pid_t tid = waitpid(-1, &status, __WALL);

		if (time_is_up && !killed) {
			killed = 1;
			t->out->end = END_HANG;
			for (int i = 0; i < NTASKS; i++)
				if (t->tasks[i].tid)
					kill(t->tasks[i].tid, SIGKILL);
			kill(t->pid, SIGKILL);
		}
		if (tid < 0 && errno == EINTR)
			continue;
		if (tid < 0)
			return;
		if (WIFSTOPPED(status)) {
			stopped(t, tid, status);
			continue;
		}
		if (tid == t->pid && t->out->end == END_WELL && !(WIFEXITED(status) && WEXITSTATUS(status) == 0))
			t->out->end = END_CRASH;
		if (task_of(t, tid))
			task_of(t, tid)->tid = 0;
	}
}

static void attach(struct trace *t, int gate)
{
	const long options = PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
			     PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
	int status;

	if (ptrace(PTRACE_SEIZE, t->pid, NULL, (void *)options) < 0 ||
	    ptrace(PTRACE_INTERRUPT, t->pid, NULL, NULL) < 0) {
		t->out->end = END_NO_TRACER;
		kill(t->pid, SIGKILL);
		waitpid(t->pid, &status, 0);
		return;
	}
	waitpid(t->pid, &status, __WALL);
	ptrace(PTRACE_SYSCALL, t->pid, NULL, NULL);
	if (write(gate, "", 1) == 1)
		follow(t);
}

void tracer_run(const struct scene *scene, int warm, const struct fault *fault, struct outcome *ret,
		struct places *seen)
{
	struct trace t = { .fault = fault, .out = ret, .seen = seen };
	struct record *record = mmap(NULL, sizeof(*record), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct sigaction act = { .sa_handler = on_alarm };
	int gate[2];
	char go;

	*ret = (struct outcome){ .end = END_WELL };
	if (record == MAP_FAILED || pipe(gate) < 0)
		abort();
	sigaction(SIGALRM, &act, NULL);
	time_is_up = 0;
	fflush(stdout);
	t.pid = fork();
	if (t.pid == 0) {
		signal(SIGALRM, SIG_DFL);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(gate[1]);
		if (read(gate[0], &go, 1) != 1)
			_exit(1);
		close(gate[0]);
		scene_run(scene, warm, record);
#ifdef __SANITIZE_ADDRESS__ /* whose search for leaks cannot be traced */
		_exit(0);
#endif
		exit(0);
	}
	close(gate[0]);
	alarm(BOUND_S);
	attach(&t, gate[1]);
	alarm(0);
	close(gate[1]);
	ret->record = *record;
	munmap(record, sizeof(*record));
}
