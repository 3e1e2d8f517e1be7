/* SPDX-License-Identifier: MIT */
/* A page that worker and child share, although the child was exec'd: it is the standard output of both. */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>
#include "bench.h"
#include "stamps.h"

_Static_assert(sizeof(struct stamp) * NSTAMPS == STAMPS_SIZE, "clocked.c writes as many");

static struct stamp *stamps;

enum { NOEXEC_SEAL = 8 }; /* MFD_NOEXEC_SEAL, Linux 6.3: newer than the headers here, and demanded by some systems */

int stamps_prepare(void)
{
	int fd = memfd_create("stamps", MFD_CLOEXEC | NOEXEC_SEAL);
	int r = 0;

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("stamps", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, STAMPS_SIZE) < 0 || dup2(fd, 1) < 0)
		r = -errno;
	close(fd);
	if (r < 0)
		return r;
	stamps = mmap(NULL, STAMPS_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, 1, 0);
	return stamps == MAP_FAILED ? -errno : 0;
}

volatile struct stamp *stamp_of(pid_t pid)
{
	return &stamps[STAMP_INDEX(pid)];
}
