/* SPDX-License-Identifier: MIT */
/* Which cases of two files are the same, and what people call one. */
#include <stdio.h>
#include <string.h>
#include "result.h"

/* What a setting is when nothing was asked for; a file that does not have the word means the same. */
static const struct usual {
	const char *key;
	double number;
	const char *word;
} usuals[] = {
	{ "threads", 1, NULL }, { "processes", 1, NULL },   { "inflight", 1, NULL },
	{ "child", 0, "tiny" }, { "reaper", 0, "default" },
};

static const struct usual *usual(const char *key)
{
	for (size_t i = 0; i < sizeof(usuals) / sizeof(*usuals); i++)
		if (!strcmp(usuals[i].key, key))
			return &usuals[i];
	return NULL;
}

static bool is_usual(const char *key, const json_t *value)
{
	const struct usual *u = usual(key);

	if (json_is_string(value))
		return u && u->word && !strcmp(u->word, json_string_value(value));
	if (json_is_number(value))
		return json_number_value(value) == (u ? u->number : 0);
	return !json_is_true(value);
}

static bool same_value(const char *key, const json_t *a, const json_t *b)
{
	if (!a || !b)
		return is_usual(key, a ? a : b);
	if (json_is_number(a) && json_is_number(b))
		return json_number_value(a) == json_number_value(b);
	return json_equal(a, b);
}

static bool covers(const json_t *a, const json_t *b)
{
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)a, key, value)
		if (!same_value(key, value, json_object_get(b, key)))
			return false;
	return true;
}

bool same_case(const struct result_case *a, const struct result_case *b)
{
	if (strcmp(a->measure, b->measure) || !a->axis != !b->axis)
		return false;
	if (a->axis && (strcmp(a->axis, b->axis) || strcmp(a->label, b->label)))
		return false;
	return covers(a->setting, b->setting) && covers(b->setting, a->setting);
}

const struct figures *case_find(const struct result_case *c, const char *name)
{
	for (size_t i = 0; i < c->ncontestants; i++)
		if (!strcmp(c->contestants[i].name, name))
			return &c->contestants[i];
	return NULL;
}

/* Whether a sweep's axis changes the setting: both are written with - or _, and pages are small or huge. */
static bool is_axis(const char *key, const char *axis)
{
	if (!strcmp(axis, "pages"))
		axis = "huge";
	for (; *key && *axis; key++, axis++)
		if (*key != *axis && !(*key == '_' && *axis == '-'))
			return false;
	return *key == *axis;
}

void case_title(const struct result_case *c, bool with_axis, char *ret, size_t size)
{
	FILE *out = fmemopen(ret, size, "w");
	const char *key;
	json_t *value;

	*ret = '\0';
	if (!out)
		return;
	fputs(c->measure, out);
	json_object_foreach ((json_t *)c->setting, key, value) {
		if (is_usual(key, value) || (c->axis && !with_axis && is_axis(key, c->axis)))
			continue;
		if (json_is_string(value))
			fprintf(out, ", %s %s", key, json_string_value(value));
		else if (json_is_number(value))
			fprintf(out, ", %s %.15g", key, json_number_value(value));
		else
			fprintf(out, ", %s", key);
	}
	fclose(out);
	ret[size - 1] = '\0';
}
