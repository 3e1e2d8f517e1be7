/* SPDX-License-Identifier: MIT */
/* Which program is run: by path, by search, by descriptor, by a shell; and under which name. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/files.h"
#include "harness/way.h"

CheckedSuite(path);

/* The exit code, or -errno if it did not run. */
static int code(struct way *way, const struct uspawn_request *request)
{
	struct uspawn_child child;
	int r = way_run(way, &child, request, NULL);

	if (r == 0)
		cr_assert_eq(child.exit.code, USPAWN_EXITED);
	else
		cr_assert_eq(child.failure.step, USPAWN_STEP_EXEC);
	return r ? r : child.exit.status;
}

EachRung(path, c19_callers_path_or_the_one_given)
{
	SCRATCH s;
	char *const env[] = { (char *)"PATH=/b", NULL }, *const none[] = { NULL };
	char caller[80], given[80];

	scratch_make(&s);
	scratch_directory(&s, "a", 0755);
	scratch_directory(&s, "b", 0755);
	scratch_exit(&s, "a/tool", 11);
	scratch_exit(&s, "b/tool", 22);
	snprintf(caller, sizeof(caller), "%s/a", s.path);
	snprintf(given, sizeof(given), "%s/b", s.path);
	setenv("PATH", caller, 1);
	cr_assert_eq(code(way, USPAWN(request, .argv = LIST("tool"))), 11);
	cr_assert_eq(code(way, USPAWN(request, .argv = LIST("tool"), .envp = env)), 11,
		     "the child's PATH is nothing to the search");
	cr_assert_eq(code(way, USPAWN(request, .argv = LIST("tool"), .envp = none)), 11);
	cr_assert_eq(code(way, USPAWN(request, .argv = LIST("tool"), .setenv = env)), 11);
	cr_assert_eq(code(way, USPAWN(request, .argv = LIST("tool"), .search = given)), 22);
	cr_assert_eq(code(way, USPAWN(request, .file = "tool", .argv = LIST("other name"), .search = given)), 22);
	cr_assert_eq(code(way, USPAWN(request, .path = "tool", .argv = LIST("tool"))), -ENOENT,
		     "a path is not searched for");
}

CheckedTest(path, c19_a_plan_has_the_path_of_when_it_was_made)
{
	SCRATCH s;
	struct uspawn_child child;
	struct uspawn_plan *plan;

	scratch_make(&s);
	scratch_exit(&s, "tool", 11);
	setenv("PATH", s.path, 1);
	cr_assert_eq(uspawn_plan_new(&plan, USPAWN(request, .argv = LIST("tool")), NULL), 0);
	setenv("PATH", "/nowhere", 1);
	cr_assert_eq(uspawn_start(&child, plan, NULL), 0);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	assert_exited(&child, 11);
	uspawn_plan_free(plan);
}

EachRung(path, default_path)
{
	unsetenv("PATH");
	cr_assert_eq(code(way, USPAWN(request, .argv = LIST("true"))), 0);
	cr_assert_eq(code(way, USPAWN(request, .argv = LIST("no-such-program"))), -ENOENT);
}

/* Directories that each give one error, and in the last a program. */
static void make_entries(const struct scratch *s)
{
	scratch_directory(s, "empty", 0755);
	scratch_file(s, "file", 0644, "");
	scratch_directory(s, "nox", 0755);
	scratch_file(s, "nox/tool", 0644, "#!/bin/sh\nexit 1\n");
	scratch_directory(s, "noint", 0755);
	scratch_file(s, "noint/tool", 0755, "#!/no/such\n");
	scratch_directory(s, "dir", 0755);
	scratch_directory(s, "dir/tool", 0755);
	scratch_directory(s, "good", 0755);
	scratch_exit(s, "good/tool", 9);
	scratch_directory(s, "text", 0755);
	scratch_file(s, "text/tool", 0755, "exit 8\n");
}

