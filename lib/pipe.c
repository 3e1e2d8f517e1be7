/* SPDX-License-Identifier: MIT */
/*
 * A write to a pipe that nobody reads raises SIGPIPE in the thread that writes, and one beyond the limit on files
 * SIGXFSZ, which end the host unless it has thought of that. Against the first newer kernels have a flag (6.18). Else
 * the signal is blocked, and taken back if it came by us.
 */
#include <errno.h>
#include <stdatomic.h>

#include "clone.h"
#include "pipe.h"
#include "sys_io.h"

static _Atomic char refused_flag;

int pipe_kind(int fd)
{
	int flags = sys_fcntl(fd, F_GETFL, 0);
	unsigned mode;

	if (flags < 0)
		return flags;
	if ((flags & O_ACCMODE) == O_RDONLY || flags & O_PATH)
		return -EBADF;
	mode = sys_file_type(fd);
	if (S_ISSOCK(mode))
		return PIPE_SOCKET;
	if (S_ISREG(mode))
		return PIPE_FILE;
	if (flags & O_NONBLOCK || S_ISBLK(mode))
		return PIPE_OTHER;
	return S_ISCHR(mode) && !sys_is_terminal(fd) ? PIPE_OTHER : PIPE_BLOCKS;
}

static long write_masked(int fd, const void *bytes, size_t n, int signo)
{
	const uint64_t signals = 1ull << (signo - 1);
	struct timespec zero = { 0 };
	uint64_t callers, pending = 0;
	long r;

	sys_sigprocmask(SIG_BLOCK, &signals, &callers);
	if (callers & signals)
		sys_sigpending(&pending);
	r = sys_write(fd, bytes, n);
	if (r == (signo == SIGPIPE ? -EPIPE : -EFBIG) && !(pending & signals))
		sys_sigtimedwait(&signals, &zero);
	sys_sigprocmask(SIG_SETMASK, &callers, NULL);
	return r;
}

long pipe_write(int fd, const void *bytes, size_t n, enum pipe_kind kind)
{
	long r;

	if (kind == PIPE_SOCKET)
		return sys_send(fd, bytes, n);
	if (kind == PIPE_FILE)
		return write_masked(fd, bytes, n, SIGXFSZ);
	if (!atomic_load_explicit(&refused_flag, memory_order_relaxed) && !clone_keeps_to_old_calls()) {
		r = sys_write_quietly(fd, bytes, n);
		if (r != -EOPNOTSUPP && r != -EINVAL && r != -ENOSYS && r != -EPERM)
			return r;
		atomic_store(&refused_flag, 1);
	}
	return write_masked(fd, bytes, n, SIGPIPE);
}
