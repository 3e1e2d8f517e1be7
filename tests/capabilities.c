/* SPDX-License-Identifier: MIT */
/* Capabilities of the program, what a relay carries over its exec, and who may not get at the caller meanwhile. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/copy.h"
#include "harness/kernel.h"
#include "harness/rounds.h"
#include "harness/way.h"

CheckedSuite(capabilities);

#define BIT(n) (1ull << (n))
#define NOBODY 65534

#define IDENTITY(...)                                               \
	.identity = &(const struct uspawn_identity)                 \
	{                                                           \
		.size = sizeof(struct uspawn_identity), __VA_ARGS__ \
	}

static struct way way_of(const struct way *way)
{
	struct way ret = { .rung = way_own_memory(way) };

	if (geteuid() != 0)
		cr_skip_test("needs root");
	return ret;
}

EachRung(capabilities, ambient_ones_reach_a_program_of_another_user)
{
	struct way own = way_of(way);
	REPORT r;

	report_open(&r);
	way_report_by_output(&own, &r,
			     USPAWN(request, IDENTITY(.uid = NOBODY, .gid = NOBODY),
				    .iab = "^cap_net_bind_service,%cap_kill,!cap_sys_time"));
	cr_assert_eq(report_hex(&r, "CapAmb"), BIT(CAP_NET_BIND_SERVICE));
	cr_assert_eq(report_hex(&r, "CapEff"), BIT(CAP_NET_BIND_SERVICE));
	cr_assert_eq(report_hex(&r, "CapPrm"), BIT(CAP_NET_BIND_SERVICE));
	cr_assert_eq(report_hex(&r, "CapInh"), BIT(CAP_NET_BIND_SERVICE) | BIT(CAP_KILL));
	cr_assert_eq(report_hex(&r, "CapBnd") & BIT(CAP_SYS_TIME), 0);
	cr_assert_neq(report_hex(&r, "CapBnd") & BIT(CAP_KILL), 0);
}

EachRung(capabilities, text_sets_what_a_root_program_has)
{
	struct way own = way_of(way);
	REPORT r;

	report_open(&r);
	/* Root's exec gives all that is bounding, unless securebits say otherwise. */
	way_report_by_output(&own, &r,
			     USPAWN(request, .caps = "cap_chown,cap_kill=pi cap_chown+e", .flags = USPAWN_SETSECUREBITS,
				    .securebits = SECBIT_NOROOT));
	cr_assert_eq(report_number(&r, "securebits"), SECBIT_NOROOT);
	cr_assert_eq(report_hex(&r, "CapPrm"), 0);
	cr_assert_eq(report_hex(&r, "CapInh"), BIT(CAP_CHOWN) | BIT(CAP_KILL));
	way_report_by_output(&own, &r,
			     USPAWN(request, .caps = "cap_chown,cap_kill=pi", .iab = "^cap_kill,cap_chown",
				    .flags = USPAWN_SETSECUREBITS, .securebits = SECBIT_NOROOT));
	cr_assert_eq(report_hex(&r, "CapPrm"), BIT(CAP_KILL));
	cr_assert_eq(report_hex(&r, "CapAmb"), BIT(CAP_KILL));
}

/* The right to both goes with the uid. */
/* Whether they are kept is locked; and they are. */
EachRung(capabilities, kept_over_the_ids_although_that_is_locked)
{
	static const unsigned locked[] = { SECBIT_KEEP_CAPS | SECBIT_KEEP_CAPS_LOCKED,
					   SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_SETUID_FIXUP | SECBIT_NOROOT };
	struct way own = way_of(way);
	REPORT r;

	report_open(&r);
	for (size_t i = 0; i < sizeof(locked) / sizeof(*locked); i++) {
		way_report_by_output(&own, &r,
				     USPAWN(request, IDENTITY(.uid = NOBODY, .gid = NOBODY),
					    .flags = USPAWN_SETSECUREBITS, .securebits = locked[i],
					    .caps = "cap_kill=eip", .iab = "^cap_kill"));
		cr_assert_eq(report_hex(&r, "CapPrm"), BIT(CAP_KILL));
	}
}

