/* SPDX-License-Identifier: MIT */
/*
 * Namespaces and the control group. A new namespace is named as unshare(1) names it, and one that is there already is
 * joined by --join, since nsenter(1) uses the same words for the other thing. --cgroup is the group, --cgroupns the
 * namespace.
 */
#include "run_options.h"
#include "commands.h"
#include "duration.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *name;
	uint64_t type;
} namespaces[] = {
	{ "cgroup", CLONE_NEWCGROUP }, { "ipc", CLONE_NEWIPC },   { "mnt", CLONE_NEWNS },    { "net", CLONE_NEWNET },
	{ "pid", CLONE_NEWPID },       { "time", CLONE_NEWTIME }, { "user", CLONE_NEWUSER }, { "uts", CLONE_NEWUTS },
};

enum { NAMESPACES = sizeof(namespaces) / sizeof(*namespaces) };

static int set_new(struct run *run, const struct run_option *o, char *value)
{
	(void)value;
	run->namespaces.unshare |= (uint32_t)o->detail;
	return -1;
}

/* "TYPE=FILE", or "TYPE,..." of the target; opened when all options are known. */
static int set_join(struct run *run, const struct run_option *o, char *value)
{
	uint32_t n = run->namespaces.njoin;
	char *equals = strchr(value, '='), *rest = value, *name;
	size_t i;

	if (equals)
		*equals = '\0';
	while ((name = strsep(&rest, ","))) {
		for (i = 0; i < NAMESPACES && strcmp(namespaces[i].name, name); i++)
			;
		if (i == NAMESPACES || (equals && rest))
			return refuse(o, name,
				      "TYPE=FILE, or with --target TYPE,...; TYPE is one of cgroup, ipc, mnt, net, "
				      "time, user, uts");
		if (namespaces[i].type == CLONE_NEWPID)
			return refuse_name(o->name, "pid: only children of the program would be in it");
		if (!equals) {
			run->join_target |= namespaces[i].type;
			continue;
		}
		if (n == RUN_JOINS)
			return refuse(o, equals + 1, "one of no more than 16");
		run->join_file[n] = equals + 1;
		run->join[n].type = (uint32_t)namespaces[i].type;
		run->namespaces.njoin = n + 1;
	}
	return -1;
}

static int set_target(struct run *run, const struct run_option *o, char *value)
{
	uint64_t pid = 0;
	int code = take_number(o, value, 1, INT32_MAX, "the number of a process", &pid);

	run->target = (int)pid;
	return code;
}

/* ---- Maps of ids ---- */

static int add_map(struct run *run, const struct run_option *o, int groups, const struct uspawn_idmap *map)
{
	uint32_t *n = groups ? &run->namespaces.ngid_map : &run->namespaces.nuid_map;

	if (*n == RUN_MAPS)
		return refuse_name(o->name, "more than 32 of them");
	(groups ? run->gid_map : run->uid_map)[(*n)++] = *map;
	run->namespaces.unshare |= CLONE_NEWUSER;
	return -1;
}

/* Who may map only himself must give up setgroups(2) for it: unshare(1) does so, too. */
static int add_self(struct run *run, const struct run_option *o, int groups, uint32_t inside)
{
	struct uspawn_idmap map = { inside, groups ? getegid() : geteuid(), 1, 0 };
	struct uspawn_idmap *maps = groups ? run->gid_map : run->uid_map;
	uint32_t n = groups ? run->namespaces.ngid_map : run->namespaces.nuid_map;

	if (groups)
		run->denies_setgroups = true;
	for (uint32_t i = 0; i < n; i++)
		if (maps[i].outside == map.outside && maps[i].count == 1) { /* said twice: the last one counts */
			maps[i] = map;
			return -1;
		}
	return add_map(run, o, groups, &map);
}

/* detail: to 0, else to what it is. */
static int set_self(struct run *run, const struct run_option *o, char *value)
{
	int code = add_self(run, o, 0, o->detail ? 0 : geteuid());

	(void)value;
	return code < 0 ? add_self(run, o, 1, o->detail ? 0 : getegid()) : code;
}

static int set_map_id(struct run *run, const struct run_option *o, char *value)
{
	uint64_t id;
	int code = take_number(o, value, 0, UINT32_MAX - 1, "a number from 0 to 4294967294, as which it sees itself",
			       &id);

	return code < 0 ? add_self(run, o, (int)o->detail, (uint32_t)id) : code;
}

