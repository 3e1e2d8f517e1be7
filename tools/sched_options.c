/* SPDX-License-Identifier: MIT */
/* How it is scheduled, and what else it is weighed by: names of chrt(1), taskset(1), ionice(1), systemd-run(1). */
#include "run_options.h"
#include "commands.h"

#include <linux/ioprio.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

static int take_signed(const struct run_option *o, const char *value, int64_t min, int64_t max, const char *form,
		       int32_t *ret)
{
	uint64_t n;
	bool negative = *value == '-';

	if (number_parse(value + negative, 0, (uint64_t)(negative ? -min : max), &n))
		return refuse(o, value, form);
	*ret = negative ? -(int32_t)n : (int32_t)n;
	return -1;
}

static int set_nice(struct run *run, const struct run_option *o, char *value)
{
	run->sched.set |= USPAWN_NICE;
	return take_signed(o, value, -20, 19, "a number from -20 (first) to 19 (last)", &run->sched.nice);
}

static int set_oom_score(struct run *run, const struct run_option *o, char *value)
{
	run->sched.set |= USPAWN_OOM_SCORE;
	return take_signed(o, value, -1000, 1000, "a number from -1000 (never killed) to 1000 (killed first)",
			   &run->sched.oom_score_adj);
}

/* detail: the policy. Those of real time need a priority. */
static int set_policy(struct run *run, const struct run_option *o, char *value)
{
	uint64_t priority = 0;
	int code = value ? take_number(o, value, 1, 99, "a priority from 1 to 99", &priority) : -1;

	if (run->sched.set & USPAWN_POLICY)
		return refuse_name(o->name, "a second policy");
	run->sched.set |= USPAWN_POLICY;
	run->sched.policy |= (uint32_t)o->detail;
	run->sched.priority = (uint32_t)priority;
	return code;
}

static int set_priority(struct run *run, const struct run_option *o, char *value)
{
	uint64_t priority;
	int code = take_number(o, value, 0, 99, "a priority from 1 to 99, or 0 if the policy has none", &priority);

	if (code < 0) {
		run->sched.set |= USPAWN_PRIORITY;
		run->sched.priority = (uint32_t)priority;
	}
	return code;
}

static int set_reset(struct run *run, const struct run_option *o, char *value)
{
	(void)o;
	(void)value;
	run->sched.policy |= SCHED_RESET_ON_FORK;
	return -1;
}

/* detail: which of the three. */
static int set_deadline_time(struct run *run, const struct run_option *o, char *value)
{
	uint64_t *times[] = { &run->sched.runtime_ns, &run->sched.deadline_ns, &run->sched.period_ns };

	run->has_sched_time = true;
	return take_number(o, value, 1, INT64_MAX, "nanoseconds", times[o->detail]);
}

/* detail: is it the upper one? */
static int set_clamp(struct run *run, const struct run_option *o, char *value)
{
	uint64_t n = 0;
	int code = take_number(o, value, 0, 1024, "a number from 0 to 1024, the whole of a processor", &n);

	run->sched.set |= o->detail ? USPAWN_UCLAMP_MAX : USPAWN_UCLAMP_MIN;
	*(o->detail ? &run->sched.util_max : &run->sched.util_min) = (uint32_t)n;
	return code;
}

static int set_timer_slack(struct run *run, const struct run_option *o, char *value)
{
	run->sched.set |= USPAWN_TIMERSLACK;
	return take_number(o, value, 0, INT64_MAX, "nanoseconds; 0 for what it would have had",
			   &run->sched.timerslack_ns);
}

static int set_ioclass(struct run *run, const struct run_option *o, char *value)
{
	static const char *const names[] = { "none", "realtime", "best-effort", "idle" };
	uint64_t n;

	run->sched.set |= USPAWN_IOPRIO;
	for (n = 0; n < 4 && strcmp(names[n], value); n++)
		;
	if (n == 4 && number_parse(value, 0, 3, &n))
		return refuse(o, value, "none, realtime, best-effort or idle");
	run->ioclass = (uint32_t)n;
	return -1;
}

static int set_iolevel(struct run *run, const struct run_option *o, char *value)
{
	uint64_t n = 0;
	int code = take_number(o, value, 0, 7, "a number from 0 (first) to 7 (last)", &n);

	run->has_iolevel = true;
	run->iolevel = (uint32_t)n;
	return code;
}

