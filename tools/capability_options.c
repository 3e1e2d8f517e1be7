/* SPDX-License-Identifier: MIT */
/*
 * Capabilities. setpriv(1) changes sets by lists of names, and the library takes a whole text as libcap(3) writes it:
 * so the sets as they are now are read, changed, and written.
 */
#include "run_options.h"
#include "commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>

enum { INHERITABLE, AMBIENT, BOUNDING };

static int remember(struct run *run, const struct run_option *o, char *list)
{
	run->changes[o->detail] = (struct capability_change){ o->name, list };
	return -1;
}

static int set_text(struct run *run, const struct run_option *o, char *text)
{
	cap_t caps = o->detail ? NULL : cap_from_text(text);
	cap_iab_t iab = o->detail ? cap_iab_from_text(text) : NULL;
	int wrong = !caps && !iab;

	cap_free(caps);
	cap_free(iab);
	if (o->detail)
		run->request.iab = text;
	else
		run->request.caps = text;
	return wrong ? refuse(o, text,
			      o->detail ? "as cap_iab(3) writes it, such as '^cap_net_raw,!cap_sys_admin'"
					: "as cap_text_formats(7) has it, such as 'cap_net_raw=ep'")
		     : -1;
}

/* setpriv(1) leaves out "cap_", libcap does not. */
static int capability(const char *name, cap_value_t *ret)
{
	char whole[40];
	int size = snprintf(whole, sizeof(whole), "%s%s", strncmp(name, "cap_", 4) ? "cap_" : "", name);

	return size < (int)sizeof(whole) ? cap_from_name(whole, ret) : -EINVAL;
}

/* The bounding vector of libcap says what is lost. An ambient capability must be inheritable: libcap sees to it. */
static void raise_one(cap_iab_t iab, int set, cap_value_t cap, cap_flag_value_t raise)
{
	static const cap_iab_vector_t vectors[] = {
		[INHERITABLE] = CAP_IAB_INH, [AMBIENT] = CAP_IAB_AMB, [BOUNDING] = CAP_IAB_BOUND
	};

	if (set == BOUNDING)
		raise = raise == CAP_SET ? CAP_CLEAR : CAP_SET;
	cap_iab_set_vector(iab, vectors[set], cap, raise);
}

static int change(cap_iab_t iab, int set, const struct capability_change *what)
{
	char name[40];
	size_t len;
	cap_value_t cap;

	for (const char *at = what->list;; at += len + 1) {
		cap_flag_value_t raise = *at == '-' ? CAP_CLEAR : CAP_SET;
		const char *bare = at + (*at == '+' || *at == '-');

		len = strcspn(at, ",");
		if (bare == at || at + len - bare >= (int)sizeof(name)) /* without a sign it might mean either */
			return -EINVAL;
		memcpy(name, bare, (size_t)(at + len - bare));
		name[at + len - bare] = '\0';
		if (!strcmp(name, "all"))
			for (cap = 0; cap < cap_max_bits(); cap++)
				raise_one(iab, set, cap, raise);
		else if (capability(name, &cap))
			return -EINVAL;
		else
			raise_one(iab, set, cap, raise);
		if (!at[len])
			return 0;
	}
}

int capability_finish(struct run *run)
{
	bool any = run->changes[INHERITABLE].list || run->changes[AMBIENT].list || run->changes[BOUNDING].list;
	cap_iab_t iab;
	char *text;

	if (!any)
		return -1;
	if (run->request.iab)
		return refuse_name("iab", "not together with --inh-caps, --ambient-caps or --bounding-set");
	iab = cap_iab_get_proc();
	/* what is lost already need not be dropped, which needs a right */
	for (cap_value_t cap = 0; iab && cap < cap_max_bits(); cap++)
		cap_iab_set_vector(iab, CAP_IAB_BOUND, cap, CAP_CLEAR);
	for (int set = INHERITABLE; iab && set <= BOUNDING; set++) {
		const struct capability_change *what = &run->changes[set];

		if (what->list && change(iab, set, what)) {
			cap_free(iab);
			complain("--%s '%s': must be names such as +net_raw or -all, with commas between them",
				 what->option, what->list);
			return EXIT_OWN_ERROR;
		}
	}
	text = iab ? cap_iab_to_text(iab) : NULL;
	run->iab_text = text ? strdup(text) : NULL;
	cap_free(text);
	cap_free(iab);
	run->request.iab = run->iab_text;
	if (!run->said[USPAWN_STEP_CAPS / 10])
		run->said[USPAWN_STEP_CAPS / 10] = run->said[USPAWN_STEP_AMBIENT / 10];
	return run->iab_text ? -1 : refuse_name("ambient-caps", strerror(errno));
}

const struct run_option capability_options[] = {
	{ "ambient-caps", 0, required_argument, USPAWN_STEP_AMBIENT, AMBIENT, remember },
	{ "bounding-set", 0, required_argument, USPAWN_STEP_BOUNDING, BOUNDING, remember },
	{ "caps", 0, required_argument, USPAWN_STEP_CAPS, 0, set_text },
	{ "iab", 0, required_argument, USPAWN_STEP_AMBIENT, 1, set_text },
	{ "inh-caps", 0, required_argument, USPAWN_STEP_CAPS, INHERITABLE, remember },
	{ NULL, 0, 0, 0, 0, NULL },
};