/* unshare(1) has two ways to write it, since 2.39: "INSIDE:OUTSIDE:COUNT" and, older, "OUTSIDE,INSIDE,COUNT". */
static int set_map(struct run *run, const struct run_option *o, char *value)
{
	const char *separator = strchr(value, ':') ? ":" : ",";
	char text[64], *rest = text, *part; /* strsep(3) cuts, and all of it is shown */
	struct uspawn_idmap map = { 0 };
	uint64_t n[3] = { 0 };
	bool wrong;

	wrong = snprintf(text, sizeof(text), "%s", value) >= (int)sizeof(text);
	for (int i = 0; i < 3 && !wrong; i++) {
		part = strsep(&rest, separator);
		wrong = !part || number_parse(part, i == 2, UINT32_MAX - 1, &n[i]);
	}
	if (wrong || rest)
		return refuse(o, value, "INSIDE:OUTSIDE:COUNT, three numbers");
	map.inside = (uint32_t)n[*separator == ':' ? 0 : 1];
	map.outside = (uint32_t)n[*separator == ':' ? 1 : 0];
	map.count = (uint32_t)n[2];
	return add_map(run, o, (int)o->detail, &map);
}

static int set_setgroups(struct run *run, const struct run_option *o, char *value)
{
	run->says_setgroups = true;
	run->namespaces.flags &= ~(uint32_t)USPAWN_DENY_SETGROUPS;
	if (!strcmp(value, "deny"))
		run->namespaces.flags |= USPAWN_DENY_SETGROUPS;
	else if (strcmp(value, "allow"))
		return refuse(o, value, "allow or deny");
	return -1;
}

/* ---- The rest ---- */

static int set_propagation(struct run *run, const struct run_option *o, char *value)
{
	run->says_propagation = true;
	run->namespaces.flags &= ~(uint32_t)USPAWN_KEEP_PROPAGATION;
	if (!strcmp(value, "unchanged"))
		run->namespaces.flags |= USPAWN_KEEP_PROPAGATION;
	else if (strcmp(value, "private"))
		return refuse(o, value, "private or unchanged");
	return -1;
}

/* detail: of boottime, else of monotonic. */
static int set_offset(struct run *run, const struct run_option *o, char *value)
{
	bool negative = *value == '-';
	uint64_t seconds = 0;
	int64_t ns;

	if (number_parse(value + negative, 0, INT32_MAX, &seconds))
		return refuse(o, value, "seconds, from -2147483647 to 2147483647");
	ns = (int64_t)seconds * NS_PER_S;
	*(o->detail ? &run->namespaces.boottime_offset_ns : &run->namespaces.monotonic_offset_ns) = negative ? -ns : ns;
	run->namespaces.unshare |= CLONE_NEWTIME;
	return -1;
}

static int set_tids(struct run *run, const struct run_option *o, char *list)
{
	char *rest = list, *part;
	uint64_t tid;

	run->namespaces.nset_tid = 0;
	while ((part = strsep(&rest, ","))) {
		if (number_parse(part, 1, INT32_MAX, &tid) || run->namespaces.nset_tid == RUN_TIDS)
			return refuse(o, part, "pids, innermost namespace first, with commas between them");
		run->set_tid[run->namespaces.nset_tid++] = (int32_t)tid;
	}
	return -1;
}

static int set_cgroup(struct run *run, const struct run_option *o, char *path)
{
	run->cgroup = path;
	return *path ? -1 : refuse(o, path, "a directory below /sys/fs/cgroup");
}

static int set_root(struct run *run, const struct run_option *o, char *path)
{
	if (run->request.root)
		return refuse_name(o->name, "a second root");
	run->request.root = path;
	run->request.flags |= (uint64_t)o->detail;
	return *path ? -1 : refuse(o, path, "a directory");
}

/* Its pidfd, or -errno. */
static int open_process(int pid)
{
	struct uspawn_child child;
	int r = uspawn_adopt(&child, pid, -1, 0);

	return r < 0 ? r : uspawn_release(&child);
}

static int open_joins(struct run *run)
{
	struct uspawn_namespaces *ns = &run->namespaces;
	int fd;

	for (uint32_t i = 0; i < ns->njoin; i++) {
		fd = run_hold(run, open(run->join_file[i], O_RDONLY | O_CLOEXEC));
		if (fd < 0) {
			complain("--join: %s: %s", run->join_file[i], strerror(-fd));
			return EXIT_OWN_ERROR;
		}
		run->join[i].fd = fd;
	}
	if (!run->target != !run->join_target)
		return refuse_name(run->target ? "target" : "join",
				   run->target ? "say what to join of it: --join net,mnt"
					       : "say of whom: --target PID, or TYPE=FILE");
	if (!run->target)
		return -1;
	fd = run_hold(run, open_process(run->target));
	if (fd < 0) {
		complain("--target %d: %s", run->target, strerror(-fd));
		return EXIT_OWN_ERROR;
	}
	if (ns->njoin == RUN_JOINS)
		return refuse_name("join", "more than 16 of them");
	run->join[ns->njoin++] = (struct uspawn_join){ .fd = fd, .type = (uint32_t)run->join_target };
	return -1;
}