EachRung(capabilities, securebits_and_bounding_before_ids)
{
	struct way own = way_of(way);
	REPORT r;

	report_open(&r);
	way_report_by_output(&own, &r,
			     USPAWN(request, IDENTITY(.uid = NOBODY, .gid = NOBODY), .flags = USPAWN_SETSECUREBITS,
				    .securebits = SECBIT_NOROOT, .iab = "!cap_sys_time"));
	cr_assert_eq(report_number(&r, "securebits"), SECBIT_NOROOT);
	cr_assert_eq(report_hex(&r, "CapBnd") & BIT(CAP_SYS_TIME), 0);
	cr_assert_eq(report_hex(&r, "CapPrm"), 0);
}

/* Nothing is lost by the way: without a word about them, capabilities are the caller's. */
static struct {
	struct way way;
	uint64_t permitted, effective, inheritable, ambient;
	unsigned securebits;
	uint32_t rung;
	int uid;
	const struct uspawn_namespaces *namespaces;
} caller;

static void set_caps(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ (uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable },
		{ (uint32_t)(effective >> 32), (uint32_t)(permitted >> 32), (uint32_t)(inheritable >> 32) },
	};

	copy_assert(kernel_capset(&header, data) == 0);
}

static void become_caller(void)
{
	if (caller.securebits)
		copy_assert(prctl(PR_SET_SECUREBITS, caller.securebits) == 0);
	if (caller.uid) {
		copy_assert(prctl(PR_SET_KEEPCAPS, 1) == 0 && setgroups(0, NULL) == 0);
		copy_assert(setresgid((gid_t)caller.uid, (gid_t)caller.uid, (gid_t)caller.uid) == 0);
		copy_assert(setresuid((uid_t)caller.uid, (uid_t)caller.uid, (uid_t)caller.uid) == 0);
	}
	set_caps(caller.effective, caller.permitted, caller.inheritable);
	for (unsigned long n = 0; n < 64; n++)
		if (caller.ambient & BIT(n))
			copy_assert(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, n, 0, 0) == 0);
	copy_assert(prctl(PR_SET_DUMPABLE, 1) == 0);
}

static uint64_t line_of(FILE *file, const char *key)
{
	char line[8192];

	rewind(file);
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, key, strlen(key)) == 0)
			return strtoull(line + strlen(key), NULL, 16);
	return ~0ull;
}

/* By exec, from a forked copy, and from us: the same. */
static void compare_with_fork(void)
{
	struct uspawn_child child;
	char *argv[] = { "witness", "report", "5", NULL };
	FILE *plain = fdopen(memfd_create("plain", 0), "r"), *ours = fdopen(memfd_create("ours", 0), "r");
	static const char *const keys[] = { "CapInh ", "CapPrm ", "CapEff ", "CapBnd ", "CapAmb ", "securebits " };
	int status;
	pid_t pid;

	fchmod(fileno(plain), 0666), fchmod(fileno(ours), 0666);
	become_caller();
	pid = fork();
	if (pid == 0) {
		dup2(fileno(plain), 5);
		execv(witness_path, argv);
		_exit(9);
	}
	copy_assert(waitpid(pid, &status, 0) == pid && status == 0);
	copy_assert(uspawn(&child,
			   USPAWN(request, .rung = caller.way.rung, .path = witness_path, .argv = argv,
				  FDS({ 5, USPAWN_FD, .fd = fileno(ours) })),
			   NULL) == 0);
	copy_assert(uspawn_wait(&child, -1) == 1 && child.exit.code == USPAWN_EXITED && child.exit.status == 0);
	copy_assert(child.rung == caller.rung);
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		copy_assert(line_of(plain, keys[i]) == line_of(ours, keys[i]));
}

