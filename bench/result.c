/* SPDX-License-Identifier: MIT */
/*
 * Reading a result file. A field that is missing or of another type is named by its path, cases[0].measure. The first
 * mistake is remembered and ends the reading, so that the code below can go on as if there were none.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "refuse.h"
#include "result.h"

const struct quantity_words quantities[NQUANTITIES] = {
	[RETURN] = { "return", "R: until the call returns", "until the call returns" },
	[ENTRY] = { "entry", "E: until the child's first instruction", "until the child's first instruction" },
	[CYCLE] = { "cycle", "C: until the child was waited for", "until the child was waited for" },
	[NOTIFIED] = { "notified", "From the child's end until the parent is told", "end until told" },
	[REAPED] = { "reaped", "From being told until the child is waited for", "told until waited for" },
	[LATE] = { "late", "Lateness: from when a start was due until it was made", "due until started" },
};

struct reader {
	const char *file;
	char where[256]; /* the path of the value that is being read */
	bool failed;
};

static void wrong(struct reader *r, const char *what)
{
	if (!r->failed)
		refuse("%s: %s: %s", r->file, *r->where ? r->where : "the whole", what);
	r->failed = true;
}

/* Goes to a member or an element; leave() with what was returned goes back. */
static size_t enter(struct reader *r, const char *key, long index)
{
	size_t before = strlen(r->where);
	char *end = r->where + before;
	size_t room = sizeof(r->where) - before;

	if (key)
		snprintf(end, room, "%s%s", before ? "." : "", key);
	else
		snprintf(end, room, "[%ld]", index);
	return before;
}

static void leave(struct reader *r, size_t before)
{
	r->where[before] = '\0';
}

enum need { OPTIONAL, NEEDED };

/* A member that has the type, or NULL: there is none, or it was wrong. `null` stands for none. */
static json_t *member(struct reader *r, const json_t *object, const char *key, json_type type, enum need need)
{
	static const char *const words[] = {
		[JSON_OBJECT] = "an object is needed", [JSON_ARRAY] = "a list is needed",
		[JSON_STRING] = "a string is needed",  [JSON_REAL] = "a number is needed",
		[JSON_TRUE] = "a boolean is needed",
	};
	json_t *value = json_object_get(object, key);
	size_t before = enter(r, key, 0);
	bool right = type == JSON_REAL ? json_is_number(value) : value && json_typeof(value) == type;

	if (!right && (need || (value && !json_is_null(value)))) {
		wrong(r, words[type]);
		right = false;
	}
	leave(r, before);
	return right ? value : NULL;
}

static const char *string(struct reader *r, const json_t *object, const char *key, enum need need)
{
	return json_string_value(member(r, object, key, JSON_STRING, need));
}

static double number(struct reader *r, const json_t *object, const char *key, enum need need)
{
	const json_t *value = member(r, object, key, JSON_REAL, need);

	return value ? json_number_value(value) : NAN;
}

/* A list whose elements are numbers, at least `least`. */
static const json_t *numbers(struct reader *r, const json_t *object, const char *key, double least)
{
	const json_t *list = member(r, object, key, JSON_ARRAY, OPTIONAL);

	for (size_t i = 0; !r->failed && i < json_array_size(list); i++) {
		size_t a = enter(r, key, 0), b = enter(r, NULL, (long)i);

		if (!json_is_number(json_array_get(list, i)) || list_at(list, i) < least)
			wrong(r, least > 0 ? "a number above 0 is needed" : "a number of 0 or more is needed");
		leave(r, b);
		leave(r, a);
	}
	return list;
}

static struct interval interval(struct reader *r, const json_t *object, const char *key)
{
	const json_t *list = numbers(r, object, key, 0);
	size_t before = enter(r, key, 0);

	if (list && (json_array_size(list) != 2 || list_at(list, 0) > list_at(list, 1)))
		wrong(r, "two numbers, low and high, are needed");
	leave(r, before);
	return list ? (struct interval){ list_at(list, 0), list_at(list, 1) } : (struct interval){ NAN, NAN };
}