static const char *search_of(const struct scratch *s, const char *names)
{
	static char search[4096];
	char copy[256], *at = copy, *name;
	size_t n = 0;

	snprintf(copy, sizeof(copy), "%s", names);
	while ((name = strsep(&at, " ")))
		n += (size_t)snprintf(search + n, sizeof(search) - n, "%s%s/%s", n ? ":" : "", s->path, name);
	return search;
}

EachRung(path, c20_later_good_entry_runs)
{
	static const char *const searches[] = { "missing good",
						"empty good",
						"file good",
						"nox good",
						"noint good",
						"dir good",
						"missing empty file nox noint dir good",
						"dir noint nox file empty missing good" };
	SCRATCH s;

	scratch_make(&s);
	make_entries(&s);
	for (size_t i = 0; i < sizeof(searches) / sizeof(*searches); i++)
		cr_assert_eq(code(way, USPAWN(request, .argv = LIST("tool"), .search = search_of(&s, searches[i]))), 9,
			     "%s", searches[i]);
}

EachRung(path, c20_which_error_wins)
{
	static const struct {
		const char *search;
		int errnum;
	} cases[] = {
		{ "missing", ENOENT },
		{ "empty", ENOENT },
		{ "noint", ENOENT },
		{ "file", ENOTDIR },
		{ "nox", EACCES },
		{ "dir", EACCES },
		{ "missing file", ENOTDIR },
		{ "file missing", ENOENT },
		{ "nox missing", EACCES },
		{ "missing nox file", EACCES },
		{ "dir noint", EACCES },
		{ "text good", ENOEXEC },
		{ "missing text good", ENOEXEC },
	};
	SCRATCH s;

	scratch_make(&s);
	make_entries(&s);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		cr_assert_eq(code(way, USPAWN(request, .argv = LIST("tool"), .search = search_of(&s, cases[i].search))),
			     -cases[i].errnum, "%s", cases[i].search);
}

EachRung(path, c21_script_without_an_interpreter)
{
	SCRATCH s;
	const char *script, *empty;

	scratch_make(&s);
	script = scratch_file(&s, "script", 0755, "[ $# = 2 ] && [ \"$1$2\" = 'a b' ] && exit 7\nexit 1\n");
	empty = scratch_file(&s, "empty", 0755, "");
	cr_assert_eq(code(way, USPAWN(request, .path = script, .argv = LIST("x", "a", " b"))), -ENOEXEC);
	cr_assert_eq(
		code(way, USPAWN(request, .path = script, .argv = LIST("x", "a", " b"), .flags = USPAWN_SH_FALLBACK)),
		7);
	cr_assert_eq(code(way, USPAWN(request, .file = "script", .search = s.path, .argv = LIST("x", "a", " b"),
				      .flags = USPAWN_SH_FALLBACK)),
		     7);
	cr_assert_eq(code(way, USPAWN(request, .path = empty, .argv = LIST("x"), .flags = USPAWN_SH_FALLBACK)), 0);
	cr_assert_eq(code(way, USPAWN(request, .argv = LIST("/no/such"), .flags = USPAWN_SH_FALLBACK)), -ENOENT);
	cr_assert_eq(code(way, USPAWN(request, .argv = LIST("/bin/false"), .flags = USPAWN_SH_FALLBACK)), 1);
}

/* A name is no option, whatever it looks like: neither of /bin/sh, nor of a script's interpreter. */
EachRung(path, c21_scripts_that_look_like_options)
{
	const char *names[] = { "-c", "-", "--", "+x", "-d/script" };
	SCRATCH s;

	scratch_make(&s);
	scratch_directory(&s, "-d", 0755);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		for (int named = 0; named < 2; named++) {
			scratch_file(&s, names[i], 0755, named ? "#!/bin/sh\nexit 7\n" : "exit 7\n");
			cr_assert_eq(code(way, USPAWN(request, .path = names[i], .argv = LIST("x", "exit 9"),
						      .cwd = s.path, .flags = USPAWN_SH_FALLBACK)),
				     7, "%s", names[i]);
		}
	}
	cr_assert_eq(code(way, USPAWN(request, .file = "script", .search = "+d:-d", .argv = LIST("x", "exit 9"),
				      .cwd = s.path, .flags = USPAWN_SH_FALLBACK)),
		     7);
}

