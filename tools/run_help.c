/* SPDX-License-Identifier: MIT */
/*
 * What "uspawn run --help" says: what everybody needs at once, the rest by group, so that no text is longer than a
 * screen or two. All of it fits 80 columns.
 */
#include "commands.h"
#include "options.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char begin[] = "uspawn run: run one program with the attributes you ask for, and exit as it did.\n"
			    "\n"
			    "Usage: uspawn run [OPTION]... -- PROGRAM [ARG]...\n";

static const char program[] = "\n"
			      "Program:\n"
			      "      --argv0 NAME         give it NAME as its own name\n"
			      "      --path LIST          search PROGRAM in LIST, not in PATH\n"
			      "      --exec-fd N          run the open file at descriptor N; PROGRAM is only\n"
			      "                           its name\n"
			      "      --sh-fallback        run a script without #! by /bin/sh\n"
			      "\n"
			      "Environment, applied in the order given:\n"
			      "  -e, --env NAME=VALUE     set a variable\n"
			      "  -u, --unset NAME         remove one\n"
			      "  -i, --clear-env          begin with none (also --ignore-environment)\n"
			      "\n"
			      "Place and process:\n"
			      "  -C, --chdir DIR          change to DIR first (also --cwd, --wd)\n"
			      "      --cwd-fd N           to the directory that is open at descriptor N\n"
			      "      --umask MODE         octal, such as 022\n"
			      "      --setsid             in a new session\n"
			      "      --setpgid[=PGID]     in a new process group, or in PGID\n"
			      "\n"
			      "Descriptors; the program gets 0, 1, 2 and what is named here, nothing else:\n"
			      "      --stdin SOURCE       SOURCE is a file, or one of: null, close, fd:N,\n"
			      "      --stdout SOURCE      read:FILE, write:FILE, append:FILE, rw:FILE.\n"
			      "      --stderr SOURCE      A plain file is read by stdin, else overwritten.\n"
			      "      --fd TARGET=SOURCE   any descriptor; here SOURCE may be a number\n"
			      "      --inherit-fds        keep all that are not close-on-exec\n"
			      "\n"
			      "Signals; SIG is a list such as TERM,SIGINT,15; without it, all:\n"
			      "      --default-signal[=SIG]  set to the default action\n"
			      "      --ignore-signal[=SIG]   ignore\n"
			      "      --block-signal[=SIG]    block\n"
			      "\n"
			      "Time:\n"
			      "      --timeout TIME       after TIME send TERM to the program and its group;\n"
			      "                           TIME is in seconds, or 500ms, 5m, 2h, 1d\n"
			      "  -k, --kill-after TIME    and KILL, if it still runs TIME later\n"
			      "      --foreground         with --timeout: stay in the terminal's foreground\n"
			      "                           group; the signal goes to the program alone\n"
			      "\n"
			      "Report:\n"
			      "      --show               print what would be done, step by step, and exit\n"
			      "      --json[=FILE]        write a record of the end: one line of JSON, to\n"
			      "                           FILE or fd:N (default: standard error)\n"
			      "  -v, --verbose            say what happens on standard error\n"
			      "      --best-effort STEP,...\n"
			      "                           go on without a step that fails; names as in --show\n"
			      "      --rung NAME          make the process this way or a slower one: async,\n"
			      "                           vfork, clone, relay, fork\n"
			      "  -h, --help [GROUP]       this text, or that of a group of options\n";

static const char groups[] = "\n"
			     "More, by group (--help GROUP, or --help all):\n"
			     "      identity             user, groups, capabilities: --uid, --reuid\n"
			     "      limits               limits: --nofile, --as, --memory-max\n"
			     "      scheduling           --nice, --cpu-list, --fifo, --ioclass, --membind\n"
			     "      namespaces           --user, --net, --join, --cgroup, --root\n"
			     "      terminal             --pty, --ctty\n"
			     "      confinement          --no-new-privs, --seccomp-filter, --landlock-access\n";

static const char identity[] = "\n"
			       "Identity; USER and GROUP are names or numbers:\n"
			       "      --uid USER           as USER, with its group and supplementary groups\n"
			       "      --gid GROUP          with this group instead\n"
			       "      --reuid USER         change the user alone\n"
			       "      --regid GROUP        change the group alone; one of these goes with it:\n"
			       "      --groups GROUP,...   supplementary groups: these\n"
			       "      --init-groups        those of the user\n"
			       "      --clear-groups       none\n"
			       "      --keep-groups        those that there are\n"
			       "      --reset-ids          effective ids become the real ones\n"
			       "      --pdeathsig SIG      sent to it when uspawn dies\n"
			       "      --kill-on-close      killed when uspawn dies; Linux 7.1\n"
			       "\n"
			       "Capabilities; CAPS is a list such as +net_raw,-sys_admin or -all:\n"
			       "      --inh-caps CAPS      change the inheritable set\n"
			       "      --ambient-caps CAPS  change the ambient set, which it keeps over exec\n"
			       "      --bounding-set CAPS  change what it can ever have\n"
			       "      --caps TEXT          all sets, such as cap_net_raw=ep\n"
			       "      --iab TEXT           inheritable, ambient and bounding, such as\n"
			       "                           '^cap_net_raw,!cap_sys_admin'\n"
			       "      --securebits BITS    noroot, no_setuid_fixup, keep_caps,\n"
			       "                           no_cap_ambient_raise; _locked; -BIT clears\n"
			       "\n"
			       "Examples:\n"
			       "  uspawn run --uid nobody -- id\n"
			       "  uspawn run --uid www --inh-caps +net_bind_service \\\n"
			       "             --ambient-caps +net_bind_service -- ./server\n";

