/* SPDX-License-Identifier: MIT */
/* What a child can be given here, found by giving it to one that does nothing else: 1, or -errno. */
#ifndef USPAWN_ATTRS_H
#define USPAWN_ATTRS_H

int attrs_pty(void);
int attrs_cgroup_birth(void);
int attrs_namespaces(void);
int attrs_time_namespace(void);
int attrs_clamps(void);
int attrs_ambient(void);
int attrs_landlock(void);
int attrs_seccomp(void);
int attrs_kill_on_close(void);

#endif
