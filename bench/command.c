/* SPDX-License-Identifier: MIT */
/*
 * What is started. The environment is made here, not taken from the user: how many variables someone happens to have
 * would change every figure.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "bench.h"

enum { STRING = 32 }; /* bytes of each string, its end included */

static struct command commands[NPROGRAMS];

const struct command *command_of(enum program program)
{
	return &commands[program];
}

/* What exec will have to copy: strings and pointers. */
size_t command_size(const struct setting *setting)
{
	return ((size_t)setting->env + setting->argv) * (STRING + sizeof(char *)) + 4096;
}

/* `head`, then n strings that begin with `prefix`, then NULL. Never freed: a worker ends with _exit. */
static char **strings(char *const *head, size_t nhead, const char *prefix, uint32_t n)
{
	char **list = calloc(nhead + n + 1, sizeof(*list));
	char *text = calloc(n ? n : 1, STRING);

	if (!list || !text)
		return NULL;
	if (nhead)
		memcpy(list, head, nhead * sizeof(*list));
	for (uint32_t i = 0; i < n; i++, text += STRING) {
		int used = snprintf(text, STRING, "%s%06u=", prefix, i);

		memset(text + used, 'x', (size_t)(STRING - 1 - used));
		list[nhead + i] = text;
	}
	return list;
}

/* Folders that exist on every machine and do not have the program, then the one that has it. */
static char *search_path(const char *path, uint32_t misses)
{
	static const char *const folders[] = {
		"/etc", "/usr", "/var", "/usr/lib", "/usr/share", "/var/lib", "/dev", "/"
	};
	size_t n = (size_t)(strrchr(path, '/') - path), size = sizeof("PATH=") + misses * 16 + n;
	char *ret = malloc(size), *at = ret;

	if (!ret)
		return NULL;
	at = stpcpy(at, "PATH=");
	for (uint32_t i = 0; i < misses; i++)
		at = stpcpy(stpcpy(at, folders[i % 8]), ":");
	memcpy(at, path, n);
	at[n] = 0;
	return ret;
}

int commands_prepare(const struct setting *setting)
{
	const uint32_t files[] = { setting->child, FILE_CLOCKED, FILE_LEAVING, FILE_IDLE };
	char *head[3], *search = NULL;

	if (setting->path_misses) {
		search = search_path(program_path(setting->child), setting->path_misses);
		if (!search || setenv("PATH", search + strlen("PATH="), 1) < 0)
			return -ENOMEM;
	}
	for (int i = 0; i < NPROGRAMS; i++) {
		struct command *c = &commands[i];
		size_t n = 0;

		c->path = program_path(files[i]);
		head[n++] = c->path;
		if (i == CHILD && setting->child == SHELL) {
			head[n++] = "-c";
			head[n++] = "exit 42";
		}
		if (search && i != IDLE)
			c->file = strrchr(c->path, '/') + 1;
		c->argv = strings(head, n, "argument", setting->argv);
		c->envp = strings(&search, search ? 1 : 0, "VARIABLE", setting->env);
		if (!c->argv || !c->envp)
			return -ENOMEM;
	}
	return 0;
}
