/* SPDX-License-Identifier: MIT */
/*
 * Who runs it. Two ways to say it: --uid as systemd-run(1) has it, which is the user with all that belongs to one; and
 * setpriv(1)'s --reuid, --regid and groups, which change what they name. Names are looked up here, so that the child
 * need not.
 */
#include "run_options.h"
#include "commands.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define ID_MAX  (UINT32_MAX - 1) /* the highest means "leave it" to the kernel */
#define ID_FORM "a number from 0 to 4294967294"

enum { GROUPS_LIST, GROUPS_INIT, GROUPS_CLEAR, GROUPS_KEEP };

static int user_id(const char *name, uint32_t *ret)
{
	const struct passwd *user;
	uint64_t n;

	if (!number_parse(name, 0, ID_MAX, &n)) {
		*ret = (uint32_t)n;
		return 0;
	}
	user = getpwnam(name);
	if (!user)
		return -ENOENT;
	*ret = user->pw_uid;
	return 0;
}

static int group_id(const char *name, uint32_t *ret)
{
	const struct group *group;
	uint64_t n;

	if (!number_parse(name, 0, ID_MAX, &n)) {
		*ret = (uint32_t)n;
		return 0;
	}
	group = getgrnam(name);
	if (!group)
		return -ENOENT;
	*ret = group->gr_gid;
	return 0;
}

/* detail: with the user's groups. */
static int set_user(struct run *run, const struct run_option *o, char *name)
{
	const struct passwd *user;

	if (user_id(name, &run->identity.uid))
		return refuse(o, name, "a user's name that is known (getent passwd), or " ID_FORM);
	run->has_uid = true;
	if (!o->detail)
		return -1;
	user = getpwuid(run->identity.uid);
	if (!user)
		return refuse(o, name, "a user that is known; for a bare number: --reuid N --regid N --clear-groups");
	if (!run->says_gid)
		run->identity.gid = user->pw_gid;
	run->has_gid = true;
	run->init_groups |= !run->has_groups;
	return -1;
}

static int set_group(struct run *run, const struct run_option *o, char *name)
{
	if (group_id(name, &run->identity.gid))
		return refuse(o, name, "a group's name that is known (getent group), or " ID_FORM);
	run->has_gid = run->says_gid = true;
	return -1;
}

static int set_list(struct run *run, const struct run_option *o, char *list)
{
	uint32_t *groups = calloc(strlen(list) + 1, sizeof(*groups)), n = 0;
	char *rest = list, *name;

	free((void *)run->identity.groups);
	run->identity.groups = groups;
	while (groups && (name = strsep(&rest, ",")))
		if (group_id(name, &groups[n++]))
			return refuse(o, name,
				      "groups that are known, or numbers up to 4294967294, with commas between "
				      "them; none: --clear-groups");
	run->identity.ngroups = n;
	return groups ? -1 : refuse_name(o->name, strerror(ENOMEM));
}

static int set_groups(struct run *run, const struct run_option *o, char *list)
{
	if (run->has_groups)
		return refuse_name(o->name,
				   "one of --groups, --init-groups, --clear-groups and --keep-groups is enough");
	run->has_groups = true;
	run->init_groups = o->detail == GROUPS_INIT;
	run->identity.keep_groups = o->detail == GROUPS_KEEP;
	return o->detail == GROUPS_LIST ? set_list(run, o, list) : -1;
}

/* As the program's user would have at a login. */
static int look_up_groups(struct run *run)
{
	const struct passwd *user = getpwuid(run->identity.uid);
	int n = 0, room;
	gid_t *groups;

	if (!user)
		return refuse_name("init-groups", "the user is not known; say --groups or --clear-groups");
	getgrouplist(user->pw_name, run->identity.gid, NULL, &n);
	room = n + 16; /* one that is added meanwhile */
	groups = calloc((size_t)room, sizeof(*groups));
	if (!groups || getgrouplist(user->pw_name, run->identity.gid, groups, &room) < 0) {
		free(groups);
		return refuse_name("init-groups", "the groups could not be read");
	}
	run->identity.groups = groups;
	run->identity.ngroups = (uint32_t)room;
	return -1;
}

/* The library changes all three, so each may fail for an option that named another. */
static void blame(struct run *run)
{
	static const uint16_t steps[] = { USPAWN_STEP_UID, USPAWN_STEP_GID, USPAWN_STEP_GROUPS };
	const char *said = NULL;

	for (size_t i = 0; i < 3 && !said; i++)
		said = run->said[steps[i] / 10];
	for (size_t i = 0; i < 3; i++)
		if (!run->said[steps[i] / 10])
			run->said[steps[i] / 10] = said;
}

