/* SPDX-License-Identifier: MIT */
/* Only what may be gone when the child reads it is copied. */
#include <string.h>

#include "env.h"
#include "strings.h"

size_t strings_size(const struct uspawn_plan *plan, const struct uspawn_args *args, int copies)
{
	char *const *argv = args->argv ? args->argv : plan->argv;
	char *const *envp = args->envp ? args->envp : plan->envp;
	size_t size = 0, pointers = 0;

	if (plan->flags & USPAWN_SH_FALLBACK)
		pointers += env_count(argv) + 2;
	if (args->setenv)
		pointers += env_count(envp) + env_count(args->setenv) + 1;
	if (copies && args->argv) {
		pointers += env_count(argv) + 1;
		size += env_size(argv);
	}
	if (copies && (args->envp || args->setenv)) {
		pointers += args->setenv ? 0 : env_count(envp) + 1;
		size += env_size(args->envp) + env_size(args->setenv);
	}
	return size + pointers * sizeof(char *);
}

static char *const *copy_list(struct writer *w, char *const *list, size_t extra)
{
	char **ret = writer_claim(w, (env_count(list) + 1 + extra) * sizeof(char *));

	memcpy(ret, list, (env_count(list) + 1) * sizeof(char *));
	return ret;
}

static void copy_strings(struct writer *w, char *const *list)
{
	for (char **string = (char **)list; *string; string++) {
		size_t size = strlen(*string) + 1;

		*string = memcpy(w->room, *string, size);
		w->room += size;
	}
}

/* Only the caller's strings move: the plan's live as long as the child may read them. */
static void copy_new_strings(struct writer *w, char *const *list, char *const *kept)
{
	for (char **string = (char **)list; *string; string++) {
		while (*kept && *kept != *string)
			kept++;
		if (!*kept) {
			copy_strings(w, string);
			return;
		}
	}
}

void strings_put(struct child_start *ret, struct writer *w, const struct uspawn_args *args, int copies)
{
	static char *const none[] = { NULL };
	const struct uspawn_plan *plan = w->plan;
	char *const *envp = args->envp ? args->envp : plan->envp;

	ret->argv = args->argv ? args->argv : plan->argv ? plan->argv : none;
	ret->envp = envp;
	if (copies && args->argv)
		ret->argv = copy_list(w, args->argv, 0);
	if (args->setenv) {
		char **merged = writer_claim(w, (env_count(envp) + env_count(args->setenv) + 1) * sizeof(char *));

		env_merge(envp, args->setenv, merged);
		ret->envp = merged;
	} else if (copies && args->envp) {
		ret->envp = copy_list(w, args->envp, 0);
	}
	ret->sh_argv = NULL;
	if (plan->flags & USPAWN_SH_FALLBACK) {
		size_t n = env_count(ret->argv);

		ret->sh_argv = writer_claim(w, (n + 2) * sizeof(char *));
		ret->sh_argv[0] = "/bin/sh";
	}
	/* From here on room is bytes. */
	if (copies && args->argv)
		copy_strings(w, ret->argv);
	if (copies && args->envp)
		copy_strings(w, ret->envp);
	else if (copies && args->setenv)
		copy_new_strings(w, ret->envp, plan->envp);
	if (ret->sh_argv)
		memcpy(ret->sh_argv + 2, ret->argv + 1, env_count(ret->argv) * sizeof(char *));
}