static const json_t *histogram(struct reader *r, const json_t *object)
{
	const json_t *list = member(r, object, "histogram", JSON_ARRAY, OPTIONAL);
	double end = 0;

	for (size_t i = 0; !r->failed && i < json_array_size(list); i++) {
		const json_t *bucket = json_array_get(list, i);
		bool right = json_array_size(bucket) == 3;

		for (size_t k = 0; k < json_array_size(bucket); k++)
			right &= json_is_number(json_array_get(bucket, k));
		right = right && list_at(bucket, 0) >= end && list_at(bucket, 1) >= list_at(bucket, 0) &&
			list_at(bucket, 2) > 0;
		if (!right) {
			enter(r, "histogram", 0);
			enter(r, NULL, (long)i);
			wrong(r, "[lower, upper, count], ascending, is needed");
		}
		end = list_at(bucket, 0);
	}
	return list;
}

static struct times read_times(struct reader *r, const json_t *contestant, const char *quantity)
{
	char key[32];
	const json_t *object;
	struct times t = { 0 };
	size_t before;

	snprintf(key, sizeof(key), "%s_ns", quantity);
	object = member(r, contestant, key, JSON_OBJECT, OPTIONAL);
	if (!object)
		return t;
	before = enter(r, key, 0);
	t = (struct times){
		.measured = true,
		.min = number(r, object, "min", NEEDED),
		.p50 = number(r, object, "p50", OPTIONAL),
		.p90 = number(r, object, "p90", OPTIONAL),
		.p99 = number(r, object, "p99", OPTIONAL),
		.p999 = number(r, object, "p999", OPTIONAL),
		.max = number(r, object, "max", NEEDED),
		.p50_interval = interval(r, object, "p50_interval"),
		.ratio = number(r, object, "ratio", OPTIONAL),
		.ratio_interval = interval(r, object, "ratio_interval"),
		.ratio_to = string(r, object, "ratio_to", OPTIONAL),
		.batches = numbers(r, object, "batches", 1e-9),
		.histogram = histogram(r, object),
	};
	leave(r, before);
	return t;
}

static void check_elements(struct reader *r, const json_t *list, const char *key)
{
	for (size_t i = 0; !r->failed && i < json_array_size(list); i++)
		if (!json_is_string(json_array_get(list, i))) {
			enter(r, key, 0);
			enter(r, NULL, (long)i);
			wrong(r, "a string is needed");
		}
}

static void check_per_start(struct reader *r, const json_t *object)
{
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)object, key, value)
		if (!r->failed && !json_is_number(value) && !json_is_null(value)) {
			enter(r, "per_start", 0);
			enter(r, key, 0);
			wrong(r, "a number is needed");
		}
}

static void read_figures(struct reader *r, const json_t *object, struct figures *f)
{
	if (!json_is_object(object))
		wrong(r, "an object is needed");
	f->name = string(r, object, "name", NEEDED);
	f->about = string(r, object, "about", OPTIONAL);
	f->remark = string(r, object, "remark", OPTIONAL);
	f->samples = number(r, object, "samples", NEEDED);
	for (int q = 0; q < NQUANTITIES; q++)
		f->times[q] = read_times(r, object, quantities[q].key);
	f->rate = number(r, object, "rate", OPTIONAL);
	f->rate_interval = interval(r, object, "rate_interval");
	f->rate_ratio = number(r, object, "rate_ratio", OPTIONAL);
	f->rate_ratio_interval = interval(r, object, "rate_ratio_interval");
	f->rate_ratio_to = string(r, object, "rate_ratio_to", OPTIONAL);
	f->rates = numbers(r, object, "rates", 0);
	f->per_start = member(r, object, "per_start", JSON_OBJECT, OPTIONAL);
	check_per_start(r, f->per_start);
	f->warnings = member(r, object, "warnings", JSON_ARRAY, OPTIONAL);
	check_elements(r, f->warnings, "warnings");
}

