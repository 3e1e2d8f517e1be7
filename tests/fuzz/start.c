/* SPDX-License-Identifier: MIT */
/*
 * Whole starts in a mock kernel, from the request to the exec: the plan, the program, its interpreter and what the
 * parent does around them. What the program finds is compared with what the header promises, and what the caller has
 * afterwards with what it had.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <uspawn.h>

#include "bytes.h"
#include "kernel.h"

enum { MAX = 8, NUMBERS = 72, UNKNOWN = 2 };

struct input {
	struct uspawn_request request;
	struct uspawn_args args;
	struct uspawn_fd fds[MAX];
	struct uspawn_action actions[MAX];
	struct uspawn_rlimit rlimit;
	struct uspawn_identity identity;
	struct uspawn_sched sched;
	uint16_t may_fail[3];
	int brought[4];
};

/* Addresses tell files apart. */
static const char *const paths[] = { "a", "b", "/dev/null", "d" };
static char *const argv[] = { "program", NULL }, *const envp[] = { "A=1", NULL };

int LLVMFuzzerInitialize(int *argc, char ***args)
{
	(void)argc, (void)args;
	kernel.old = getenv("FUZZ_KERNEL") && strcmp(getenv("FUZZ_KERNEL"), "old") == 0;
	return 0;
}

static void open_files(struct bytes *b)
{
	for (int fd = 0; fd < 3; fd++)
		kernel_open(fd, 0);
	for (int n = take(b) % 12; n > 0; n--) {
		uint8_t fd = take(b);

		kernel_open(fd % NUMBERS, fd >= 128);
	}
	if (take(b) % 4 == 0)
		kernel.parent.fd[take(b) % 3].id = 0;
	for (int i = 0; i < 3; i++) {
		static const int errors[] = { 0, 0, EMFILE, ENOMEM, EACCES, EINTR, EIO, ENOENT };

		kernel.faults[i].nth = take(b) % 64u;
		kernel.faults[i].errnum = errors[take(b) % 8];
	}
	take_into(b, &kernel.mask, 2);
}

/* Mostly one that is open. */
static int draw_number(struct bytes *b)
{
	int fd = take(b) % NUMBERS;

	if (take(b) % 8)
		for (int i = 0; i < NUMBERS && !kernel.parent.fd[fd].id; i++)
			fd = (fd + 1) % NUMBERS;
	return fd;
}

static void draw_fds(struct bytes *b, struct input *in)
{
	static const uint32_t sources[] = { USPAWN_FD,   USPAWN_FD,       USPAWN_FD,        USPAWN_NULL,
					    USPAWN_OPEN, USPAWN_READ_END, USPAWN_WRITE_END, USPAWN_CLOSED };

	in->request.nfds = take(b) % (MAX + 1);
	for (uint32_t i = 0; i < in->request.nfds; i++) {
		struct uspawn_fd *fd = &in->fds[i];

		fd->target = take(b) % NUMBERS;
		fd->source = sources[take(b) % 8];
		if (fd->source == USPAWN_OPEN) {
			fd->path = paths[take(b) % 4];
			fd->oflag = take(b) & 1 ? O_CLOEXEC | O_RDWR : 0;
		} else if (fd->source == USPAWN_READ_END || fd->source == USPAWN_WRITE_END) {
			fd->fd = USPAWN_ARG(2 + take(b) % 2);
		} else if (fd->source == USPAWN_FD) {
			fd->fd = take(b) % 4 ? draw_number(b) : USPAWN_ARG(take(b) % 2);
		}
	}
	in->request.fds = in->fds;
}

static void draw_actions(struct bytes *b, struct input *in)
{
	in->request.nactions = take(b) % (MAX + 1);
	for (uint32_t i = 0; i < in->request.nactions; i++) {
		struct uspawn_action *action = &in->actions[i];

		action->op = 1 + take(b) % USPAWN_DO_CLOSEFROM;
		if (action->op != USPAWN_DO_CHDIR)
			action->fd = draw_number(b);
		if (action->op == USPAWN_DO_DUP2)
			action->newfd = draw_number(b);
		if (action->op == USPAWN_DO_OPEN)
			action->oflag = take(b) & 1 ? O_CLOEXEC : 0;
		if (action->op == USPAWN_DO_OPEN || action->op == USPAWN_DO_CHDIR)
			action->path = paths[take(b) % 4];
	}
	in->request.actions = in->actions;
}