int identity_finish(struct run *run)
{
	struct uspawn_identity *identity = &run->identity;
	int code = -1;

	if (!run->has_uid && !run->has_gid && !run->has_groups)
		return -1;
	if (run->request.flags & USPAWN_RESETIDS)
		return refuse_name("reset-ids", "not together with --uid, --reuid, --gid, --regid or an option about "
						"groups, which name other ids");
	if (run->has_gid && !run->has_groups && !run->init_groups)
		return refuse_name(run->said[USPAWN_STEP_GID / 10],
				   "say what becomes of the other groups: --init-groups, --clear-groups, "
				   "--groups or --keep-groups");
	blame(run);
	identity->size = sizeof(*identity);
	if (!run->has_uid)
		identity->uid = geteuid();
	if (!run->has_gid)
		identity->gid = getegid();
	if (!run->has_groups && !run->init_groups)
		identity->keep_groups = 1;
	if (run->init_groups)
		code = look_up_groups(run);
	run->request.identity = identity;
	return code;
}

/* ---- What goes with it ---- */

/* setpriv(1)'s words: a name sets a bit, one with - before it clears it. */
static int set_securebits(struct run *run, const struct run_option *o, char *list)
{
	static const char *const names[] = {
		"noroot",    "noroot_locked",    "no_setuid_fixup",      "no_setuid_fixup_locked",
		"keep_caps", "keep_caps_locked", "no_cap_ambient_raise", "no_cap_ambient_raise_locked"
	};
	uint32_t bits = run->request.flags & USPAWN_SETSECUREBITS ? run->request.securebits
								  : (uint32_t)prctl(PR_GET_SECUREBITS);
	char *rest = list, *name;
	size_t i, count = sizeof(names) / sizeof(*names);

	while ((name = strsep(&rest, ","))) {
		const char *bare = name + (*name == '+' || *name == '-');

		for (i = 0; i < count && strcmp(names[i], bare); i++)
			;
		if (i == count)
			return refuse(
				o, name,
				"noroot, no_setuid_fixup, keep_caps, no_cap_ambient_raise, each also with _locked "
				"behind it and - before it");
		bits = *name == '-' ? bits & ~(1u << i) : bits | 1u << i;
	}
	run->request.flags |= USPAWN_SETSECUREBITS;
	run->request.securebits = bits;
	return -1;
}

static int set_pdeathsig(struct run *run, const struct run_option *o, char *name)
{
	int signo = strcmp(name, "clear") ? signal_parse(name) : 0;

	if (signo < 0)
		return refuse(o, name, "a signal such as TERM, or clear");
	run->request.pdeathsig = signo;
	return -1;
}

static int set_flag(struct run *run, const struct run_option *o, char *value)
{
	(void)value;
	run->request.flags |= (uint64_t)o->detail;
	return -1;
}

const struct run_option identity_options[] = {
	{ "clear-groups", 0, no_argument, USPAWN_STEP_GROUPS, GROUPS_CLEAR, set_groups },
	{ "gid", 0, required_argument, USPAWN_STEP_GID, 0, set_group },
	{ "groups", 0, required_argument, USPAWN_STEP_GROUPS, GROUPS_LIST, set_groups },
	{ "init-groups", 0, no_argument, USPAWN_STEP_GROUPS, GROUPS_INIT, set_groups },
	{ "keep-groups", 0, no_argument, USPAWN_STEP_GROUPS, GROUPS_KEEP, set_groups },
	{ "no-new-privs", 0, no_argument, USPAWN_STEP_NO_NEW_PRIVS, USPAWN_NO_NEW_PRIVS, set_flag },
	{ "pdeathsig", 0, required_argument, USPAWN_STEP_PDEATHSIG, 0, set_pdeathsig },
	{ "regid", 0, required_argument, USPAWN_STEP_GID, 0, set_group },
	{ "reset-ids", 0, no_argument, USPAWN_STEP_UID, USPAWN_RESETIDS, set_flag },
	{ "reuid", 0, required_argument, USPAWN_STEP_UID, 0, set_user },
	{ "securebits", 0, required_argument, USPAWN_STEP_SECUREBITS, 0, set_securebits },
	{ "uid", 0, required_argument, USPAWN_STEP_UID, 1, set_user },
	{ NULL, 0, 0, 0, 0, NULL },
};
