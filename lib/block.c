/* SPDX-License-Identifier: MIT */
/*
 * The relay's end is told by its robust futex, which exec and death release. No descriptor is needed for it, so none
 * can be held by a stranger. A relay that died before it had the futex is noticed by looking now and then.
 */
#include <linux/filter.h>
#include <signal.h>
#include <string.h>

#include "block.h"
#include "fds.h"
#include "sys_creds.h"

#define LOOK_FIRST_NS 2000000
#define LOOK_LAST_NS  32000000
#define ALIGN         8

int block_open(struct block *ret, const struct uspawn_plan *plan)
{
	unsigned flags = MFD_CLOEXEC;
	int fd = sys_memfd_create("uspawn-block", flags | SYS_MFD_NOEXEC_SEAL);

	if (fd == -EINVAL) /* before 6.3 */
		fd = sys_memfd_create("uspawn-block", flags);
	*ret = (struct block){ .fd = fds_out_of_the_way(fd, plan) };
	return ret->fd < 0 ? ret->fd : 0;
}

void block_close(struct block *block)
{
	if (block->fd >= 0)
		sys_close(block->fd);
	if (block->head)
		sys_munmap(block->head, block->size);
}

/* ---- What it holds. Without memory it is only measured. ---- */

struct packing {
	char *base; /* or NULL */
	size_t size;
};

/* Returns the place, as the relay sees it. */
static uint64_t claim(struct packing *p, size_t size, size_t align)
{
	size_t at = (p->size + align - 1) / align * align;

	p->size = at + size;
	return BLOCK_AT + at;
}

static void *here(const struct packing *p, uint64_t at)
{
	return p->base + (at - BLOCK_AT);
}

static uint64_t pack(struct packing *p, const void *data, size_t size, size_t align)
{
	uint64_t at = claim(p, size, align);

	if (p->base)
		memcpy(here(p, at), data, size);
	return at;
}

static uint64_t pack_string(struct packing *p, const char *string)
{
	return pack(p, string, strlen(string) + 1, 1);
}

static uint64_t pack_list(struct packing *p, const char *const *list)
{
	size_t n = 0;
	uint64_t at;

	while (list[n])
		n++;
	at = claim(p, (n + 1) * sizeof(uint64_t), ALIGN);
	for (size_t i = 0; i < n; i++) {
		uint64_t string = pack_string(p, list[i]);

		if (p->base)
			((uint64_t *)here(p, at))[i] = string;
	}
	return at; /* what follows the last is zero from the start */
}

/* The shell's name, a place for the file's, and argv's strings once more. */
static uint64_t pack_shell(struct packing *p, const struct child_start *start, uint64_t argv)
{
	size_t n = 0;
	uint64_t at, name;

	while (start->argv[n])
		n++;
	at = claim(p, (n + 2) * sizeof(uint64_t), ALIGN);
	name = pack_string(p, start->sh_argv[0]);
	if (p->base) {
		uint64_t *list = here(p, at), *strings = here(p, argv);

		list[0] = name;
		for (size_t i = 1; i < n; i++)
			list[i + 1] = strings[i];
	}
	return at;
}

/* How many bytes an instruction's pointer is for; 0: it has none. */
static size_t pointed(const struct child_instr *in)
{
	switch (in->op) {
	case OP_OPEN:
	case OP_CHDIR:
	case OP_CHROOT:
	case OP_PIVOT:
	case OP_LABEL:
		return strlen(in->path) + 1;
	case OP_SCHED_ATTR:
		return ((const struct sys_sched_attr *)in->data)->size;
	case OP_CAPS:
		return sizeof(struct sys_caps);
	case OP_GROUPS:
		return (size_t)in->a * sizeof(uint32_t);
	case OP_AFFINITY:
		return (size_t)in->a;
	case OP_MEMPOLICY:
		return in->more_bits ? (in->more_bits + 62) / 64 * 8 : 0;
	case OP_SECCOMP:
		return sizeof(struct sock_fprog);
	}
	return 0;
}

/* The one that points on. */
static void pack_filter(struct packing *p, const struct sock_fprog *filter, uint64_t at)
{
	uint64_t code = pack(p, filter->filter, filter->len * sizeof(*filter->filter), ALIGN);

	if (p->base)
		((struct sock_fprog *)here(p, at))->filter = (void *)code;
}