static void draw_attributes(struct bytes *b, struct input *in)
{
	struct uspawn_request *r = &in->request;
	uint8_t kinds = take(b);

	r->rung = take(b) % 6;
	if (kinds & 1)
		r->flags |= USPAWN_SETSID;
	if (kinds & 2)
		r->flags |= USPAWN_SETSIGMASK;
	r->sigmask = r->flags & USPAWN_SETSIGMASK ? take(b) : 0;
	if (kinds & 4)
		r->cwd = paths[0];
	if (kinds & 8) {
		in->rlimit = (struct uspawn_rlimit){ .resource = 7, .soft = 64, .hard = 64 };
		r->rlimits = &in->rlimit;
		r->nrlimits = 1;
	}
	if (kinds & 16) {
		in->identity = (struct uspawn_identity){ .size = sizeof(in->identity), .uid = 5, .gid = 6 };
		r->identity = &in->identity;
	}
	if (kinds & 32) {
		in->sched = (struct uspawn_sched){ .size = sizeof(in->sched), .set = USPAWN_NICE, .nice = 3 };
		r->sched = &in->sched;
	}
	if (kinds & 64) {
		in->may_fail[0] = (uint16_t)(take(b) % 50 * 10);
		r->best_effort = in->may_fail;
	}
	r->sigdefault = take(b);
	if (take(b) % 4 == 0) {
		r->flags |= USPAWN_FEXEC;
		r->exec_fd = take(b) % 2 ? USPAWN_ARG(0) : draw_number(b);
	} else if (take(b) % 2) {
		r->file = "program";
		r->search = "/x:/y:/z";
	} else {
		r->path = "/program";
	}
}

static void draw(struct bytes *b, struct input *in)
{
	*in = (struct input){ .request = { .size = sizeof(in->request), .argv = argv, .envp = envp },
			      .args = { .size = sizeof(in->args), .nfds = 4 } };
	draw_attributes(b, in);
	if (take(b) % 2)
		in->request.flags |= USPAWN_INHERIT_FDS;
	if (in->request.flags & USPAWN_INHERIT_FDS && take(b) % 2)
		draw_actions(b, in);
	else
		draw_fds(b, in);
	for (int i = 0; i < 2; i++)
		in->brought[i] = draw_number(b);
	in->brought[2] = in->brought[3] = -1;
	in->args.fds = in->brought;
}

/* ---- What is promised ---- */

static void inherit(struct kernel_table *t, const struct kernel_table *parent)
{
	*t = *parent;
	for (int fd = 0; fd < KERNEL_FDS; fd++)
		if (t->fd[fd].cloexec)
			t->fd[fd].id = 0;
}

static const char *path_of(const struct uspawn_fd *fd)
{
	return fd->source == USPAWN_OPEN ? fd->path : fd->source == USPAWN_NULL ? "/dev/null" : NULL;
}

static void check_mapped(const struct input *in, const struct kernel_table *before, const int *brought)
{
	struct kernel_table expected = { 0 };

	inherit(&expected, before); /* 0 to 2 with their close-on-exec, too */
	if (!(in->request.flags & USPAWN_INHERIT_FDS))
		memset(&expected.fd[3], 0, sizeof(expected) - 3 * sizeof(*expected.fd));
	for (uint32_t i = 0; i < in->request.nfds; i++) {
		const struct uspawn_fd *fd = &in->fds[i];
		int id = kernel.seen.fd[fd->target].id;
		const char *name = id ? kernel.opened[id] : NULL;

		expected.fd[fd->target].id = id;
		if (fd->source == USPAWN_CLOSED)
			MUST(!id);
		else if (fd->source == USPAWN_READ_END || fd->source == USPAWN_WRITE_END)
			MUST(name && strcmp(name, fd->source == USPAWN_READ_END ? "read end" : "write end") == 0);
		else if (path_of(fd))
			MUST(name && strcmp(name, path_of(fd)) == 0);
		else
			MUST(id == before->fd[fd->fd <= USPAWN_ARG0 ? brought[USPAWN_ARG0 - fd->fd] : fd->fd].id);
	}
	for (int fd = 0; fd < KERNEL_FDS; fd++)
		MUST(kernel.seen.fd[fd].id == expected.fd[fd].id);
}