/* Relative names mean the directory that the child will be in. */
EachRung(path, c44_relative_to_the_childs_directory)
{
	SCRATCH s;
	char *here = getcwd(NULL, 0);
	const char *child_dir;

	scratch_make(&s);
	scratch_directory(&s, "bin", 0755);
	scratch_exit(&s, "bin/tool", 1);
	child_dir = scratch_directory(&s, "c", 0755);
	scratch_directory(&s, "c/bin", 0755);
	scratch_exit(&s, "c/bin/tool", 2);
	cr_assert_eq(chdir(s.path), 0);
	cr_assert_eq(code(way, USPAWN(request, .argv = LIST("./bin/tool"), .cwd = child_dir)), 2);
	cr_assert_eq(code(way, USPAWN(request, .argv = LIST("bin/tool"), .cwd = "c")), 2);
	cr_assert_eq(code(way, USPAWN(request, .argv = LIST("tool"), .search = "bin", .cwd = child_dir)), 2);
	cr_assert_eq(code(way, USPAWN(request, .argv = LIST("./bin/tool"))), 1);
	cr_assert_eq(code(way, USPAWN(request, .argv = LIST("tool"), .search = "bin")), 1);
	cr_assert_eq(chdir(here), 0);
	free(here);
}

EachRung(path, empty_entries_are_the_directory)
{
	SCRATCH s;

	scratch_make(&s);
	scratch_exit(&s, "tool", 5);
	cr_assert_eq(code(way, USPAWN(request, .argv = LIST("tool"), .cwd = s.path, .search = "")), 5);
	cr_assert_eq(code(way, USPAWN(request, .argv = LIST("tool"), .cwd = s.path, .search = ":/nowhere")), 5);
	cr_assert_eq(code(way, USPAWN(request, .argv = LIST("tool"), .cwd = s.path, .search = "/nowhere:")), 5);
	cr_assert_eq(code(way, USPAWN(request, .argv = LIST("tool"), .cwd = s.path, .search = "/nowhere::/nowhere")),
		     5);
	cr_assert_eq(code(way, USPAWN(request, .argv = LIST("tool"), .cwd = s.path, .search = "/nowhere")), -ENOENT);
}

EachRung(path, c33_long_names)
{
	SCRATCH s;
	char name[300], after[300], entry[PATH_MAX + 200], search[PATH_MAX + 300];

	scratch_make(&s);
	scratch_exit(&s, "tool", 5);
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	memset(entry, '/', sizeof(entry) - 1);
	entry[sizeof(entry) - 1] = '\0';
	snprintf(search, sizeof(search), "%s:%s", entry, s.path);
	cr_assert_eq(code(way, USPAWN(request, .argv = LIST(name), .search = s.path)), -ENAMETOOLONG);
	snprintf(after, sizeof(after), "%s:/no/such", s.path);
	cr_assert_eq(code(way, USPAWN(request, .argv = LIST(name), .search = after)), -ENAMETOOLONG);
	cr_assert_eq(code(way, USPAWN(request, .argv = LIST("tool"), .search = search)), 5);
	cr_assert_eq(code(way, USPAWN(request, .argv = LIST("tool"), .search = entry)), -ENAMETOOLONG);
}

EachRung(path, name_is_not_the_program)
{
	REPORT r;

	report_open(&r);
	r.argv[0] = "-another";
	way_report(way, &r, USPAWN(request), NULL);
	cr_assert_str_eq(report_value(&r, "arg.0"), "-another");
	cr_assert_str_eq(report_value(&r, "exe"), witness_path);
	cr_assert_str_eq(report_value(&r, "Name"), "witness");
}

