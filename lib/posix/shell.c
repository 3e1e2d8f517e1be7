/* SPDX-License-Identifier: MIT */
/*
 * words.h says which texts are plain. What else a shell may change is asked here: dash, the one that is known, hands on
 * its environment without names that are none, sets PWD, and looks for the program in the PATH that it is given. A
 * program that cannot be run is left to the shell, whose message and exit code are expected then.
 */
#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actions.h"
#include "next.h"
#include "shell.h"
#include "words.h"

#define SHELL      "/bin/sh"
#define TEXT_BOUND 100000 /* a longer one might be too long for the kernel, as one argument, and not as several */
#define PWD_SIZE   (4 + PATH_MAX) /* on the heap: a thread may have no more than PTHREAD_STACK_MIN */

/* The text of a shell's -c, with or without the end of options in front of it. NULL: it is another kind of start. */
static const char *text_of(char *const *argv)
{
	int marked;

	if (!argv || !argv[0] || *argv[0] == '-') /* a login shell, which reads profiles */
		return NULL;
	if (!argv[1] || strcmp(argv[1], "-c") != 0 || !argv[2])
		return NULL;
	marked = strcmp(argv[2], "--") == 0;
	return argv[2 + marked] && !argv[3 + marked] ? argv[2 + marked] : NULL;
}

static int is_asked_for(const struct call *call)
{
	const char *text = text_of(call->argv);

	if (call->search || !call->program || strcmp(call->program, SHELL) != 0)
		return 0;
	return text && secure_getenv("USPAWN_ELIDE_SHELL") && strlen(text) < TEXT_BOUND;
}

/* Without -p a shell gives up effective ids that differ. */
static int has_ids_to_drop(void)
{
	return getuid() != geteuid() || getgid() != getegid();
}

/* dash is what Debian and its like have. bash sets two more variables, and reads some. */
static int is_known_shell(void)
{
	static _Atomic int known;
	int answer = atomic_load_explicit(&known, memory_order_relaxed);
	char target[64];
	ssize_t n;

	if (!answer) {
		n = readlink(SHELL, target, sizeof(target) - 1);
		target[n < 0 ? 0 : n] = '\0';
		answer = strcmp(target, "dash") == 0 || strcmp(target, "/bin/dash") == 0 ||
					 strcmp(target, "/usr/bin/dash") == 0
				 ? 1
				 : -1;
		atomic_store_explicit(&known, answer, memory_order_relaxed);
	}
	return answer > 0;
}

/* They may have to be done again, for the shell; and none may change where names are looked up. */
static int are_harmless(const posix_spawn_file_actions_t *object)
{
	const struct uspawn_action *actions;
	uint32_t n;

	if (actions_read(object, &actions, &n) == ACTIONS_LIBCS)
		return 0;
	for (uint32_t i = 0; i < n; i++) {
		if (actions[i].op == USPAWN_DO_CHDIR || actions[i].op == USPAWN_DO_FCHDIR)
			return 0;
		if (actions[i].op == USPAWN_DO_OPEN && strcmp(actions[i].path, "/dev/null") != 0)
			return 0;
	}
	return 1;
}

/* A shell drops names that it could not have itself. */
static size_t name_length(const char *entry)
{
	const char *c = entry;

	while ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || *c == '_' ||
	       (c > entry && *c >= '0' && *c <= '9'))
		c++;
	return *c == '=' ? (size_t)(c - entry) : 0;
}

/* What dash sets itself, whatever it is given. */
static int is_shells_own(const char *entry)
{
	return strncmp(entry, "IFS=", 4) == 0 || strncmp(entry, "OPTIND=", 7) == 0 || strncmp(entry, "PPID=", 5) == 0;
}

/* Only absolute directories: of others, dash has its own ideas. */
static int is_plain_path(const char *path)
{
	if (!path || strchr(path, '%'))
		return 0;
	for (const char *entry = path;; entry++) {
		if (*entry != '/')
			return 0;
		entry += strcspn(entry, ":");
		if (!*entry)
			return 1;
	}
}

#define NAMES_BITS 8192

/* Of thousands of variables not each is compared with all before it: only where a name's bit has been set by one. */
static int may_be_twice(unsigned char *names, const char *entry, size_t length)
{
	unsigned hash = 5381, bit;

	for (size_t i = 0; i < length; i++)
		hash = hash * 33 + (unsigned char)entry[i];
	hash = hash * 2654435761u >> 19;
	bit = 1u << hash % 8;
	if (names[hash / 8] & bit)
		return 1;
	names[hash / 8] |= (unsigned char)bit;
	return 0;
}

static int has_twice(char *const *envp, char *const *entry, size_t length)
{
	for (char *const *other = envp; other < entry; other++)
		if (strncmp(*other, *entry, length) == 0)
			return 1;
	return 0;
}

/* Whether the shell would hand it on as it is; with what it says of PATH and PWD. */
static int is_handed_on(char *const *envp, const char **retpath, const char **retpwd)
{
	unsigned char names[NAMES_BITS / 8] = { 0 };

	*retpath = *retpwd = NULL;
	for (char *const *entry = envp; entry && *entry; entry++) {
		size_t length = name_length(*entry) + 1;

		if (length == 1 || is_shells_own(*entry) ||
		    (may_be_twice(names, *entry, length) && has_twice(envp, entry, length)))
			return 0;
		if (strncmp(*entry, "PATH=", 5) == 0)
			*retpath = *entry + 5;
		if (strncmp(*entry, "PWD=", 4) == 0)
			*retpwd = *entry + 4;
	}
	return is_plain_path(*retpath);
}

static int is_here(const char *directory)
{
	struct stat there, here;

	return directory && *directory == '/' && stat(directory, &there) == 0 && stat(".", &here) == 0 &&
	       there.st_dev == here.st_dev && there.st_ino == here.st_ino;
}

static int start_words(struct uspawn_child *child, const struct call *call, const char *path, const char *pwd,
		       shell_start *start)
{
	const char *text = text_of(call->argv);
	size_t length = strlen(text);
	char **words = malloc(words_most(length) * sizeof(*words) + length + 1 + PWD_SIZE);
	char *room, *set_pwd, *setenv[] = { NULL, NULL };
	struct call direct = *call;
	int r = 1;

	if (!words)
		return 1;
	room = (char *)(words + words_most(length));
	set_pwd = setenv[0] = room + length + 1;
	memcpy(set_pwd, "PWD=", 5);
	if (words_split(text, room, words) && (is_here(pwd) || getcwd(set_pwd + 4, PATH_MAX))) {
		direct.argv = words;
		direct.program = words[0];
		direct.search = !strchr(words[0], '/');
		direct.path = path;
		direct.without_shell = 1;
		if (set_pwd[4])
			direct.setenv = setenv;
		r = start(child, &direct);
	}
	free(words);
	return r;
}

static int elide(struct uspawn_child *child, const struct call *call, shell_start *start)
{
	const char *path, *pwd;

	if (!is_asked_for(call) || has_ids_to_drop() || !is_known_shell() || next_replaces_exec() ||
	    !are_harmless(call->actions) || !is_handed_on(call->envp, &path, &pwd))
		return 1;
	return start_words(child, call, path, pwd, start);
}

int shell_elide(struct uspawn_child *child, const struct call *call, shell_start *start)
{
	int saved = errno, r = elide(child, call, start);

	errno = saved;
	return r;
}
