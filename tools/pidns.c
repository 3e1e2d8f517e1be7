/* SPDX-License-Identifier: MIT */
/*
 * After "unshare --pid" without --fork the first command is the namespace's first process, and with its end the kernel
 * refuses all others as it does when memory is short. Only that its number is gone tells the two apart.
 */
#include "pidns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ioctl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define TGID_FROM_PIDNS _IOR(0xb7, 0x7, int) /* NS_GET_TGID_FROM_PIDNS of <linux/nsfs.h>: Linux 6.11 */

bool pidns_is_dead(void)
{
	int fd = open("/proc/self/ns/pid_for_children", O_RDONLY | O_CLOEXEC); /* not there: it has had none yet */
	bool dead;

	if (fd < 0)
		return false;
	dead = ioctl(fd, TGID_FROM_PIDNS, 1) < 0 && errno == ESRCH;
	close(fd);
	return dead;
}