EachRung(path, by_descriptor)
{
	int low = open(witness_path, O_RDONLY | O_CLOEXEC), high = fcntl(low, F_DUPFD_CLOEXEC, 500);
	struct uspawn_args args = { .size = sizeof(args), .fds = &high, .nfds = 1 };
	REPORT r;

	report_open(&r);
	way_report(way, &r, USPAWN(request, .flags = USPAWN_FEXEC, .exec_fd = low), NULL);
	cr_assert_str_eq(report_value(&r, "exe"), witness_path);
	cr_assert_str_eq(report_fds(&r), "0 1 2", "the program's own descriptor is gone");
	way_report(way, &r, USPAWN(request, .flags = USPAWN_FEXEC, .exec_fd = high), NULL);
	cr_assert_str_eq(report_fds(&r), "0 1 2");
	way_report(way, &r, USPAWN(request, .flags = USPAWN_FEXEC, .exec_fd = USPAWN_ARG(0)), &args);
	/* Its number is a target of something else. */
	way_report(way, &r,
		   USPAWN(request, .flags = USPAWN_FEXEC, .exec_fd = low, FDS({ low, .fd = 1 }, { 0, .fd = low })),
		   NULL);
	report_assert_file(&r, low, 1);
	report_assert_file(&r, 0, low);
	way_report(way, &r, USPAWN(request, .flags = USPAWN_FEXEC, .exec_fd = USPAWN_ARG(0), FDS({ high, .fd = 1 })),
		   &args);
	report_assert_file(&r, high, 1);
	close(low);
	close(high);
}

/* Then it is the program's as well: 0 to 2 are the caller's if nothing else is said. */
EachRung(path, by_standard_descriptors)
{
	int in = open(witness_path, O_RDONLY | O_CLOEXEC), directory = open("/tmp", O_PATH | O_CLOEXEC);
	int stdin_before = dup(0), stdout_before = dup(1), zero = 0;
	REPORT r;

	report_open(&r);
	dup2(in, 0);
	way_report(way, &r, USPAWN(request, .flags = USPAWN_FEXEC, .exec_fd = 0), NULL);
	cr_assert_str_eq(report_value(&r, "exe"), witness_path);
	cr_assert_str_eq(report_fds(&r), "0 1 2");
	report_assert_file(&r, 0, in);
	way_report(way, &r, USPAWN(request, .flags = USPAWN_FEXEC, .exec_fd = USPAWN_ARG(0)),
		   USPAWN(args, .fds = &zero, .nfds = 1));
	report_assert_file(&r, 0, in);
	dup2(directory, 1);
	way_report(way, &r, USPAWN(request, .flags = USPAWN_FCHDIR, .cwd_fd = 1), NULL);
	dup2(stdout_before, 1);
	cr_assert_str_eq(report_value(&r, "cwd"), "/tmp");
	report_assert_file(&r, 1, directory);
	/* An entry says something else of its number. */
	way_report(way, &r,
		   USPAWN(request, .flags = USPAWN_FEXEC, .exec_fd = 0, FDS({ 0, USPAWN_NULL }, { 1, USPAWN_CLOSED })),
		   NULL);
	cr_assert_str_eq(report_fds(&r), "0 2");
	dup2(stdin_before, 0);
	close(stdin_before);
	close(stdout_before);
	close(directory);
	close(in);
}

EachRung(path, script_by_descriptor_needs_it_mapped)
{
	SCRATCH s;
	int fd;

	scratch_make(&s);
	fd = open(scratch_exit(&s, "tool", 6), O_RDONLY | O_CLOEXEC);
	cr_assert_eq(code(way, USPAWN(request, .flags = USPAWN_FEXEC, .exec_fd = fd, .argv = LIST("t"))), -ENOENT);
	cr_assert_eq(code(way, USPAWN(request, .flags = USPAWN_FEXEC, .exec_fd = fd, .argv = LIST("t"),
				      FDS({ fd, .fd = fd }))),
		     6);
	cr_assert_eq(code(way, USPAWN(request, .flags = USPAWN_FEXEC, .exec_fd = fd, .argv = LIST("t"),
				      FDS({ 700, .fd = fd }))),
		     6);
	close(fd);
}