static int set_cpus(struct run *run, const struct run_option *o, char *list)
{
	memset(run->cpus, 0, sizeof(run->cpus));
	if (list_parse(list, run->cpus, RUN_CPUS))
		return refuse(o, list, "processors such as 0,3,7-11 or 0-31:2");
	run->sched.set |= USPAWN_AFFINITY;
	run->sched.affinity = run->cpus;
	run->sched.affinity_size = sizeof(run->cpus);
	return -1;
}

static int finish_ioprio(struct run *run)
{
	/* without a level: ionice(1)'s */
	uint32_t level = run->has_iolevel ? run->iolevel : 4;

	if (!run->has_iolevel && !(run->sched.set & USPAWN_IOPRIO))
		return -1;
	if (!(run->sched.set & USPAWN_IOPRIO))
		run->ioclass = IOPRIO_CLASS_BE;
	else if (run->has_iolevel && (run->ioclass == IOPRIO_CLASS_NONE || run->ioclass == IOPRIO_CLASS_IDLE))
		return refuse_name("ioprio", "only with --ioclass realtime or best-effort, which have levels");
	if (run->ioclass == IOPRIO_CLASS_NONE || run->ioclass == IOPRIO_CLASS_IDLE)
		level = 0;
	run->sched.set |= USPAWN_IOPRIO;
	run->sched.ioprio = IOPRIO_PRIO_VALUE(run->ioclass, level);
	return -1;
}

int sched_finish(struct run *run)
{
	struct uspawn_sched *s = &run->sched;
	bool policy = (s->set & USPAWN_POLICY) != 0;

	if (policy && s->set & USPAWN_PRIORITY)
		return refuse_name("sched-priority", "keeps the policy; with another one the priority is its value");
	if (!policy && s->policy)
		return refuse_name("reset-on-fork", "goes with a policy, such as --batch or --fifo 10");
	if ((policy && (s->policy & 0xff) == 6) != run->has_sched_time)
		return refuse_name("deadline", "goes with --sched-runtime, --sched-deadline and --sched-period");
	if (run->has_sched_time && !s->deadline_ns)
		s->deadline_ns = s->period_ns;
	if (finish_ioprio(run) >= 0)
		return EXIT_OWN_ERROR;
	if (s->set) {
		s->size = sizeof(*s);
		run->request.sched = s;
	}
	return -1;
}

#define SCHED USPAWN_STEP_SCHEDULER

const struct run_option sched_options[] = {
	{ "batch", 0, no_argument, SCHED, SCHED_BATCH, set_policy },
	{ "cpu-list", 0, required_argument, USPAWN_STEP_AFFINITY, 0, set_cpus },
	{ "deadline", 0, no_argument, SCHED, 6, set_policy },
	{ "fifo", 0, required_argument, SCHED, SCHED_FIFO, set_policy },
	{ "idle", 0, no_argument, SCHED, SCHED_IDLE, set_policy },
	{ "ioclass", 0, required_argument, USPAWN_STEP_IOPRIO, 0, set_ioclass },
	{ "ioprio", 0, required_argument, USPAWN_STEP_IOPRIO, 0, set_iolevel },
	{ "nice", 0, required_argument, USPAWN_STEP_NICE, 0, set_nice },
	{ "oom-score-adj", 0, required_argument, USPAWN_STEP_OOM_SCORE, 0, set_oom_score },
	{ "other", 0, no_argument, SCHED, SCHED_OTHER, set_policy },
	{ "reset-on-fork", 0, no_argument, USPAWN_STEP_NONE, 0, set_reset },
	{ "rr", 0, required_argument, SCHED, SCHED_RR, set_policy },
	{ "sched-deadline", 0, required_argument, USPAWN_STEP_NONE, 1, set_deadline_time },
	{ "sched-period", 0, required_argument, USPAWN_STEP_NONE, 2, set_deadline_time },
	{ "sched-priority", 0, required_argument, SCHED, 0, set_priority },
	{ "sched-runtime", 0, required_argument, USPAWN_STEP_NONE, 0, set_deadline_time },
	{ "timer-slack", 0, required_argument, USPAWN_STEP_TIMERSLACK, 0, set_timer_slack },
	{ "uclamp-max", 0, required_argument, SCHED, 1, set_clamp },
	{ "uclamp-min", 0, required_argument, SCHED, 0, set_clamp },
	{ NULL, 0, 0, 0, 0, NULL },
};
