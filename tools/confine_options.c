/* SPDX-License-Identifier: MIT */
/* What is given up last: a system call filter, a Landlock ruleset, a label. Names are those of setpriv(1). */
#include "run_options.h"
#include "commands.h"
#include "landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int set_filter(struct run *run, const struct run_option *o, char *file)
{
	if (run->filter_file)
		return refuse_name(o->name, "a second filter");
	run->filter_file = file;
	return -1;
}

static int set_flag(struct run *run, const struct run_option *o, char *value)
{
	(void)value;
	run->confine.flags |= (uint32_t)o->detail;
	return -1;
}

static int set_label(struct run *run, const struct run_option *o, char *label)
{
	if (run->confine.label)
		return refuse_name(o->name, "a second label");
	run->confine.label = label;
	return *label ? -1 : refuse(o, label, "a label");
}

static int set_access(struct run *run, const struct run_option *o, char *text)
{
	uint64_t access;
	int r = landlock_access_parse(text, &access);

	if (r == -EOPNOTSUPP)
		return refuse_name(o->name, "this kernel has no Landlock, or it is off (lsm= on its command line)");
	if (r < 0)
		return refuse(o, text, LANDLOCK_ACCESS_FORM);
	run->landlock_access |= access;
	return -1;
}

static int set_rule(struct run *run, const struct run_option *o, char *rule)
{
	(void)o;
	run->landlock_rules[run->nlandlock_rules++] = rule;
	return -1;
}

/* The whole of a file of instructions, or -errno. */
static int read_filter(int fd, struct sock_filter *filter, size_t most)
{
	size_t have = 0, size = most * sizeof(*filter);
	ssize_t n;

	while ((n = read(fd, (char *)filter + have, size - have)) > 0)
		have += (size_t)n;
	if (n < 0)
		return -errno;
	return !have || have % sizeof(*filter) || have == size ? -EINVAL : (int)(have / sizeof(*filter));
}

static int load_filter(struct run *run)
{
	const char *file = run->filter_file;
	struct sock_filter *filter = calloc(BPF_MAXINSNS + 1, sizeof(*filter));
	uint64_t number;
	bool borrowed = !strncmp(file, "fd:", 3);
	int fd, n;

	run->confine.filter = filter;
	if (!filter)
		return refuse_name("seccomp-filter", strerror(ENOMEM));
	if (borrowed && number_parse(file + 3, 0, INT_MAX, &number)) {
		complain("--seccomp-filter '%s': must be a file, or fd: and a number", file);
		return EXIT_OWN_ERROR;
	}
	fd = borrowed ? (int)number : open(file, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -errno : read_filter(fd, filter, BPF_MAXINSNS + 1);
	if (fd >= 0 && !borrowed)
		close(fd);
	if (n < 0) {
		complain("--seccomp-filter: %s: %s", file,
			 n == -EINVAL
				 ? "must be instructions of 8 bytes, at most 4096, as seccomp_export_bpf(3) writes them"
				 : strerror(-n));
		return EXIT_OWN_ERROR;
	}
	run->confine.filter_len = (uint32_t)n;
	return -1;
}

static int make_ruleset(struct run *run)
{
	const char *rule;
	int fd = run_hold(run,
			  landlock_ruleset(run->landlock_access, run->landlock_rules, run->nlandlock_rules, &rule));

	if (fd >= 0) {
		run->confine.flags |= USPAWN_LANDLOCK;
		run->confine.landlock_fd = fd;
		return -1;
	}
	if (rule && fd == -EINVAL)
		complain("--landlock-rule '%s': must be %s, and its ACCESS part of --landlock-access", rule,
			 LANDLOCK_RULE_FORM);
	else if (rule && fd == -ENOMSG)
		complain("--landlock-rule '%s': not a directory, and a file can only have execute, write-file, "
			 "read-file, truncate, ioctl-dev",
			 rule);
	else if (rule)
		complain("--landlock-rule '%s': %s", rule, strerror(-fd));
	else
		complain("--landlock-access: %s",
			 fd == -EINVAL ? "this kernel does not know all of it" : strerror(-fd));
	return EXIT_OWN_ERROR;
}

int confine_finish(struct run *run)
{
	int code = -1;

	if (run->nlandlock_rules && !run->landlock_access)
		return refuse_name("landlock-rule",
				   "allows part of what --landlock-access restricts, which is missing");
	if (run->confine.flags && !run->filter_file)
		return refuse_name("seccomp-log", "and --seccomp-spec-allow go with --seccomp-filter");
	if (run->filter_file)
		code = load_filter(run);
	if (code < 0 && run->landlock_access)
		code = make_ruleset(run);
	if (run->filter_file || run->landlock_access || run->confine.label) {
		run->confine.size = sizeof(run->confine);
		run->request.confine = &run->confine;
	}
	return code;
}

const struct run_option confine_options[] = {
	{ "apparmor-profile", 0, required_argument, USPAWN_STEP_LABEL, 0, set_label },
	{ "landlock-access", 0, required_argument, USPAWN_STEP_LANDLOCK, 0, set_access },
	{ "landlock-rule", 0, required_argument, USPAWN_STEP_NONE, 0, set_rule },
	{ "seccomp-filter", 0, required_argument, USPAWN_STEP_SECCOMP, 0, set_filter },
	{ "seccomp-log", 0, no_argument, USPAWN_STEP_NONE, USPAWN_SECCOMP_LOG, set_flag },
	{ "seccomp-spec-allow", 0, no_argument, USPAWN_STEP_NONE, USPAWN_SECCOMP_SPEC_ALLOW, set_flag },
	{ "selinux-label", 0, required_argument, USPAWN_STEP_LABEL, 0, set_label },
	{ NULL, 0, 0, 0, 0, NULL },
};
