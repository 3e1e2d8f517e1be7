/* SPDX-License-Identifier: MIT */
/* The command line of `uspawn run`, words apart by NUL: one line that says what is wrong, or a request that is right.
 */
#include <errno.h>

#include "bytes.h"
#include "commands.h"
#include "run.h"

enum { WORDS = 24 };

/* What the program says, nobody reads here. */
void complain(const char *format, ...)
{
	MUST(*format);
}

int print_run_help(const char *group)
{
	(void)group;
	return 0;
}

bool who_has(char *ret, size_t size, const char *name, size_t len)
{
	(void)ret, (void)size, (void)name, (void)len;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes b = { data, size };
	struct run *run = calloc(1, sizeof(*run));
	char *words[WORDS + 1] = { NULL }, *argv[WORDS + 1] = { NULL };
	struct uspawn_failure failure = { 0 };
	struct uspawn_plan *plan = NULL;
	int argc = 1, code, r;

	MUST(run);
	words[0] = argv[0] = strdup("run");
	while (b.left && argc < WORDS) {
		words[argc] = argv[argc] = take_text(&b); /* getopt_long(3) moves them */
		argc++;
	}
	optind = 0;
	code = run_options(run, argc, argv);
	MUST(code == -1 || code == 0 || code == EXIT_OWN_ERROR || code == 1);
	if (code == -1) {
		r = uspawn_plan_new(&plan, &run->request, &failure);
		/* What a struct must not say is refused before, in the words of the options. */
		MUST(r == 0 || failure.step != USPAWN_STEP_REQUEST || failure.errnum != EINVAL);
		if (r == 0)
			MUST(uspawn_plan_describe(plan, NULL, 0) > 0);
		uspawn_plan_free(plan);
	}
	run_done(run);
	free(run);
	for (int i = 0; i < argc; i++)
		free(words[i]);
	return 0;
}
