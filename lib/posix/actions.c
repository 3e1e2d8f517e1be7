/* SPDX-License-Identifier: MIT */
/*
 * Each call is libc's first, with libc's answer, then noted in our list. What this libc lacks is checked here as glibc
 * does. A list that could not be noted makes the object libc's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actions.h"
#include "export.h"
#include "next.h"

#define TAG 0x7573706177304132u

/* Where libc keeps its own: glibc the size and number of its list, musl nothing; both a pointer. */
struct libcs {
	int a, b;
	void *list;
};

struct actions {
	struct libcs now;
	uint64_t tag; /* in what libc pads with */
	struct libcs seen;
	struct uspawn_action *list;
	uint32_t n;
	uint16_t beyond; /* libc's part lacks one */
	uint16_t odd;    /* libc took a number that no request may have */
};

_Static_assert(sizeof(struct actions) <= sizeof(posix_spawn_file_actions_t), "within libc's object");
_Static_assert(offsetof(posix_spawn_file_actions_t, __actions) == offsetof(struct libcs, list), "as libc");
_Static_assert(offsetof(posix_spawn_file_actions_t, __pad) <= offsetof(struct actions, tag), "libc's part is apart");

typedef int init_fn(posix_spawn_file_actions_t *);
typedef int fd_fn(posix_spawn_file_actions_t *, int);
typedef int dup2_fn(posix_spawn_file_actions_t *, int, int);
typedef int path_fn(posix_spawn_file_actions_t *, const char *);
typedef int open_fn(posix_spawn_file_actions_t *, int, const char *, int, mode_t);

static struct actions *own(posix_spawn_file_actions_t *object)
{
	return (void *)object;
}

static struct next libcs_init NEXT_AT_LOAD = { .name = "posix_spawn_file_actions_init" };

/* Another library's, which keeps a list of its own: at the same place, if it is another copy of this one. */
static int is_anothers(void)
{
	return next_is_foreign(&libcs_init);
}

static int is_ours(const struct actions *a)
{
	return a->tag == TAG && memcmp(&a->now, &a->seen, sizeof(a->now)) == 0 && !is_anothers();
}

/* As libc's init leaves it. */
static int is_empty(const struct actions *a)
{
	return !a->now.a && !a->now.b && !a->now.list;
}

enum actions_kind actions_read(const posix_spawn_file_actions_t *object, const struct uspawn_action **ret,
			       uint32_t *retn)
{
	const struct actions *a = (const void *)object;

	*ret = NULL;
	*retn = 0;
	if (!object)
		return ACTIONS_OURS;
	if (!is_ours(a) || a->odd)
		return is_empty(a) ? ACTIONS_OURS : ACTIONS_LIBCS;
	*ret = a->n ? a->list : NULL;
	*retn = a->n;
	return ACTIONS_OURS;
}

int actions_beyond_libc(const posix_spawn_file_actions_t *object)
{
	const struct actions *a = (const void *)object;

	return object && is_ours(a) && a->beyond;
}

static void begin(struct actions *a)
{
	a->tag = TAG;
	a->seen = a->now;
	a->list = NULL;
	a->n = 0;
	a->beyond = a->odd = 0;
}

EXPORT int posix_spawn_file_actions_init(posix_spawn_file_actions_t *object)
{
	init_fn *init = next_find(&libcs_init);
	int r;

	memset(object, 0, sizeof(*object));
	r = init ? init(object) : 0;
	if (r == 0 && !is_anothers())
		begin(own(object));
	return r;
}

EXPORT int posix_spawn_file_actions_destroy(posix_spawn_file_actions_t *object)
{
	static struct next next NEXT_AT_LOAD = { .name = "posix_spawn_file_actions_destroy" };
	init_fn *destroy = next_find(&next);
	struct actions *a = own(object);

	if (a->tag == TAG && !is_anothers()) {
		for (uint32_t i = 0; i < a->n; i++)
			free((char *)a->list[i].path);
		free(a->list);
		a->tag = 0;
	}
	return destroy ? destroy(object) : 0;
}

/* Room for one more, before libc is asked: 0 or ENOMEM. The list doubles whenever its length is a power of two. */
static int make_room(struct actions *a)
{
	struct uspawn_action *list;

	if (a->n & (a->n - 1) || a->n == 1)
		return 0;
	list = realloc(a->list, (a->n ? 2 * (size_t)a->n : 2) * sizeof(*list));
	if (!list)
		return ENOMEM;
	a->list = list;
	return 0;
}

/* An object that libc made and nothing was added to yet may become ours. */
static int may_note(struct actions *a)
{
	if (!is_ours(a) && is_empty(a) && !is_anothers())
		begin(a);
	return is_ours(a);
}

