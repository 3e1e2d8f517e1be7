/* SPDX-License-Identifier: MIT */
/* The program behind a CGI request in bench/server: as little as can answer, and which request it answers. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
	static const char head[] = "Content-Type: text/plain\n\n";
	const char *query = getenv("QUERY_STRING");
	char text[256];
	size_t n = query ? strnlen(query, sizeof(text) - sizeof(head) - 1) : 0;

	memcpy(text, head, sizeof(head) - 1);
	if (n)
		memcpy(text + sizeof(head) - 1, query, n);
	text[sizeof(head) - 1 + n] = '\n';
	return write(1, text, sizeof(head) + n) != (ssize_t)(sizeof(head) + n);
}