static const char limits[] = "\n"
			     "Limits; LIMIT is SOFT:HARD, SOFT:, :HARD, or one number for both; a number may\n"
			     "be unlimited. Names are those of prlimit:\n"
			     "      --as LIMIT           address space, bytes\n"
			     "      --core LIMIT         core file, bytes\n"
			     "      --cpu LIMIT          processor time, seconds\n"
			     "      --data LIMIT         data segment, bytes\n"
			     "      --fsize LIMIT        files it writes, bytes\n"
			     "      --limit-nice LIMIT   how far it may lower its nice value: 20 minus it\n"
			     "      --locks LIMIT        file locks\n"
			     "      --memlock LIMIT      locked memory, bytes\n"
			     "      --msgqueue LIMIT     message queues, bytes\n"
			     "      --nofile LIMIT       open descriptors\n"
			     "      --nproc LIMIT        processes of its user\n"
			     "      --rss LIMIT          resident memory, bytes (no effect)\n"
			     "      --rtprio LIMIT       real-time priority\n"
			     "      --rttime LIMIT       processor time at real-time priority, microseconds\n"
			     "      --sigpending LIMIT   queued signals\n"
			     "      --stack LIMIT        stack, bytes\n"
			     "\n"
			     "      --memory-max SIZE    memory of it and all that it starts, by a control\n"
			     "                           group of its own; who needs more is killed. SIZE is\n"
			     "                           in bytes, or 64K, 512M, 2G\n"
			     "\n"
			     "Examples:\n"
			     "  uspawn run --nofile 1024:4096 --core 0 -- ./server\n"
			     "  uspawn run --memory-max 512M -- make -j8\n";

static const char scheduling[] = "\n"
				 "Scheduling:\n"
				 "      --nice N             from -20 (first) to 19 (last)\n"
				 "      --cpu-list LIST      only on these processors: 0,3,7-11\n"
				 "      --other, --batch, --idle\n"
				 "                           an ordinary policy\n"
				 "      --fifo PRIO, --rr PRIO\n"
				 "                           a real-time policy; PRIO is from 1 to 99\n"
				 "      --deadline           with --sched-runtime NS, --sched-deadline NS and\n"
				 "                           --sched-period NS\n"
				 "      --sched-priority N   another priority under the policy it has\n"
				 "      --reset-on-fork      children of it start as ordinary ones\n"
				 "      --uclamp-min N, --uclamp-max N\n"
				 "                           how fast a processor it needs: 0 to 1024\n"
				 "      --timer-slack NS     how late its timers may be\n"
				 "\n"
				 "Input and output, memory:\n"
				 "      --ioclass CLASS      none, realtime, best-effort, idle\n"
				 "      --ioprio N           level in it, from 0 (first) to 7 (last)\n"
				 "      --oom-score-adj N    from -1000 (never killed) to 1000 (killed first)\n"
				 "      --membind NODES      memory from these nodes only: 0-3,5\n"
				 "      --interleave NODES   from these in turn (--weighted-interleave: by\n"
				 "                           weight)\n"
				 "      --preferred NODE     rather from this one (--preferred-many: these)\n"
				 "      --localalloc         from where it runs\n"
				 "\n"
				 "Personality, as setarch has it:\n"
				 "      --personality N      the whole, such as 0x40000\n"
				 "      --addr-no-randomize  and --3gb, --32bit, --addr-compat-layout,\n"
				 "                           --fdpic-funcptrs, --mmap-page-zero,\n"
				 "                           --read-implies-exec, --short-inode,\n"
				 "                           --sticky-timeouts, --uname-2.6, --whole-seconds\n"
				 "\n"
				 "Examples:\n"
				 "  uspawn run --idle --ioclass idle --cpu-list 2-3 -- updatedb\n"
				 "  uspawn run --fifo 20 --best-effort scheduler -- ./player\n";