/*
 * After libc has taken the action: it is noted, or, with r != 0, was refused. Where libc has no such function, it is
 * ours alone.
 */
static int note(struct actions *a, int had_libc, int r, struct uspawn_action action)
{
	if (r)
		return r;
	a->seen = a->now;
	a->list[a->n++] = action;
	a->beyond |= !had_libc;
	a->odd |= action.fd < 0;
	return 0;
}

/* What glibc refuses when an action is added. */
static int check_fd(int fd)
{
	long limit = sysconf(_SC_OPEN_MAX);

	return fd < 0 || (limit >= 0 && fd >= limit) ? EBADF : 0;
}

static int add_fd(posix_spawn_file_actions_t *object, struct next *next, uint32_t op, int fd)
{
	fd_fn *libc = next_find(next);
	struct actions *a = own(object);
	int r;

	if (!may_note(a))
		return libc ? libc(object, fd) : ENOSYS;
	r = make_room(a);
	if (r == 0)
		r = libc ? libc(object, fd) : check_fd(fd);
	return note(a, libc != NULL, r, (struct uspawn_action){ .op = op, .fd = fd });
}

EXPORT int posix_spawn_file_actions_addclose(posix_spawn_file_actions_t *object, int fd)
{
	static struct next next NEXT_AT_LOAD = { .name = "posix_spawn_file_actions_addclose" };

	return add_fd(object, &next, USPAWN_DO_CLOSE, fd);
}

EXPORT int posix_spawn_file_actions_addfchdir_np(posix_spawn_file_actions_t *object, int fd)
{
	static struct next next NEXT_AT_LOAD = { .name = "posix_spawn_file_actions_addfchdir_np" };

	return add_fd(object, &next, USPAWN_DO_FCHDIR, fd);
}

EXPORT int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *object, int from)
{
	static struct next next NEXT_AT_LOAD = { .name = "posix_spawn_file_actions_addclosefrom_np" };

	return add_fd(object, &next, USPAWN_DO_CLOSEFROM, from);
}

EXPORT int posix_spawn_file_actions_addtcsetpgrp_np(posix_spawn_file_actions_t *object, int fd)
{
	static struct next next NEXT_AT_LOAD = { .name = "posix_spawn_file_actions_addtcsetpgrp_np" };

	return add_fd(object, &next, USPAWN_DO_FOREGROUND, fd);
}

EXPORT int posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *object, int fd, int newfd)
{
	static struct next next NEXT_AT_LOAD = { .name = "posix_spawn_file_actions_adddup2" };
	dup2_fn *libc = next_find(&next);
	struct actions *a = own(object);
	int r;

	if (!may_note(a))
		return libc ? libc(object, fd, newfd) : ENOSYS;
	r = make_room(a);
	if (r == 0)
		r = libc ? libc(object, fd, newfd) : check_fd(fd) || check_fd(newfd) ? EBADF : 0;
	return note(a, libc != NULL, r, (struct uspawn_action){ .op = USPAWN_DO_DUP2, .fd = fd, .newfd = newfd });
}

EXPORT int posix_spawn_file_actions_addopen(posix_spawn_file_actions_t *object, int fd, const char *path, int oflag,
					    mode_t mode)
{
	static struct next next NEXT_AT_LOAD = { .name = "posix_spawn_file_actions_addopen" };
	open_fn *libc = next_find(&next);
	struct actions *a = own(object);
	char *kept;
	int r;

	if (!as_given(path))
		return EFAULT;
	if (!may_note(a))
		return libc ? libc(object, fd, path, oflag, mode) : ENOSYS;
	kept = strdup(path);
	r = kept ? make_room(a) : ENOMEM;
	if (r == 0)
		r = libc ? libc(object, fd, path, oflag, mode) : check_fd(fd);
	if (r)
		free(kept);
	return note(
		a, libc != NULL, r,
		(struct uspawn_action){ .op = USPAWN_DO_OPEN, .fd = fd, .path = kept, .oflag = oflag, .mode = mode });
}

EXPORT int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *object, const char *path)
{
	static struct next next NEXT_AT_LOAD = { .name = "posix_spawn_file_actions_addchdir_np" };
	path_fn *libc = next_find(&next);
	struct actions *a = own(object);
	char *kept;
	int r;

	if (!as_given(path))
		return EFAULT;
	if (!may_note(a))
		return libc ? libc(object, path) : ENOSYS;
	kept = strdup(path);
	r = kept ? make_room(a) : ENOMEM;
	if (r == 0)
		r = libc ? libc(object, path) : 0;
	if (r)
		free(kept);
	return note(a, libc != NULL, r, (struct uspawn_action){ .op = USPAWN_DO_CHDIR, .path = kept });
}