static int open_cgroup(struct run *run)
{
	int fd = run_hold(run, open(run->cgroup, O_PATH | O_DIRECTORY | O_CLOEXEC));

	if (fd < 0) {
		complain("--cgroup: %s: %s (a group is made by mkdir)", run->cgroup, strerror(-fd));
		return EXIT_OWN_ERROR;
	}
	run->request.flags |= USPAWN_SETCGROUP;
	run->request.cgroup_fd = fd;
	return -1;
}

int namespace_finish(struct run *run)
{
	struct uspawn_namespaces *ns = &run->namespaces;
	int code = open_joins(run);

	if (code < 0 && run->cgroup)
		code = open_cgroup(run);
	if (code >= 0)
		return code;
	if (run->request.flags & USPAWN_PIVOT_ROOT && !(ns->unshare & CLONE_NEWNS))
		return refuse_name("pivot-root", "only in a mount namespace of its own: --mount");
	if ((ns->flags & USPAWN_DENY_SETGROUPS || run->says_setgroups) && !(ns->unshare & CLONE_NEWUSER))
		return refuse_name("setgroups", "is about a new user namespace: --user");
	if (run->says_propagation && !(ns->unshare & CLONE_NEWNS))
		return refuse_name("propagation", "is about a new mount namespace: --mount");
	if (ns->njoin && ns->unshare & CLONE_NEWUSER && ns->unshare & CLONE_NEWPID)
		return refuse_name("join", "not together with --user and --pid: it would be born before it has joined");
	if (ns->unshare & CLONE_NEWPID && ns->nset_tid && run->set_tid[0] != 1)
		return refuse_name("set-tid", "the first process of a new PID namespace (--pid) can only be 1 there");
	if (run->denies_setgroups && !run->says_setgroups)
		ns->flags |= USPAWN_DENY_SETGROUPS;
	if (!ns->unshare && !ns->njoin && !ns->nset_tid)
		return -1;
	ns->size = sizeof(*ns);
	ns->join = ns->njoin ? run->join : NULL;
	ns->uid_map = ns->nuid_map ? run->uid_map : NULL;
	ns->gid_map = ns->ngid_map ? run->gid_map : NULL;
	ns->set_tid = ns->nset_tid ? run->set_tid : NULL;
	run->request.namespaces = ns;
	return -1;
}

#define NS  USPAWN_STEP_NAMESPACE
#define MAP USPAWN_STEP_IDMAP

const struct run_option namespace_options[] = {
	{ "boottime", 0, required_argument, NS, 1, set_offset },
	{ "cgroup", 0, required_argument, USPAWN_STEP_CGROUP, 0, set_cgroup },
	{ "cgroupns", 0, no_argument, NS, CLONE_NEWCGROUP, set_new },
	{ "ipc", 0, no_argument, NS, CLONE_NEWIPC, set_new },
	{ "join", 0, required_argument, NS, 0, set_join },
	{ "map-current-user", 0, no_argument, MAP, 0, set_self },
	{ "map-group", 0, required_argument, MAP, 1, set_map_id },
	{ "map-groups", 0, required_argument, MAP, 1, set_map },
	{ "map-root-user", 0, no_argument, MAP, 1, set_self },
	{ "map-user", 0, required_argument, MAP, 0, set_map_id },
	{ "map-users", 0, required_argument, MAP, 0, set_map },
	{ "monotonic", 0, required_argument, NS, 0, set_offset },
	{ "mount", 0, no_argument, NS, CLONE_NEWNS, set_new },
	{ "net", 0, no_argument, NS, CLONE_NEWNET, set_new },
	{ "pid", 0, no_argument, NS, CLONE_NEWPID, set_new },
	{ "pivot-root", 0, required_argument, USPAWN_STEP_ROOT, USPAWN_PIVOT_ROOT, set_root },
	{ "propagation", 0, required_argument, USPAWN_STEP_NONE, 0, set_propagation },
	{ "root", 0, required_argument, USPAWN_STEP_ROOT, 0, set_root },
	{ "set-tid", 0, required_argument, USPAWN_STEP_CLONE, 0, set_tids },
	{ "setgroups", 0, required_argument, USPAWN_STEP_NONE, 0, set_setgroups },
	{ "target", 0, required_argument, NS, 0, set_target },
	{ "time", 0, no_argument, NS, CLONE_NEWTIME, set_new },
	{ "user", 0, no_argument, NS, CLONE_NEWUSER, set_new },
	{ "uts", 0, no_argument, NS, CLONE_NEWUTS, set_new },
	{ NULL, 0, 0, 0, 0, NULL },
};
