/* SPDX-License-Identifier: MIT */
/*
 * Options that all commands read alike. getopt_long(3) prints nothing here: it names what is wrong, but not what would
 * be right.
 */
#include "options.h"
#include "commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uspawn.h>

static const char *const rungs[] = {
	[USPAWN_RUNG_ANY] = "any",     [USPAWN_RUNG_ASYNC] = "async", [USPAWN_RUNG_VFORK] = "vfork",
	[USPAWN_RUNG_CLONE] = "clone", [USPAWN_RUNG_RELAY] = "relay", [USPAWN_RUNG_FORK] = "fork",
};

int number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
	unsigned long long value;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || *end || value < min || value > max)
		return -EINVAL;
	*ret = value;
	return 0;
}

int size_parse(const char *text, uint64_t *ret)
{
	static const char units[] = "KMGT";
	size_t len = strlen(text);
	const char *unit = len ? strchr(units, text[len - 1]) : NULL;
	unsigned shift = unit && *unit ? 10 * (unsigned)(unit - units + 1) : 0;
	char number[24];
	uint64_t n;

	if (snprintf(number, sizeof(number), "%.*s", (int)(len < 64 ? len : 64) - (shift != 0), text) >=
		    (int)sizeof(number) ||
	    number_parse(number, 1, INT64_MAX >> shift, &n))
		return -EINVAL;
	*ret = n << shift;
	return 0;
}

int list_parse(const char *list, unsigned long *bits, uint32_t nbits)
{
	uint64_t values[3]; /* first, last, stride */
	char *end = (char *)list;

	for (;;) {
		for (int n = 0; n < 3; n++) {
			if (n && *end != "-:"[n - 1]) {
				values[n] = n == 1 ? values[0] : 1;
				continue;
			}
			list = end + (n != 0);
			values[n] = strtoul(list, &end, 10);
			if (*list < '0' || *list > '9' || values[n] >= nbits)
				return -EINVAL;
		}
		if (values[1] < values[0] || !values[2])
			return -EINVAL;
		for (uint64_t n = values[0]; n <= values[1]; n += values[2])
			bits[n / (8 * sizeof(*bits))] |= 1ul << n % (8 * sizeof(*bits));
		if (*end != ',')
			return *end ? -EINVAL : 0;
		end++;
	}
}

int rung_parse(const char *name, uint32_t *ret)
{
	for (uint32_t i = 0; i < sizeof(rungs) / sizeof(*rungs); i++)
		if (!strcmp(name, rungs[i])) {
			*ret = i;
			return 0;
		}
	return -EINVAL;
}

const char *rung_name(uint32_t rung)
{
	return rung < sizeof(rungs) / sizeof(*rungs) ? rungs[rung] : "unknown";
}

int refuse_value(const char *option, const char *value, const char *form)
{
	complain("%s '%s': must be %s", option, value, form);
	return EXIT_OWN_ERROR;
}

enum { LONGEST = 63 };

static void lower(unsigned char *value, unsigned to)
{
	if (to < *value)
		*value = (unsigned char)to;
}

/* How many letters must change, or two neighbours change places, to make one word of the other. */
static unsigned distance(const char *a, size_t alen, const char *b, size_t blen)
{
	unsigned char d[LONGEST + 1][LONGEST + 1]; /* of the first i letters of one and j of the other */

	for (size_t i = 0; i <= alen; i++)
		for (size_t j = 0; j <= blen; j++) {
			d[i][j] = (unsigned char)(i + j);
			if (!i || !j)
				continue;
			lower(&d[i][j], d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0u : 1u));
			lower(&d[i][j], d[i - 1][j] + 1u);
			lower(&d[i][j], d[i][j - 1] + 1u);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				lower(&d[i][j], d[i - 2][j - 2] + 1u);
		}
	return d[alen][blen];
}

/* Of two letters, or three, nearly every word is near to every other: no more than a third may differ, nor than two. */
static unsigned at_most(size_t a, size_t b)
{
	size_t longer = a > b ? a : b;

	return longer < 6 ? 1 : 2;
}

static const char *nearest(const char *word, size_t len, const struct option *known)
{
	const char *best = NULL;
	unsigned least = LONGEST, d;
	size_t size;

	for (; len <= LONGEST && known->name; known++) {
		size = strlen(known->name);
		d = size <= LONGEST ? distance(word, len, known->name, size) : LONGEST;
		if (d < least && d <= at_most(len, size)) {
			least = d;
			best = known->name;
		}
	}
	return best;
}

bool options_have(const struct option *known, const char *name, size_t len)
{
	for (; known->name; known++)
		if (strlen(known->name) == len && !strncmp(known->name, name, len))
			return true;
	return false;
}

static int is_short(int option)
{
	return option && option < 256;
}

int next_option(int argc, char **argv, const char *letters, const struct option *known)
{
	int answer = getopt_long(argc, argv, letters, known, NULL);

	if (answer <= 0 || answer == '?' || answer == ':' || !optarg || optarg != argv[optind - 1] ||
	    strcmp(optarg, "--"))
		return answer;
	optind--; /* as it is where nothing follows the option */
	optopt = answer;
	return ':';
}

bool seems_a_value(char *const *words)
{
	if (!strcmp(words[-1], "--") || strchr(words[-1], '='))
		return false;
	while (*words && strcmp(*words, "--"))
		words++;
	return *words;
}

int refuse_option(int answer, char *const *argv, const struct option *known)
{
	/* musl goes behind the end where a letter lacks its value */
	const char *word = argv[optind - 1] ? argv[optind - 1] : "", *meant;
	const char *name = strncmp(word, "--", 2) ? "" : word + 2;
	size_t len = strcspn(name, "=");
	unsigned begun = 0;
	char owners[128];

	if (answer == ':') {
		if (*name)
			complain("%s needs a value; see --help", word);
		else
			complain("-%c needs a value; see --help", optopt);
		return EXIT_OWN_ERROR;
	}
	for (const struct option *o = known; o->name; o++) {
		begun += !strncmp(o->name, name, len);
		if (optopt && o->val == optopt && o->has_arg == no_argument && *name && name[len]) {
			complain("--%.*s takes no value: leave out '%s'", (int)len, name, name + len);
			return EXIT_OWN_ERROR;
		}
	}
	/* Within a group of letters the word is still the one before them. */
	if (!*name || is_short(optopt)) {
		complain("-%c: no such option; see --help", optopt);
		return EXIT_OWN_ERROR;
	}
	meant = nearest(name, len, known);
	if (begun > 1)
		complain("--%.*s: more than one option begins so; see --help", (int)len, name);
	else if (who_has(owners, sizeof(owners), name, len))
		complain("--%.*s: no such option; %s", (int)len, name, owners);
	else if (meant)
		complain("--%.*s: no such option; did you mean --%s?", (int)len, name, meant);
	else
		complain("--%.*s: no such option; see --help", (int)len, name);
	return EXIT_OWN_ERROR;
}