#define CALLER(name, expected, ...)                                                         \
	EachRung(capabilities, caller_##name)                                               \
	{                                                                                   \
		struct way own = way_of(way);                                               \
                                                                                            \
		memset(&caller, 0, sizeof(caller));                                         \
		__VA_ARGS__;                                                                \
		caller.way = own;                                                           \
		caller.rung = own.rung == USPAWN_RUNG_FORK ? USPAWN_RUNG_FORK : (expected); \
		copy_run(compare_with_fork);                                                \
	}

#define SOME (BIT(CAP_SETUID) | BIT(CAP_SETGID) | BIT(CAP_KILL))

CALLER(root_with_all, USPAWN_RUNG_RELAY, caller.permitted = caller.effective = kernel_permitted())
CALLER(root_with_less_effective, USPAWN_RUNG_RELAY, caller.permitted = kernel_permitted(); caller.effective = SOME)
CALLER(root_with_inheritable_and_ambient, USPAWN_RUNG_RELAY, caller.permitted = caller.effective = kernel_permitted();
       caller.inheritable = SOME; caller.ambient = BIT(CAP_KILL))
/* It would get them back at the relay's exec. */
CALLER(root_that_gave_up_some, USPAWN_RUNG_FORK, caller.permitted = caller.effective = SOME)
CALLER(root_without_its_power, USPAWN_RUNG_RELAY, caller.permitted = caller.effective = SOME;
       caller.securebits = SECBIT_NOROOT)
CALLER(user_without_any, USPAWN_RUNG_RELAY, caller.uid = NOBODY)
CALLER(user_with_permitted, USPAWN_RUNG_RELAY, caller.uid = NOBODY; caller.permitted = caller.effective = SOME)
CALLER(user_with_less_effective, USPAWN_RUNG_RELAY, caller.uid = NOBODY; caller.permitted = SOME;
       caller.effective = BIT(CAP_KILL))
CALLER(user_with_ambient, USPAWN_RUNG_RELAY, caller.uid = NOBODY; caller.permitted = caller.effective = SOME;
       caller.inheritable = BIT(CAP_KILL) | BIT(CAP_SETUID); caller.ambient = BIT(CAP_KILL))
CALLER(user_who_may_not_raise_ambient, USPAWN_RUNG_FORK, caller.uid = NOBODY;
       caller.permitted = caller.effective = SOME; caller.securebits = SECBIT_NO_CAP_AMBIENT_RAISE)

/* Trap 3.8: what a caller that is not root needs for the request is there in the relay. */
static void change_uid_as_user(void)
{
	struct uspawn_child child;
	FILE *ours = fdopen(memfd_create("ours", 0), "r");

	fchmod(fileno(ours), 0666);
	become_caller();
	copy_assert(uspawn(&child,
			   USPAWN(request, .rung = caller.way.rung, WITNESS("report", "5"),
				  IDENTITY(.uid = 33, .gid = 34), FDS({ 5, USPAWN_FD, .fd = fileno(ours) })),
			   NULL) == 0);
	copy_assert(uspawn_wait(&child, -1) == 1 && child.exit.code == USPAWN_EXITED && child.exit.status == 0);
	copy_assert(child.rung == caller.way.rung);
	copy_assert(line_of(ours, "Uid ") == 0x33 && line_of(ours, "Gid ") == 0x34);
	copy_assert(line_of(ours, "CapPrm ") == 0 && line_of(ours, "CapAmb ") == 0 && line_of(ours, "CapInh ") == 0);
}

EachRung(capabilities, user_with_the_right_changes_the_uid)
{
	struct way own = way_of(way);

	memset(&caller, 0, sizeof(caller));
	caller.way = own;
	caller.uid = NOBODY;
	caller.permitted = caller.effective = SOME;
	copy_run(change_uid_as_user);
}

/* ---- Each failure at its own step ---- */

static void fail_each(void)
{
	static const struct {
		const char *caps, *iab;
		uint64_t flags;
		uint32_t step;
	} steps[] = {
		{ NULL, NULL, USPAWN_SETSECUREBITS, USPAWN_STEP_SECUREBITS },
		{ NULL, "!cap_kill", 0, USPAWN_STEP_BOUNDING },
		{ "cap_sys_admin=p", NULL, 0, USPAWN_STEP_CAPS },
		{ NULL, "^cap_sys_admin", 0, USPAWN_STEP_CAPS },
	};
	struct uspawn_child child;

	become_caller();
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		struct uspawn_request request = { .size = sizeof(request),
						  .rung = caller.way.rung,
						  .caps = steps[i].caps,
						  .iab = steps[i].iab,
						  .flags = steps[i].flags,
						  WITNESS("exit", "0") };

		request.securebits = steps[i].flags ? SECBIT_NOROOT : 0;
		copy_assert(uspawn(&child, &request, NULL) == -EPERM);
		copy_assert(child.failure.step == steps[i].step && child.failure.errnum == EPERM);
	}
}

EachRung(capabilities, without_privilege_each_step_says_so)
{
	memset(&caller, 0, sizeof(caller));
	caller.way = way_of(way);
	caller.uid = NOBODY;
	copy_run(fail_each);
}

