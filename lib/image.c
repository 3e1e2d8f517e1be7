/* SPDX-License-Identifier: MIT */
/*
 * Made when it is first needed, by whichever thread comes first, and kept for the process's life. Hosts close what they
 * don't know, so it is looked at before each use and made anew.
 */
#include <stdatomic.h>

#include "image.h"
#include "sys.h"

struct image {
	struct sys_owned file;
	enum image_kind kind;
	struct image *older; /* what is not used any more: another thread may be looking at it */
};

static _Atomic(struct image *) current;
static _Atomic uint32_t kind_now;

#ifdef USPAWN_RELAY_FILE

extern const char image_begin[], image_end[];

static int write_whole(int fd)
{
	for (const char *at = image_begin; at < image_end;) {
		long n = sys_write(fd, at, (size_t)(image_end - at));

		if (n < 0)
			return (int)n;
		at += n;
	}
	return sys_fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
}

static int open_memory(void)
{
	int fd = sys_memfd_create("uspawn-relay", MFD_CLOEXEC | MFD_ALLOW_SEALING | SYS_MFD_EXEC), r;

	if (fd == -EINVAL) /* before 6.3 */
		fd = sys_memfd_create("uspawn-relay", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	fd = sys_above_stdio(fd);
	if (fd < 0)
		return fd;
	r = sys_may_grow_to((uint64_t)(image_end - image_begin));
	if (r == 0)
		r = write_whole(fd);
	if (r < 0) {
		sys_close(fd);
		return r;
	}
	return fd;
}

/* Another version's relay would misread what ours is told: it must be the same, byte by byte. */
static int is_ours(int fd)
{
	const char *at = image_begin;
	char buf[512];
	long n;

	while ((n = sys_read(fd, buf, sizeof(buf))) > 0) {
		if (n > image_end - at || __builtin_memcmp(buf, at, (size_t)n) != 0)
			return 0;
		at += n;
	}
	return n == 0 && at == image_end;
}

static int open_file(void)
{
	int fd = sys_above_stdio(sys_openat(AT_FDCWD, USPAWN_RELAY_FILE, O_RDONLY | O_CLOEXEC, 0));

	if (fd >= 0 && !is_ours(fd)) {
		sys_close(fd);
		return -ENOEXEC;
	}
	return fd;
}

#else

static int open_memory(void)
{
	return -ENOSYS;
}

static int open_file(void)
{
	return -ENOSYS;
}

#endif

int image_is_refusal(int error)
{
	return error == -ENOSYS || error == -EPERM || error == -EACCES || error == -EINVAL || error == -ENOENT ||
	       error == -ENOTDIR || error == -ENOEXEC || error == -ELOOP;
}

static int open_kind(enum image_kind kind)
{
	return kind == IMAGE_MEMORY ? open_memory() : kind == IMAGE_FILE ? open_file() : -ENOSYS;
}

void image_refused(enum image_kind kind)
{
	uint32_t expected = kind;

	atomic_compare_exchange_strong(&kind_now, &expected, kind + 1);
}

static int publish(int fd, enum image_kind kind, struct image *seen)
{
	struct image *image;
	void *map; /* malloc() may have been interrupted */

	if (sys_mmap(sizeof(*image), MAP_PRIVATE, -1, &map) < 0) {
		sys_close(fd);
		return -ENOMEM;
	}
	image = map;
	sys_own(&image->file, fd);
	image->kind = kind;
	image->older = seen;
	if (atomic_compare_exchange_strong(&current, &seen, image))
		return fd;
	sys_close(fd);
	sys_munmap(image, sizeof(*image));
	return seen->file.fd; /* another thread's, which came first */
}

int image_get(enum image_kind *retkind)
{
	enum image_kind kind = (enum image_kind)atomic_load(&kind_now);
	struct image *image = atomic_load(&current);
	int fd;

	if (image && image->kind == kind && sys_still_owned(&image->file)) {
		*retkind = kind;
		return image->file.fd;
	}
	while ((fd = open_kind(kind)) < 0 && image_is_refusal(fd) && kind != IMAGE_NONE)
		image_refused(kind++);
	*retkind = kind;
	return fd < 0 ? fd : publish(fd, kind, image);
}
