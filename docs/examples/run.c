/* SPDX-License-Identifier: MIT */
/*
 * Plain blocking code: one call starts a command, feeds it, keeps what it says, and waits for its end. It takes no
 * longer than its deadline and a grace, and no more memory than was asked for, whatever the command does.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uspawn.h>

enum { STDIN, STDOUT, STDERR, STREAMS };

/* Runs it by the shell, with the input; says how it ended. Returns its exit code, or -1. */
static int run(char *command, const char *input, struct uspawn_output outputs[STREAMS])
{
	const struct uspawn_fd fds[] = { { 0, USPAWN_FEED, .fd = USPAWN_ARG(STDIN) },
					 { 1, USPAWN_CAPTURE, .fd = USPAWN_ARG(STDOUT) },
					 { 2, USPAWN_CAPTURE, .fd = USPAWN_ARG(STDERR) } };
	const struct uspawn_timed ladder[] = { { 5000000000, SIGTERM, USPAWN_TIMED_GROUP },
					       { 6000000000, SIGKILL, USPAWN_TIMED_GROUP } };
	char *argv[] = { "sh", "-c", command, NULL };
	struct uspawn_child child;
	int r = uspawn_run(
		&child,
		USPAWN(request, .path = "/bin/sh", .argv = argv, .fds = fds, .nfds = 3, .flags = USPAWN_SETPGROUP,
		       .timed = ladder, .ntimed = 2, .drain_ns = 1000000000),
		USPAWN(args, .input = input, .ninput = strlen(input), .outputs = outputs, .noutputs = STREAMS));

	if (r < 0)
		printf("%s: %s: %s\n", command, uspawn_strstep(child.failure.step), strerror(-r));
	else if (child.exit.timed)
		printf("%s: timed out\n", command);
	return r == 0 && child.exit.code == USPAWN_EXITED ? child.exit.status : -1;
}

int main(void)
{
	struct uspawn_output first[STREAMS] = { [STDOUT] = { .head = 1000 }, [STDERR] = { .head = 1000 } },
			     second[STREAMS] = { [STDOUT] = { .head = 4, .tail = 4 } };
	int code = run("tr a-z A-Z; echo done >&2; exit 3", "hello\n", first), wrong;

	printf("exit %d, output %.*s", code, (int)first[STDOUT].len, first[STDOUT].data);
	wrong = code != 3 || first[STDOUT].len != 6 || memcmp(first[STDOUT].data, "HELLO\n", 6) != 0 ||
		first[STDERR].len != 5;
	wrong += run("yes | head -c 10000000", "", second) != 0;
	printf("kept %.*s and the last 4, dropped %llu\n", 3, second[STDOUT].data,
	       (unsigned long long)second[STDOUT].dropped);
	wrong += second[STDOUT].total != 10000000 || second[STDOUT].dropped != 10000000 - 8;
	free(first[STDOUT].data);
	free(first[STDERR].data);
	free(second[STDOUT].data);
	return wrong ? 1 : 0;
}
