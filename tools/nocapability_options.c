/* SPDX-License-Identifier: MIT */
/* In place of capability_options.c where there is no libcap: its options are known, and refused. */
#include "run_options.h"

static int refuse_all(struct run *run, const struct run_option *o, char *value)
{
	(void)run;
	(void)value;
	return refuse_name(o->name, "this uspawn was built without libcap (-Dcapabilities=enabled)");
}

int capability_finish(struct run *run)
{
	(void)run;
	return -1;
}

const struct run_option capability_options[] = {
	{ "ambient-caps", 0, required_argument, 0, 0, refuse_all },
	{ "bounding-set", 0, required_argument, 0, 0, refuse_all },
	{ "caps", 0, required_argument, 0, 0, refuse_all },
	{ "iab", 0, required_argument, 0, 0, refuse_all },
	{ "inh-caps", 0, required_argument, 0, 0, refuse_all },
	{ NULL, 0, 0, 0, 0, NULL },
};
