/* SPDX-License-Identifier: MIT */
/* The part of sys.h that is about whose process it is: ids, capabilities, namespaces. */
#ifndef USPAWN_SYS_CREDS_H
#define USPAWN_SYS_CREDS_H

#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/utsname.h>

#include "sys_attrs.h"

#define SYS_CLONE_NEWTIME           0x80 /* 5.6 */
#define SYS_NS_GET_NSTYPE           _IO(0xb7, 0x3)
#define SYS_MOVE_MOUNT_F_EMPTY_PATH 4
#define SYS_OPEN_TREE_FLAGS         (1 | 0x8000 | O_CLOEXEC) /* OPEN_TREE_CLONE, AT_RECURSIVE */

/* ---- Namespaces ---- */

static inline int sys_setns(int fd, int type)
{
	return (int)SYSCALL(SYS_setns, fd, type, 0, 0);
}

static inline int sys_mount(const char *from, const char *to, unsigned long flags)
{
	return (int)SYSCALL6(SYS_mount, from, to, 0, flags, 0, 0);
}

#ifndef SYS_open_tree
#define SYS_open_tree  428 /* 5.2, and the next; the same numbers on every machine */
#define SYS_move_mount 429
#endif

/* A copy of the mount there, and of all below it, that is mounted nowhere yet. */
static inline int sys_open_tree(const char *path)
{
	return (int)SYSCALL(SYS_open_tree, AT_FDCWD, path, SYS_OPEN_TREE_FLAGS, 0);
}

static inline int sys_move_mount(int tree, const char *to)
{
	return (int)SYSCALL6(SYS_move_mount, tree, "", AT_FDCWD, to, SYS_MOVE_MOUNT_F_EMPTY_PATH, 0);
}

static inline int sys_umount2(const char *path, int flags)
{
	return (int)SYSCALL(SYS_umount2, path, flags, 0, 0);
}

static inline int sys_pivot_root(const char *root, const char *old)
{
	return (int)SYSCALL(SYS_pivot_root, root, old, 0, 0);
}

/* ---- Identity, of the calling thread ---- */

/* The oldest machines have calls of 16 bits under the plain names. */
#ifdef SYS_setresuid32
#define SYS_ID(call) SYS_##call##32
#else
#define SYS_ID(call) SYS_##call
#endif

/* Real, effective, saved. */
static inline int sys_getresuid(uint32_t ids[3])
{
	return (int)SYSCALL(SYS_ID(getresuid), &ids[0], &ids[1], &ids[2], 0);
}

static inline int sys_getresgid(uint32_t ids[3])
{
	return (int)SYSCALL(SYS_ID(getresgid), &ids[0], &ids[1], &ids[2], 0);
}

static inline int sys_setresuid(uint32_t real, uint32_t effective, uint32_t saved)
{
	return (int)SYSCALL(SYS_ID(setresuid), real, effective, saved, 0);
}

static inline int sys_setresgid(uint32_t real, uint32_t effective, uint32_t saved)
{
	return (int)SYSCALL(SYS_ID(setresgid), real, effective, saved, 0);
}

static inline int sys_setgroups(size_t n, const uint32_t *groups)
{
	return (int)SYSCALL(SYS_ID(setgroups), n, groups, 0, 0);
}

static inline uint32_t sys_geteuid(void)
{
	return (uint32_t)SYSCALL(SYS_ID(geteuid), 0, 0, 0, 0);
}

static inline uint32_t sys_getegid(void)
{
	return (uint32_t)SYSCALL(SYS_ID(getegid), 0, 0, 0, 0);
}

static inline uint32_t sys_getgid(void)
{
	return (uint32_t)SYSCALL(SYS_ID(getgid), 0, 0, 0, 0);
}

static inline uint32_t sys_getuid(void)
{
	return (uint32_t)SYSCALL(SYS_ID(getuid), 0, 0, 0, 0);
}

/* By which files are accessed: what no id is changes nothing, and the answer is the old one. */
static inline uint32_t sys_getfsuid(void)
{
	return (uint32_t)SYSCALL(SYS_ID(setfsuid), -1, 0, 0, 0);
}

static inline uint32_t sys_getfsgid(void)
{
	return (uint32_t)SYSCALL(SYS_ID(setfsgid), -1, 0, 0, 0);
}

/* As capget(2) and capset(2) have them, version 3: low halves, then high halves. */
struct sys_caps {
	struct __user_cap_header_struct header;
	struct __user_cap_data_struct data[2];
};

static inline uint64_t sys_caps_effective(const struct sys_caps *caps)
{
	return caps->data[0].effective | (uint64_t)caps->data[1].effective << 32;
}

static inline uint64_t sys_caps_permitted(const struct sys_caps *caps)
{
	return caps->data[0].permitted | (uint64_t)caps->data[1].permitted << 32;
}

static inline uint64_t sys_caps_inheritable(const struct sys_caps *caps)
{
	return caps->data[0].inheritable | (uint64_t)caps->data[1].inheritable << 32;
}

static inline void sys_caps_set_inheritable(struct sys_caps *caps, uint64_t set)
{
	caps->data[0].inheritable = (uint32_t)set;
	caps->data[1].inheritable = (uint32_t)(set >> 32);
}

static inline struct sys_caps sys_caps_of(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	return (struct sys_caps){ .header.version = _LINUX_CAPABILITY_VERSION_3,
				  .data = { { (uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable },
					    { (uint32_t)(effective >> 32), (uint32_t)(permitted >> 32),
					      (uint32_t)(inheritable >> 32) } } };
}

static inline int sys_capget(struct sys_caps *ret)
{
	ret->header.version = _LINUX_CAPABILITY_VERSION_3;
	ret->header.pid = 0;
	return (int)SYSCALL(SYS_capget, &ret->header, ret->data, 0, 0);
}

static inline int sys_capset(const struct sys_caps *caps)
{
	return (int)SYSCALL(SYS_capset, &caps->header, caps->data, 0, 0);
}

static inline int sys_prctl2(int option, unsigned long value, unsigned long more)
{
	return (int)SYSCALL6(SYS_prctl, option, value, more, 0, 0, 0);
}

static inline int sys_uname(struct utsname *ret)
{
	return (int)SYSCALL(SYS_uname, ret, 0, 0, 0);
}

#endif