/*
 * The target is closed first, and close-on-exec stays only where the lowest free number is the target: not known if the
 * plan holds descriptors of its own.
 */
static void open_in(struct kernel_table *t, const struct uspawn_action *a, int holds)
{
	int lowest = 0;

	t->fd[a->fd].id = 0;
	while (t->fd[lowest].id)
		lowest++;
	t->fd[a->fd] = (struct kernel_file){ 1, a->oflag & O_CLOEXEC ? (holds ? UNKNOWN : lowest == a->fd) : 0 };
}

/* One action after the other; 0, or the entry that must have failed, counted from 1. */
static uint32_t act(const struct input *in, struct kernel_table *t)
{
	for (uint32_t i = 0; i < in->request.nactions; i++) {
		const struct uspawn_action *a = &in->actions[i];

		switch (a->op) {
		case USPAWN_DO_CLOSE:
			t->fd[a->fd].id = 0;
			break;
		case USPAWN_DO_DUP2:
			if (!t->fd[a->fd].id)
				return i + 1;
			t->fd[a->newfd] = (struct kernel_file){ t->fd[a->fd].id, 0 };
			break;
		case USPAWN_DO_OPEN:
			open_in(t, a, (in->request.flags & USPAWN_FEXEC) != 0);
			break;
		case USPAWN_DO_FCHDIR:
			if (!t->fd[a->fd].id)
				return i + 1;
			break;
		case USPAWN_DO_CLOSEFROM:
			for (int fd = a->fd; fd < KERNEL_FDS; fd++)
				t->fd[fd].id = 0;
			break;
		}
	}
	return 0;
}

/* Of what is opened only whether it is there is known: its number counts, its file does not. */
static void check_acted(const struct input *in, const struct kernel_table *before)
{
	struct kernel_table expected = *before;

	if (in->request.best_effort || act(in, &expected))
		return;
	for (int fd = 0; fd < KERNEL_FDS; fd++) {
		int id = expected.fd[fd].cloexec ? 0 : expected.fd[fd].id, seen = kernel.seen.fd[fd].id;

		MUST(!id == !seen || expected.fd[fd].cloexec == UNKNOWN);
	}
}

static void check_failure(const struct input *in, const struct uspawn_child *child, int r)
{
	(void)in;
	MUST(child->state == USPAWN_ENDED && child->exit.code == USPAWN_FAILED && child->pidfd == -1);
	MUST(child->failure.errnum == -r && strcmp(uspawn_strstep(child->failure.step), "unknown") != 0);
}

static void close_pipes(struct input *in)
{
	for (int i = 2; i < 4; i++)
		if (in->brought[i] >= 0) {
			MUST(kernel.parent.fd[in->brought[i]].id && kernel.parent.fd[in->brought[i]].cloexec);
			kernel.parent.fd[in->brought[i]].id = 0;
		}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes b = { data, size };
	struct kernel_table before;
	struct uspawn_child child;
	struct input in;
	uint64_t mask;
	int brought[4], r;

	kernel_reset();
	open_files(&b);
	draw(&b, &in);
	memcpy(brought, in.brought, sizeof(brought));
	before = kernel.parent;
	mask = kernel.mask;
	errno = 77;
	r = uspawn(&child, &in.request, &in.args);
	MUST(errno == 77);
	if (r < 0) {
		MUST(!kernel.ran);
		check_failure(&in, &child, r);
		MUST(in.brought[2] == -1 && in.brought[3] == -1);
	} else {
		MUST(kernel.ran);
		MUST(uspawn_wait(&child, -1) == 1);
		MUST(child.exit.code == USPAWN_EXITED && child.exit.status == 0);
		uspawn_done(&child);
		MUST(kernel.seen_mask == (in.request.flags & USPAWN_SETSIGMASK ? in.request.sigmask : mask));
		if (in.request.nactions)
			check_acted(&in, &before);
		else if (!in.request.best_effort)
			check_mapped(&in, &before, brought);
		close_pipes(&in);
	}
	MUST(kernel.mask == mask);
	for (int fd = 0; fd < KERNEL_FDS; fd++)
		MUST(kernel.parent.fd[fd].id == before.fd[fd].id &&
		     (!before.fd[fd].id || kernel.parent.fd[fd].cloexec == before.fd[fd].cloexec));
	return 0;
}
