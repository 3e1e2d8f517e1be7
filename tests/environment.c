/* SPDX-License-Identifier: MIT */
/* Arguments and environment arrive byte for byte, or not at all. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/way.h"

CheckedSuite(environment);

extern char **environ;

/* Asserts that the child's environment is this list, in this order. */
static void assert_env(const struct report *r, char *const *list)
{
	int n = 0;

	for (; list[n]; n++) {
		char key[16];

		snprintf(key, sizeof(key), "env.%d", n);
		cr_assert_str_eq(report_value(r, key), list[n]);
	}
	cr_assert_eq(report_number(r, "env"), n);
}

EachRung(environment, inherited)
{
	REPORT r;

	report_open(&r);
	clearenv();
	setenv("ONE", "1", 1);
	setenv("TWO", "", 1);
	way_report(way, &r, USPAWN(request), NULL);
	assert_env(&r, environ);
	clearenv();
	way_report(way, &r, USPAWN(request), NULL);
	cr_assert_eq(report_number(&r, "env"), 0);
}

EachRung(environment, c48_replaced)
{
	REPORT r;

	report_open(&r);
	setenv("CALLERS", "1", 1);
	way_report(way, &r, USPAWN(request, .envp = LIST("X=1", "LD_LIBRARY_PATH_=a b", "Y=")), NULL);
	assert_env(&r, LIST("X=1", "LD_LIBRARY_PATH_=a b", "Y="));
	way_report(way, &r, USPAWN(request, .envp = ((char *[]){ NULL })), NULL);
	cr_assert_eq(report_number(&r, "env"), 0);
}

EachRung(environment, c53_odd_entries)
{
	REPORT r;

	report_open(&r);
	way_report(way, &r, USPAWN(request, .envp = LIST("A=1", "A=2", "NOEQ", "=x", "")), NULL);
	assert_env(&r, LIST("A=1", "A=2", "NOEQ", "=x", ""));
	way_report(way, &r, USPAWN(request, .envp = LIST("B=\xff\n\t\\")), NULL);
	cr_assert_str_eq(report_value(&r, "env.0"), "B=\\xff\\x0a\\x09\\x5c");
}

EachRung(environment, changes)
{
	REPORT r;

	report_open(&r);
	way_report(way, &r,
		   USPAWN(request, .envp = LIST("A=1", "AB=2", "C=3", "C=4", "D=5"),
			  .setenv = LIST("A=9", "C", "E=6", "NONE", "F=", "E=7")),
		   NULL);
	assert_env(&r, LIST("AB=2", "D=5", "A=9", "F=", "E=7"));
	clearenv();
	setenv("X", "1", 1);
	setenv("Y", "2", 1);
	way_report(way, &r, USPAWN(request, .setenv = LIST("X", "Z=a=b")), NULL);
	assert_env(&r, LIST("Y=2", "Z=a=b"));
	way_report(way, &r, USPAWN(request, .setenv = ((char *[]){ NULL })), NULL);
	assert_env(&r, LIST("X=1", "Y=2"));
	/* No change at all still makes a list of its own, of any length. */
	for (int i = 0; i < 300; i++) {
		char name[8];

		snprintf(name, sizeof(name), "V%d", i);
		setenv(name, "", 1);
	}
	way_report(way, &r, USPAWN(request, .setenv = ((char *[]){ NULL })), NULL);
	cr_assert_eq(report_number(&r, "env"), 302);
}

EachRung(environment, changes_by_args)
{
	REPORT r;
	struct uspawn_request request = { .size = sizeof(request), .envp = LIST("A=1", "B=2"), .setenv = LIST("C=3") };

	report_open(&r);
	way_report(way, &r, &request, USPAWN(args, .setenv = LIST("B", "C=4", "D=5")));
	assert_env(&r, LIST("A=1", "C=4", "D=5"));
	way_report(way, &r, &request, USPAWN(args, .envp = LIST("Q=1", "R=2"), .setenv = LIST("R", "S=3")));
	assert_env(&r, LIST("Q=1", "S=3"));
	way_report(way, &r, &request, USPAWN(args, .envp = ((char *[]){ NULL })));
	cr_assert_eq(report_number(&r, "env"), 0);
	way_report(way, &r, &request, NULL);
	assert_env(&r, LIST("A=1", "B=2", "C=3"));
}