static const char namespaces[] = "\n"
				 "New namespaces:\n"
				 "      --mount, --uts, --ipc, --net, --pid, --cgroupns, --time, --user\n"
				 "      --map-root-user      map us to root, in a new user namespace\n"
				 "      --map-current-user   map us to what we are\n"
				 "      --map-user ID, --map-group ID\n"
				 "                           map us to ID\n"
				 "      --map-users INSIDE:OUTSIDE:COUNT\n"
				 "      --map-groups INSIDE:OUTSIDE:COUNT\n"
				 "                           map ranges; may be given several times\n"
				 "      --setgroups WORD     allow, or deny: deny goes with a map of one group\n"
				 "      --propagation WORD   of mounts: private (default) or unchanged\n"
				 "      --boottime S, --monotonic S\n"
				 "                           these clocks are S seconds ahead\n"
				 "      --set-tid PID,...    its pid, innermost namespace first\n"
				 "\n"
				 "Those that are there:\n"
				 "      --join TYPE=FILE     join the one FILE stands for; TYPE is mnt, uts, ipc,\n"
				 "                           net, cgroup, time or user\n"
				 "      --target PID --join TYPE,...\n"
				 "                           join these of process PID\n"
				 "\n"
				 "Group and root:\n"
				 "      --cgroup DIR         born in this control group (cgroup v2)\n"
				 "      --root DIR           DIR becomes its root\n"
				 "      --pivot-root DIR     the same for a whole new mount namespace\n"
				 "\n"
				 "Examples:\n"
				 "  uspawn run --map-root-user --net --pid -- id\n"
				 "  uspawn run --target 1234 --join net -- ss -lt\n"
				 "  uspawn run --cgroup /sys/fs/cgroup/jobs -- make\n";

static const char terminal[] = "\n"
			       "Terminal:\n"
			       "      --pty                in a terminal of its own, shown in ours; what is not\n"
			       "                           redirected is that terminal\n"
			       "      --ctty[=N]           its descriptor N (default 0) becomes the controlling\n"
			       "                           terminal of a new session\n"
			       "      --tty-foreground[=N] its group gets the foreground of that terminal\n"
			       "\n"
			       "Examples:\n"
			       "  uspawn run --pty --stderr log -- top\n"
			       "  uspawn run --fd 0=rw:/dev/tty8 --ctty -- sh\n";

static const char confinement[] = "\n"
				  "Confinement, applied last:\n"
				  "      --no-new-privs       no set-user-ID program gives it rights\n"
				  "      --seccomp-filter FILE\n"
				  "                           BPF as seccomp_export_bpf writes it; or fd:N\n"
				  "      --seccomp-log        log what it refuses\n"
				  "      --seccomp-spec-allow without mitigation of speculation\n"
				  "      --landlock-access ACCESS\n"
				  "                           forbid these: fs for all, or fs:write-file,...\n"
				  "      --landlock-rule path-beneath:ACCESS:PATH\n"
				  "                           but allow them below PATH; without ACCESS: all\n"
				  "      --selinux-label LABEL, --apparmor-profile NAME\n"
				  "                           what the program runs under\n"
				  "\n"
				  "ACCESS is a list of execute, write-file, read-file, read-dir, remove-dir,\n"
				  "remove-file, make-char, make-dir, make-reg, make-sock, make-fifo, make-block,\n"
				  "make-sym, refer, truncate, ioctl-dev.\n"
				  "\n"
				  "Example:\n"
				  "  uspawn run --no-new-privs --landlock-access fs:write-file \\\n"
				  "             --landlock-rule path-beneath::/tmp -- ./untrusted\n";

static const char end[] = "\n"
			  "Examples:\n"
			  "  uspawn run --timeout 2m -k 10 -- ./integration-test\n"
			  "  uspawn run -i -e PATH=/usr/bin:/bin -C /srv --umask 077 -- ./job\n"
			  "  uspawn run --stdin null --stdout append:log --stderr append:log -- backup\n"
			  "  uspawn run --json=end.json -- make -j2; jq .maxrss_kib end.json\n"
			  "  uspawn run --show --uid nobody --nofile 64 -- ./job\n"
			  "\n"
			  "SIGINT, SIGTERM, SIGHUP and SIGQUIT are handed on to the program.\n"
			  "\n"
			  "Exit code: the program's own; 128+N if signal N ended it; 124 after --timeout\n"
			  "(137 if KILL was needed); 127 if the program was not found; 126 if it could not\n"
			  "be run; 125 for errors of uspawn itself, --chdir and the like included.\n";

static const struct {
	const char *name, *text;
} known[] = {
	{ "identity", identity },     { "limits", limits },     { "scheduling", scheduling },
	{ "namespaces", namespaces }, { "terminal", terminal }, { "confinement", confinement },
};

enum { KNOWN = sizeof(known) / sizeof(*known) };

int print_run_help(const char *group)
{
	bool all = group && !strcmp(group, "all");
	char text[16384] = "";
	int at;

	for (size_t i = 0; group && !all; i++) {
		if (i == KNOWN)
			return refuse_value("--help", group,
					    "all, identity, limits, scheduling, namespaces, terminal or confinement");
		if (!strcmp(known[i].name, group)) {
			snprintf(text, sizeof(text), "%s%s", begin, known[i].text);
			return print_help(text);
		}
	}
	at = snprintf(text, sizeof(text), "%s%s%s", begin, program, all ? "" : groups);
	for (size_t i = 0; all && i < KNOWN; i++)
		at += snprintf(text + at, sizeof(text) - (size_t)at, "%s", known[i].text);
	snprintf(text + at, sizeof(text) - (size_t)at, "%s", end);
	return print_help(text);
}
