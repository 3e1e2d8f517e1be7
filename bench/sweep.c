/* SPDX-License-Identifier: MIT */
/* The commands start, rate, reap and sweep: one case, or several. */
#include <errno.h>
#include <string.h>
#include <time.h>
#include "axis.h"
#include "options.h"
#include "outfile.h"
#include "refuse.h"

static struct run run; /* large: not on the stack */

static void run_init(enum measure measure)
{
	time_t now = time(NULL);
	struct tm tm;

	run = (struct run){
		.task = { .setting = { .inflight = measure == RATE ? 16 : 1, .threads = 1, .processes = 1 },
			  .measure = measure },
		.seconds = 2,
		.ncases = 1,
		.command = command_line,
	};
	gmtime_r(&now, &tm);
	strftime(run.date, sizeof(run.date), "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static uint32_t batch_of(const struct setting *s)
{
	if (s->burst)
		return s->burst;
	if (s->rate) /* a turn of a fiftieth of a second at least: what is late makes the next late */
		return s->rate / 50 < BATCH ? BATCH : s->rate / 50 > MAX_BATCH ? MAX_BATCH : s->rate / 50;
	return BATCH;
}

/* The setting of case i. */
static void set_case(uint32_t i)
{
	run.at = i;
	if (run.axis)
		axis_set(run.axis, &run.task.setting, run.values[i]);
	run.batch = batch_of(&run.task.setting);
}

/* Everything that can be known to be wrong is known before anything is measured. */
static int check(void)
{
	char why[512];
	int r;

	r = programs_find();
	if (r < 0)
		return refuse("the programs 'tiny', 'clocked', 'leaving' and 'idle' are not beside uspawn-bench: %s",
			      strerror(-r));
	for (uint32_t i = 0; i < run.ncases; i++) {
		set_case(i);
		if (run.task.setting.rate && run.task.setting.burst)
			return refuse("--rate and --burst: only one of them");
		if (entries_select(&run, why, sizeof(why)) < 0)
			return refuse("%s", why);
		if (!limits_allow(&run.task, run.nentries, run.batch, why, sizeof(why)))
			return refuse("%s", why);
	}
	if (run.json && (r = file_check(run.json)) < 0)
		return refuse("--json %s: %s", run.json, strerror(-r));
	return 0;
}

static void add_warnings(json_t *environment, double busy)
{
	json_t *warnings = json_array();

	if (busy > 0.1)
		json_array_append_new(warnings, json_sprintf("others used %.0f %% of the processors meanwhile: do not "
							     "quote these figures",
							     100 * busy));
	if (run.machine.load > 0.5 * (double)run.machine.cpus)
		json_array_append_new(
			warnings, json_sprintf("the machine was busy before this began (load %.2f)", run.machine.load));
	if (*run.machine.governor && strcmp(run.machine.governor, "performance"))
		json_array_append_new(
			warnings, json_sprintf("the processor changes its speed (governor %s)", run.machine.governor));
	json_object_set_new(environment, "busy", json_real(busy));
	json_object_set_new(environment, "warnings", warnings);
}

static int measure_all(json_t *root)
{
	json_t *cases = json_object_get(root, "cases");
	char why[512];
	int r = 0;

	for (uint32_t i = 0; r >= 0 && i < run.ncases; i++) {
		set_case(i);
		r = entries_select(&run, why, sizeof(why));
		if (r >= 0)
			r = measure_case(&run);
		if (r >= 0)
			r = json_add_case(root, &run);
		if (r >= 0)
			table_case(&run, json_array_get(cases, i));
	}
	if (r >= 0 && run.axis)
		table_sweep(&run, root);
	entries_clear(&run);
	return r;
}

static int conduct(void)
{
	struct busy busy;
	json_t *root;
	int r, code;

	machine_describe(&run.machine);
	own_cost_measure(&run.own_cost);
	root = json_begin(&run);
	table_header(&run);
	busy_begin(&busy);
	r = measure_all(root);
	if (r >= 0) {
		add_warnings(json_object_get(root, "environment"), busy_share(&busy));
		table_footer(root);
	}
	code = r < 0;
	if (!code && run.json && (r = json_save(root, run.json)) < 0)
		code = refuse("--json %s: %s", run.json, strerror(-r));
	json_decref(root);
	return code;
}

static int command(int argc, char **argv, const char *help)
{
	int r = options_parse(&run, argc, argv);

	if (r == 1) {
		options_help(help);
		return 0;
	}
	if (!r)
		r = check();
	return r ? r : conduct();
}

int start_main(int argc, char **argv)
{
	run_init(START);
	return command(argc, argv, argv[0]);
}

int rate_main(int argc, char **argv)
{
	run_init(RATE);
	return command(argc, argv, argv[0]);
}

int reap_main(int argc, char **argv)
{
	run_init(REAP);
	return command(argc, argv, argv[0]);
}

/* AXIS=V1,V2,... */
static int parse_axis(const char *text, enum measure measure)
{
	size_t n = strcspn(text, "=");
	char why[256];

	run.axis = axis_named(text, n);
	if (!run.axis)
		return refuse("sweep %.*s: there is no such axis; see uspawn-bench list", (int)n, text);
	if (!text[n])
		return refuse("sweep %s: needs values, %s=A,B", text, text);
	for (run.ncases = 0, text += n + 1; text; text = text[n] ? text + n + 1 : NULL) {
		n = strcspn(text, ",");
		if (run.ncases == MAX_CASES)
			return refuse("sweep %s: %d values are the most", run.axis->name, MAX_CASES);
		if (axis_parse(run.axis, measure, text, n, &run.values[run.ncases++], why, sizeof(why)) < 0)
			return refuse("sweep %s", why);
	}
	return 0;
}

int sweep_main(int argc, char **argv)
{
	int measure = 0, r;

	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		options_help("sweep");
		return 0;
	}
	if (argc < 3)
		return refuse("sweep: needs AXIS=VALUE,... and start, rate or reap; see uspawn-bench sweep --help");
	while (measure < NMEASURES && strcmp(argv[2], measure_names[measure]))
		measure++;
	if (measure == NMEASURES)
		return refuse("sweep %s: the measure is start, rate or reap", argv[2]);
	run_init((enum measure)measure);
	r = parse_axis(argv[1], (enum measure)measure);
	return r ? r : command(argc - 2, argv + 2, "sweep");
}