CheckedTest(capabilities, text_that_libcap_refuses)
{
	struct uspawn_child child;

	cr_assert_eq(uspawn(&child, USPAWN(request, WITNESS("exit", "0"), .caps = "cap_nothing=ep"), NULL), -EINVAL);
	assert_failed(&child, EINVAL, USPAWN_STEP_CAPS, 0);
	cr_assert_eq(uspawn(&child, USPAWN(request, WITNESS("exit", "0"), .caps = "cap_kill=e"), NULL), -EINVAL);
	assert_failed(&child, EINVAL, USPAWN_STEP_CAPS, 0);
	cr_assert_eq(uspawn(&child, USPAWN(request, WITNESS("exit", "0"), .iab = "^cap_nothing"), NULL), -EINVAL);
	assert_failed(&child, EINVAL, USPAWN_STEP_AMBIENT, 0);
	cr_assert_eq(uspawn(&child, USPAWN(request, WITNESS("exit", "0"), .caps = "=", .iab = "^cap_kill"), NULL),
		     -EINVAL);
	assert_failed(&child, EINVAL, USPAWN_STEP_AMBIENT, 0);
	cr_assert_eq(uspawn(&child, USPAWN(request, WITNESS("exit", "0"), .securebits = 1), NULL), -EINVAL);
	assert_failed(&child, EINVAL, USPAWN_STEP_SECUREBITS, 0);
}

/* ---- Trap 3.6: the attack ---- */

#define SECRET_SIZE 4096

static struct attack {
	volatile uint32_t go, done;
	volatile uint32_t reached, tried, opened;
} * attack;

/* The attacker is the victim's first. */
static pid_t newest(const char *children)
{
	pid_t pid = getpid();
	char *end;

	for (long n; (n = strtol(children, &end, 10)) > 0; children = end)
		pid = (pid_t)n;
	return pid;
}

/* Of the same uid, without capabilities: reads what it can of whatever the victim has started. */
static void read_children(pid_t victim, const void *secret)
{
	char path[64], text[64], found[64];
	pid_t pid;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", victim, victim);
	while (!attack->done) {
		int file = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t n = file < 0 ? 0 : read(file, text, sizeof(text) - 1);
		struct iovec to = { found, sizeof(found) }, from = { (void *)secret, sizeof(found) };

		if (file >= 0)
			close(file);
		text[n < 0 ? 0 : n] = '\0';
		pid = newest(text);
		if (pid == getpid())
			continue;
		attack->tried++;
		if (process_vm_readv(pid, &to, 1, &from, 1, 0) > 0 && memcmp(found, "secret", 6) == 0)
			attack->reached++;
		/* It lasts: an opened one reads the memory that it was opened for. */
		snprintf(path, sizeof(path), "/proc/%d/mem", pid);
		file = open(path, O_RDONLY | O_CLOEXEC);
		if (file >= 0) {
			attack->opened++;
			if (pread(file, found, sizeof(found), (off_t)(uintptr_t)secret) > 0 &&
			    memcmp(found, "secret", 6) == 0)
				attack->reached++;
			close(file);
		}
		snprintf(path, sizeof(path), "/proc/%d/task/%d/children", victim, victim);
	}
}

static void begin_attack(char *secret, void (*attacks)(pid_t victim, const void *secret), pid_t *ret)
{
	pid_t victim = getpid(), attacker;

	attack = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	memcpy(secret, "secret", 6);
	attacker = fork();
	if (attacker == 0) {
		copy_assert(setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0);
		copy_assert(setresuid(NOBODY, NOBODY, NOBODY) == 0);
		copy_assert(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0); /* a victim that fails does not end it */
		memset(secret, 0, SECRET_SIZE);
		attack->go = 1;
		attacks(victim, secret);
		_exit(0);
	}
	become_caller();
	while (!attack->go)
		;
	*ret = attacker;
}

static void end_attack(pid_t attacker)
{
	int status;

	attack->done = 1;
	copy_assert(waitpid(attacker, &status, 0) == attacker && status == 0);
	copy_assert(attack->tried > 0);
}

static void be_attacked(void)
{
	static char secret[SECRET_SIZE];
	static char search[30001];
	const uint32_t enough = (uint32_t)rounds(200);
	pid_t attacker;
	time_t until;

	for (int i = 0; i < 3000; i++)
		sprintf(search + 10 * i, "/no-such%d:", i % 10);
	search[sizeof(search) - 2] = '\0'; /* an empty name would be the directory that this runs in */
	begin_attack(secret, read_children, &attacker);
	/* All fail after a long search, without their rights: none ever becomes a program of the attacker's own kind.
	 * A start may take a second on an emulated processor. */
	until = time(NULL) + rounds(40);
	for (int i = 0; (i < rounds(100) || (attack->tried < enough && i < 1000)) && time(NULL) < until; i++) {
		struct uspawn_child child;

		copy_assert(uspawn(&child,
				   USPAWN(request, .rung = caller.way.rung, .file = "no-such", .search = search,
					  .argv = LIST("x"), .caps = caller.namespaces ? NULL : "=",
					  .namespaces = caller.namespaces),
				   NULL) == -ENOENT);
	}
	end_attack(attacker);
	copy_assert(attack->reached == 0);
	/* A relay shows itself while it has files below /proc to be written, and has nothing to show. */
	copy_assert(attack->opened <= attack->reached || (caller.namespaces && caller.rung == USPAWN_RUNG_RELAY));
}

