/* SPDX-License-Identifier: MIT */
/*
 * Colours that differ in lightness as well as in hue (the usual forms of colour blindness leave lightness alone), each
 * darkened for white paper and lightened for a dark screen; and nowhere is a colour the only difference.
 */
#include <stdint.h>
#include <string.h>
#include "look.h"

static const struct look {
	const char *name;
	uint32_t light, dark;
	const char *dash;
	int mark, width10; /* gnuplot's point type; tenths */
} looks[] = {
	{ "floor", 0x5a5a5a, 0xb8b8b8, "'.'", 2, 20 },
	{ "fork", 0x9a6200, 0xf0b940, "'-'", 9, 17 },
	{ "vfork", 0x007a56, 0x3fd6a4, "'-.'", 11, 17 },
	{ "posix_spawn", 0xc43c00, 0xff8f55, "'_'", 5, 20 },
	{ "libuv", 0xa03d88, 0xef9bdb, "'-..'", 13, 17 },
	{ "glib", 0x7b5a44, 0xd3b49c, "'--'", 15, 17 },
	{ "uspawn", 0x0055b3, 0x62b5ff, "solid", 7, 24 },
	{ "uspawn-async", 0x0090a8, 0x5ce1f2, "solid", 6, 24 },
	{ "uspawn-fork", 0x6a52cc, 0xb7a8ff, "'_.'", 4, 17 },
	{ "uspawn-relay", 0x45701a, 0xa4d86e, "'_..'", 8, 17 },
	{ "musl", 0xb0104a, 0xff86a6, "'-_'", 12, 17 },
	{ "clone3", 0x3d5a66, 0xa3c4d1, "'..-'", 1, 17 },
	{ "blocking", 0x3f3f8f, 0xc8c8ff, "'-.-_'", 10, 17 },
	{ "ring-poll", 0x6f6000, 0xe0d060, "'_-'", 14, 17 },
	{ "ring-waitid", 0x00665c, 0x7fe0d0, "'-- .'", 3, 17 },
	{ "epoll", 0x7d2fb0, 0xd9a6ff, "'--..'", 11, 17 },
	{ "sigchld", 0x8a2f2f, 0xff9f9f, "'. '", 9, 17 },
	{ "", 0x2f5f6f, 0x9fcfdf, "'-- '", 1, 17 },
	{ "", 0x6f4f7f, 0xd0b8dc, "'._'", 6, 17 },
	{ "", 0x4f6f2f, 0xb8d0a0, "'..-'", 4, 17 },
};
enum { NLOOKS = sizeof(looks) / sizeof(*looks), SPARE = NLOOKS - 3 };

void look_line(FILE *script, unsigned int n, const char *name)
{
	const struct look *look = &looks[SPARE + n % (NLOOKS - SPARE)];

	for (unsigned int i = 0; i < SPARE; i++)
		if (!strcmp(looks[i].name, name))
			look = &looks[i];
	fprintf(script, "set style line %u lc rgb '#%06x' dt %s lw %d.%d pt %d ps 0.75\n", n, look->light, look->dash,
		look->width10 / 10, look->width10 % 10, look->mark);
}

/* As gnuplot writes a colour into a picture. */
static void put_rule(FILE *out, const char *attribute, const char *property, uint32_t light, uint32_t dark)
{
	fprintf(out, "[%s=\"rgb(%3u, %3u, %3u)\"]{%s:#%06x}\n", attribute, light >> 16, light >> 8 & 255, light & 255,
		property, dark);
}

void look_styles(FILE *out)
{
	static const char *const properties[] = { "stroke", "fill", "color" };

	fputs(":root{color-scheme:light dark}\n@media (prefers-color-scheme:dark){\n", out);
	for (int i = 0; i < 3; i++)
		fprintf(out, "[%s=\"black\"]{%s:#e4e6e8}\n", properties[i], properties[i]);
	for (int k = 0; k < 3; k++)
		put_rule(out, properties[k], properties[k], 0, 0xe4e6e8);
	for (int i = 0; i < NLOOKS; i++)
		for (int k = 0; k < 3; k++)
			put_rule(out, properties[k], properties[k], looks[i].light, looks[i].dark);
	fputs("}\n", out);
}