static void read_axis(struct reader *r, const json_t *object, struct result_case *c)
{
	const char *label;
	size_t before = enter(r, "axis", 0);

	c->axis = string(r, object, "name", NEEDED);
	c->position = number(r, object, "value", NEEDED);
	label = string(r, object, "label", OPTIONAL);
	if (label)
		snprintf(c->label, sizeof(c->label), "%s", label);
	else
		snprintf(c->label, sizeof(c->label), "%g", c->position);
	leave(r, before);
}

/* Only numbers, booleans and strings: a setting is a flat list of words and values. */
static void check_setting(struct reader *r, const json_t *setting)
{
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)setting, key, value)
		if (!r->failed && (json_is_object(value) || json_is_array(value))) {
			enter(r, "setting", 0);
			enter(r, key, 0);
			wrong(r, "a number, a boolean or a string is needed");
		}
}

static void read_case(struct reader *r, const json_t *object, struct result_case *c)
{
	const json_t *axis, *list;

	if (!json_is_object(object))
		wrong(r, "an object is needed");
	c->measure = string(r, object, "measure", NEEDED);
	c->setting = member(r, object, "setting", JSON_OBJECT, NEEDED);
	check_setting(r, c->setting);
	axis = member(r, object, "axis", JSON_OBJECT, OPTIONAL);
	if (axis)
		read_axis(r, axis, c);
	list = member(r, object, "contestants", JSON_ARRAY, NEEDED);
	c->contestants = calloc(json_array_size(list) + 1, sizeof(*c->contestants));
	if (!c->contestants)
		wrong(r, strerror(ENOMEM));
	for (size_t i = 0; !r->failed && i < json_array_size(list); i++) {
		size_t a = enter(r, "contestants", 0), b = enter(r, NULL, (long)i);

		read_figures(r, json_array_get(list, i), &c->contestants[c->ncontestants++]);
		leave(r, b);
		leave(r, a);
	}
}

static json_t *load(const char *path)
{
	FILE *file = fopen(path, "re");
	json_error_t error;
	json_t *root = NULL;
	struct stat st;

	if (!file)
		refuse("%s: %s", path, strerror(errno));
	else if (!fstat(fileno(file), &st) && S_ISDIR(st.st_mode))
		refuse("%s: %s", path, strerror(EISDIR));
	else if (!(root = json_loadf(file, JSON_REJECT_DUPLICATES, &error)))
		refuse("%s: line %d: not JSON: %s", path, error.line, error.text);
	if (file)
		fclose(file);
	return root;
}

bool result_read(struct result *ret, const char *path)
{
	struct reader r = { .file = path };
	struct result result = { .path = path, .root = load(path) };
	const char *schema;
	const json_t *list;

	if (!result.root)
		return false;
	if (!json_is_object(result.root))
		wrong(&r, "not a result of uspawn-bench");
	schema = string(&r, result.root, "schema", NEEDED);
	if (schema && strcmp(schema, "uspawn-bench/1")) {
		refuse("%s: schema: \"%s\" is not known here, only \"uspawn-bench/1\"", path, schema);
		r.failed = true;
	}
	result.environment = member(&r, result.root, "environment", JSON_OBJECT, NEEDED);
	list = member(&r, result.root, "cases", JSON_ARRAY, NEEDED);
	check_elements(&r, member(&r, result.environment, "warnings", JSON_ARRAY, OPTIONAL), "environment.warnings");
	result.cases = calloc(json_array_size(list) + 1, sizeof(*result.cases));
	if (!result.cases)
		wrong(&r, strerror(ENOMEM));
	for (size_t i = 0; !r.failed && i < json_array_size(list); i++) {
		size_t a = enter(&r, "cases", 0), b = enter(&r, NULL, (long)i);

		read_case(&r, json_array_get(list, i), &result.cases[result.ncases++]);
		leave(&r, b);
		leave(&r, a);
	}
	if (r.failed)
		result_done(&result);
	else
		*ret = result;
	return !r.failed;
}

void result_done(struct result *result)
{
	for (size_t i = 0; i < result->ncases; i++)
		free(result->cases[i].contestants);
	free(result->cases);
	json_decref(result->root);
	*result = (struct result){ 0 };
}
