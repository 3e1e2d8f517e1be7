/* SPDX-License-Identifier: MIT */
/*
 * Writing records. There is little JSON here and no reading of it, so it is printed by hand; the one thing that must
 * not go wrong is a string, and that is one function.
 */
#include "record.h"
#include "options.h"
#include "outlet.h"
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* What a run that was killed has left half written stays a line of its own. */
static void go_on(FILE *file)
{
	int last = fseeko(file, -1, SEEK_END) ? EOF : getc(file);

	fseeko(file, 0, SEEK_END); /* so that ftello() says whether it is empty, whichever libc */
	if (last != EOF && last != '\n')
		putc('\n', file);
}

int record_own_output(int fd)
{
	for (int own = STDOUT_FILENO; own <= STDERR_FILENO; own++) {
		int flags = fcntl(own, F_GETFL);

		if (flags >= 0 && (flags & O_ACCMODE) != O_RDONLY && record_same_open_file(fd, own))
			return own;
	}
	return -1;
}

FILE *record_open_untouched(const char *where, bool append)
{
	uint64_t fd;
	FILE *file;
	int copy, own;

	if (strncmp(where, "fd:", 3)) {
		copy = open(where, (append ? O_RDWR | O_APPEND : O_WRONLY) | O_CREAT | O_CLOEXEC, 0666);
		own = copy < 0 ? -1 : record_own_output(copy);
		if (own >= 0) { /* at an offset of its own each would be written over by the other */
			close(copy);
			copy = fcntl(own, F_DUPFD_CLOEXEC, 3);
			append = false;
		}
	} else {
		/* one that is closed on exec is our own, which has taken the number since */
		if (number_parse(where + 3, 0, INT_MAX, &fd) || fcntl((int)fd, F_GETFD) & FD_CLOEXEC) {
			errno = EBADF;
			return NULL;
		}
		copy = fcntl((int)fd, F_DUPFD_CLOEXEC, 3);
		append = false;
	}
	if (copy < 0)
		return NULL;
	file = outlet_never_blocks(copy) ? fdopen(copy, append ? "a+" : "w") : outlet_new(copy);
	if (!file)
		close(copy);
	return file;
}

int record_begin(FILE *file, const char *where, off_t keep)
{
	struct stat st;

	setvbuf(file, NULL, _IOLBF, 0);
	if (!strncmp(where, "fd:", 3) || fstat(fileno(file), &st) || !S_ISREG(st.st_mode) ||
	    record_own_output(fileno(file)) >= 0)
		return 0;
	if ((keep < 0 || st.st_size > keep) && ftruncate(fileno(file), keep < 0 ? 0 : keep))
		return -errno;
	if (keep >= 0)
		go_on(file);
	return 0;
}

FILE *record_open(const char *where, bool append)
{
	FILE *file = record_open_untouched(where, append);
	int r;

	if (!file)
		return NULL;
	r = record_begin(file, where, append ? INT64_MAX : -1);
	if (!r)
		return file;
	fclose(file);
	errno = -r;
	return NULL;
}