EachRung(capabilities, nobody_reads_the_caller_through_a_child_that_drops_them)
{
	memset(&caller, 0, sizeof(caller));
	caller.rung = way_of(way).rung;
	caller.way.rung = way->rung; /* asked for as by who knows no better */
	caller.uid = NOBODY;
	caller.permitted = caller.effective = SOME;
	copy_run(be_attacked);
}

EachRung(capabilities, nobody_reads_the_caller_through_a_child_in_a_user_namespace)
{
	static const struct uspawn_namespaces user = { .size = sizeof(user), .unshare = CLONE_NEWUSER };

	memset(&caller, 0, sizeof(caller));
	caller.rung = way_of(way).rung;
	caller.way.rung = way->rung; /* asked for as by who knows no better */
	caller.uid = NOBODY;
	caller.permitted = caller.effective = SOME;
	caller.namespaces = &user;
	copy_run(be_attacked);
}

/* ---- The attack on the moment between the flag and the rights ---- */

#define TIMERS 4

/* Interrupts hold the attacker up in the midst of the kernel's look at flag and rights: one in some thousand times. */
static void be_interrupted(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN };
	struct itimerspec every = { .it_value = { 0, 1 } };
	sigset_t all;
	timer_t timer;

	sigfillset(&all);
	copy_assert(sigprocmask(SIG_BLOCK, &all, NULL) == 0);
	for (int i = 0; i < TIMERS; i++) {
		every.it_interval.tv_nsec = 20000 + 1111 * i;
		copy_assert(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
		copy_assert(timer_settime(timer, 0, &every, NULL) == 0);
	}
}

/* A timer starts again when its signal is taken. */
static void take_signals(void)
{
	struct timespec none = { 0, 0 };
	sigset_t all;

	sigfillset(&all);
	for (int i = 0; i < TIMERS; i++)
		sigtimedwait(&all, NULL, &none);
}

static void read_one_after_the_other(pid_t victim, const void *secret)
{
	char path[64], text[64], found[64];
	struct iovec to = { found, sizeof(found) }, from = { (void *)secret, sizeof(found) };
	int children;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", victim, victim);
	children = open(path, O_RDONLY | O_CLOEXEC);
	be_interrupted();
	while (!attack->done) {
		ssize_t n = pread(children, text, sizeof(text) - 1, 0);
		pid_t pid;

		take_signals();
		text[n < 0 ? 0 : n] = '\0';
		pid = newest(text);
		while (pid != getpid() && (n = process_vm_readv(pid, &to, 1, &from, 1, 0), n > 0 || errno != ESRCH)) {
			attack->tried++;
			if (n > 0 && memcmp(found, "secret", 6) == 0)
				attack->reached++;
		}
	}
}

static void be_attacked_in_the_moment(void)
{
	static char secret[SECRET_SIZE];
	time_t until = time(NULL) + rounds(20);
	pid_t attacker;

	begin_attack(secret, read_one_after_the_other, &attacker);
	for (int i = 0; i < rounds(20000) && time(NULL) < until; i++) {
		struct uspawn_child child;

		copy_assert(uspawn(&child,
				   USPAWN(request, .rung = USPAWN_RUNG_FORK, .path = "/no-such", .argv = LIST("x"),
					  .caps = "="),
				   NULL) == -ENOENT);
	}
	end_attack(attacker);
	copy_assert(attack->reached == 0);
}

/* Only a forked copy has something to show, and gives up flag and rights one after the other. */
CheckedTest(capabilities, nobody_is_let_in_between_flag_and_rights_fork)
{
	static const struct way fork_rung = { .rung = USPAWN_RUNG_FORK };

	way_of(&fork_rung);
	memset(&caller, 0, sizeof(caller));
	caller.uid = NOBODY;
	caller.permitted = caller.effective = SOME;
	copy_run(be_attacked_in_the_moment);
}