static void pack_text(struct packing *p, const char *text, uint64_t instr)
{
	uint64_t at = pack_string(p, text);

	if (p->base)
		((struct child_instr *)here(p, instr))->more_bits = at;
}

static uint64_t pack_program(struct packing *p, const struct child_instr *first, const struct child_instr *end)
{
	uint64_t at = pack(p, first, (size_t)(end - first) * sizeof(*first), ALIGN);

	for (const struct child_instr *in = first; in < end; in++) {
		size_t size = pointed(in);
		uint64_t data = size ? pack(p, in->data, size, ALIGN) : 0;

		if (in->op == OP_SECCOMP)
			pack_filter(p, in->data, data);

		if (in->op == OP_TIME && in->text)
			pack_text(p, in->text, at + (uint64_t)(in - first) * sizeof(*in));
		if (size && p->base)
			((struct child_instr *)here(p, at))[in - first].bits = data;
	}
	return at;
}

static void pack_start(struct packing *p, const struct child_start *start, const struct child_instr *first,
		       const struct child_instr *end)
{
	uint64_t head = claim(p, sizeof(struct block_head), ALIGN);
	struct child_start ret = { .sigmask = start->sigmask, .holds_lock = 1 };

	ret.report = (void *)(head + offsetof(struct block_head, report));
	ret.program = (void *)pack_program(p, first, end);
	ret.candidates = start->candidates ? (void *)pack_list(p, start->candidates) : NULL;
	ret.argv = (void *)pack_list(p, (const char *const *)start->argv);
	ret.envp = (void *)pack_list(p, (const char *const *)start->envp);
	ret.sh_argv = start->sh_argv ? (void *)pack_shell(p, start, (uintptr_t)ret.argv) : NULL;
	if (p->base) {
		struct block_head *written = here(p, head);

		written->magic = BLOCK_MAGIC;
		written->size = p->size;
		written->start = ret;
	}
}

int block_fill(struct block *block, const struct child_start *start, const struct child_instr *first,
	       const struct child_instr *end)
{
	struct packing p = { 0 };
	void *map;
	int r;

	pack_start(&p, start, first, end);
	block->size = p.size;
	r = sys_may_grow_to(block->size);
	if (r == 0)
		r = sys_ftruncate(block->fd, block->size);
	if (r < 0)
		return r;
	r = sys_mmap(block->size, MAP_SHARED, block->fd, &map);
	if (r < 0)
		return r;
	block->head = map;
	p = (struct packing){ .base = map };
	pack_start(&p, start, first, end);
	return 0;
}

/* ---- What came of it ---- */

/* 1: it has ended; an error: by itself, which it does without having begun if it cannot, or nobody can say how. */
static int has_ended(int pid)
{
	siginfo_t info;
	int r = sys_look_for_end(P_PID, pid, &info);

	if (r == 0 && !info.si_pid)
		return 0;
	if (r < 0)
		return -ENOEXEC;
	/* So ends an exec past its point of no return, by limits that the request may be about to raise. */
	if (info.si_code != CLD_EXITED)
		return info.si_status == SIGSEGV ? -ENOEXEC : 1;
	return info.si_status == BLOCK_NO_LOCK ? -ENOSYS : -ENOEXEC;
}

int block_wait(struct block *block, int pid)
{
	struct child_report *report = &block->head->report;
	int64_t look_ns = LOOK_FIRST_NS;

	for (;;) {
		struct timespec slice = sys_timespec(look_ns);
		uint32_t word = __atomic_load_n(&report->lock.word, __ATOMIC_ACQUIRE);
		int ended;

		if (word & FUTEX_OWNER_DIED || __atomic_load_n(&report->errnum, __ATOMIC_ACQUIRE))
			return 0;
		if (sys_futex_wait(&report->lock.word, word, &slice) != -ETIMEDOUT)
			continue;
		ended = has_ended(pid);
		if (ended)
			return ended < 0 && !__atomic_load_n(&report->lock.word, __ATOMIC_ACQUIRE) ? ended : 0;
		if (look_ns < LOOK_LAST_NS)
			look_ns *= 2;
	}
}