bool record_same_file(const char *a, const char *b)
{
	struct stat x, y;

	if (stat(a, &x) || stat(b, &y)) /* not there yet */
		return !strcmp(a, b) && strncmp(a, "fd:", 3);
	return S_ISREG(x.st_mode) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

bool record_same_open_file(int a, int b)
{
	struct stat x, y;

	return !fstat(a, &x) && !fstat(b, &y) && S_ISREG(x.st_mode) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

int records_begin(FILE *a, FILE *b)
{
	FILE *const files[] = { a, b };
	struct stat st;

	if (a && b && record_same_open_file(fileno(a), fileno(b)))
		return -EINVAL;
	for (int i = 0; i < 2; i++)
		if (files[i] && record_own_output(fileno(files[i])) < 0 && !fstat(fileno(files[i]), &st) &&
		    S_ISREG(st.st_mode) && ftruncate(fileno(files[i]), 0))
			return -errno;
	return 0;
}

/* The length of the UTF-8 character at s, or 0: overlong forms, surrogates and what is above U+10FFFF are none. */
static unsigned utf8_length(const unsigned char *s)
{
	unsigned n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;

	for (unsigned i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
	    (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

void json_string(FILE *to, const char *text)
{
	unsigned n;

	putc('"', to);
	for (const unsigned char *s = (const unsigned char *)text; *s; s += n ? n : 1) {
		n = utf8_length(s);
		if (!n)
			fprintf(to, "\\udc%02x", *s);
		else if (*s == '"' || *s == '\\')
			fprintf(to, "\\%c", *s);
		else if (*s < 0x20 || *s == 0x7f)
			fprintf(to, "\\u%04x", *s);
		else
			fwrite(s, 1, n, to);
	}
	putc('"', to);
}

static const char *code_name(int code)
{
	switch (code) {
	case USPAWN_EXITED:
		return "exited";
	case USPAWN_KILLED:
		return "killed";
	case USPAWN_DUMPED:
		return "dumped";
	case USPAWN_FAILED:
		return "failed";
	default:
		return "unknown";
	}
}

static bool by_signal(const struct uspawn_exit *e)
{
	return e->code == USPAWN_KILLED || e->code == USPAWN_DUMPED;
}

static void json_usage(FILE *to, const struct uspawn_exit *e)
{
	fprintf(to,
		",\"utime_us\":%" PRIu64 ",\"stime_us\":%" PRIu64 ",\"maxrss_kib\":%" PRIu64 ",\"minflt\":%" PRIu64
		",\"majflt\":%" PRIu64 ",\"inblock\":%" PRIu64 ",\"oublock\":%" PRIu64 ",\"nvcsw\":%" PRIu64
		",\"nivcsw\":%" PRIu64,
		e->utime_us, e->stime_us, e->maxrss_kib, e->minflt, e->majflt, e->inblock, e->oublock, e->nvcsw,
		e->nivcsw);
}

static void json_failure(FILE *to, const struct uspawn_failure *f)
{
	fprintf(to, "{\"step\":");
	json_string(to, uspawn_strstep(f->step));
	fprintf(to, ",\"index\":%" PRIu32 ",\"errno\":%" PRId32 ",\"error\":", f->index, f->errnum);
	json_string(to, strerror(f->errnum));
	putc('}', to);
}

void record_json(FILE *to, const struct record *r)
{
	const struct uspawn_exit *e = &r->child->exit;

	putc('{', to);
	if (r->item) {
		fprintf(to, "\"seq\":%" PRIu64 ",\"item\":", r->seq);
		json_string(to, r->item);
		fprintf(to, ",\"tries\":%u,", r->tries);
	}
	fprintf(to, "\"argv\":[");
	for (char *const *word = r->argv; *word; word++) {
		if (word != r->argv)
			putc(',', to);
		json_string(to, *word);
	}
	fprintf(to, "],\"pid\":%" PRId32 ",\"rung\":\"%s\",\"code\":\"%s\",\"status\":%" PRId32 ",\"signal\":",
		r->child->pid, rung_name(r->child->rung), code_name(e->code), e->status);
	if (by_signal(e))
		json_string(to, signal_name(e->status));
	else
		fputs("null", to);
	fprintf(to, ",\"timed_out\":%s,\"out_of_memory\":%s,\"start_us\":%" PRId64 ",\"wall_us\":%" PRId64,
		r->timed_out ? "true" : "false", r->out_of_memory ? "true" : "false", r->began_us, r->wall_ns / 1000);
	json_usage(to, e);
	fputs(",\"failure\":", to);
	if (r->child->failure.step)
		json_failure(to, &r->child->failure);
	else
		fputs("null", to);
	fputs("}\n", to);
}

static void shell_word(FILE *to, const char *word)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+=./:,@%";
	bool control = false;

	if (*word && !word[strspn(word, plain)]) {
		fputs(word, to);
		return;
	}
	for (const unsigned char *s = (const unsigned char *)word; *s; s++)
		control |= *s < 0x20 || *s == 0x7f;
	fputs(control ? "$'" : "'", to);
	for (const unsigned char *s = (const unsigned char *)word; *s; s++)
		if (control && (*s < 0x20 || *s == 0x7f))
			fprintf(to, "\\%03o", *s);
		else if (control && (*s == '\'' || *s == '\\'))
			fprintf(to, "\\%c", *s);
		else if (*s == '\'')
			fputs("'\\''", to);
		else
			putc(*s, to);
	putc('\'', to);
}

void shell_words(FILE *to, char *const *argv)
{
	for (char *const *word = argv; *word; word++) {
		if (word != argv)
			putc(' ', to);
		shell_word(to, *word);
	}
}

void joblog_header(FILE *to)
{
	fputs("Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n", to);
}

/* Nothing is sent, so Send is 0. Exitval is -1 for what timed out, as GNU parallel has it, and for an unknown end. */
void joblog_line(FILE *to, const struct record *r)
{
	const struct uspawn_exit *e = &r->child->exit;
	int exitval = 0;

	if (r->timed_out || e->code == USPAWN_UNKNOWN)
		exitval = -1;
	else if (e->code == USPAWN_EXITED)
		exitval = e->status;
	else if (e->code == USPAWN_FAILED)
		exitval = e->status == ENOENT ? 127 : 126;
	fprintf(to, "%" PRIu64 "\t:\t%" PRId64 ".%03" PRId64 "\t%10.3f\t0\t%" PRIu64 "\t%d\t%d\t", r->seq,
		r->began_us / 1000000, r->began_us / 1000 % 1000, (double)r->wall_ns / 1e9, r->received, exitval,
		by_signal(e) ? e->status : 0);
	shell_words(to, r->argv);
	putc('\n', to);
}

int64_t record_clock_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}
