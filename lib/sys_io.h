/* SPDX-License-Identifier: MIT */
/* System calls, as in sys.h, for the pipes between the library and a child. */
#ifndef USPAWN_SYS_IO_H
#define USPAWN_SYS_IO_H

#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <termios.h>

#include "sys.h"

/* RWF_NOSIGNAL, 6.18: no SIGPIPE. */
static inline long sys_write_quietly(int fd, const void *buf, size_t n)
{
	struct iovec iov = { .iov_base = (void *)buf, .iov_len = n };

	return SYSCALL6(SYS_pwritev2, fd, &iov, 1, -1L, -1L, 0x100);
}

/* To a socket, never waiting, and without SIGPIPE. */
static inline long sys_send(int fd, const void *buf, size_t n)
{
	return SYSCALL6(SYS_sendto, fd, buf, n, MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0);
}

/* The kernel says the numbers before it has the sockets: of a failure they are other threads'. */
static inline int sys_socketpair(int ret[2])
{
	int ends[2], r = (int)SYSCALL(SYS_socketpair, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends);

	if (r == 0) {
		ret[0] = ends[0];
		ret[1] = ends[1];
	}
	return r;
}

union sys_carrier {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(sizeof(int))];
};

static inline int sys_send_descriptor(int socket, int fd)
{
	union sys_carrier carrier = {
		.head = { .cmsg_len = CMSG_LEN(sizeof(fd)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS }
	};
	struct msghdr message = { .msg_control = &carrier, .msg_controllen = sizeof(carrier) };

	__builtin_memcpy(CMSG_DATA(&carrier.head), &fd, sizeof(fd));
	return (int)SYSCALL(SYS_sendmsg, socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL, 0);
}

/* Close-on-exec; or -1: there is none. */
static inline int sys_receive_descriptor(int socket)
{
	union sys_carrier carrier = { 0 };
	struct msghdr message = { .msg_control = &carrier, .msg_controllen = sizeof(carrier) };
	int fd;

	if (SYSCALL(SYS_recvmsg, socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC, 0) < 0 ||
	    message.msg_controllen < CMSG_LEN(sizeof(fd)))
		return -1;
	__builtin_memcpy(&fd, CMSG_DATA(&carrier.head), sizeof(fd));
	return fd;
}

static inline int sys_sigpending(uint64_t *ret)
{
	return (int)SYSCALL(SYS_rt_sigpending, ret, SYS_SIGSET_SIZE, 0, 0);
}

static inline int sys_sigtimedwait(const uint64_t *set, const struct timespec *timeout)
{
	return (int)SYSCALL(SYS_rt_sigtimedwait, set, 0, timeout, SYS_SIGSET_SIZE);
}

static inline int sys_timerfd_settime_at(int fd, const struct itimerspec *value)
{
	return (int)SYSCALL(SYS_timerfd_settime, fd, TFD_TIMER_ABSTIME, value, 0);
}

static inline long sys_pread_at(int fd, void *buf, size_t n, int64_t offset)
{
	return SYSCALL(SYS_pread64, fd, buf, n, offset);
}

static inline long sys_pread(int fd, void *buf, size_t n)
{
	return sys_pread_at(fd, buf, n, 0);
}

static inline long sys_lseek(int fd, long offset)
{
	return SYSCALL(SYS_lseek, fd, offset, SEEK_SET, 0);
}

static inline int sys_mkdirat(int dir, const char *path, unsigned mode)
{
	return (int)SYSCALL(SYS_mkdirat, dir, path, mode, 0);
}

static inline int sys_rmdirat(int dir, const char *path)
{
	return (int)SYSCALL(SYS_unlinkat, dir, path, AT_REMOVEDIR, 0);
}

#ifndef SYS_process_mrelease
#define SYS_process_mrelease 448 /* 5.15; the same number on every machine */
#endif

/* 5.15. Takes the memory of a process that was killed, instead of leaving that to it. */
static inline int sys_process_mrelease(int pidfd)
{
	return (int)SYSCALL(SYS_process_mrelease, pidfd, 0, 0, 0);
}

/* The S_IFMT part of its mode, or 0. */
static inline unsigned sys_file_type(int fd)
{
	struct stat64 st;
#ifdef SYS_fstat64
	int r = (int)SYSCALL(SYS_fstat64, fd, &st, 0, 0);
#else
	int r = (int)SYSCALL(SYS_fstat, fd, &st, 0, 0);
#endif

	return r < 0 ? 0 : st.st_mode & S_IFMT;
}

static inline int sys_is_terminal(int fd)
{
	struct winsize size;

	return sys_ioctl(fd, TIOCGWINSZ, &size) == 0;
}

#endif
