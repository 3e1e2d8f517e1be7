/* SPDX-License-Identifier: MIT */
/*
 * Fault injection: every system call of every scene, of the caller and of its child up to its program, answers each
 * shortage in turn; once, and for as long as it lasts. See usage().
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <uspawn.h>

#include "tracer.h"

enum { NKINDS = 96, STRIDE = 97, SAME = 3 };

/* How often each error was the answer to each call. */
struct row {
	long nr;
	unsigned n[NERRORS];
};

static struct row rows[NKINDS];
static int nrows;
static unsigned long nfaults, nruns, nwrong, nplaces;
static int is_short, tap;

static int usage(FILE *to)
{
	fputs("Usage: faults [--short] [--tap] [SCENE]...\n"
	      "       faults --list\n\n"
	      "Lets every system call fail, one at a time, while processes are started and waited for. What a call of "
	      "the\n"
	      "library says must be the error, at the step it belongs to; nothing may be left, and the next start "
	      "works.\n"
	      "Prints the calls, and how often each answered which error. SCENE: only these, by their first "
	      "letters.\n\n"
	      "  --short  each call and each error once, and a few more: some seconds\n"
	      "  --tap    for a test run\n"
	      "  --list   the scenes\n",
	      to);
	return to == stderr ? 2 : 0;
}

static struct row *row_of(long nr)
{
	for (int i = 0; i < nrows; i++)
		if (rows[i].nr == nr)
			return &rows[i];
	if (nrows == NKINDS)
		abort();
	rows[nrows].nr = nr;
	return &rows[nrows++];
}

static int is_memory(long nr)
{
	const char *name = call_name(nr);

	return strcmp(name, "mmap") == 0 || strcmp(name, "mprotect") == 0 || strcmp(name, "madvise") == 0 ||
	       strcmp(name, "mremap") == 0;
}

/* NULL, or what is wrong. */
static const char *judge(const struct fault *fault, const struct outcome *outcome, const struct record *calm)
{
	static char text[500];
	const struct record *record = &outcome->record;
	long nr = fault->place.call.nr;
	uint32_t step = call_step(nr);

	if (outcome->end == END_HANG)
		return "it hangs";
	if (outcome->end == END_CRASH)
		return "it crashed";
	if (*record->wrong)
		return record->wrong;
	if (record->error && record->error != fault->error && !(is_memory(nr) && record->error == ENOMEM)) {
		snprintf(text, sizeof(text), "it says %s at %s", strerror(record->error), uspawn_strstep(record->step));
		return text;
	}
	if (record->error && step && record->step && record->step != step && record->step != USPAWN_STEP_NAMESPACE) {
		snprintf(text, sizeof(text), "it says step %s", uspawn_strstep(record->step));
		return text;
	}
	if (record->rung_after != calm->rung_after) {
		snprintf(text, sizeof(text), "the next start took rung %u, not %u", record->rung_after,
			 calm->rung_after);
		return text;
	}
	if (record->grown_kib) {
		snprintf(text, sizeof(text), "mappings have grown by %ld KiB", record->grown_kib);
		return text;
	}
	return NULL;
}

static void inject(const struct scene *scene, int warm, const struct fault *fault, const struct record *calm,
		   unsigned error)
{
	struct outcome outcome;
	const char *why;

	tracer_run(scene, warm, fault, &outcome, NULL);
	nruns++;
	if (!outcome.ninjected) /* another order of things this time */
		return;
	nfaults += outcome.ninjected;
	row_of(fault->place.call.nr)->n[error] += outcome.ninjected;
	why = judge(fault, &outcome, calm);
	if (!why)
		return;
	nwrong++;
	printf("%s%s, %s: %s's call %u, %s = %s%s: %s\n", tap ? "# " : "", scene->name, warm ? "warm" : "cold",
	       fault->place.of_child ? "child" : "parent", fault->place.number, call_name(fault->place.call.nr),
	       error_names[error], fault->lasts ? " for long" : "", why);
	fflush(stdout);
}