EachRung(environment, arguments)
{
	REPORT r;
	char *argv[] = { "", "report", NULL, "--", "", "two words", "\x01\xff\n", "--help", NULL };

	report_open(&r);
	argv[2] = r.where;
	way_report(way, &r, USPAWN(request, .argv = argv), NULL);
	cr_assert_eq(report_number(&r, "arg"), 8);
	cr_assert_str_eq(report_value(&r, "arg.0"), "");
	cr_assert_str_eq(report_value(&r, "arg.4"), "");
	cr_assert_str_eq(report_value(&r, "arg.5"), "two words");
	cr_assert_str_eq(report_value(&r, "arg.6"), "\\x01\\xff\\x0a");
	cr_assert_str_eq(report_value(&r, "arg.7"), "--help");
}

EachRung(environment, arguments_of_each_start)
{
	REPORT r;

	report_open(&r);
	way_report(way, &r, USPAWN(request, .argv = LIST("not", "these")),
		   USPAWN(args, .argv = LIST("t", "report", r.where, "--", "these")));
	cr_assert_str_eq(report_value(&r, "arg.4"), "these");
}

/* The caller may do what it likes with its strings once the start has returned. */
EachRung(environment, strings_are_read_at_the_call)
{
	REPORT r;
	struct uspawn_child child;
	char entry[] = "A=1", word[] = "word", *program = strdup(witness_path);

	report_open(&r);
	cr_assert_eq(way_start(way, &child, USPAWN(request, .path = program),
			       USPAWN(args, .envp = LIST(entry), .argv = LIST("t", "report", r.where, "--", word))),
		     0);
	memset(entry, 'x', 3);
	memset(word, 'x', 4);
	memset(program, 'x', strlen(program));
	way_end(way, &child);
	assert_exited(&child, 0);
	report_read(&r);
	cr_assert_str_eq(report_value(&r, "env.0"), "A=1");
	cr_assert_str_eq(report_value(&r, "arg.4"), "word");
	free(program);
}

/* One string may have 32 pages, its end included. */
EachRung(environment, c34_longest_string)
{
	size_t longest = 32 * (size_t)sysconf(_SC_PAGESIZE) - 1;
	char *string = malloc(longest + 2);
	struct uspawn_child child;

	memset(string, 'x', longest + 1);
	string[longest] = '\0';
	cr_assert_eq(way_run(way, &child, USPAWN(request, WITNESS("--", string)), NULL), 0);
	assert_exited(&child, 0);
	cr_assert_eq(way_run(way, &child, USPAWN(request, WITNESS("--"), .envp = LIST(string)), NULL), 0);
	assert_exited(&child, 0);
	string[longest] = 'x';
	string[longest + 1] = '\0';
	cr_assert_eq(way_run(way, &child, USPAWN(request, WITNESS("--", string)), NULL), -E2BIG);
	assert_failed(&child, E2BIG, USPAWN_STEP_EXEC, 0);
	cr_assert_eq(way_run(way, &child, USPAWN(request, WITNESS("--"), .envp = LIST(string)), NULL), -E2BIG);
	assert_failed(&child, E2BIG, USPAWN_STEP_EXEC, 0);
	free(string);
}

EachRung(environment, c33_many_arguments)
{
	enum { MANY = 100000 };
	REPORT r;
	char **argv = malloc((MANY + 1) * sizeof(*argv));

	report_open(&r);
	for (int i = 0; i < MANY; i++)
		argv[i] = "a";
	argv[1] = "report";
	argv[2] = r.where;
	argv[3] = "--";
	argv[MANY - 1] = "last";
	argv[MANY] = NULL;
	way_report(way, &r, USPAWN(request, .argv = argv), NULL);
	cr_assert_eq(report_number(&r, "arg"), MANY);
	cr_assert_str_eq(report_value(&r, "arg.99999"), "last");
	free(argv);
}

CheckedTest(environment, a_plan_is_a_snapshot)
{
	REPORT r;
	struct uspawn_child child;
	struct uspawn_plan *plan;

	report_open(&r);
	cr_assert_eq(uspawn_run(&child, USPAWN(request, WITNESS("exit", "0")), NULL), 0); /* reads USPAWN_RUNG */
	clearenv();
	setenv("WHEN", "made", 1);
	cr_assert_eq(uspawn_plan_new(&plan,
				     USPAWN(request, .path = witness_path, .argv = r.argv, .setenv = LIST("MORE=1")),
				     NULL),
		     0);
	setenv("WHEN", "started", 1);
	cr_assert_eq(uspawn_start(&child, plan, NULL), 0);
	cr_assert_eq(uspawn_wait(&child, -1), 1);
	report_read(&r);
	assert_env(&r, LIST("WHEN=made", "MORE=1"));
	uspawn_plan_free(plan);
}
