/* SPDX-License-Identifier: MIT */
/* Of many failures one line is said: the first often explains the others. */
#include "tally.h"
#include "commands.h"
#include "signals.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool job_failed(const struct job *job)
{
	return job->child.exit.code != USPAWN_EXITED || job->child.exit.status || job->timed_out;
}

static void remember(struct tally *t, const struct job *job)
{
	const struct uspawn_exit *x = &job->child.exit;
	char how[64];

	if (job->timed_out)
		snprintf(how, sizeof(how), "timed out");
	else if (job->out_of_memory)
		snprintf(how, sizeof(how), "out of memory (--memory-max), and killed");
	else if (x->code == USPAWN_EXITED)
		snprintf(how, sizeof(how), "exit code %d", x->status);
	else if (x->code == USPAWN_FAILED)
		snprintf(how, sizeof(how), "%s", strerror(x->status));
	else if (x->code == USPAWN_UNKNOWN)
		snprintf(how, sizeof(how), "somebody else took its status");
	else
		snprintf(how, sizeof(how), "%s", signal_name(x->status));
	snprintf(t->first, sizeof(t->first), "item %" PRIu64 " (%.60s%s): %s", job->seq, job->item,
		 strlen(job->item) > 60 ? "..." : "", how);
}

void tally_add(struct tally *t, const struct job *job)
{
	t->done++;
	if (job_failed(job) && !t->failed++)
		remember(t, job);
}

bool tally_halts(const struct tally *t, const struct halt *halt)
{
	if (!halt->failures)
		return false;
	return halt->percent ? t->failed >= 3 && t->failed * 100 >= halt->failures * t->done
			     : t->failed >= halt->failures;
}

void tally_say(const struct tally *t)
{
	if (t->failed)
		complain("%" PRIu64 " of %" PRIu64 " items failed; the first: %s", t->failed, t->done, t->first);
}