/* Of many calls of one kind in a row a few are enough. */
static int is_repeated(const struct places *places, unsigned i)
{
	unsigned same = 0;

	while (same < i && places->list[i - same - 1].call.nr == places->list[i].call.nr)
		same++;
	return same >= SAME && i + 1 < places->n && places->list[i + 1].call.nr == places->list[i].call.nr;
}

static int is_chosen(const struct place *place, unsigned error)
{
	static unsigned long candidates;

	return !is_short || candidates++ % STRIDE == 0 || !row_of(place->call.nr)->n[error];
}

/* 1: run; 0: skipped; -1: this machine's tracer cannot do it. */
static int each_fault(const struct scene *scene, int warm)
{
	struct places places = { 0 };
	struct outcome calm;

	tracer_run(scene, warm, NULL, &calm, &places);
	if (calm.end != END_WELL || *calm.record.wrong || calm.record.error) {
		printf("%s%s, without a fault: %s\n", tap ? "# " : "", scene->name,
		       *calm.record.wrong ? calm.record.wrong : strerror(calm.record.error));
		nwrong++;
	}
	nplaces += places.n;
	for (unsigned i = 0; i < places.n && calm.end == END_WELL; i++) {
		const struct place *place = &places.list[i];

		for (unsigned n = 0; n < NERRORS; n++) {
			struct fault fault = { .place = *place, .error = errors[n] };

			if (!call_may_answer(&place->call, (int)n) || is_repeated(&places, i) || !is_chosen(place, n))
				continue;
			inject(scene, warm, &fault, &calm.record, n);
			fault.lasts = 1;
			if (call_takes(place->call.nr) && errors[n] != EINTR && !is_short)
				inject(scene, warm, &fault, &calm.record, n);
		}
	}
	free(places.list);
	return calm.end == END_NO_TRACER ? -1 : 1;
}

static void print_table(void)
{
	const char *before = tap ? "# " : "";

	printf("%s%-20s", before, "call");
	for (int n = 0; n < NERRORS; n++)
		printf(" %7s", error_names[n]);
	printf("\n");
	for (int i = 0; i < nrows; i++) {
		printf("%s%-20s", before, call_name(rows[i].nr));
		for (int n = 0; n < NERRORS; n++) {
			if (rows[i].n[n])
				printf(" %7u", rows[i].n[n]);
			else
				printf(" %7s", "-");
		}
		printf("\n");
	}
	printf("%s%lu faults injected in %lu runs, at %lu places; wrong: %lu\n", before, nfaults, nruns, nplaces,
	       nwrong);
}

static int is_wanted(const struct scene *scene, char **names)
{
	if (!*names)
		return 1;
	for (; *names; names++)
		if (strncmp(scene->name, *names, strlen(*names)) == 0)
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	char **names = argv + 1;
	int nwanted = 0;

	for (; names < argv + argc && **names == '-'; names++) {
		if (strcmp(*names, "--short") == 0)
			is_short = 1;
		else if (strcmp(*names, "--tap") == 0)
			tap = 1;
		else if (strcmp(*names, "--list") == 0)
			for (int i = 0; i < nscenes; i++)
				puts(scenes[i].name);
		else
			return usage(strcmp(*names, "--help") == 0 ? stdout : stderr);
		if (strcmp(*names, "--list") == 0)
			return 0;
	}
	if (tap)
		printf("TAP version 13\n1..%d\n", nscenes);
	for (int i = 0; i < nscenes; i++) {
		unsigned long wrong_before = nwrong, faults_before = nfaults;
		int r;

		if (!is_wanted(&scenes[i], names))
			continue;
		nwanted++;
		r = each_fault(&scenes[i], 0);
		if (r == 1)
			r = each_fault(&scenes[i], 1);
		if (r < 0)
			printf("ok %d - faults::%s # SKIP no tracer for this machine\n", i + 1, scenes[i].name);
		else if (tap || wrong_before == nwrong)
			printf("%sok %d - faults::%s (%lu faults)\n", wrong_before == nwrong ? "" : "not ", i + 1,
			       scenes[i].name, nfaults - faults_before);
		fflush(stdout);
	}
	if (!nwanted) {
		fprintf(stderr, "faults: %s: no such scene; see --list\n", *names);
		return 2;
	}
	print_table();
	return nwrong != 0;
}
