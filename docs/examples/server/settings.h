/* SPDX-License-Identifier: MIT */
/* What the command line decides. */
#ifndef SERVER_SETTINGS_H
#define SERVER_SETTINGS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct settings {
	const char *root;     /* /cgi/NAME runs root/NAME */
	uint16_t port;        /* of 127.0.0.1; 0: any, printed */
	uint32_t limit;       /* programs that run at once; further requests wait */
	uint32_t waiting;     /* requests that wait at most: the others get 503 */
	int64_t deadline_ns;  /* for one program, from its start: then SIGKILL, and 504 */
	size_t output_cap;    /* bytes of a program's answer: more is 502 */
	size_t body_cap;      /* bytes of a request's body: more is 413 */
	int drops_privileges; /* programs run as uid and gid, without supplementary groups */
	uid_t uid;
	gid_t gid;
};

#endif
